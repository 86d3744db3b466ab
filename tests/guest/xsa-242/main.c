/* SPDX-License-Identifier: MIT */
/*
 * XSA-242 (and 240's kin): a use as a page table that was taken and not given
 * back on a path that fails. The frame can never be anything else again, nor
 * be freed: memory lost, or, where the lost use was the other way round, a
 * table that is freed while it is in use.
 *
 * Here a frame goes through each call that takes a reference and then fails,
 * many times, and must be free for good at the end: writable, a table of each
 * level, and taken back by the core when it is given up.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define ROUNDS 50u
#define FAR (1ul << 39) /* no such frame */

static void *page;

static uint64_t entry_for(const void *table, uint64_t flags)
{
	return mfn_pte(virt_to_mfn(table), flags);
}

static long mmuext_on(unsigned int cmd, unsigned long a, unsigned long b)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = a, .arg2.src_mfn = b };

	return hyp_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* A table with an entry for the page, and a wrong one behind it. */
static void refused_table(unsigned int level, uint64_t *table)
{
	table_write(table, 3, entry_for(page, level == 1 ? PTE_RO : PTE_TABLE));
	table_write(table, 500, mfn_pte(FAR, PTE_RO));
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)));
	table_write(table, 500, 0);
	table_write(table, 3, 0);
}

static void refused_calls(uint64_t *table)
{
	xen_pfn_t frames[2] = { virt_to_mfn(page), FAR };
	unsigned long mfn = virt_to_mfn(page);
	struct mmu_update two[2] = {
		{ virt_to_maddr(&table[5]), entry_for(page, PTE_RO) },
		{ virt_to_maddr(&table[6]), mfn_pte(FAR, PTE_RO) },
	};
	unsigned int level;

	EXPECT_FAIL(hyp_set_gdt(frames, 1024));
	EXPECT_FAIL(mmuext(MMUEXT_UNPIN_TABLE, mfn));
	EXPECT_FAIL(mmuext_on(MMUEXT_COPY_PAGE, virt_to_mfn(mm_l4()), mfn));
	EXPECT_FAIL(mmuext_on(MMUEXT_COPY_PAGE, mfn, FAR));
	EXPECT_FAIL(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(mm_l4())));
	EXPECT_FAIL(hyp_update_va_mapping(VA + (1ul << 40), entry_for(page, PTE_RO), 0));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 1) & ~0xffful, FAR << PAGE_SHIFT | PTE_P));
	/* Pinned as one level, asked for as the others. */
	EXPECT_RC(mmuext(MMUEXT_PIN_L2_TABLE, mfn), 0);
	for (level = 1; level <= 4; level++) {
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn));
	}
	EXPECT_FAIL(mmuext(MMUEXT_NEW_BASEPTR, mfn));
	EXPECT_FAIL(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn));
	EXPECT_FAIL(hyp_set_gdt(frames, 512));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 1), entry_for(page, PTE_RW)));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 2), entry_for(page, PTE_TABLE)));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 4), entry_for(page, PTE_TABLE)));
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
	/* The first of two requests is done; its reference is the entry's. */
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), 0);
	EXPECT_FAIL(hyp_mmu_update(two, 2, NULL, DOMID_SELF));
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
	table_write(table, 5, 0);
}

/* Not mapped anywhere any more: the frame must go back to the core at once. */
static void give_up(void)
{
	unsigned long va = (unsigned long)page;
	xen_pfn_t mfn = virt_to_mfn(page), pfn = va >> PAGE_SHIFT;
	struct xen_memory_reservation r = { .extent_start.p = &mfn,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct xen_memory_domain ask = { DOMID_SELF };
	long before = hyp_memory_op(XENMEM_current_reservation, &ask);

	EXPECT_RC(va_set(va, 0), 0);
	EXPECT_RC(hyp_memory_op(XENMEM_decrease_reservation, &r), 1);
	/* A reference that leaked would keep it counted. */
	EXPECT_RC(hyp_memory_op(XENMEM_current_reservation, &ask), before - 1);
	EXPECT_FAIL(va_set(va, mfn_pte(mfn, PTE_RO)));
	mfn = pfn;
	EXPECT_RC(hyp_memory_op(XENMEM_populate_physmap, &r), 1);
}

void test(void)
{
	uint64_t *table = table_alloc();
	unsigned int i, level;

	page = table_alloc();
	NEED(map_frame(VA, virt_to_mfn(mm_l4()), PTE_RO) == 0);
	for (i = 0; i < ROUNDS; i++) {
		for (level = 1; level <= 4; level++) {
			refused_table(level, table);
		}
		refused_calls(table);
	}
	for (level = 1; level <= 4; level++) {
		EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(page)), 0);
		EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page)), 0);
	}
	EXPECT_RC(try_page_protect(page, true), 0);
	EXPECT_RC(try_page_protect(table, true), 0);
	give_up();
}

/* SPDX-License-Identifier: MIT */
/*
 * Can a guest get a writable mapping of a page table, or any mapping of a
 * frame that is not its own? Tables are built by hand, one hostile entry at a
 * time, and every page must be an ordinary page again at the end.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define E820_RAM 1

struct e820 {
	uint64_t start, size;
	uint32_t type;
} __attribute__((packed));

static void *spare; /* an ordinary page, mapped writable */

static long pin(unsigned int level, const void *table)
{
	return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table));
}

static long unpin(const void *table)
{
	return mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table));
}

static uint64_t entry_for(const void *page, uint64_t flags)
{
	return mfn_pte(virt_to_mfn(page), flags);
}

/* A table of `level` with this one entry is refused, and free afterwards. */
static void hostile_entry(unsigned int level, uint64_t entry, int line)
{
	static const unsigned int slots[] = { 0, 255, 272, 511 };
	uint64_t *table = table_alloc();
	unsigned int i;
	long rc;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		table_write(table, slots[i], entry);
		rc = pin(level, table);
		test_err(rc, NULL, 0, line, "a hostile entry is refused");
		if (rc == 0) {
			(void)unpin(table);
		}
		table_write(table, slots[i], 0);
	}
	rc = try_page_protect(table, true);
	test_rc(rc, 0, line, "the page is free again");
	if (rc == 0) {
		page_free(table);
	}
}
#define HOSTILE(level, entry) hostile_entry(level, entry, __LINE__)

static void entries(void)
{
	static const unsigned long frames[] = { 0xfee00, 1ul << 28, 1ul << 39 };
	uint64_t *l1 = table_alloc();
	unsigned int level, i;

	EXPECT_RC(pin(1, l1), 0);
	for (level = 1; level <= 4; level++) {
		for (i = 0; i < ARRAY_SIZE(frames); i++) {
			HOSTILE(level, mfn_pte(frames[i], PTE_TABLE));
			HOSTILE(level, mfn_pte(frames[i], PTE_RO));
		}
		/* Tables, writable. */
		HOSTILE(level, entry_for(mm_l4(), PTE_TABLE));
		/* A table of the wrong level, an ordinary page. */
		if (level > 2) {
			HOSTILE(level, entry_for(l1, PTE_TABLE));
		}
		if (level > 1) {
			HOSTILE(level, entry_for(spare, PTE_TABLE));
			HOSTILE(level, entry_for(spare, PTE_TABLE | PTE_PS));
			HOSTILE(level, entry_for(l1, PTE_TABLE | PTE_PS));
			HOSTILE(level, mfn_pte(0, PTE_TABLE | PTE_PS));
		} else {
			HOSTILE(level, entry_for(l1, PTE_RW));
		}
	}
	EXPECT_RC(unpin(l1), 0);
	page_protect(l1, true);
	page_free(l1);
}

/* Tables that contain themselves. */
static void recursion(void)
{
	unsigned int level;

	for (level = 1; level <= 4; level++) {
		uint64_t *table = table_alloc();

		table_write(table, 3, entry_for(table, PTE_TABLE));
		EXPECT_FAIL(pin(level, table));
		table_write(table, 3, 0);
		page_protect(table, true);
		page_free(table);
	}
	/* The one in use, and by way of others. */
	EXPECT_FAIL(mmu_set(virt_to_maddr(&mm_l4()[5]), entry_for(mm_l4(), PTE_TABLE)));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 3), entry_for(mm_l4(), PTE_TABLE)));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 2), entry_for(mm_l4(), PTE_TABLE)));
	EXPECT_FAIL(mmu_set(mm_slot_maddr(VA, 1), entry_for(mm_l4(), PTE_TABLE)));
}

/* Linear tables, even read-only ones, are not offered. */
static void linear(void)
{
	long rc = mmu_set(virt_to_maddr(&mm_l4()[5]), entry_for(mm_l4(), PTE_RO));

	EXPECT_FAIL(rc);
	(void)mmu_set(virt_to_maddr(&mm_l4()[5]), 0);
}

/* Good and bad together: what was taken for the good ones is given back. */
static void half_valid(void)
{
	uint64_t *l1 = table_alloc(), *l2 = table_alloc();

	table_write(l1, 7, entry_for(spare, PTE_RW));
	table_write(l2, 0, entry_for(l1, PTE_TABLE));
	table_write(l2, 1, entry_for(l1, PTE_TABLE));
	table_write(l2, 511, entry_for(spare, PTE_TABLE));
	EXPECT_FAIL(pin(2, l2));
	EXPECT_RC(try_page_protect(l1, true), 0);
	page_protect(l1, false);
	table_write(l2, 511, 0);
	EXPECT_RC(pin(2, l2), 0);
	EXPECT_FAIL(try_page_protect(l1, true));
	EXPECT_FAIL(try_page_protect(l2, true));
	/* An entry of a table in use is as hard to change. */
	EXPECT_FAIL(mmu_set(virt_to_maddr(&l2[9]), entry_for(spare, PTE_TABLE)));
	EXPECT_FAIL(mmu_set(virt_to_maddr(&l1[9]), entry_for(l2, PTE_RW)));
	EXPECT_RC(mmu_set(virt_to_maddr(&l1[9]), entry_for(l2, PTE_RO)), 0);
	EXPECT_RC(mmu_set(virt_to_maddr(&l2[0]), 0), 0);
	EXPECT_FAIL(try_page_protect(l1, true));
	EXPECT_RC(mmu_set(virt_to_maddr(&l2[1]), 0), 0);
	EXPECT_RC(try_page_protect(l1, true), 0);
	EXPECT_RC(unpin(l2), 0);
	page_protect(l2, true);
	page_free(l1);
	page_free(l2);
}

/* A second mapping that is writable keeps a page from being a table. */
static void aliases(void)
{
	uint64_t *table = table_alloc();

	EXPECT_RC(map_frame(VA, virt_to_mfn(table), PTE_RW), 0);
	EXPECT_FAIL(pin(1, table));
	EXPECT_RC(map_frame(VA, virt_to_mfn(table), PTE_RO), 0);
	EXPECT_RC(pin(1, table), 0);
	EXPECT_FAIL(map_frame(VA, virt_to_mfn(table), PTE_RW));
	EXPECT_RC(unpin(table), 0);
	EXPECT_RC(va_set(VA, 0), 0);
	page_protect(table, true);
	page_free(table);
	/* The page that the core writes to. */
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, shim_start_info->shared_info >> PAGE_SHIFT));
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L4_TABLE, shim_start_info->shared_info >> PAGE_SHIFT));
}

/* What a guest puts in the core's slots of its L4 goes nowhere. */
static void core_slots(void)
{
	uint64_t *l4 = page_alloc();
	unsigned int i;

	for (i = 0; i < TABLE_ENTRIES; i++) {
		l4[i] = i >= 256 && i < 272 ? entry_for(mm_l4(), PTE_TABLE) : mm_l4()[i];
	}
	page_protect(l4, false);
	if (pin(4, l4) == 0) {
		EXPECT_RC(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(l4)), 0);
		EXPECT_RC(mfn_to_pfn(virt_to_mfn(spare)), (unsigned long)spare >> PAGE_SHIFT);
		EXPECT_TRAP(test_sink = peek(CORE_LAST_PAGE), TRAP_PF);
		EXPECT_RC(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(mm_l4())), 0);
		EXPECT_RC(unpin(l4), 0);
	}
	page_protect(l4, true);
	page_free(l4);
}

/* The loader's table, unpinned while we run on it, is a table all the same. */
static void unpin_in_use(void)
{
	EXPECT_RC(unpin(mm_l4()), 0);
	EXPECT_FAIL(unpin(mm_l4()));
	EXPECT_FAIL(map_frame(VA, virt_to_mfn(mm_l4()), PTE_RW));
	EXPECT_RC(pin(4, mm_l4()), 0);
	EXPECT_FAIL(pin(4, mm_l4()));
}

static bool is_ram(const struct e820 *map, unsigned int count, uint64_t at)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (map[i].type == E820_RAM && at >= map[i].start &&
		    at + PAGE_SIZE <= map[i].start + map[i].size) {
			return true;
		}
	}
	return false;
}

/* Every frame of RAM that is not ours, the core's among them. */
static void all_memory(void)
{
	static struct e820 map[64];
	struct xen_memory_map op = { ARRAY_SIZE(map), { map } };
	unsigned long mfn, max, mine = 0, open = 0;

	max = (unsigned long)hyp_memory_op(XENMEM_maximum_ram_page, NULL);
	NEED(hyp_memory_op(XENMEM_machine_memory_map, &op) == 0);
	for (mfn = 0x100; mfn <= max; mfn++) {
		unsigned long pfn;

		if (mfn == shim_start_info->shared_info >> PAGE_SHIFT ||
		    !is_ram(map, op.nr_entries, (uint64_t)mfn << PAGE_SHIFT)) {
			continue;
		}
		pfn = mfn_to_pfn(mfn);
		if (pfn < shim_start_info->nr_pages && pfn_to_mfn(pfn) == mfn) {
			mine++;
			continue;
		}
		if (hyp_update_va_mapping(VA, mfn_pte(mfn, PTE_RO), 0) == 0) {
			if (open++ == 0) {
				print("  frame %lx is open to us\n", mfn);
			}
		}
	}
	EXPECT_RC(open, 0);
	EXPECT_RC(mine, shim_start_info->nr_pages);
	EXPECT_RC(va_set(VA, 0), 0);
}

void test(void)
{
	unsigned long before;

	spare = page_alloc();
	NEED(map_frame(VA, virt_to_mfn(spare), PTE_RW) == 0);
	NEED(va_set(VA, 0) == 0);
	before = pages_left();
	entries();
	recursion();
	half_valid();
	aliases();
	core_slots();
	unpin_in_use();
	linear();
	all_memory();
	EXPECT_RC(pages_left(), before);
}

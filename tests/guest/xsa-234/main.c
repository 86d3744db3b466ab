/* SPDX-License-Identifier: MIT */
/*
 * XSA-234: the end of a mapping that names the page-table entry by its machine
 * address. The entry was cleared after a look at its frame only, or none at all,
 * so that a reference of one kind was taken and one of another given back: a
 * page was left mapped without a count.
 *
 * Here the named entry is not what was mapped: another frame, the same frame
 * with other rights, not present, in a table of another level, in a page that
 * is no table, in a table that ceased to be one, not ours. Each time the call
 * fails, the entry stays as it is, and the grant stays in use.
 */
#include <grants.h>

#define REF 20u

static void *page;

static uint64_t *slot;
static uint64_t slot_maddr;

/* The entry is this; the mapping must not be ended by it. */
static void refused(grant_handle_t handle, uint64_t addr)
{
	uint64_t before = READ_ONCE(*slot);

	EXPECT(unmap(addr, 0, handle) < 0);
	EXPECT(in_use(REF) != 0);
	EXPECT(((READ_ONCE(*slot) ^ before) & ~(PTE_A | PTE_D)) == 0);
}

static void attack(uint32_t flags)
{
	bool ro = (flags & GNTMAP_readonly) != 0;
	uint64_t other = virt_to_mfn(page_alloc());
	void *plain = page_alloc(), *l2 = table_alloc();
	struct gnttab_map_grant_ref m;
	uint64_t mapped;

	EXPECT_RC(map(&m, slot_maddr, flags, DOMID_SELF, REF), GNTST_okay);
	mapped = READ_ONCE(*slot);
	EXPECT_RC(pte_mfn(mapped), virt_to_mfn(page));
	/* Somewhere else. */
	refused(m.handle, slot_maddr + 8);
	refused(m.handle, slot_maddr + 1);
	refused(m.handle, slot_maddr + 4);
	refused(m.handle, VA);
	refused(m.handle, mm_slot_maddr(VA, 2));
	refused(m.handle, virt_to_maddr(&mm_l4()[0]));
	refused(m.handle, virt_to_maddr(&mm_l4()[256]));
	refused(m.handle, 0xb8000);
	refused(m.handle, 0x100000);
	refused(m.handle, ~7ul);
	refused(m.handle, 1ul << 44);
	/* The same bits, but in no table, and in one of another level. */
	*(uint64_t *)plain = mapped;
	refused(m.handle, virt_to_maddr(plain));
	EXPECT_RC(*(uint64_t *)plain, mapped);
	EXPECT_RC(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(l2)), 0);
	refused(m.handle, virt_to_maddr(l2));
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l2)), 0);
	/* Another frame in its place, nothing, or the frame with other rights. */
	EXPECT_RC(mmu_set(slot_maddr, mfn_pte(other, ro ? PTE_RO : PTE_RW)), 0);
	refused(m.handle, slot_maddr);
	EXPECT_RC(mmu_set(slot_maddr, 0), 0);
	refused(m.handle, slot_maddr);
	EXPECT_RC(mmu_set(slot_maddr, mapped & ~PTE_P), 0);
	refused(m.handle, slot_maddr);
	EXPECT_RC(mmu_set(slot_maddr, mapped ^ PTE_W), 0);
	refused(m.handle, slot_maddr);
	EXPECT_RC(mmu_set(slot_maddr, mapped), 0);
	EXPECT_RC(unmap(slot_maddr, 0, m.handle), GNTST_okay);
	EXPECT_RC(in_use(REF), 0);
	EXPECT_RC(READ_ONCE(*slot), 0);
	page_protect(l2, true);
	page_free(l2);
}

/* To map: nothing but a level 1 entry of ours may be named. */
static void places(void)
{
	const uint32_t flags = GNTMAP_host_map | GNTMAP_contains_pte;
	struct gnttab_map_grant_ref m;
	unsigned int level;

	for (level = 2; level <= 4; level++) {
		EXPECT(map(&m, mm_slot_maddr(VA, level), flags, DOMID_SELF, REF) < 0);
	}
	EXPECT(map(&m, virt_to_maddr(page), flags, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, virt_to_maddr(table_alloc()), flags, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, slot_maddr | 4, flags, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, CORE_MIDDLE, flags, DOMID_SELF, REF) < 0);
	EXPECT_RC(in_use(REF), 0);
	EXPECT_RC(READ_ONCE(*slot), 0);
}

void test(void)
{
	const uint32_t flags = GNTMAP_host_map | GNTMAP_contains_pte;

	(void)setup_grants(&page);
	slot = mm_slot(mm_l4(), VA, 1);
	slot_maddr = virt_to_maddr(slot);
	grant(REF, virt_to_mfn(page), GTF_permit_access);
	places();
	attack(flags);
	attack(flags | GNTMAP_readonly);
	/* Of no use to anybody any more: it can become a table. */
	page_protect(page, false);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)), 0);
}

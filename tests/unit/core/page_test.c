/* SPDX-License-Identifier: MIT */
/* General references, frame types, validation, teardown, and preemption. */
#include "core_test.h"

#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define RO (PTE_P | PTE_U | PTE_A)

static void test_refs(void)
{
	struct page *pg, *other;
	unsigned long before;

	world(2);
	pg = page_of(1, 20);
	other = page_of(0, 20);
	/* allocation and mapping */
	EQ(pg->count, PGC_ALLOCATED | 2);
	TRUE_(page_get(pg, guest[1].d));
	FALSE_(page_get(pg, guest[0].d));
	FALSE_(page_get(other, guest[1].d));
	EQ(pg->count, PGC_ALLOCATED | 3);
	page_put(pg);
	EQ(pg->count, PGC_ALLOCATED | 2);

	before = heap_free_frames();
	OK(unmap(20));
	EQ(pg->count, PGC_ALLOCATED | 1);
	TRUE_(page_get(pg, guest[1].d));
	FALSE_(page_deallocate(page_to_mfn(pg), guest[0].d));
	TRUE_(page_deallocate(page_to_mfn(pg), guest[1].d));
	FALSE_(page_deallocate(page_to_mfn(pg), guest[1].d));
	EQ(heap_free_frames(), before);
	page_put(pg);
	EQ(heap_free_frames(), before + 1);
	EQ(guest[1].d->tot_pages, PAGES - 1);
	FALSE_(page_get(pg, guest[1].d));
}

static void test_from_mfn(void)
{
	static const unsigned long none[] = {
		0,	     FAKE_IO_FRAME, FAKE_RESERVED, FAKE_HOLE_START, FAKE_CORE_START,
		FAKE_DEVICE, FAKE_LAPIC,    16383,	   16384,	    ~0ul,
		~0ul >> 12
	};

	world(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		struct page *pg = page_get_from_mfn(none[i], guest[0].d);

		if (none[i] != 16383) {
			CU_ASSERT_PTR_NULL(pg);
		} else if (pg != NULL) {
			page_put(pg);
		}
	}
}

/* Writable and table exclude each other, whatever the order. */
static void test_exclusive(void)
{
	struct page *pg;

	world(1);
	pg = page_of(0, 20);
	EQ(type_of(0, 20), PGT_WRITABLE);
	EQ(uses_of(0, 20), 1);
	for (unsigned int level = 1; level <= 4; level++) {
		EQ(page_get_type(pg, (uint64_t)level << PGT_TYPE_SHIFT), -XEN_EINVAL);
	}
	EQ(page_get_type(pg, PGT_DESC), -XEN_EINVAL);
	OK(page_get_type(pg, PGT_WRITABLE));
	EQ(uses_of(0, 20), 2);
	page_put_type(pg);

	EQ(page_get_type(page_of(0, FAKE_PFN_L1), PGT_WRITABLE), -XEN_EINVAL);
	EQ(page_get_type(page_of(0, FAKE_PFN_L1), PGT_L2), -XEN_EINVAL);
	EQ(type_of(0, FAKE_PFN_L1), PGT_L1);
	EQ(type_of(0, FAKE_PFN_L2), PGT_L2);
	EQ(type_of(0, FAKE_PFN_L3), PGT_L3);
	EQ(type_of(0, FAKE_PFN_L4), PGT_L4);
	/* kernel and user tables of two vCPUs share the rest */
	EQ(uses_of(0, FAKE_PFN_L4), VCPUS);
	EQ(uses_of(0, FAKE_PFN_L3), 2);
	EQ(uses_of(0, FAKE_PFN_L2), 1);
}

/* One entry in an otherwise empty new table, as L1 to L4. */
static const struct {
	unsigned int level, slot;
	unsigned int pfn; /* of the domain; 100: foreign, and see below */
	uint64_t flags;
	int rc;
} entries[] = {
	{ 1, 0, 21, RO, 0 },
	{ 1, 511, FAKE_PFN_L1, RO, 0 },
	{ 1, 0, FAKE_PFN_L1, RW, -XEN_EINVAL },
	{ 1, 0, FAKE_PFN_L4, RW, -XEN_EINVAL },
	{ 1, 0, 21, RW, 0 },
	{ 1, 0, 21, RW | PTE_PS, -XEN_EINVAL }, /* without devices */
	{ 1, 0, 21, RW | PTE_NX | PTE_AVAIL | PTE_AVAIL_HIGH, 0 },
	{ 1, 0, 21, 0, 0 },
	{ 1, 0, 20, RW, -XEN_EINVAL }, /* itself, writable */
	{ 1, 0, 20, RO, 0 },	       /* itself, read-only: harmless */
	{ 2, 0, FAKE_PFN_L1, RW, 0 },
	{ 2, 0, FAKE_PFN_L1, RW | PTE_PS, -XEN_EINVAL },
	{ 2, 0, FAKE_PFN_L1, RW | PTE_PCD, -XEN_EINVAL },
	{ 2, 0, FAKE_PFN_L2, RW, -XEN_EINVAL },
	{ 2, 0, FAKE_PFN_L3, RW, -XEN_EINVAL },
	{ 2, 0, 21, RW, -XEN_EINVAL }, /* mapped writable elsewhere */
	{ 2, 0, 20, RW, -XEN_EINVAL }, /* linear table */
	{ 3, 0, FAKE_PFN_L2, RW, 0 },
	{ 3, 0, FAKE_PFN_L2, RW | PTE_PS, -XEN_EINVAL },
	{ 3, 0, FAKE_PFN_L1, RW, -XEN_EINVAL },
	{ 4, 0, FAKE_PFN_L3, RW, 0 },
	{ 4, 255, FAKE_PFN_L3, RW, 0 },
	{ 4, 272, FAKE_PFN_L3, RW, 0 },
	{ 4, 256, FAKE_PFN_L3, RW, 0 }, /* the core's: overwritten */
	{ 4, 271, 21, RW, 0 },
	{ 4, 0, 20, RW, -XEN_EINVAL }, /* linear table */
	{ 4, 0, FAKE_PFN_L3, RW | PTE_PS, -XEN_EINVAL },
	{ 4, 0, FAKE_PFN_L2, RW, -XEN_EINVAL },
};

static void test_entries(void)
{
	world(2);
	OK(unmap(20));
	for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
		uint64_t type = (uint64_t)entries[i].level << PGT_TYPE_SHIFT;
		uint64_t *table = frame_ptr(guest[1].mfn[20]);
		struct page *pg = page_of(1, 20);
		struct page *target = page_of(1, entries[i].pfn);
		uint32_t count = target->count;
		int rc;

		memset(table, 0, PAGE_SIZE);
		table[entries[i].slot] = entry_for(1, entries[i].pfn, entries[i].flags);
		rc = page_get_and_type(guest[1].mfn[20], guest[1].d, type, &pg);
		if (rc != entries[i].rc) {
			printf("\n    entry %u: %d", i, rc);
		}
		EQ(rc, entries[i].rc);
		if (rc == 0) {
			if (entries[i].level == 4) {
				fake_check_cr3((uint64_t)guest[1].mfn[20] << PAGE_SHIFT);
			}
			pg->count--;
			pg->type--;
			OK(audit_all());
			pg->count++;
			pg->type++;
			page_put_type(pg);
			page_put(pg);
		}
		/* Everything is back. */
		EQ(target->count, count);
		OK(uses_of(1, 20));
		OK(audit_all());
	}
}

static void test_foreign_and_io(void)
{
	static const struct {
		unsigned long mfn;
		uint64_t flags;
		int plain, with_io;
	} cases[] = {
		{ FAKE_IO_FRAME, RW, -XEN_EPERM, 0 },
		{ FAKE_RESERVED, RW, -XEN_EPERM, 0 },
		{ FAKE_HOLE_START, RO, -XEN_EPERM, 0 },
		{ FAKE_DEVICE, RW, -XEN_EPERM, 0 },
		{ FAKE_LAPIC, RO, -XEN_EPERM, -XEN_EPERM },
		{ FAKE_CORE_START, RO, -XEN_EINVAL, -XEN_EINVAL },
		/* beyond the physical address width */
		{ 1ul << 30, RO, -XEN_EINVAL, -XEN_EINVAL },
		{ 1ul << 39, RO, -XEN_EINVAL, -XEN_EINVAL },
	};

	world(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned int id = 0; id < 2; id++) {
			uint64_t pte = (uint64_t)cases[i].mfn << PAGE_SHIFT | cases[i].flags;
			int rc = pte_get(&pte, 1, guest[id].d, guest[id].d);

			EQ(rc, id == 0 ? cases[i].with_io : cases[i].plain);
			if (rc == 0) {
				pte_put_l1(pte);
			}
		}
	}
	/* Not one of the other domain, not for tables either. */
	for (unsigned int level = 1; level <= 4; level++) {
		uint64_t pte = entry_for(0, level == 1 ? 20 : 5 - level, RO);

		EQ(pte_get(&pte, level, guest[1].d, guest[1].d), -XEN_EINVAL);
	}
}

/* Builds a tree that is nowhere in use: pfn 20 L4 .. 23 L1, two of each. */
static void build_tree(unsigned int id)
{
	static const uint8_t slots[] = { 0, 3, 200 };
	uint64_t *l1 = frame_ptr(guest[id].mfn[23]);

	for (unsigned int pfn = 20; pfn <= 25; pfn++) {
		uint64_t *l1e = fake_guest_l1e(&guest[id], pfn);

		run(id, 0);
		if (*l1e & PTE_W) {
			OK(unmap(pfn));
		}
		memset(frame_ptr(guest[id].mfn[pfn]), 0, PAGE_SIZE);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(slots); i++) {
		for (unsigned int level = 4; level > 1; level--) {
			uint64_t *t = frame_ptr(guest[id].mfn[24 - level]);

			t[slots[i]] = entry_for(id, 25 - level, RW);
		}
		l1[slots[i]] = entry_for(id, 30 + i, RW);
	}
	/* a second L1 */
	((uint64_t *)frame_ptr(guest[id].mfn[22]))[7] = entry_for(id, 24, RW);
	((uint64_t *)frame_ptr(guest[id].mfn[24]))[9] = entry_for(id, 34, RO);
}

/* Audits without what the test itself holds: a reference and some uses. */
static unsigned int audit_besides(struct page *pg, unsigned int uses)
{
	unsigned int found;

	pg->count--;
	pg->type -= uses;
	found = audit_all();
	pg->count++;
	pg->type += uses;
	return found;
}

/* Interrupted at every step, both ways, tearing down from half-way, too. */
static void test_preemption(void)
{
	unsigned int restarts = 0;

	world(1);
	build_tree(0);
	for (unsigned int n = 1; n < 30; n++) {
		struct page *pg = page_of(0, 20);
		unsigned int steps = 0;
		int rc;

		TRUE_(page_get(pg, guest[0].d));
		fake.preempt_countdown = n;
		while ((rc = page_get_type(pg, PGT_L4)) == -XEN_ERESTART) {
			this_cpu()->softirq = 0;
			steps++;
			OK(audit_besides(pg, 0));
			fake.preempt_countdown = n;
			CU_ASSERT_FATAL(steps < 1000);
		}
		OK(rc);
		this_cpu()->softirq = 0;
		OK(audit_besides(pg, 1));
		fake.preempt_countdown = n;
		while ((rc = page_put_table(pg)) == -XEN_ERESTART) {
			this_cpu()->softirq = 0;
			steps++;
			OK(audit_besides(pg, 1));
			fake.preempt_countdown = n;
			CU_ASSERT_FATAL(steps < 1000);
		}
		OK(rc);
		this_cpu()->softirq = 0;
		restarts += steps;
		OK(uses_of(0, 20));
		OK(uses_of(0, 23));
		EQ(uses_of(0, 30), 1);
	}
	TRUE_(restarts > 10);
}

/* A validation that nobody continues keeps nothing that stays. */
static void test_abandoned(void)
{
	for (unsigned int n = 1; n < 12; n++) {
		struct page *pg;
		int rc;

		core_setup();
		world(2);
		build_tree(1);
		pg = page_of(1, 20);
		TRUE_(page_get(pg, guest[1].d));
		fake.preempt_countdown = n;
		rc = page_get_type(pg, PGT_L4);
		this_cpu()->softirq = 0;
		fake.preempt_countdown = 0;
		if (rc == 0) {
			page_put_type(pg);
		}
		page_put(pg);
		OK(audit_all());
		fake_guest_destroy(&guest[1]);
		OK(audit_all());
	}
}

/* Refused at the last entry, interrupted while undoing what came before. */
static void test_refused_late(void)
{
	for (unsigned int n = 0; n < 12; n++) {
		struct page *pg;
		int rc;

		core_setup();
		world(2);
		build_tree(1);
		/* an L3 that leads to a frame that is none of its */
		((uint64_t *)frame_ptr(guest[1].mfn[21]))[300] = entry_for(0, FAKE_PFN_L2, RW);
		pg = page_of(1, 20);
		TRUE_(page_get(pg, guest[1].d));
		for (unsigned int i = 0; i < 1000; i++) {
			fake.preempt_countdown = n;
			rc = page_get_type(pg, PGT_L4);
			this_cpu()->softirq = 0;
			fake.preempt_countdown = 0;
			OK(audit_besides(pg, 0));
			if (rc != -XEN_ERESTART) {
				break;
			}
		}
		EQ(rc, -XEN_EINVAL);
		page_put(pg);
		OK(uses_of(1, 23));
		EQ(uses_of(1, 30), 1);
		fake_guest_destroy(&guest[1]);
		OK(audit_all());
	}
}

/*
 * A walk may meet a table that another vCPU has just given away: whatever it
 * finds there, it stays within RAM (frame_ptr() dies otherwise).
 */
static void test_walk_of_nonsense(void)
{
	static const unsigned long frames[] = { FAKE_IO_FRAME, FAKE_RESERVED,	FAKE_HOLE_START,
						FAKE_DEVICE,   FAKE_CORE_START, 0,
						~0ul >> 24 };

	world(1);
	for (unsigned int level = 2; level <= 4; level++) {
		uint64_t *table = frame_ptr(guest[0].mfn[4 - level]);
		uint64_t *entry = &table[level == 4 ? FAKE_GUEST_BASE >> 39 : 0];
		uint64_t was = *entry;

		for (unsigned int i = 0; i < ARRAY_SIZE(frames); i++) {
			*entry = (uint64_t)frames[i] << PAGE_SHIFT | RW;
			(void)guest_walk(me(), fake_va(20, 0), 1);
			(void)guest_walk(me(), fake_va(20, 0), 2);
			(void)guest_walk_frame(me(), fake_va(20, 0), true);
		}
		*entry = was;
	}
}

CU_TestInfo page_tests[] = {
	{ "general references", test_refs },
	{ "frames that are nobody's", test_from_mfn },
	{ "one type at a time", test_exclusive },
	{ "what a table may contain", test_entries },
	{ "foreign and I/O frames", test_foreign_and_io },
	{ "preempted at each step", test_preemption },
	{ "validation that is given up", test_abandoned },
	{ "walks of tables that are none", test_walk_of_nonsense },
	{ "refused late, undone with interruptions", test_refused_late },
	CU_TEST_INFO_NULL,
};

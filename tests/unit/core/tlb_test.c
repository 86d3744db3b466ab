/* SPDX-License-Identifier: MIT */
/*
 * A guest takes entries away without flushing.  What its TLBs still hold must
 * be gone before the frame serves as something else or somebody else;
 * fake_tlb_check() looks after every exit.
 */
#include "core_test.h"

#include <xen/memory.h>

#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define RO (PTE_P | PTE_U | PTE_A)
#define SECOND (FAKE_GUEST_BASE + (2ull << 20)) /* the next L1 table's */

static long map(unsigned int at, uint64_t entry)
{
	return fake_call(__HYPERVISOR_update_va_mapping, fake_va(at, 0), entry, UVMF_NONE);
}

static long give_back(unsigned int pfn)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	uint64_t mfn = guest[1].mfn[pfn];

	r.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 256);
	fake_put(FAKE_ARGS + 256, &mfn, 8);
	return call_struct(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r));
}

/* On both CPUs of the guest; vCPU 0 runs afterwards. */
static void touch(uint64_t va)
{
	uint64_t word;

	run(1, 1);
	TRUE_(fake_guest_read(va, &word, 8));
	run(1, 0);
	TRUE_(fake_guest_read(va, &word, 8));
}

static void test_freed_read_only(void)
{
	world(2);
	OK(map(20, entry_for(1, 20, RO)));
	/* or what went before it would cause the flush */
	OK(ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0));
	touch(fake_va(20, 0));
	OK(map(20, 0));
	EQ(give_back(20), 1);
	OK(page_of(1, 20)->count & PGC_COUNT_MASK);
	run(1, 1);
	run(1, 0);
}

/* The entry goes last, after the frame was given back. */
static void test_freed_by_unmap(void)
{
	world(2);
	touch(fake_va(20, 0));
	EQ(give_back(20), 1);
	OK(map(20, 0));
	OK(page_of(1, 20)->count & PGC_COUNT_MASK);
	run(1, 1);
	run(1, 0);
}

static void test_exchanged(void)
{
	struct xen_memory_exchange e = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .domid = DOMID_SELF },
	};
	uint64_t mfn;

	world(2);
	touch(fake_va(20, 0));
	OK(map(20, 0));
	mfn = guest[1].mfn[20];
	e.in.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 256);
	e.out.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 512);
	fake_put(FAKE_ARGS + 256, &mfn, 8);
	OK(call_struct(__HYPERVISOR_memory_op, XENMEM_exchange, &e, sizeof(e)));
	run(1, 1);
	run(1, 0);
}

/* A second L1 table, pfn 24, walked by both CPUs and cut off again. */
static void second_table(void)
{
	uint64_t l2 = 0;

	world(2);
	OK(unmap(24));
	OK(ext_op(MMUEXT_CLEAR_PAGE, guest[1].mfn[24], 0));
	((uint64_t *)frame_ptr(guest[1].mfn[24]))[0] = entry_for(1, 25, RW);
	l2 = ((uint64_t)guest[1].mfn[FAKE_PFN_L2] << PAGE_SHIFT) + 8;
	OK(update_entry(l2, entry_for(1, 24, RW), DOMID_SELF));
	EQ(type_of(1, 24), PGT_L1);
	touch(SECOND);
	OK(update_entry(l2, 0, DOMID_SELF));
	OK(uses_of(1, 24));
}

static void test_table_becomes_writable(void)
{
	second_table();
	OK(map(24, entry_for(1, 24, RW)));
	EQ(type_of(1, 24), PGT_WRITABLE);
	run(1, 1);
	run(1, 0);
}

static void test_table_is_freed(void)
{
	second_table();
	EQ(give_back(24), 1);
	OK(page_of(1, 24)->count & PGC_COUNT_MASK);
	run(1, 1);
	run(1, 0);
}

/* What an idle table's entries led to is freed, too. */
static void test_leaf_of_a_cut_table(void)
{
	second_table();
	OK(map(25, 0));
	EQ(give_back(25), 1);
	OK(page_of(1, 25)->count & PGC_COUNT_MASK);
	run(1, 1);
	run(1, 0);
}

static void test_becomes_descriptors(void)
{
	uint64_t frame;

	world(2);
	frame = guest[1].mfn[20];
	run(1, 1);
	TRUE_(fake_guest_write(fake_va(20, 0), &frame, 0));
	TRUE_(fake_guest_write(fake_va(20, 4000), &(uint64_t){ 0 }, 8));
	run(1, 0);
	TRUE_(fake_guest_write(fake_va(20, 4000), &(uint64_t){ 0 }, 8));
	OK(map(20, 0));
	fake_put(FAKE_ARGS, &frame, 8);
	OK(fake_call(__HYPERVISOR_set_gdt, FAKE_ARGS, 512));
	run(1, 1);
	run(1, 0);
}

/* The control domain has a foreign frame in its TLB, its owner goes on. */
static void test_foreign(void)
{
	uint64_t at, word = 0;

	world(2);
	run(0, 0);
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	TRUE_(fake_guest_write(fake_va(50, 0), &word, 8));
	OK(update_entry(at, 0, DOMID_SELF));
	run(1, 0);
	OK(map(20, 0));
	OK(ext_op(MMUEXT_PIN_L1_TABLE, guest[1].mfn[20], 0));
	fake_tlb_check();
	run(0, 0);
	FALSE_(fake_guest_write(fake_va(50, 0), &word, 8));
}

/* LDT pages found through the old tables do not outlive them. */
static void test_ldt_of_old_tables(void)
{
	uint64_t *l4;

	world(2);
	OK(map(20, entry_for(1, 20, RO)));
	OK(ext_op(MMUEXT_SET_LDT, fake_va(20, 0), 512));
	TRUE_(ldt_map_fault(me(), 0));
	OK(unmap(21));
	OK(ext_op(MMUEXT_CLEAR_PAGE, guest[1].mfn[21], 0));
	l4 = frame_ptr(guest[1].mfn[21]);
	l4[FAKE_GUEST_BASE >> 39] = entry_for(1, FAKE_PFN_L3, RW);
	OK(ext_op(MMUEXT_NEW_BASEPTR, guest[1].mfn[21], 0));
	OK(me()->ldt_frame[0]);
	OK(uses_of(1, 20));
}

/* Flushes are dear: a batch of unmapped frames must not cost one each. */
static void test_flush_count(void)
{
	unsigned long before;

	world(2);
	for (unsigned int pfn = 20; pfn < 36; pfn++) {
		touch(fake_va(pfn, 0));
		OK(map(pfn, 0));
	}
	before = fake.flushes;
	for (unsigned int pfn = 20; pfn < 36; pfn++) {
		EQ(give_back(pfn), 1);
	}
	TRUE_(fake.flushes - before <= 2);
}

CU_TestInfo tlb_tests[] = {
	{ "read-only mapping, frame freed", test_freed_read_only },
	{ "the last mapping frees the frame", test_freed_by_unmap },
	{ "frame exchanged", test_exchanged },
	{ "a cut-off table becomes writable", test_table_becomes_writable },
	{ "a cut-off table is freed", test_table_is_freed },
	{ "a frame behind a cut-off table", test_leaf_of_a_cut_table },
	{ "data becomes descriptors", test_becomes_descriptors },
	{ "a foreign mapping", test_foreign },
	{ "an LDT behind old tables", test_ldt_of_old_tables },
	{ "one flush for many frames", test_flush_count },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* memory_op: reservations, exchange, the machine's memory map. */
#include "core_test.h"

#include <xen/memory.h>

#include <hv/mm.h>

#define LIST (FAKE_ARGS + 1024)
#define OUT (FAKE_ARGS + 2048)

static long reserve(unsigned int cmd, uint64_t list, uint64_t n, unsigned int order, uint32_t flags,
		    domid_t domid)
{
	struct xen_memory_reservation r = {
		.nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = domid
	};

	r.extent_start.p = (void *)(uintptr_t)list;
	return call_struct(__HYPERVISOR_memory_op, cmd, &r, sizeof(r));
}

static void put_frames(uint64_t at, const uint64_t *frames, unsigned int n)
{
	fake_put(at, frames, n * 8);
}

static void test_decrease(void)
{
	uint64_t list[3];
	unsigned long before;

	world(2);
	OK(unmap(20));
	OK(unmap(21));
	list[0] = guest[1].mfn[20];
	list[1] = guest[1].mfn[21];
	list[2] = guest[1].mfn[22]; /* still mapped: goes when that does */
	put_frames(LIST, list, 3);
	before = heap_free_frames();
	EQ(reserve(XENMEM_decrease_reservation, LIST, 3, 0, 0, DOMID_SELF), 3);
	EQ(heap_free_frames(), before + 2);
	EQ(guest[1].d->tot_pages, PAGES - 2);
	OK(unmap(22));
	EQ(heap_free_frames(), before + 3);
	EQ(guest[1].d->tot_pages, PAGES - 3);
	/* once more, foreign, none */
	OK(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, DOMID_SELF));
	list[0] = guest[0].mfn[20];
	put_frames(LIST, list, 1);
	OK(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, DOMID_SELF));
	list[0] = ptr_frame(guest[1].d->shared);
	put_frames(LIST, list, 1);
	OK(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, DOMID_SELF));
	list[0] = ~0ull;
	put_frames(LIST, list, 1);
	OK(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, DOMID_SELF));
	EQ(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, 0), -XEN_EPERM);
	EQ(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, 99), -XEN_ESRCH);
}

static void test_populate(void)
{
	uint64_t list[4] = { 100, 101, 102, 103 };

	world(2);
	put_frames(LIST, list, 4);
	EQ(reserve(XENMEM_populate_physmap, LIST, 2, 0, 0, DOMID_SELF), 2);
	fake_get(LIST, list, 32);
	for (unsigned int i = 0; i < 2; i++) {
		EQ(mfn_to_page(list[i])->owner, 1);
		EQ(arch_m2p_get(list[i]), 100 + i);
	}
	EQ(list[2], 102);
	/* an extent of two, low */
	list[0] = 200;
	put_frames(LIST, list, 1);
	EQ(reserve(XENMEM_populate_physmap, LIST, 1, 1, XENMEMF_address_bits(24), DOMID_SELF), 1);
	fake_get(LIST, list, 8);
	TRUE_(list[0] + 2 <= 1ul << 12);
	OK(list[0] & 1);
	EQ(arch_m2p_get(list[0] + 1), 201);
	/* limits */
	OK(reserve(XENMEM_populate_physmap, LIST, 1, 30, 0, DOMID_SELF));
	OK(reserve(XENMEM_populate_physmap, LIST, 1, 10, 0, DOMID_SELF));
	OK(reserve(XENMEM_increase_reservation, 0, ~0ull, 0, 0, DOMID_SELF));
	OK(reserve(XENMEM_populate_physmap, CORE_VIRT_START, 1, 0, 0, DOMID_SELF));
	guest[1].d->max_pages = guest[1].d->tot_pages + 1;
	EQ(reserve(XENMEM_increase_reservation, LIST, 3, 0, 0, DOMID_SELF), 1);
}

static void test_preempted(void)
{
	uint64_t list[16];

	world(1);
	for (unsigned int i = 0; i < 16; i++) {
		list[i] = 300 + i;
	}
	put_frames(LIST, list, 16);
	fake.preempt_chance = 1;
	EQ(reserve(XENMEM_populate_physmap, LIST, 16, 0, 0, DOMID_SELF), 16);
	fake.preempt_chance = 0;
	EQ(guest[0].d->tot_pages, PAGES + 16);
	fake_get(LIST, list, sizeof(list));
	for (unsigned int i = 0; i < 16; i++) {
		EQ(arch_m2p_get(list[i]), 300 + i);
	}
	fake.preempt_chance = 1;
	EQ(reserve(XENMEM_decrease_reservation, LIST, 16, 0, 0, DOMID_SELF), 16);
	fake.preempt_chance = 0;
	EQ(guest[0].d->tot_pages, PAGES);
}

/* Nobody sees what another domain left in a frame. */
static void test_scrubbed(void)
{
	uint64_t list[1], word = 0x5ec7e7;
	unsigned long mfn;
	bool found = false;

	world(3);
	mfn = guest[2].mfn[20];
	fake_put(fake_va(20, 40), &word, 8);
	OK(unmap(20));
	list[0] = mfn;
	put_frames(LIST, list, 1);
	EQ(reserve(XENMEM_decrease_reservation, LIST, 1, 0, 0, DOMID_SELF), 1);
	EQ(arch_m2p_get(mfn), M2P_INVALID);
	run(1, 0);
	for (unsigned int i = 0; i < 60 && !found; i++) {
		list[0] = 500 + i;
		put_frames(LIST, list, 1);
		EQ(reserve(XENMEM_populate_physmap, LIST, 1, 0, 0, DOMID_SELF), 1);
		fake_get(LIST, list, 8);
		found = list[0] == mfn;
	}
	TRUE_(found);
	OK(memcmp(frame_ptr(mfn), (uint8_t[PAGE_SIZE]){ 0 }, PAGE_SIZE));
}

static long exchange(unsigned int n_in, unsigned int order_in, unsigned int n_out,
		     unsigned int order_out, unsigned int bits, uint64_t *done)
{
	struct xen_memory_exchange e = {
		.in = { .nr_extents = n_in, .extent_order = order_in, .domid = DOMID_SELF },
		.out = { .nr_extents = n_out,
			 .extent_order = order_out,
			 .mem_flags = XENMEMF_address_bits(bits),
			 .domid = DOMID_SELF },
	};
	long rc;

	e.in.extent_start.p = (void *)(uintptr_t)LIST;
	e.out.extent_start.p = (void *)(uintptr_t)OUT;
	rc = call_struct(__HYPERVISOR_memory_op, XENMEM_exchange, &e, sizeof(e));
	*done = e.nr_exchanged;
	return rc;
}

static void test_exchange(void)
{
	uint64_t list[4], out[4] = { 20 }, done, before;

	world(1);
	for (unsigned int i = 0; i < 4; i++) {
		OK(unmap(20 + i));
		list[i] = guest[0].mfn[20 + i];
	}
	put_frames(LIST, list, 4);
	put_frames(OUT, out, 1);
	before = heap_free_frames();
	/* four single frames for one extent of four below 16 MiB */
	OK(exchange(4, 0, 1, 2, 24, &done));
	EQ(done, 4);
	EQ(guest[0].d->tot_pages, PAGES);
	EQ(heap_free_frames(), before);
	fake_get(OUT, out, 8);
	OK(out[0] & 3);
	TRUE_(out[0] + 4 <= 4096);
	for (unsigned int i = 0; i < 4; i++) {
		EQ(mfn_to_page(out[0] + i)->owner, 0);
		EQ(arch_m2p_get(out[0] + i), 20 + i);
		TRUE_(mfn_to_page(list[i])->owner != 0);
	}
	/* and back */
	list[0] = out[0];
	put_frames(LIST, list, 1);
	for (unsigned int i = 0; i < 4; i++) {
		out[i] = 20 + i;
	}
	put_frames(OUT, out, 4);
	fake.preempt_chance = 1;
	OK(exchange(1, 2, 4, 0, 0, &done));
	fake.preempt_chance = 0;
	EQ(done, 1);
	EQ(guest[0].d->tot_pages, PAGES);
}

static void test_exchange_refused(void)
{
	uint64_t list[4], out[4] = { 20, 21, 22, 23 }, done, before;

	world(2);
	for (unsigned int i = 0; i < 4; i++) {
		OK(unmap(20 + i));
		list[i] = guest[1].mfn[20 + i];
	}
	before = heap_free_frames();
	put_frames(OUT, out, 4);
	/* the same frame twice in one chunk: everything undone */
	list[2] = list[0];
	put_frames(LIST, list, 4);
	EQ(exchange(4, 0, 1, 2, 0, &done), -XEN_EINVAL);
	OK(done);
	EQ(heap_free_frames(), before);
	for (unsigned int i = 0; i < 4; i++) {
		EQ(page_of(1, 20 + i)->count, PGC_ALLOCATED | 1);
		EQ(page_of(1, 20 + i)->owner, 1);
	}
	/* a foreign one, a mapped one, a page table */
	list[2] = guest[0].mfn[20];
	put_frames(LIST, list, 4);
	EQ(exchange(4, 0, 1, 2, 0, &done), -XEN_EINVAL);
	list[2] = guest[1].mfn[24];
	put_frames(LIST, list, 4);
	EQ(exchange(4, 0, 1, 2, 0, &done), -XEN_EINVAL);
	list[2] = guest[1].mfn[FAKE_PFN_L1];
	put_frames(LIST, list, 4);
	EQ(exchange(4, 0, 1, 2, 0, &done), -XEN_EINVAL);
	EQ(page_of(1, 20)->count, PGC_ALLOCATED | 1);
	/* sides that differ in size, too large, no memory that low */
	EQ(exchange(4, 0, 1, 1, 0, &done), -XEN_EINVAL);
	EQ(exchange(1, 12, 1, 12, 0, &done), -XEN_EPERM);
	list[2] = guest[1].mfn[22];
	put_frames(LIST, list, 4);
	EQ(exchange(4, 0, 1, 2, 20, &done), -XEN_ENOMEM);
	EQ(heap_free_frames(), before);
	EQ(guest[1].d->tot_pages, PAGES);
}

static void test_map(void)
{
	struct {
		uint64_t start, size;
		uint32_t type;
	} __attribute__((packed)) e[40];
	struct xen_memory_map m = { .nr_entries = 40 };
	uint64_t end = 0;

	world(2);
	m.buffer.p = (void *)(uintptr_t)OUT;
	EQ(call_struct(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, &m, sizeof(m)),
	   -XEN_EPERM);
	run(0, 0);
	OK(call_struct(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, &m, sizeof(m)));
	TRUE_(m.nr_entries >= 4 && m.nr_entries < 40);
	fake_get(OUT, e, m.nr_entries * sizeof(e[0]));
	for (unsigned int i = 0; i < m.nr_entries; i++) {
		TRUE_(e[i].start >= end);
		end = e[i].start + e[i].size;
	}
	EQ(fake_call(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0),
	   fake.config.low_frames - 1);
	EQ(fake_call(__HYPERVISOR_memory_op, XENMEM_memory_map, FAKE_ARGS), -XEN_ENOSYS);
	EQ(fake_call(__HYPERVISOR_memory_op, 63, FAKE_ARGS), -XEN_ENOSYS);
}

CU_TestInfo memory_op_tests[] = {
	{ "decrease_reservation", test_decrease },
	{ "populate_physmap", test_populate },
	{ "interrupted at every extent", test_preempted },
	{ "frames are scrubbed between domains", test_scrubbed },
	{ "exchange", test_exchange },
	{ "exchange refused and undone", test_exchange_refused },
	{ "memory map", test_map },
	CU_TEST_INFO_NULL,
};

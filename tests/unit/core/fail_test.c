/* SPDX-License-Identifier: MIT */
/*
 * Every allocation and every guest copy fails once, in domain creation and in
 * a guest's whole life; preemption at every step.  Nothing may be lost.
 */
#include "core_test.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/vcpu.h>

#include <hv/mm.h>
#include <hv/sched.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)

static void test_creation(void)
{
	unsigned long before, n;
	bool made = false;

	world(1);
	for (n = 1; !made; n++) {
		before = heap_free_frames();
		heap_fail_countdown = n;
		made = fake_guest_create(&guest[1], 1, 16, 2, true);
		heap_fail_countdown = 0;
		if (!made) {
			EQ(heap_free_frames(), before);
			OK(audit_all());
		}
		CU_ASSERT_FATAL(n < 200);
	}
	TRUE_(n > 15);
	fake_guest_destroy(&guest[1]);
	EQ(heap_free_frames(), before);
}

static void put_words(uint64_t at, const uint64_t *w, unsigned int n)
{
	(void)fake_guest_write(at, w, n * 8);
}

static void evtchn_calls(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 1 };
	struct evtchn_bind_interdomain b = { .remote_dom = 1 };
	struct evtchn_init_control c = { .vcpu = 0 };
	struct evtchn_expand_array e;
	uint32_t port[4] = { 0 };

	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a));
	b.remote_port = a.port;
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &b, sizeof(b));
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, port, sizeof(port));
	c.control_gfn = guest[1].mfn[26];
	e.array_gfn = guest[1].mfn[27];
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, &c, sizeof(c));
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, &e, sizeof(e));
	port[0] = b.local_port;
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_send, port, sizeof(port));
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_close, port, sizeof(port));
	port[0] = DOMID_SELF;
	(void)call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, port, sizeof(port));
}

static void memory_calls(void)
{
	struct xen_memory_reservation r = { .nr_extents = 4, .domid = DOMID_SELF };
	struct xen_memory_exchange e = {
		.in = { .nr_extents = 4, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .extent_order = 2, .domid = DOMID_SELF }
	};
	uint64_t list[4] = { 100, 101, 102, 103 };

	r.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 1024);
	put_words(FAKE_ARGS + 1024, list, 4);
	(void)call_struct(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, sizeof(r));
	e.in.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 1024);
	e.out.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 2048);
	(void)call_struct(__HYPERVISOR_memory_op, XENMEM_exchange, &e, sizeof(e));
	r.nr_extents = 1;
	r.extent_order = 2;
	r.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 2048);
	(void)call_struct(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r));
}

/* A tree of its own, pinned, loaded for user mode, dropped. */
static void table_calls(void)
{
	uint64_t gdt[1], l3[3] = { 0 };

	for (unsigned int pfn = 20; pfn < 24; pfn++) {
		(void)unmap(pfn);
		(void)ext_op(MMUEXT_CLEAR_PAGE, guest[1].mfn[pfn], 0);
	}
	if (type_of(1, 20) == PGT_WRITABLE && uses_of(1, 20) == 0 && uses_of(1, 21) == 0 &&
	    uses_of(1, 22) == 0) {
		((uint64_t *)frame_ptr(guest[1].mfn[20]))[2] = entry_for(1, 21, RW);
		((uint64_t *)frame_ptr(guest[1].mfn[21]))[2] = entry_for(1, 22, RW);
		((uint64_t *)frame_ptr(guest[1].mfn[22]))[2] = entry_for(1, FAKE_PFN_L1, RW);
	}
	(void)ext_op(MMUEXT_PIN_L4_TABLE, guest[1].mfn[20], 0);
	(void)ext_op(MMUEXT_NEW_USER_BASEPTR, guest[1].mfn[20], 0);
	l3[0] = ((uint64_t)guest[1].mfn[21] << PAGE_SHIFT) + 16;
	put_words(FAKE_ARGS, l3, 2);
	(void)fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, 1, FAKE_ARGS + 64, DOMID_SELF);
	(void)ext_op(MMUEXT_UNPIN_TABLE, guest[1].mfn[20], 0);
	(void)ext_op(MMUEXT_NEW_USER_BASEPTR, 0, 0);
	gdt[0] = guest[1].mfn[23];
	put_words(FAKE_ARGS, gdt, 1);
	(void)fake_call(__HYPERVISOR_set_gdt, FAKE_ARGS, 512);
}

static void vcpu_calls(void)
{
	struct vcpu_register_vcpu_info i = { .offset = 64 };
	uint64_t at = fake_va(30, PAGE_SIZE - 8);

	i.mfn = guest[1].mfn[29];
	put_words(FAKE_ARGS, (uint64_t *)(void *)&i, 2);
	(void)fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, FAKE_ARGS);
	put_words(FAKE_ARGS, &at, 1);
	(void)fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, FAKE_ARGS);
	(void)fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, FAKE_ARGS);
	(void)fake_call(__HYPERVISOR_set_timer_op, fake.now + 100000);
}

static void life(void)
{
	evtchn_calls();
	memory_calls();
	table_calls();
	vcpu_calls();
}

static void reset_hooks(void)
{
	heap_fail_countdown = 0;
	fake.copy_fail_countdown = 0;
	fake.preempt_countdown = 0;
	fake.preempt_chance = 0;
}

static void after_life(void)
{
	reset_hooks();
	fake_settle();
	OK(audit_all());
	fake_guest_destroy(&guest[1]);
	OK(audit_all());
}

static unsigned long free_before;

static void prepare(void)
{
	core_setup();
	world(1);
	free_before = heap_free_frames();
	CU_ASSERT_FATAL(fake_guest_create(&guest[1], 1, PAGES, VCPUS, false));
	run(1, 0);
}

static void test_plain(void)
{
	prepare();
	life();
	TRUE_(me()->info == (void *)((char *)frame_ptr(guest[1].mfn[29]) + 64));
	after_life();
	EQ(heap_free_frames(), free_before);
}

static void test_allocations(void)
{
	for (unsigned long n = 1; n < 40; n++) {
		prepare();
		heap_fail_countdown = n;
		life();
		after_life();
		EQ(heap_free_frames(), free_before);
	}
}

static void test_copies(void)
{
	for (unsigned long n = 1; n < 130; n++) {
		prepare();
		fake.copy_fail_countdown = n;
		life();
		after_life();
		EQ(heap_free_frames(), free_before);
	}
}

static void test_preemptions(void)
{
	for (unsigned long n = 1; n < 60; n++) {
		prepare();
		fake.preempt_countdown = n;
		life();
		after_life();
		EQ(heap_free_frames(), free_before);
	}
	for (unsigned int chance = 1; chance < 5; chance++) {
		prepare();
		fake.preempt_chance = chance;
		life();
		after_life();
		EQ(heap_free_frames(), free_before);
	}
}

/* The end of a domain, interrupted wherever it can be. */
static void test_destruction(void)
{
	for (unsigned long n = 1; n < 60; n++) {
		prepare();
		evtchn_calls();
		table_calls();
		vcpu_calls();
		(void)ext_op(MMUEXT_PIN_L4_TABLE, guest[1].mfn[20], 0);
		fake.preempt_countdown = n;
		fake_guest_destroy(&guest[1]);
		reset_hooks();
		OK(audit_all());
		EQ(heap_free_frames(), free_before);
	}
	prepare();
	life();
	fake.preempt_chance = 1;
	fake_guest_destroy(&guest[1]);
	reset_hooks();
	EQ(heap_free_frames(), free_before);
}

/* A validation stops half-way, then the domain is killed. */
static void test_killed_half_way(void)
{
	for (unsigned long n = 1; n < 10; n++) {
		prepare();
		table_calls();
		fake.preempt_countdown = n;
		me()->regs.rax = __HYPERVISOR_mmuext_op;
		{
			struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE };

			op.arg1.mfn = guest[1].mfn[20];
			fake_put(FAKE_ARGS, &op, sizeof(op));
		}
		me()->regs.rdi = FAKE_ARGS;
		me()->regs.rsi = 1;
		me()->regs.rdx = 0;
		me()->regs.r10 = DOMID_SELF;
		fake_hypercall_once();
		reset_hooks();
		OK(audit_all());
		fake_guest_destroy(&guest[1]);
		OK(audit_all());
		EQ(heap_free_frames(), free_before);
	}
}

CU_TestInfo fail_tests[] = {
	{ "creation, each allocation fails", test_creation },
	{ "a guest's life", test_plain },
	{ "each allocation fails", test_allocations },
	{ "each guest copy fails", test_copies },
	{ "each possible interruption", test_preemptions },
	{ "destruction, interrupted", test_destruction },
	{ "killed in the middle of a call", test_killed_half_way },
	CU_TEST_INFO_NULL,
};

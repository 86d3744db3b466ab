/* SPDX-License-Identifier: MIT */
/*
 * The end of a domain at any moment: half built, in the middle of a long call,
 * with everything bound, armed and mapped.  It must be complete: every frame is
 * back, and the auditor finds nothing, neither on the way nor at the end.
 */
#include "core_test.h"

#include <vl/control.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/guests.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/timer.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define RO (PTE_P | PTE_U | PTE_A)
#define LIST 24u
#define STEPS_MAX 400ul

/* Free frames with the control domain alone. */
static unsigned long free_before(void)
{
	world(1);
	fake_settle();
	return heap_free_frames();
}

static void make_victim(void)
{
	if (!fake_guest_create(&guest[1], 1, PAGES, VCPUS, false)) {
		fake_die("no victim");
	}
	run(1, 0);
}

static void check_gone(unsigned long before)
{
	OK(audit_all());
	EQ(heap_free_frames(), before);
	CU_ASSERT_PTR_NULL(domain_get(1));
}

/* ---- Half built ------------------------------------------------------------------- */

/* Up to `stage` of what a builder does. */
static struct domain *build_part(unsigned int stage)
{
	const struct vl_create how = { .vcpus = 2, .max_frames = 100 };
	struct domain *d;
	struct page *pg;
	int rc;

	d = domain_create(1, &how, &rc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	for (unsigned int order = 0; order < 5 && stage > 0; order++) {
		pg = domain_alloc_frames(d, order, ADDRESS_BITS_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
	}
	if (stage > 1) {
		pg = domain_alloc_frames(d, 0, ADDRESS_BITS_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
		TRUE_(page_get(pg, d));
		OK(page_get_type(pg, PGT_L4));
		TRUE_(page_pin(pg));
	}
	if (stage > 2) {
		/* As the builder of a guest from a boot module leaves it. */
		pg = domain_alloc_frames(d, 0, ADDRESS_BITS_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
		TRUE_(guest_console_init(d, page_to_mfn(pg)));
	}
	return d;
}

static void test_half_built(void)
{
	unsigned long before = free_before();

	for (unsigned int stage = 0; stage < 4; stage++) {
		OK(fake_destroy(build_part(stage)));
		check_gone(before);
	}
}

/* ---- In the middle of a call ---------------------------------------------------------- */

static void fill_tables(unsigned int *made)
{
	/* A second tree: L4 8, L3 9, L2 10, L1 11 to 18, each with a few entries. */
	static const unsigned int tables[] = { 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };

	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		uint64_t *t = frame_ptr(guest[1].mfn[tables[i]]);

		OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(tables[i], 0),
			     entry_for(1, tables[i], RO), UVMF_INVLPG | UVMF_ALL));
		for (unsigned int j = 0; j < 8; j++) {
			if (i < 2) {
				t[j] = j == 0 ? entry_for(1, tables[i + 1], RW) : 0;
			} else if (i == 2) {
				t[j] = entry_for(1, 11 + j, RW);
			} else {
				t[j] = entry_for(1, 20 + j, RW);
			}
		}
	}
	*made = ARRAY_SIZE(tables);
}

static void prepare_pin(uint64_t *args)
{
	struct mmuext_op op[2] = { { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = guest[1].mfn[8] },
				   { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = guest[1].mfn[8] } };
	unsigned int n;

	fill_tables(&n);
	EQ(n, 11);
	fake_put(FAKE_ARGS, op, sizeof(op));
	args[0] = __HYPERVISOR_mmuext_op;
	args[1] = FAKE_ARGS;
	args[2] = 2;
	args[4] = DOMID_SELF;
}

static void prepare_update(uint64_t *args)
{
	struct mmu_update req[LIST];

	for (unsigned int i = 0; i < LIST; i++) {
		req[i].ptr = fake_guest_l1e_maddr(&guest[1], 60 + i);
		req[i].val = entry_for(1, 10 + i % 8, RW);
	}
	fake_put(FAKE_ARGS, req, sizeof(req));
	args[0] = __HYPERVISOR_mmu_update;
	args[1] = FAKE_ARGS;
	args[2] = LIST;
	args[4] = DOMID_SELF;
}

static void prepare_memory(uint64_t *args, unsigned int cmd)
{
	xen_pfn_t list[LIST];
	struct xen_memory_reservation r = { .nr_extents = LIST, .domid = DOMID_SELF };
	struct xen_memory_exchange x = { .in = r, .out = r };

	for (unsigned int i = 0; i < LIST; i++) {
		list[i] = cmd == XENMEM_populate_physmap ? 100 + i : guest[1].mfn[9 + i];
		if (cmd != XENMEM_populate_physmap) {
			OK(unmap(9 + i));
		}
	}
	fake_put(FAKE_ARGS + 512, list, sizeof(list));
	r.extent_start.p = (void *)(FAKE_ARGS + 512);
	x.in.extent_start = r.extent_start;
	x.out.extent_start.p = (void *)(FAKE_ARGS + 1024);
	fake_put(FAKE_ARGS + 1024, list, sizeof(list));
	if (cmd == XENMEM_exchange) {
		fake_put(FAKE_ARGS, &x, sizeof(x));
	} else {
		fake_put(FAKE_ARGS, &r, sizeof(r));
	}
	args[0] = __HYPERVISOR_memory_op;
	args[1] = cmd;
	args[2] = FAKE_ARGS;
}

static void prepare(unsigned int what, uint64_t *args)
{
	static const unsigned int memory_ops[] = { XENMEM_populate_physmap,
						   XENMEM_decrease_reservation, XENMEM_exchange };

	memset(args, 0, 6 * sizeof(*args));
	if (what == 0) {
		prepare_pin(args);
	} else if (what == 1) {
		prepare_update(args);
	} else {
		prepare_memory(args, memory_ops[what - 2]);
	}
}

/* One entry that is interrupted in its n-th window; false: it was complete. */
static bool enter_until(const uint64_t *args, unsigned long n)
{
	struct vcpu *v = me();
	uint64_t rip = v->regs.rip;
	bool stopped;

	v->regs.rax = args[0];
	v->regs.rdi = args[1];
	v->regs.rsi = args[2];
	v->regs.rdx = args[3];
	v->regs.r10 = args[4];
	v->regs.rip = rip + 2;
	fake.preempt_countdown = n;
	fake_hypercall_once();
	fake.preempt_countdown = 0;
	stopped = v->regs.rip == rip;
	v->regs.rip = rip;
	return stopped;
}

static void test_in_a_call(void)
{
	unsigned long n, total = 0, before = free_before();
	uint64_t args[6];
	bool stopped = true;

	for (unsigned int what = 0; what < 5; what++) {
		for (n = 1, stopped = true; stopped && n < STEPS_MAX; n++) {
			make_victim();
			prepare(what, args);
			stopped = enter_until(args, n);
			total += stopped;
			/* Every other time the destruction itself is interrupted at
			 * each step. */
			fake.preempt_chance = n & 1;
			fake_guest_destroy(&guest[1]);
			fake.preempt_chance = 0;
			check_gone(before);
		}
		FALSE_(stopped);
		TRUE_(n > 2);
	}
	TRUE_(total > 60);
}

/* ---- Everything in use ------------------------------------------------------------------ */

static uint32_t alloc_unbound(unsigned int remote)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = (domid_t)remote };

	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &a, sizeof(a)));
	return a.port;
}

static uint32_t bind(unsigned int remote, uint32_t port)
{
	struct evtchn_bind_interdomain b = { .remote_dom = (domid_t)remote, .remote_port = port };

	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &b, sizeof(b)));
	return b.local_port;
}

static unsigned int state_of(unsigned int id, uint32_t port)
{
	const struct evtchn *chn = evtchn_lookup(guest[id].d, port);

	return chn != NULL ? chn->state : ECS_FREE;
}

static void fifo_and_timers(void)
{
	struct evtchn_init_control c = { .control_gfn = guest[1].mfn[26] };
	struct evtchn_expand_array e = { .array_gfn = guest[1].mfn[27] };
	struct vcpu_register_runstate_memory_area area = { .addr.p = fake_va(28, 4090) };
	struct vcpu_register_time_memory_area time = { .addr.p = fake_va(28, 64) };
	struct vcpu_register_vcpu_info info = { .mfn = guest[1].mfn[30] };

	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, &c, sizeof(c)));
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, &e, sizeof(e)));
	fake_put(FAKE_ARGS, &area, sizeof(area));
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, FAKE_ARGS));
	fake_put(FAKE_ARGS, &time, sizeof(time));
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, FAKE_ARGS));
	fake_put(FAKE_ARGS, &info, sizeof(info));
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, FAKE_ARGS));
	OK(fake_call(__HYPERVISOR_set_timer_op, time_now() + 50000000));
}

/* What the core itself needs for a guest that runs: frames of 4 KiB. */
static void test_footprint(void)
{
	unsigned long before;

	world(1);
	before = heap_free_frames();
	if (!fake_guest_create(&guest[1], 1, PAGES, 1, false)) {
		fake_die("no guest");
	}
	/* The domain, its shared_info, its grants, and two of the vCPU. */
	EQ(before - heap_free_frames() - PAGES, 5);
	run(1, 0);
	fifo_and_timers();
	(void)alloc_unbound(0);
	OK(gnttab_seed(guest[1].d, 0, 0, guest[1].mfn[26]));
	/* Ports, queues, entries, and who uses them. */
	EQ(before - heap_free_frames() - PAGES, 9);
	fake_guest_destroy(&guest[1]);
	check_gone(before);
}

static void test_in_use(void)
{
	struct sched_poll poll = { .nr_ports = 1, .timeout = 900000000 };
	uint32_t ours[2], theirs, self, port;
	unsigned long before;

	world(1);
	/* What the control domain keeps: its groups of ports. */
	port = alloc_unbound(0);
	fake_settle();
	before = heap_free_frames();
	EQ(port, 1);
	make_victim();
	theirs = alloc_unbound(0);
	self = bind(1, alloc_unbound(1));
	run(0, 0);
	ours[0] = bind(1, theirs);
	ours[1] = alloc_unbound(1);
	run(1, 0);
	port = bind(0, ours[1]);
	fifo_and_timers();
	OK(evtchn_send(guest[1].d, port));
	OK(evtchn_send(guest[0].d, ours[0]));
	/* The second vCPU waits for a port and a deadline. */
	run(1, 1);
	poll.timeout += time_now();
	poll.ports.p = (void *)(FAKE_ARGS + 64);
	fake_put(FAKE_ARGS + 64, &self, sizeof(self));
	fake_put(FAKE_ARGS, &poll, sizeof(poll));
	(void)fake_call(__HYPERVISOR_sched_op, SCHEDOP_poll, FAKE_ARGS);
	EQ(state_of(0, ours[0]), ECS_INTERDOMAIN);
	EQ(state_of(0, ours[1]), ECS_INTERDOMAIN);
	OK(audit_all());

	fake_guest_destroy(&guest[1]);
	EQ(state_of(0, ours[0]), ECS_UNBOUND);
	EQ(state_of(0, ours[1]), ECS_UNBOUND);
	OK(evtchn_send(guest[0].d, ours[0]));
	fake_advance(2000000000);
	fake_settle();
	check_gone(before);
}

/* ---- Zombies ------------------------------------------------------------------------------ */

static void test_zombie(void)
{
	unsigned long before = free_before();
	struct domain *d;
	uint64_t at, word = 7;

	make_victim();
	run(0, 0);
	d = guest[1].d;
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	OK(update_entry(at + 8, entry_for(1, 20, RO), 1));
	OK(update_entry(at + 16, entry_for(1, FAKE_PFN_L1, RO), 1));
	EQ(fake_destroy(d), -XEN_EBUSY);
	/* Exactly those frames are left, still whose they were. */
	EQ(d->tot_pages, 2);
	EQ(page_of(1, 20)->owner, 1);
	run(0, 0);
	TRUE_(fake_guest_write(fake_va(50, 0), &word, 8));
	OK(audit_all());
	/* Nothing new of it can be mapped, nor bound, nor given to it. */
	TRUE_(update_entry(at + 24, entry_for(1, 21, RO), 1) < 0);
	CU_ASSERT_PTR_NULL(domain_alloc_frames(d, 0, ADDRESS_BITS_ANY));
	OK(update_entry(at + 16, 0, DOMID_SELF));
	EQ(d->tot_pages, 1);
	EQ(fake_destroy(d), -XEN_EBUSY);
	run(0, 0);
	OK(update_entry(at, 0, DOMID_SELF));
	EQ(fake_destroy(d), -XEN_EBUSY);
	run(0, 0);
	OK(update_entry(at + 8, 0, DOMID_SELF));
	EQ(d->tot_pages, 0);
	OK(fake_destroy(d));
	check_gone(before);
}

/*
 * Each frame went back by itself: a lock, a look at the free lists and at all
 * TLBs for each.  Now they go in runs; what one frame of a run needs must not be
 * lost: its flush, later than those of its neighbours, and who still maps it.
 */
static void test_runs(void)
{
	const struct vl_create how = { .vcpus = 1, .max_frames = 32 };
	unsigned long before = free_before(), mfn, flushes;
	struct domain *d;
	struct page *pg;
	uint64_t at, word;
	int rc;

	d = domain_create(1, &how, &rc);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	pg = domain_alloc_frames(d, 5, ADDRESS_BITS_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
	mfn = page_to_mfn(pg);
	run(0, 0);
	tlb_flush_cpus(cpu_online_mask());
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, (mfn + 7) << PAGE_SHIFT | RO, 1));
	OK(update_entry(at + 8, (mfn + 9) << PAGE_SHIFT | RO, 1));
	TRUE_(fake_guest_read(fake_va(50, 0), &word, 8));
	OK(update_entry(at, 0, DOMID_SELF));
	for (unsigned int i = 0; i < 32; i++) {
		arch_m2p_set(mfn + i, i);
	}
	flushes = fake.flushes;
	EQ(fake_destroy(d), -XEN_EBUSY);
	run(0, 0);
	fake_tlb_check();
	EQ(fake.flushes - flushes, 1);
	EQ(d->tot_pages, 1);
	EQ(pg[9].owner, 1);
	EQ(arch_m2p_get(mfn + 9), 9);
	OK(update_entry(at + 8, 0, DOMID_SELF));
	OK(fake_destroy(d));
	for (unsigned int i = 0; i < 32; i++) {
		EQ(pg[i].owner, OWNER_NONE);
		EQ(arch_m2p_get(mfn + i), M2P_INVALID);
	}
	check_gone(before);
}

/* shared_info is no frame of the domain's count. */
static void test_zombie_shared(void)
{
	unsigned long before = free_before();
	struct domain *d;
	uint64_t at;

	make_victim();
	run(0, 0);
	d = guest[1].d;
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, ptr_frame(d->shared) << PAGE_SHIFT | RW, 1));
	EQ(fake_destroy(d), -XEN_EBUSY);
	run(0, 0);
	OK(update_entry(at, 0, DOMID_SELF));
	OK(fake_destroy(d));
	check_gone(before);
}

/* ---- Twice, and by two CPUs --------------------------------------------------------------- */

static void test_twice(void)
{
	unsigned long before = free_before(), rounds = 0;
	struct domain *d, *also;
	int rc = -XEN_ERESTART;

	make_victim();
	d = guest[1].d;
	also = domain_get(1);
	TRUE_(also == d);
	fake.preempt_chance = 1;
	/* Each of two CPUs does a piece, and finds what the other left. */
	for (; rc == -XEN_ERESTART && rounds < STEPS_MAX; rounds++) {
		run(0, rounds & 1);
		fake.cpus[fake.cpu].inside = true;
		rc = domain_destroy(d);
		fake.cpus[fake.cpu].inside = false;
		fake_exit();
		fake_settle();
	}
	fake.preempt_chance = 0;
	OK(rc);
	TRUE_(rounds > 3);
	/* Once more it is there, and does nothing. */
	run(0, 0);
	OK(domain_destroy(d));
	/* While one CPU is at it, another is told to come again. */
	TRUE_(domain_claim(d));
	EQ(domain_destroy(d), -XEN_ERESTART);
	domain_release(d);
	CU_ASSERT_PTR_NULL(domain_get(1));
	domain_put(also);
	check_gone(before);
}

/*
 * A walk over all domains looked at each number that there could be, some 430 k
 * instructions of each list.  It ends at the highest that was ever given, and
 * must find that one, be it the very last.
 */
static void test_walk(void)
{
	static const uint16_t ids[] = { 7, MAX_DOMAINS - 1 };
	const struct vl_create how = { .vcpus = 1 };
	unsigned long before = free_before();
	struct domain *d;
	int rc;

	CU_ASSERT_PTR_NULL(domain_from(1));
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(domain_create(ids[i], &how, &rc));
		d = domain_from(i > 0 ? ids[i - 1] + 1u : 1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		EQ(d->id, ids[i]);
		domain_put(d);
		CU_ASSERT_PTR_NULL(domain_from(ids[i] + 1u));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		d = domain_from(1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		EQ(d->id, ids[i]);
		OK(fake_destroy(d));
		domain_put(d);
	}
	CU_ASSERT_PTR_NULL(domain_from(1));
	check_gone(before);
}

CU_TestInfo domain_tests[] = {
	{ "a walk over all", test_walk },
	{ "half built", test_half_built },
	{ "in the middle of a call", test_in_a_call },
	{ "how many frames", test_footprint },
	{ "everything in use", test_in_use },
	{ "frames that others map", test_zombie },
	{ "frames in runs", test_runs },
	{ "shared_info that others map", test_zombie_shared },
	{ "twice, and by two CPUs", test_twice },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Scheduling, sched_op, timers, the guest's clock. */
#include "core_test.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include <hv/evtchn.h>
#include <hv/sched.h>
#include <hv/vtime.h>

#define MS 1000000ull

static uint32_t bind_timer(unsigned int vcpu)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = vcpu };

	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &v, sizeof(v)));
	return v.port;
}

static void test_yield(void)
{
	struct vcpu *v;

	world(3);
	for (unsigned int i = 0; i < GUESTS * VCPUS; i++) {
		OK(vcpu_set_affinity(guest[i / VCPUS].d->vcpu[i % VCPUS], i < 2 ? 2 : 1));
	}
	run(0, 0);
	v = me();
	OK(fake_call(__HYPERVISOR_sched_op, SCHEDOP_yield));
	TRUE_(me() != NULL && me() != v);
	OK(fake_call(__HYPERVISOR_sched_op, SCHEDOP_yield));
	CU_ASSERT_PTR_EQUAL(me(), v);
}

static void test_block(void)
{
	struct vcpu *v;

	world(1);
	v = me();
	v->info->evtchn_upcall_pending = 0;
	OK(fake_call(__HYPERVISOR_sched_op, SCHEDOP_block));
	CU_ASSERT_PTR_NULL(me());
	TRUE_(fake.cpus[v->cpu].idle);
	OK(v->info->evtchn_upcall_mask);
	EQ(v->runstate.state, RUNSTATE_blocked);
	/* An event wakes it, and is delivered as it enters. */
	vcpu_mark_events_pending(v);
	fake_settle();
	CU_ASSERT_PTR_EQUAL(me(), v);
	EQ(v->regs.rip, v->event_entry);
	EQ(v->info->evtchn_upcall_mask, 1);
	/* Pending already: it does not block. */
	v->info->evtchn_upcall_mask = 1;
	v->regs.rip = fake_va(FAKE_PFN_CODE, 0);
	EQ(fake_call(__HYPERVISOR_sched_op, SCHEDOP_block), FAKE_LOST);
	EQ(v->regs.rip, v->event_entry);
	CU_ASSERT_PTR_EQUAL(me(), v);
}

/* Who is busy with a vCPU that goes on anyway need not look at who has woken, only in time. */
static void test_wake_while_busy(void)
{
	struct vcpu *a, *b;
	struct percpu *cpu;

	world(2);
	a = guest[0].d->vcpu[0];
	b = guest[1].d->vcpu[0];
	OK(vcpu_set_affinity(a, 1));
	OK(vcpu_set_affinity(b, 1));
	sched_sleep(b, PAUSE_DOWN);
	fake_settle();
	run(0, 0);
	cpu = this_cpu();
	OK(cpu->id);
	sched_wake(b, PAUSE_DOWN);
	OK(cpu->softirq);
	EQ(cpu->slice_end, cpu->slice_start + MS);
	EQ(fake.cpus[0].deadline, cpu->slice_end);
	fake_advance(2 * MS);
	fake_settle();
	CU_ASSERT_PTR_EQUAL(cpu->curr, b);
	/* Not from another CPU, and not later than that. */
	sched_sleep(a, PAUSE_DOWN);
	fake_settle();
	fake_cpu_set(1);
	sched_wake(a, PAUSE_DOWN);
	TRUE_(cpu->softirq & SOFTIRQ_SCHED);
	sched_sleep(a, PAUSE_DOWN);
	fake_settle();
	fake_advance(5 * MS);
	fake_cpu_set(0);
	sched_wake(a, PAUSE_DOWN);
	TRUE_(cpu->softirq & SOFTIRQ_SCHED);
}

static void test_poll(void)
{
	struct sched_poll p = { .nr_ports = 1 };
	struct evtchn_bind_ipi i = { .vcpu = 0 };
	uint32_t ports[1];
	struct vcpu *v;

	world(1);
	v = me();
	v->info->evtchn_upcall_pending = 0;
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &i, sizeof(i)));
	guest[0].d->shared->evtchn_mask[0] = ~0ul;
	ports[0] = i.port;
	fake_put(FAKE_ARGS + 64, ports, sizeof(ports));
	p.ports.p = (void *)(uintptr_t)(FAKE_ARGS + 64);
	p.timeout = fake.now + 5 * MS;
	OK(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)));
	CU_ASSERT_PTR_NULL(me());
	/* It times out. */
	fake_advance(4 * MS);
	fake_settle();
	CU_ASSERT_PTR_NULL(me());
	fake_advance(2 * MS);
	fake_settle();
	CU_ASSERT_PTR_EQUAL(me(), v);
	/* A masked port wakes it, too. */
	p.timeout = 0;
	OK(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)));
	CU_ASSERT_PTR_NULL(me());
	OK(evtchn_send(guest[0].d, i.port));
	fake_settle();
	CU_ASSERT_PTR_EQUAL(me(), v);
	/* It is pending: no wait at all. */
	OK(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)));
	CU_ASSERT_PTR_EQUAL(me(), v);
	/* nonsense */
	p.nr_ports = 129;
	EQ(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EINVAL);
	p.nr_ports = 1;
	p.ports.p = (void *)(uintptr_t)CORE_VIRT_START;
	EQ(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EFAULT);
	ports[0] = 5000;
	fake_put(FAKE_ARGS + 64, ports, sizeof(ports));
	p.ports.p = (void *)(uintptr_t)(FAKE_ARGS + 64);
	EQ(call_struct(__HYPERVISOR_sched_op, SCHEDOP_poll, &p, sizeof(p)), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_sched_op, 99, 0), -XEN_ENOSYS);
}

static void test_shutdown(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_poweroff };
	struct sched_remote_shutdown r = { .domain_id = 0 };
	jmp_buf end;

	world(2);
	EQ(call_struct(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &r, sizeof(r)), -XEN_EPERM);
	s.reason = 99;
	EQ(call_struct(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s)), -XEN_EINVAL);
	s.reason = SHUTDOWN_crash;
	(void)call_struct(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s));
	TRUE_(me() == NULL || me()->domain->id == 0);
	TRUE_(guest[1].d->shutting_down);
	EQ(guest[1].d->shutdown_code, SHUTDOWN_crash);
	FALSE_(fake_run(guest[1].d->vcpu[1]));
	fake_guest_destroy(&guest[1]);
	/* The control domain takes the machine with it. */
	run(0, 0);
	fake_machine_end = &end;
	s.reason = SHUTDOWN_poweroff;
	if (setjmp(end) == 0) {
		(void)call_struct(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, sizeof(s));
		CU_FAIL("it went on");
	}
	TRUE_(fake.powered_off);
}

/* ---- Timers ------------------------------------------------------------------- */

static bool timer_pending(uint32_t port)
{
	uint64_t *word = &guest[0].d->shared->evtchn_pending[port / 64];
	bool was = *word >> (port % 64) & 1;

	*word &= ~(1ull << (port % 64));
	return was;
}

static void test_singleshot(void)
{
	struct vcpu_set_singleshot_timer t = { 0 };
	uint32_t port;

	world(1);
	port = bind_timer(0);
	OK(fake_call(__HYPERVISOR_set_timer_op, fake.now + 3 * MS));
	fake_advance(2 * MS);
	fake_settle();
	FALSE_(timer_pending(port));
	fake_advance(2 * MS);
	fake_settle();
	TRUE_(timer_pending(port));
	fake_advance(100 * MS);
	fake_settle();
	FALSE_(timer_pending(port));
	/* replaced, stopped, in the past */
	OK(fake_call(__HYPERVISOR_set_timer_op, fake.now + 3 * MS));
	OK(fake_call(__HYPERVISOR_set_timer_op, fake.now + 30 * MS));
	/* The machine's timer keeps the earlier time until it has come. */
	EQ(fake.cpus[me()->cpu].deadline, fake.now + 3 * MS);
	fake_advance(10 * MS);
	fake_settle();
	FALSE_(timer_pending(port));
	EQ(fake.cpus[me()->cpu].deadline, fake.now + 20 * MS);
	OK(fake_call(__HYPERVISOR_set_timer_op, 0));
	fake_advance(100 * MS);
	fake_settle();
	FALSE_(timer_pending(port));
	OK(fake_call(__HYPERVISOR_set_timer_op, fake.now - 1));
	fake_settle();
	TRUE_(timer_pending(port));
	t.timeout_abs_ns = fake.now - 5;
	t.flags = VCPU_SSHOTTMR_future;
	fake_put(FAKE_ARGS, &t, sizeof(t));
	EQ(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, FAKE_ARGS), -XEN_ETIME);
	EQ(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 1, FAKE_ARGS), -XEN_EINVAL);
}

static void test_periodic(void)
{
	struct vcpu_set_periodic_timer t = { .period_ns = 2 * MS };

	world(1);
	fake_put(FAKE_ARGS, &t, sizeof(t));
	EQ(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, FAKE_ARGS), -XEN_ENOSYS);
	/* By this kernels find out that there are timers of a vCPU. */
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0));
}

/* Many timers on one CPU in random order against a sorted view. */
static void test_timer_heap(void)
{
	static struct vcpu fakes[64];
	uint64_t last = 0;

	world(1);
	for (unsigned int i = 0; i < 64; i++) {
		memset(&fakes[i], 0, sizeof(fakes[i]));
		fakes[i].domain = guest[0].d;
		fakes[i].cpu = 0;
		fakes[i].singleshot = (struct timer){ .kind = TIMER_SINGLESHOT, .v = &fakes[i] };
	}
	fake_cpu_set(0);
	for (unsigned int step = 0; step < 5000; step++) {
		struct timer *t = &fakes[fake_random() % 64].singleshot;
		uint64_t first = ~0ull;

		if (fake_random() % 3 == 0) {
			timer_stop(t);
			FALSE_(t->active);
		} else {
			timer_set(t, fake.now + 1 + fake_random() % 1000000);
			TRUE_(t->active);
		}
		for (unsigned int i = 0; i < 64; i++) {
			if (fakes[i].singleshot.active) {
				first = MIN(first, fakes[i].singleshot.expires);
			}
		}
		if (first != ~0ull) {
			EQ(this_cpu()->timer_root->expires, first);
			TRUE_(fake.cpus[0].deadline <= first);
		} else {
			CU_ASSERT_PTR_NULL(this_cpu()->timer_root);
		}
	}
	/* They come out in order. */
	for (unsigned int i = 0; i < 64; i++) {
		struct timer *t = this_cpu()->timer_root;

		if (t == NULL) {
			break;
		}
		TRUE_(t->expires >= last);
		last = t->expires;
		timer_stop(t);
	}
	CU_ASSERT_PTR_NULL(this_cpu()->timer_root);
}

static uint64_t guest_time(const struct vcpu_time_info *t)
{
	uint64_t delta = fake.now - t->tsc_timestamp;

	OK(t->version & 1);
	delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
	return t->system_time + (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}

static void test_clock(void)
{
	struct shared_info *s;

	world(2);
	fake_advance(1234567);
	EQ(guest_time(&guest[1].d->vcpu[0]->info->time), fake.now);
	EQ(guest_time(&guest[0].d->vcpu[1]->info->time), fake.now);
	s = guest[1].d->shared;
	vtime_set_wallclock(1700000000, 5, fake.now);
	EQ((s->wc_sec + ((uint64_t)s->wc_sec_hi << 32)) * 1000000000 + s->wc_nsec + fake.now,
	   1700000000000000005);
	OK(s->wc_version & 1);
}

static void test_runstate(void)
{
	struct vcpu_runstate_info r;
	uint64_t sum = 0;

	world(2);
	run(1, 0);
	fake_advance(50 * MS);
	fake_put(FAKE_ARGS, &r, sizeof(r));
	OK(fake_call(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, FAKE_ARGS));
	run(1, 0); /* its slice was over */
	fake_get(FAKE_ARGS, &r, sizeof(r));
	EQ(r.state, RUNSTATE_running);
	for (unsigned int i = 0; i < 4; i++) {
		sum += r.time[i];
	}
	TRUE_(sum >= 50 * MS);
	TRUE_(r.time[RUNSTATE_running] >= 49 * MS);
}

CU_TestInfo sched_tests[] = {
	{ "yield", test_yield },
	{ "block", test_block },
	{ "a wake-up while a CPU is busy", test_wake_while_busy },
	{ "poll", test_poll },
	{ "shutdown", test_shutdown },
	{ "singleshot timers", test_singleshot },
	{ "periodic timers", test_periodic },
	{ "the timer heap", test_timer_heap },
	{ "the guest's clock", test_clock },
	{ "run states", test_runstate },
	CU_TEST_INFO_NULL,
};

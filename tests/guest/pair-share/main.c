/* SPDX-License-Identifier: MIT */
/*
 * A neighbour that does its worst on the same processor, by the word on its
 * command line: spins with events masked, storms hypercalls, events or timers.
 * The control domain works and measures what it gets: at least nine tenths of
 * its half.
 */
#include <test.h>

#define MEASURE_NS 1500000000ul
#define LEAST 450u /* per mille of the time */

static void on_event(unsigned int port)
{
	(void)port;
}

static uint64_t running_ns(void)
{
	struct vcpu_runstate_info info;

	NEED(hyp_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
	return info.time[RUNSTATE_running];
}

static void control(void)
{
	long port = evtchn_alloc_unbound(1);
	uint64_t ran, start, took;

	NEED(port > 0);
	evtchn_set_handler((unsigned int)port, on_event);
	EXPECT_RC(evtchn_unmask((unsigned int)port), 0);
	/* The neighbour has begun by now. */
	spin_ns(500000000ul);
	start = time_ns();
	ran = running_ns();
	spin_ns(MEASURE_NS);
	ran = running_ns() - ran;
	took = time_ns() - start;
	print("ran %lu of 1000\n", ran * 1000 / took);
	EXPECT(ran * 1000 / took >= LEAST);
}

static void storm(void)
{
	struct sched_poll poll = { .timeout = 1 };
	bool calls = test_arg("calls"), events = test_arg("events"), timers = test_arg("timers");
	long port = -1, own = evtchn_bind_ipi(0), virq = evtchn_bind_virq(VIRQ_TIMER, 0);

	NEED(own > 0 && virq > 0);
	if (events) {
		WAIT_FOR((port = bind_any(0, 1)) > 0);
	}
	evtchn_set_handler((unsigned int)own, on_event);
	evtchn_set_handler((unsigned int)virq, on_event);
	EXPECT_RC(evtchn_unmask((unsigned int)own), 0);
	EXPECT_RC(evtchn_unmask((unsigned int)virq), 0);
	if (!events && !timers && !calls) {
		events_off();
	}
	for (;;) {
		if (calls) {
			(void)hyp_xen_version(XENVER_version, NULL);
			(void)mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
			(void)hyp_sched_op(SCHEDOP_poll, &poll);
		} else if (events) {
			(void)evtchn_send((unsigned int)port);
			(void)evtchn_send((unsigned int)own);
		} else if (timers) {
			(void)hyp_set_timer_op((int64_t)time_ns() + 1000);
		}
	}
}

void test(void)
{
	if (is_control()) {
		control();
	} else {
		storm();
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * set_timer_op: deadlines in the future, in the past, never, and so far away
 * that a sum with them wraps; VIRQ_TIMER comes once for each.
 */
#include <test.h>

static volatile unsigned int ticks;

static void on_timer(unsigned int port)
{
	(void)port;
	ticks++;
}

void test(void)
{
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	uint64_t soon;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	evtchn_set_handler((unsigned int)port, on_timer);
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);

	/* The emulator may sleep at any place: only what comes too early, or
	 * not at all, is wrong. */
	soon = time_ns() + 20000000;
	EXPECT_RC(hyp_set_timer_op((int64_t)soon), 0);
	EXPECT(ticks == 0 || time_ns() >= soon);
	spin_ns(60000000);
	EXPECT_RC(ticks, 1);
	spin_ns(5000000);
	EXPECT_RC(ticks, 1);

	/* A later one takes the place of the earlier. */
	EXPECT_RC(hyp_set_timer_op((int64_t)time_ns() + 30000000), 0);
	EXPECT_RC(hyp_set_timer_op((int64_t)time_ns() + 10000000000), 0);
	spin_ns(50000000);
	EXPECT_RC(ticks, 1);
	EXPECT_RC(hyp_set_timer_op(0), 0);
	spin_ns(5000000);
	EXPECT_RC(ticks, 1);

	/* In the past: at once. */
	EXPECT_RC(hyp_set_timer_op(1), 0);
	spin_ns(20000000);
	EXPECT_RC(ticks, 2);

	/* Hardly ever. What a negative one means is open, but it is quiet. */
	EXPECT_RC(hyp_set_timer_op(INT64_MAX), 0);
	EXPECT_RC(hyp_set_timer_op(INT64_MAX - 1000), 0);
	spin_ns(5000000);
	EXPECT(ticks <= 4);
	EXPECT_RC(hyp_set_timer_op(-1), 0);
	EXPECT_RC(hyp_set_timer_op(INT64_MIN), 0);
	EXPECT_RC(hyp_set_timer_op(0), 0);
	spin_ns(5000000);
	EXPECT(ticks <= 6);

	/* Sleeping until it comes. */
	ticks = 0;
	EXPECT_RC(hyp_set_timer_op((int64_t)time_ns() + 5000000), 0);
	while (ticks == 0) {
		EXPECT_RC(hyp_sched_op(SCHEDOP_block, NULL), 0);
	}
	EXPECT_RC(ticks, 1);
}

/* SPDX-License-Identifier: MIT */
/*
 * XSA-221 (and 317): port numbers that are looked up without a look at how many
 * ports there are just now. A poll for a port that was never made read a null
 * or wild pointer; where the count of ports and the memory behind them
 * disagreed at a boundary, so did any call for a port beyond it.
 *
 * Here ports are made one by one, and at each step each call is tried with the
 * last port there is, those just beyond it, and those at the ends of groups, of
 * both transports, and of the number itself.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)

static long poll(evtchn_port_t port)
{
	struct sched_poll op = { .ports.p = &port, .nr_ports = 1, .timeout = 1 };

	return hyp_sched_op(SCHEDOP_poll, &op);
}

static long status(unsigned int port, uint32_t *is)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };
	long rc = OP(EVTCHNOP_status, &op);

	*is = op.status;
	return rc;
}

/* A port that nobody made: nothing may be done with it. */
static void no_port(unsigned int port)
{
	struct evtchn_bind_vcpu to = { port, 0 };
	struct evtchn_set_priority level = { port, 3 };
	uint32_t is;

	EXPECT_FAIL(evtchn_send(port));
	EXPECT_FAIL(evtchn_close(port));
	EXPECT_FAIL(evtchn_unmask(port));
	EXPECT_FAIL(evtchn_bind_interdomain(DOMID_SELF, port));
	EXPECT_FAIL(OP(EVTCHNOP_bind_vcpu, &to));
	EXPECT_FAIL(OP(EVTCHNOP_set_priority, &level));
	EXPECT(status(port, &is) < 0 || is == EVTCHNSTAT_closed);
	/* Its time is over: whatever the port, nobody waits for it. */
	EXPECT(poll(port) <= 0);
}

static void edges(unsigned int beyond)
{
	static const unsigned int far[] = { 4095,	4096,	    131071,	131072,
					    0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff };
	unsigned int i;

	no_port(0);
	no_port(beyond);
	no_port(beyond | 1023);
	no_port((beyond | 1023) + 1);
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		if (far[i] >= beyond) {
			no_port(far[i]);
		}
	}
}

static void poll_lists(void)
{
	static evtchn_port_t many[200];
	struct sched_poll op = { .ports.p = many, .timeout = 1 };
	static const unsigned int counts[] = { 129, 200, 0x40000000, 0x80000000, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		op.nr_ports = counts[i];
		EXPECT_FAIL(hyp_sched_op(SCHEDOP_poll, &op));
	}
	op.nr_ports = 128;
	many[127] = 0xffffffff;
	EXPECT_FAIL(hyp_sched_op(SCHEDOP_poll, &op));
}

void test(void)
{
	unsigned int last = 0, count = 0;
	long port;

	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	events_off();
	poll_lists();
	/* In a row, so that what is beyond the last was never made. */
	while ((port = evtchn_alloc_unbound(DOMID_SELF)) > 0) {
		uint32_t is = 0;

		count++;
		last = (unsigned int)port > last ? (unsigned int)port : last;
		EXPECT(status((unsigned int)port, &is) == 0 && is == EVTCHNSTAT_unbound);
		if (count % 256 <= 1 || count > 4090) {
			edges(last + 1);
		}
	}
	EXPECT_RC(port, -XEN_ENOSPC);
	EXPECT_RC(last, 4095);
	/* The last ones, closed and made again. */
	for (port = 4095; port > 4090; port--) {
		EXPECT_RC(evtchn_close((unsigned int)port), 0);
		no_port((unsigned int)port);
	}
	for (; port < 4095; port++) {
		EXPECT(evtchn_alloc_unbound(DOMID_SELF) > 4090);
	}
	EXPECT_RC(evtchn_alloc_unbound(DOMID_SELF), -XEN_ENOSPC);
}

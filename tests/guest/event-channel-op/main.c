/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op with bitmap events: ports out of range, in the wrong state,
 * of others, bound twice, and all of them at once.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)

static const evtchn_port_t bad_ports[] = { 0,	   3999,   4095,       4096,	   8191,
					   131071, 131072, 0x7fffffff, 0x80000000, 0xffffffff };
static volatile unsigned int events;

static void on_event(unsigned int port)
{
	(void)port;
	events++;
}

static uint32_t status(unsigned int port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	return OP(EVTCHNOP_status, &op) != 0 ? 99 : op.status;
}

static long bind_vcpu(unsigned int port, unsigned int vcpu)
{
	struct evtchn_bind_vcpu op = { port, vcpu };

	return OP(EVTCHNOP_bind_vcpu, &op);
}

static void ports(void)
{
	struct evtchn_status st = { .dom = DOMID_SELF };
	unsigned int cmd, i;

	for (cmd = 0; cmd <= EVTCHNOP_set_priority; cmd++) {
		if (cmd != EVTCHNOP_reset) {
			EXPECT_EFAULT(p, OP(cmd, p));
		}
	}
	EXPECT_RC(OP(99, NULL), -XEN_ENOSYS);
	EXPECT_RC(OP(0x7fffffff, NULL), -XEN_ENOSYS);
	for (i = 0; i < ARRAY_SIZE(bad_ports); i++) {
		EXPECT_FAIL(evtchn_send(bad_ports[i]));
		EXPECT_FAIL(evtchn_close(bad_ports[i]));
		EXPECT_FAIL(bind_vcpu(bad_ports[i], 0));
		EXPECT_FAIL(evtchn_bind_interdomain(DOMID_SELF, bad_ports[i]));
		(void)evtchn_unmask(bad_ports[i]);
		st.port = bad_ports[i];
		st.status = EVTCHNSTAT_closed;
		(void)OP(EVTCHNOP_status, &st);
		EXPECT(st.status == EVTCHNSTAT_closed);
	}
}

static void interdomain(void)
{
	long a = evtchn_alloc_unbound(DOMID_SELF), b;

	EXPECT(a > 0 && status((unsigned int)a) == EVTCHNSTAT_unbound);
	/* To an end without a peer: lost, no error. */
	EXPECT_RC(evtchn_send((unsigned int)a), 0);
	b = evtchn_bind_interdomain(DOMID_SELF, (unsigned int)a);
	EXPECT(b > 0 && b != a);
	EXPECT(status((unsigned int)a) == EVTCHNSTAT_interdomain);
	EXPECT_FAIL(evtchn_bind_interdomain(DOMID_SELF, (unsigned int)a));
	EXPECT_FAIL(evtchn_bind_interdomain(DOMID_SELF, (unsigned int)b));
	evtchn_set_handler((unsigned int)b, on_event);
	events = 0;
	EXPECT_RC(evtchn_unmask((unsigned int)b), 0);
	events = 0;
	EXPECT_RC(evtchn_send((unsigned int)a), 0);
	EXPECT_RC(events, 1);
	EXPECT_RC(evtchn_close((unsigned int)a), 0);
	EXPECT(status((unsigned int)b) == EVTCHNSTAT_unbound);
	EXPECT_RC(evtchn_close((unsigned int)b), 0);
	EXPECT_FAIL(evtchn_close((unsigned int)b));

	/* An end kept for another domain is not ours to take. */
	a = evtchn_alloc_unbound(1234);
	if (a > 0) {
		EXPECT_FAIL(evtchn_bind_interdomain(DOMID_SELF, (unsigned int)a));
		EXPECT_RC(evtchn_close((unsigned int)a), 0);
	}
	EXPECT_FAIL(evtchn_bind_interdomain(1234, 1));
	EXPECT_FAIL(evtchn_bind_interdomain(DOMID_IDLE, 1));
	EXPECT_FAIL(evtchn_bind_interdomain(DOMID_IO, 1));
}

static void virqs(void)
{
	static const unsigned int bad[] = { 24, 25, 1000, 0x7fffffff, 0x80000000, ~0u };
	unsigned int i;
	long port = evtchn_bind_virq(VIRQ_DEBUG, 0);

	EXPECT(port > 0);
	EXPECT_FAIL(evtchn_bind_virq(VIRQ_DEBUG, 0));
	EXPECT_FAIL(bind_vcpu((unsigned int)port, 0));
	EXPECT_FAIL(evtchn_send((unsigned int)port));
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
	port = evtchn_bind_virq(VIRQ_DEBUG, 0);
	EXPECT(port > 0);
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_FAIL(evtchn_bind_virq(bad[i], 0));
	}
	EXPECT_FAIL(evtchn_bind_virq(VIRQ_DEBUG, 77));
	EXPECT_FAIL(evtchn_bind_virq(VIRQ_DEBUG, ~0u));
	EXPECT_FAIL(evtchn_bind_virq(VIRQ_DOM_EXC, 99));
	/* A domain-wide one belongs to one vCPU, and may move. */
	port = evtchn_bind_virq(VIRQ_DOM_EXC, 0);
	EXPECT(port > 0);
	EXPECT_RC(bind_vcpu((unsigned int)port, 0), 0);
	EXPECT_FAIL(bind_vcpu((unsigned int)port, 1000));
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
	EXPECT_FAIL(evtchn_bind_ipi(1000));
	EXPECT_FAIL(evtchn_bind_ipi(~0u));
}

static void pirqs(void)
{
	static const unsigned int bad[] = { 100000, 511, 512, ~0u };
	struct evtchn_bind_pirq op = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		op.pirq = bad[i];
		EXPECT_FAIL(OP(EVTCHNOP_bind_pirq, &op));
	}
}

static void all_ports(void)
{
	static unsigned short got[4096];
	unsigned int count = 0, i;
	long port;

	for (;;) {
		port = evtchn_alloc_unbound(DOMID_SELF);
		if (port < 0 || count == ARRAY_SIZE(got)) {
			break;
		}
		got[count++] = (unsigned short)port;
	}
	EXPECT_RC(port, -XEN_ENOSPC);
	EXPECT(count > 4000 && count < 4096);
	EXPECT_RC(evtchn_bind_ipi(0), -XEN_ENOSPC);
	EXPECT_RC(evtchn_bind_virq(VIRQ_DEBUG, 0), -XEN_ENOSPC);
	EXPECT_RC(evtchn_bind_interdomain(DOMID_SELF, got[0]), -XEN_ENOSPC);
	EXPECT_RC(evtchn_close(got[7]), 0);
	EXPECT(evtchn_bind_interdomain(DOMID_SELF, got[0]) > 0);
	for (i = 0; i < count; i++) {
		(void)evtchn_close(got[i]);
	}
	port = evtchn_bind_ipi(0);
	EXPECT(port > 0);
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
}

/* The guest's own bitmaps, filled with nonsense, steer nobody else. */
static void wild_bitmaps(void)
{
	struct shared_info *s = shim_shared;
	long port;

	events_off();
	memset(s->evtchn_pending, 0xff, sizeof(s->evtchn_pending));
	s->vcpu_info[0].evtchn_pending_sel = ~0ul;
	memset(s->evtchn_mask, 0, sizeof(s->evtchn_mask));
	port = evtchn_bind_ipi(0);
	EXPECT(port > 0);
	EXPECT_RC(evtchn_send((unsigned int)port), 0);
	EXPECT_RC(evtchn_unmask((unsigned int)port), 0);
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
	memset(s->evtchn_pending, 0, sizeof(s->evtchn_pending));
	s->vcpu_info[0].evtchn_pending_sel = 0;
	evtchn_init();
	events_on();
}

static void reset(void)
{
	struct evtchn_reset op = { .dom = 1234 };
	long port = evtchn_bind_ipi(0);

	EXPECT_FAIL(OP(EVTCHNOP_reset, &op));
	op.dom = DOMID_SELF;
	EXPECT_RC(OP(EVTCHNOP_reset, &op), 0);
	EXPECT(status((unsigned int)port) != EVTCHNSTAT_ipi);
	port = evtchn_bind_ipi(0);
	EXPECT(port > 0);
	evtchn_set_handler((unsigned int)port, on_event);
	EXPECT_RC(evtchn_unmask((unsigned int)port), 0);
	events = 0;
	EXPECT_RC(evtchn_send((unsigned int)port), 0);
	EXPECT_RC(events, 1);
	EXPECT_RC(evtchn_close((unsigned int)port), 0);
}

void test(void)
{
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	ports();
	interdomain();
	virqs();
	pirqs();
	all_ports();
	wild_bitmaps();
	reset();
}

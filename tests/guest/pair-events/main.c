/* SPDX-License-Identifier: MIT */
/*
 * Events between two domains: ports offered in both directions, sent both
 * ways, closed at either end, and all of a domain's at once.  The same image
 * is the control domain and guest 1; the guest follows.
 */
#include <test.h>

#define ROUNDS 200u
/* The guest keeps the port it bound first, which anew waits for us, below this. */
#define OFFERED 3u

static volatile unsigned int events, answers;
static unsigned int answer_port;

static void on_event(unsigned int port)
{
	(void)port;
	events++;
	if (answers != 0) {
		answers--;
		(void)evtchn_send(answer_port);
	}
}

static unsigned int status(unsigned int port, unsigned int *peer)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	if (hyp_event_channel_op(EVTCHNOP_status, &op) != 0) {
		return 99;
	}
	*peer = op.status == EVTCHNSTAT_unbound ? op.u.unbound.dom : op.u.interdomain.dom;
	return op.status;
}

static bool is(unsigned int port, unsigned int state, unsigned int peer)
{
	unsigned int dom = ~0u;

	return status(port, &dom) == state && (state == EVTCHNSTAT_closed || dom == peer);
}

static void listen(unsigned int port)
{
	events = 0;
	answer_port = port;
	evtchn_set_handler(port, on_event);
	EXPECT_RC(evtchn_unmask(port), 0);
}

static void control(void)
{
	struct evtchn_reset reset = { .dom = 1 };
	long offered, bound = -1;

	/* Nobody but domain 1 gets this one, the caller least of all. */
	offered = evtchn_alloc_unbound(1);
	NEED(offered > 0);
	EXPECT_RC(evtchn_bind_interdomain(DOMID_SELF, (unsigned int)offered), -XEN_EINVAL);
	EXPECT_RC(evtchn_send((unsigned int)offered), 0);
	listen((unsigned int)offered);
	WAIT_FOR(events > 0);
	EXPECT(is((unsigned int)offered, EVTCHNSTAT_interdomain, 1));

	/* Each event of one is answered by one of the other. */
	events = 0;
	answers = ROUNDS;
	EXPECT_RC(evtchn_send((unsigned int)offered), 0);
	WAIT_FOR(events >= ROUNDS);
	EXPECT_RC(evtchn_close((unsigned int)offered), 0);
	EXPECT_FAIL(evtchn_send((unsigned int)offered));

	/* The other way round: the guest offers, and closes. */
	WAIT_FOR((bound = bind_any(1, OFFERED)) > 0);
	listen((unsigned int)bound);
	EXPECT_RC(evtchn_send((unsigned int)bound), 0);
	WAIT_FOR(is((unsigned int)bound, EVTCHNSTAT_unbound, 1));
	EXPECT_RC(evtchn_send((unsigned int)bound), 0);
	EXPECT_RC(evtchn_close((unsigned int)bound), 0);

	/* The guest resets itself, then we reset the guest. */
	WAIT_FOR((bound = bind_any(1, OFFERED)) > 0);
	EXPECT_RC(evtchn_send((unsigned int)bound), 0);
	WAIT_FOR(is((unsigned int)bound, EVTCHNSTAT_unbound, 1));
	EXPECT_RC(evtchn_close((unsigned int)bound), 0);
	WAIT_FOR((bound = bind_any(1, 1)) > 0);
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_reset, &reset), 0);
	EXPECT(is((unsigned int)bound, EVTCHNSTAT_unbound, 1));

	/* A guest that ends lets go of its end. */
	WAIT_FOR(is_gone(1));
	EXPECT(is((unsigned int)bound, EVTCHNSTAT_unbound, 1));
	EXPECT_RC(evtchn_send((unsigned int)bound), 0);
	EXPECT_RC(evtchn_bind_interdomain(1, 1), -XEN_ESRCH);
}

/* Offers a port to the control domain and waits for its first event. */
static unsigned int offer(void)
{
	long port = evtchn_alloc_unbound(0);

	NEED(port > 0);
	listen((unsigned int)port);
	return (unsigned int)port;
}

static void guest(void)
{
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	unsigned int offered;
	long bound = -1;

	WAIT_FOR((bound = bind_any(0, 1)) > 0);
	EXPECT(is((unsigned int)bound, EVTCHNSTAT_interdomain, 0));
	answers = ~0u;
	listen((unsigned int)bound);
	EXPECT_RC(evtchn_send((unsigned int)bound), 0);
	WAIT_FOR(is((unsigned int)bound, EVTCHNSTAT_unbound, 0));
	EXPECT(events >= ROUNDS);
	NEED(bound < OFFERED);
	answers = 0;

	offered = offer();
	WAIT_FOR(events > 0);
	EXPECT(is(offered, EVTCHNSTAT_interdomain, 0));
	EXPECT_RC(evtchn_close(offered), 0);

	offered = offer();
	WAIT_FOR(events > 0);
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_reset, &reset), 0);
	EXPECT_FAIL(evtchn_send(offered));

	offered = offer();
	WAIT_FOR(is(offered, EVTCHNSTAT_closed, 0) || status(offered, &(unsigned int){ 0 }) == 99);
}

void test(void)
{
	if (is_control()) {
		control();
	} else {
		guest();
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * XSA-107 and XSA-359: FIFO events for a vCPU that has no control block yet. A
 * port that was bound to it, or that was moved between vCPUs with and without
 * one, made the hypervisor follow a null pointer; and where blocks were made
 * visible before they were complete, a pointer to half of one.
 *
 * Here vCPU 0 and vCPU 1 get control blocks late and in either order, while
 * ports are bound to both, raised, moved, masked and closed. An event for a
 * vCPU without a block waits; none is lost that is raised after the block.
 * Needs two vCPUs; the second need not run.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)
#define PORTS 8u

static struct evtchn_fifo_control_block *control[2];
static event_word_t *words;
static unsigned int port[PORTS];

static long init_control(unsigned int vcpu)
{
	struct evtchn_init_control op = { .control_gfn = virt_to_mfn(control[vcpu]), .vcpu = vcpu };

	return OP(EVTCHNOP_init_control, &op);
}

static long expand(void)
{
	struct evtchn_expand_array op = { .array_gfn = virt_to_mfn(words) };

	return OP(EVTCHNOP_expand_array, &op);
}

static void move(unsigned int n, unsigned int vcpu)
{
	struct evtchn_bind_vcpu op = { port[n], vcpu };

	EXPECT_RC(OP(EVTCHNOP_bind_vcpu, &op), 0);
}

static void set_priority(unsigned int n, unsigned int level)
{
	struct evtchn_set_priority op = { port[n], level };

	(void)OP(EVTCHNOP_set_priority, &op);
}

static void raise_all(void)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++) {
		EXPECT_RC(evtchn_send(port[i]), 0);
		EXPECT_RC(evtchn_unmask(port[i]), 0);
	}
}

/* Ends of channels to ourselves: these can be moved. */
static void bind(void)
{
	unsigned int i;

	for (i = 0; i < PORTS; i += 2) {
		long a = evtchn_alloc_unbound(DOMID_SELF), b;

		NEED(a > 0);
		b = evtchn_bind_interdomain(DOMID_SELF, (unsigned int)a);
		NEED(b > 0);
		port[i] = (unsigned int)a;
		port[i + 1] = (unsigned int)b;
	}
	for (i = 0; i < PORTS; i++) {
		move(i, i & 1);
	}
}

/* The guest's side forgets everything: queues, links, pending bits. */
static void clear(void)
{
	memset(words, 0, PAGE_SIZE);
	memset(control[0], 0, sizeof(**control));
	memset(control[1], 0, sizeof(**control));
}

static bool queued(unsigned int vcpu)
{
	return READ_ONCE(control[vcpu]->ready) != 0;
}

static void round_with(unsigned int first)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	unsigned int second = !first, i;

	clear();
	bind();
	raise_all();
	/* One has a block, the other none; no array at first, then one. */
	EXPECT_RC(init_control(first), 0);
	raise_all();
	EXPECT_RC(expand(), 0);
	raise_all();
	EXPECT(queued(first) && !queued(second));
	for (i = 0; i < PORTS; i++) {
		/* To where there is none, back, and at another priority. */
		move(i, second);
		set_priority(i, i % 16);
		raise_all();
		move(i, first);
		raise_all();
		move(i, i & 1);
	}
	EXPECT(!queued(second));
	EXPECT_RC(evtchn_close(port[second]), 0);
	EXPECT_RC(init_control(second), 0);
	EXPECT_FAIL(init_control(second));
	EXPECT_FAIL(init_control(first));
	/* What waits is raised by the next event, as on a level. */
	clear();
	for (i = 0; i < PORTS; i++) {
		if (i != second) {
			(void)evtchn_send(port[i]);
		}
	}
	EXPECT(queued(first) && queued(second));
	EXPECT_RC(OP(EVTCHNOP_reset, &op), 0);
}

void test(void)
{
	unsigned int i;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	control[0] = page_alloc();
	control[1] = page_alloc();
	words = page_alloc();
	events_off();
	for (i = 0; i < 4; i++) {
		round_with(i & 1);
		/* Bitmaps again, until the next control block. */
		evtchn_vcpu_info()->evtchn_upcall_pending = 0;
	}
}

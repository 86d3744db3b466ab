/* SPDX-License-Identifier: MIT */
/*
 * XSA-342 (and 338): ports that were once valid and are not any more. A reset
 * leads back from FIFO events to bitmaps, which have 4,096 ports; a port above
 * that, still bound or just being raised by another vCPU, was then looked up in
 * a bitmap that does not reach so far: a write beyond the shared page.
 *
 * Here one vCPU makes 6,000 ports with FIFO events and resets, again and again,
 * while another sends to, polls, unmasks, moves and closes ports above the
 * bitmaps' end. What lies behind the bitmaps in the shared page must not change.
 * Needs two vCPUs.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)
#define HIGH 4096u
#define TOP 6000u
#define ROUNDS 12u
#define PAGES 6u

static volatile bool stop;
static volatile unsigned long hits;
static struct evtchn_fifo_control_block *control;
static event_word_t *words[PAGES];

static void other_vcpu(unsigned long arg)
{
	unsigned int n = 0;

	(void)arg;
	while (!stop) {
		unsigned int port = HIGH + n++ * 37 % (TOP - HIGH);
		struct evtchn_bind_vcpu to = { port, n & 1 };
		struct evtchn_status st = { .dom = DOMID_SELF, .port = port };
		struct sched_poll poll = { .ports.p = &port, .nr_ports = 1, .timeout = 1 };

		hits += evtchn_send(port) == 0;
		(void)evtchn_unmask(port);
		(void)OP(EVTCHNOP_bind_vcpu, &to);
		(void)OP(EVTCHNOP_status, &st);
		(void)hyp_sched_op(SCHEDOP_poll, &poll);
		if (n % 64 == 0) {
			(void)evtchn_close(port);
			(void)evtchn_bind_virq(VIRQ_DEBUG, 1);
			(void)evtchn_bind_ipi(1);
		}
	}
}

static void fifo_and_back(void)
{
	struct evtchn_init_control init = { .control_gfn = virt_to_mfn(control) };
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	unsigned int i;
	long rc = 0;

	memset(control, 0, sizeof(*control));
	EXPECT_RC(OP(EVTCHNOP_init_control, &init), 0);
	for (i = 0; i < PAGES; i++) {
		struct evtchn_expand_array op = { .array_gfn = virt_to_mfn(words[i]) };

		memset(words[i], 0, PAGE_SIZE);
		EXPECT_RC(OP(EVTCHNOP_expand_array, &op), 0);
	}
	for (i = 0; i < TOP && rc >= 0; i++) {
		rc = evtchn_bind_ipi(i & 1);
	}
	EXPECT(rc > 0);
	spin_ns(2000000);
	EXPECT_RC(OP(EVTCHNOP_reset, &reset), 0);
	/* Back to bitmaps: at once there is no port above their end. */
	EXPECT_FAIL(evtchn_send(HIGH));
	EXPECT_FAIL(evtchn_send(TOP - 1));
	do {
		rc = evtchn_alloc_unbound(DOMID_SELF);
	} while (rc > 0);
	EXPECT_RC(rc, -XEN_ENOSPC);
	EXPECT_RC(OP(EVTCHNOP_reset, &reset), 0);
}

void test(void)
{
	uint8_t *shared = (uint8_t *)shim_shared;
	unsigned int i, wrong = 0;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	events_off();
	control = page_alloc();
	for (i = 0; i < PAGES; i++) {
		words[i] = page_alloc();
	}
	for (i = sizeof(*shim_shared); i < PAGE_SIZE; i++) {
		shared[i] = 0x5a;
	}
	EXPECT_RC(smp_start(1, other_vcpu, 0), 0);
	for (i = 0; i < ROUNDS; i++) {
		fifo_and_back();
	}
	stop = true;
	smp_wait(1);
	for (i = sizeof(*shim_shared); i < PAGE_SIZE; i++) {
		wrong += shared[i] != 0x5a;
	}
	EXPECT_RC(wrong, 0);
	print("%lu events above the bitmaps' end\n", hits);
	EXPECT(hits > 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * XSA-344: a reset, or the end of a domain, closes all event channels at once.
 * With the tens of thousands that FIFO events allow, nobody else gets the CPU
 * for that time.
 *
 * Here 60,000 ports are reset while a timer runs: the call must be interrupted
 * on its way and go on by itself, and no port may be left. A reset that the
 * guest gives up half-way leaves some ports closed and the rest usable.
 */
#include <test.h>

#define OP(cmd, arg) hyp_event_channel_op(cmd, arg)
#define PORTS 60000u
#define ARRAY_PAGES 60u
#define SYSCALL_BYTES 0x050fu

static volatile bool in_call, give_up;
static volatile unsigned int interrupted;
static struct evtchn_fifo_control_block *control;
static void *words[ARRAY_PAGES];
static unsigned int timer_port;

/* The call stands at its instruction again, to be continued. */
static bool on_event(struct trap_regs *regs)
{
	if (in_call && READ_ONCE(*(const uint16_t *)regs->rip) == SYSCALL_BYTES &&
	    regs->rdi == EVTCHNOP_reset) {
		interrupted++;
		if (give_up) {
			in_call = false;
			regs->rip += 2;
		}
	}
	evtchn_vcpu_info()->evtchn_upcall_pending = 0;
	return true;
}

static void make_ports(void)
{
	struct evtchn_init_control init = { .control_gfn = virt_to_mfn(control) };
	unsigned int i;
	long port = 0;

	memset(control, 0, sizeof(*control));
	EXPECT_RC(OP(EVTCHNOP_init_control, &init), 0);
	for (i = 0; i < ARRAY_PAGES; i++) {
		struct evtchn_expand_array op = { .array_gfn = virt_to_mfn(words[i]) };

		memset(words[i], 0, PAGE_SIZE);
		EXPECT_RC(OP(EVTCHNOP_expand_array, &op), 0);
	}
	port = evtchn_bind_virq(VIRQ_TIMER, 0);
	NEED(port > 0);
	timer_port = (unsigned int)port;
	for (i = 1; i < PORTS && port > 0; i++) {
		port = evtchn_alloc_unbound(DOMID_SELF);
	}
	EXPECT(port > 0);
}

static void reset(uint64_t delay)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };

	interrupted = 0;
	NEED(hyp_set_timer_op((int64_t)(time_ns() + delay)) == 0);
	in_call = true;
	(void)OP(EVTCHNOP_reset, &op);
	in_call = false;
}

void test(void)
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	unsigned int i, left = 0;
	uint64_t took;

	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	control = page_alloc();
	for (i = 0; i < ARRAY_PAGES; i++) {
		words[i] = page_alloc();
	}
	trap_set_hook(SHIM_VECTOR_EVENT, on_event);
	make_ports();
	took = time_ns();
	EXPECT_RC(OP(EVTCHNOP_reset, &op), 0);
	took = time_ns() - took;
	EXPECT_FAIL(evtchn_close(100));

	/* The timer's port is among the last to go: from the top. */
	for (i = 0; i < 5 && interrupted == 0; i++) {
		make_ports();
		reset(took / 3);
	}
	EXPECT(interrupted > 0);
	EXPECT_FAIL(evtchn_close(100));
	EXPECT_FAIL(evtchn_close(PORTS - 1));

	give_up = true;
	interrupted = 0;
	for (i = 0; i < 5 && interrupted == 0; i++) {
		make_ports();
		reset(took / 3);
	}
	EXPECT(interrupted == 1);
	for (i = 1; i < PORTS; i++) {
		left += evtchn_close(i) == 0;
	}
	print("%u of %u ports left by half a reset\n", left, PORTS);
	EXPECT(left > 0 && left < PORTS - 1);
	EXPECT_RC(OP(EVTCHNOP_reset, &op), 0);
}

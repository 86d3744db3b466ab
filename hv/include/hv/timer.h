/* SPDX-License-Identifier: MIT */
/*
 * Deadlines.  One heap per CPU under its timer lock; the CPU's one-shot timer
 * is armed for the earliest.  A timer lives inside its vCPU and fires on the
 * CPU where that was as it was set; what it does is a kind, not a function pointer.
 * Times are ns of time_now().
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

enum timer_kind {
	TIMER_SINGLESHOT, /* VIRQ_TIMER */
	TIMER_POLL,	  /* sched_op.c: end of SCHEDOP_poll */
	TIMER_CAP,	  /* sched.c: the domain may run again */
};

struct timer {
	uint64_t expires;
	struct timer *left, *right, *parent; /* timer lock of `cpu` */
	unsigned int cpu;		     /* timer lock of the CPU it names */
	uint32_t firing;		     /* atomic: handlers at work */
	uint8_t kind;
	bool active;
	struct vcpu *v;
};

/** Arms t on the CPU of its vCPU; replaces an earlier deadline. */
void timer_set(struct timer *t, uint64_t expires);
/**
 * After return t does not fire and is not firing.  May wait for a handler, so
 * the caller is none and holds no lock that one takes (evtchn, runqueue).
 */
void timer_stop(struct timer *t);
/** Runs what is due on this CPU and arms the hardware. Softirq only. */
void timer_softirq(void);
/** Arms this CPU's one-shot for the earliest of its timers and slice_end. */
void timer_arm(void);
/** ns since the core started; monotonic on all CPUs. */
uint64_t time_now(void);

#endif

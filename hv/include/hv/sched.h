/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU runs where.  Each vCPU belongs to one CPU's run queue, covered by
 * that CPU's runqueue lock.  A vCPU is eligible when pause_flags are 0
 * and its domain is not paused.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

struct percpu;
struct vcpu;
struct vcpu_runstate_info;

/** Prepares run queue and timers of a CPU; before it takes an interrupt. */
void sched_init_cpu(struct percpu *cpu);

/** Puts a new vCPU on a CPU; called once by vcpu_create(). */
void sched_init_vcpu(struct vcpu *v);
/** Takes bits away from v->pause_flags; makes it eligible if none is left. */
void sched_wake(struct vcpu *v, uint32_t flags);
/** Sets bits; v stops at its next entry (at once if it is current: asks for
 *  a reschedule before the return to the guest). */
void sched_sleep(struct vcpu *v, uint32_t flags);
/**
 * As sched_sleep and returns when no CPU has v loaded, not even an idle one;
 * v is not current.  No lock held: v may be waiting for it.
 */
void sched_sleep_sync(struct vcpu *v, uint32_t flags);
/** Lets the next one run (SCHEDOP_yield). */
void sched_yield(void);
/** Looks at v again soon: an event is pending for it. From any CPU. */
void vcpu_kick(struct vcpu *v);

/**
 * Softirqs of this CPU until none is left; may switch vCPU and idles while
 * none is eligible.  Called from exit_to_guest() only.
 */
void softirq_process(void);
void softirq_raise(unsigned int cpu, uint32_t bits);

/** Copies v's runstate, with the time in the present state added. */
void runstate_read(struct vcpu *v, struct vcpu_runstate_info *out);
/** Writes the registered runstate area.  Runqueue lock of v's CPU held. */
void runstate_publish(struct vcpu *v);

#endif

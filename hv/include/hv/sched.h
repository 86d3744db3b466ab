/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU runs where.  A vCPU that can run has no pause_flags, and is loaded
 * on a CPU or waits in the one queue.
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include <hv/vcpu.h>

#define SCHED_WEIGHT 256 /* of a domain that nobody set one for */
#define SCHED_WEIGHT_MAX 65535

/** Prepares run queue and timers of a CPU; before it takes an interrupt. */
void sched_init_cpu(struct percpu *cpu);

extern struct vcpu *sched_queue; /* for the auditor */

/** Puts a new vCPU on a CPU; called once by vcpu_create(). */
void sched_init_vcpu(struct vcpu *v);
/** Takes bits away from v->pause_flags; makes it eligible if none is left. */
void sched_wake(struct vcpu *v, uint32_t flags);
/** Sets bits; v stops at its next entry (at once if it is current: asks for
 *  a reschedule before the return to the guest). */
void sched_sleep(struct vcpu *v, uint32_t flags);
/**
 * True if no CPU has v, which sleeps, loaded, not even an idle one; otherwise
 * that CPU is asked to change this.
 */
bool must_check sched_unloaded(struct vcpu *v);
/** Lets the next one run (SCHEDOP_yield). */
void sched_yield(void);
/** Looks at v again soon: an event is pending for it. From any CPU. */
void vcpu_kick(struct vcpu *v);

/**
 * The share of a domain against others that want to run, 1 to SCHED_WEIGHT_MAX,
 * and the most that it gets, in percent of one CPU, 0: no limit.  Takes effect
 * at once.  -XEN_EINVAL: not a weight, or more than all its vCPUs could use.
 */
int must_check sched_set_params(struct domain *d, uint32_t weight, uint32_t cap);
/**
 * The CPUs that v may run on from now on.  -XEN_EINVAL: none of them is there.
 * If v runs elsewhere it is taken from there at once.
 */
int must_check vcpu_set_affinity(struct vcpu *v, cpumask_t cpus);

/**
 * Softirqs of this CPU until none is left; may switch vCPU and idles while
 * none is eligible.  Called from exit_to_guest() only.
 */
void softirq_process(void);
void softirq_raise(unsigned int cpu, uint32_t bits);

/** v enters a state, RUNSTATE_*: by the CPU where it is loaded or under the runqueue lock. */
void runstate_set(struct vcpu *v, int state, uint64_t now);
/** Copies v's runstate, with the time in the present state added. */
void runstate_read(struct vcpu *v, struct vcpu_runstate_info *out);
/** Writes the registered runstate area.  Lock of v held. */
void runstate_publish(struct vcpu *v);

#endif

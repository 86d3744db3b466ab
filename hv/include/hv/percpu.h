/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has of its own.  Found from the CPU's stack pointer (see
 * arch/cpu.h), so it costs one instruction.  Fields belong to their CPU
 * unless marked.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include <arch/cpu.h>
#include <hv/lock.h>

#define SOFTIRQ_SCHED 1u   /* pick a vCPU again */
#define SOFTIRQ_TIMER 2u   /* expired timers */
#define SOFTIRQ_KICK 4u	   /* nothing but: look at pending events again */
#define SOFTIRQ_UNLOAD 8u  /* take an idle vCPU out of the machine */
#define SOFTIRQ_DOMAIN 16u /* a domain has ended, or could */

struct percpu {
	unsigned int id;   /* write-once; index of this CPU */
	uint32_t apic_id;  /* write-once */
	uint32_t acpi_id;  /* write-once */
	struct vcpu *curr; /* loaded vCPU, or NULL before the first */
	uint32_t softirq;  /* atomic: SOFTIRQ_* */
	uint64_t work_end; /* of a piece of work between guests; 0: in none */

	/* sched.c */
	bool idle;	  /* atomic: nobody runs, and nobody has claimed it */
	uint64_t clock;	  /* own CPU to write: greatest key picked */
	uint64_t charged; /* the running vCPU has paid up to here */
	uint64_t slice_start;
	uint64_t slice_end; /* own CPU to write; ~0: nobody waits, 0: over */

	/* timer heap, timer.c */
	spinlock_t timer_lock;
	struct timer *timer_root; /* timer lock */
	uint64_t timer_armed;	  /* deadline programmed, ~0: none */

	/* locks held, debug */
	uint32_t ranks_held; /* 1 << lock_rank */

	/* longest time with interrupts held off, in ticks */
	uint64_t irqs_off_since;
	uint64_t irqs_off_worst;

	struct arch_percpu arch;
};

/** Of another CPU; id < cpu_count(). */
struct percpu *percpu_of(unsigned int id);

#endif

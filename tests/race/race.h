/* SPDX-License-Identifier: MIT */
/*
 * Races between CPUs: the core on the fake machine with a thread for each CPU,
 * under ThreadSanitizer.  threads.c is the part of the machine that differs
 * from the one of a single thread, main.c runs one storm after the other, and
 * each other file holds storms: what the guests do, a step at a time.
 *
 * A thread is a processor, not a vCPU.  So what a guest is about to do lives
 * in struct race_vcpu, and a step ends with its first hypercall: afterwards the
 * CPU may run another vCPU, or another CPU this one.
 */
#ifndef RACE_H
#define RACE_H

#include <fake.h>

#define RACE_DOMAINS 3 /* 0 is the control domain */
#define RACE_VCPUS 4
#define RACE_PAGES 40

struct race_vcpu {
	struct vcpu *v;
	struct fake_guest *g;
	uint64_t seed;
	bool in_call;	 /* a hypercall is to be continued or has just ended */
	bool called;	 /* its result has not been looked at */
	unsigned int op; /* the storm's own note about it */
	uint64_t note;
	long result;
	uint64_t steps;
};

struct storm {
	const char *name;
	unsigned int domains, vcpus; /* vCPUs of each domain */
	void (*start)(void);	     /* after the domains are made; or NULL */
	void (*step)(struct race_vcpu *rv);
	void (*quiet)(void); /* further checks while all CPUs rest; or NULL */
	bool may_crash;	     /* a guest of it may harm itself to death */
};

extern const struct storm types_storm, events_storm, fifo_storm, wake_storm, sched_storm,
	vcpus_storm, grants_storm, destroy_storm, gntdie_storm;
extern struct fake_guest race_guest[RACE_DOMAINS];
extern struct race_vcpu race_vcpu[RACE_DOMAINS][RACE_VCPUS];

/* ---- threads.c ------------------------------------------------------------- */

/** Starts a thread for each CPU; each calls race_guest_mode() when it runs a vCPU. */
void race_threads_start(void);
/** Brings all CPUs to rest, outside the core or idle in it; then lets them go on. */
void race_rest(void);
void race_go_on(void);
/** Ends the threads; the CPUs stay where they rested. */
void race_threads_stop(void);
/** True if this CPU has to look for interrupts; race_interrupt() does. */
bool race_interrupted(void);
void race_interrupt(void);
uint32_t race_cpu_random(void);

/* ---- main.c ---------------------------------------------------------------- */

/** Guest code on the current CPU, until it should enter the core for good. */
void race_guest_mode(void);
/** Makes the vCPU programs of a domain anew, before it is made anew itself. */
void race_vcpus_reset(unsigned int id);
/** Lets the domain's vCPUs begin, or keeps them from it. */
void race_let(unsigned int id, bool on);
uint32_t race_random(struct race_vcpu *rv);
static inline uint32_t race_below(struct race_vcpu *rv, uint32_t n)
{
	return race_random(rv) % n;
}

/** A hypercall; the last thing in a step.  `op` comes back in rv->op. */
void race_call_args(struct race_vcpu *rv, unsigned int op, unsigned long nr,
		    const uint64_t args[5]);
#define race_call(rv, op, nr, ...) \
	race_call_args((rv), (op), (nr), (const uint64_t[5]){ __VA_ARGS__ })
/** The vCPU's own piece of guest memory for arguments, 512 bytes. */
uint64_t race_args(const struct race_vcpu *rv);
/** A call whose one structure is put there first. */
void race_call_struct(struct race_vcpu *rv, unsigned int op, unsigned long nr, uint64_t cmd,
		      const void *arg, size_t n);
/** Ends the run if a check of the storm failed. */
void race_must(bool good, const char *what);

#endif

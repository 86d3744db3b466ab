/* SPDX-License-Identifier: MIT */
/*
 * What of the fake machine is different when each CPU is a thread: who this
 * CPU is, waiting, idling, interrupts, time, and TLB flushes on other CPUs.
 *
 * An interrupt is the flag `ipi` of the CPU it goes to.  A CPU sees it where a
 * real one has interrupts on: between two guest steps, in arch_idle() and in
 * arch_irq_window(); requests to flush also where it spins.  Time is real time,
 * faster by a factor, so that slices and timers end in a short run.
 *
 * A flush is asked for and answered as in hv/x86/tlb.c.  Each TLB belongs to
 * its own thread: nobody else looks at it or changes it.
 */
#include "race.h"

#include <linux/futex.h>
/* libc's function, and then the core's, which the build calls differently. */
#undef sched_yield
#include <pthread.h>
#define sched_yield core_sched_yield
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <hv/check.h>
#include <hv/entry.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>

#define TIME_FACTOR 8
#define IDLE_LOOK_NS 20000000l
#define REST_SECONDS 60

_Thread_local unsigned int fake_thread_cpu;

static struct thread_cpu {
	pthread_t thread;
	uint32_t ipi;	   /* atomic; futex */
	uint32_t flags;	   /* atomic: a flush is asked for */
	uint32_t asked;	   /* atomic: requests so far */
	uint32_t done;	   /* atomic: of these, answered */
	uint64_t deadline; /* own thread */
	uint64_t seed;	   /* own thread */
	jmp_buf end;	   /* own thread: where it leaves to */
} cpus[FAKE_CPUS];

static uint32_t rest; /* atomic, futex: number of the rest, or 0 */
/* Atomic: ROUND times the rest's number, and how many CPUs rest.  With the number
 * one that was late in an earlier rest takes itself off none. */
static uint32_t resting;
#define ROUND 256u
static uint32_t stop;	  /* atomic */
static bool alone = true; /* no CPU has a thread yet, or no more */

static struct thread_cpu *self(void)
{
	return &cpus[fake_thread_cpu];
}

uint32_t race_cpu_random(void)
{
	struct thread_cpu *c = self();

	c->seed = c->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(c->seed >> 33);
}

uint32_t fake_random(void)
{
	return race_cpu_random();
}

/* ---- Futexes ----------------------------------------------------------------- */

static void sleep_on(uint32_t *word, uint32_t value, long ns)
{
	struct timespec t = { 0, ns };

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &t, NULL, 0);
}

static void wake_up(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, FAKE_CPUS + 1, NULL, NULL, 0);
}

/* ---- CPUs and interrupts ------------------------------------------------------- */

struct percpu *this_cpu(void)
{
	return &fake.percpu[fake_thread_cpu];
}

void fake_cpu_set(unsigned int cpu)
{
	fake_thread_cpu = cpu;
}

void arch_kick_cpu(unsigned int cpu)
{
	if (cpu >= fake.config.cpus) {
		fake_die("kick of CPU %u", cpu);
	}
	if (__atomic_exchange_n(&cpus[cpu].ipi, 1, __ATOMIC_SEQ_CST) == 0) {
		wake_up(&cpus[cpu].ipi);
	}
}

/* As call_service() of hv/x86/tlb.c, which says why in this order. */
static void serve(void)
{
	struct thread_cpu *c = self();
	uint32_t asked = __atomic_load_n(&c->asked, __ATOMIC_ACQUIRE);

	if (asked == c->done) {
		return;
	}
	if (__atomic_exchange_n(&c->flags, 0, __ATOMIC_SEQ_CST) != 0) {
		fake_tlb_flush(fake_thread_cpu);
	}
	__atomic_store_n(&c->done, asked, __ATOMIC_RELEASE);
}

static void timer_interrupt(void)
{
	if (self()->deadline <= arch_now()) {
		self()->deadline = ~0ull;
		softirq_raise(fake_thread_cpu, SOFTIRQ_TIMER);
	}
}

bool race_interrupted(void)
{
	return __atomic_load_n(&self()->ipi, __ATOMIC_SEQ_CST) != 0 ||
	       __atomic_load_n(&rest, __ATOMIC_SEQ_CST) != 0 || self()->deadline <= arch_now();
}

static void interrupts(void)
{
	(void)__atomic_exchange_n(&self()->ipi, 0, __ATOMIC_SEQ_CST);
	serve();
	timer_interrupt();
}

/*
 * Nothing that the audit counts is under way here.  Until all CPUs rest, one
 * that does not may wait for this one: for a flush, or for it to put down a
 * vCPU.  So an interrupt ends the rest, unless all do.
 */
static void take_a_rest(void)
{
	struct thread_cpu *c = self();
	uint32_t round = __atomic_load_n(&rest, __ATOMIC_ACQUIRE), n;

	if (round == 0) {
		return;
	}
	__atomic_add_fetch(&resting, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&rest, __ATOMIC_ACQUIRE) == round) {
		if (__atomic_load_n(&stop, __ATOMIC_ACQUIRE) != 0) {
			longjmp(c->end, 1);
		}
		n = __atomic_load_n(&resting, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&c->ipi, __ATOMIC_SEQ_CST) == 0) {
			sleep_on(&c->ipi, 0, IDLE_LOOK_NS);
		} else if (n % ROUND == fake.config.cpus) {
			sleep_on(&rest, round, IDLE_LOOK_NS);
		} else if (__atomic_compare_exchange_n(&resting, &n, n - 1, false, __ATOMIC_SEQ_CST,
						       __ATOMIC_SEQ_CST)) {
			return;
		}
	}
}

void race_interrupt(void)
{
	take_a_rest();
	interrupts();
}

void arch_idle(void)
{
	struct thread_cpu *c = self();

	fake_no_lock_held("idle");
	for (;;) {
		take_a_rest();
		if (__atomic_load_n(&c->ipi, __ATOMIC_SEQ_CST) != 0 || c->deadline <= arch_now()) {
			break;
		}
		sleep_on(&c->ipi, 0,
			 c->deadline == ~0ull ?
				 IDLE_LOOK_NS :
				 MIN(IDLE_LOOK_NS,
				     1000 + (long)(c->deadline - arch_now()) / TIME_FACTOR));
	}
	interrupts();
}

void arch_irq_window(void)
{
	fake_no_lock_held("interrupt window");
	interrupts();
	if (race_cpu_random() % 16 == 0) {
		softirq_raise(fake_thread_cpu, SOFTIRQ_KICK);
	}
	if (race_cpu_random() % 8 == 0) {
		syscall(SYS_sched_yield);
	}
}

/* There are more CPUs than processors: who spins must not keep one. */
void arch_cpu_relax(void)
{
	serve();
	syscall(SYS_sched_yield);
}

/* ---- Time ---------------------------------------------------------------------- */

uint64_t arch_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec) * TIME_FACTOR;
}

uint64_t arch_ticks(void)
{
	return arch_now();
}

void arch_timer_arm(uint64_t deadline)
{
	self()->deadline = deadline;
}

void fake_advance(uint64_t ns UNUSED)
{
}

/* ---- TLB flushes ------------------------------------------------------------------ */

static void flush_others(cpumask_t mask)
{
	uint32_t number[FAKE_CPUS];

	mask &= ~(1ull << fake_thread_cpu);
	for (unsigned int i = 0; alone && i < fake.config.cpus; i++) {
		fake_tlb_flush(i);
	}
	if (alone) {
		return;
	}
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (mask >> i & 1) {
			__atomic_fetch_or(&cpus[i].flags, 1, __ATOMIC_SEQ_CST);
			number[i] = __atomic_add_fetch(&cpus[i].asked, 1, __ATOMIC_SEQ_CST);
			arch_kick_cpu(i);
		}
	}
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		while ((mask >> i & 1) &&
		       (int32_t)(__atomic_load_n(&cpus[i].done, __ATOMIC_ACQUIRE) - number[i]) <
			       0) {
			arch_cpu_relax();
		}
	}
}

void arch_flush_tlb(cpumask_t mask)
{
	if ((mask & ~cpu_online_mask()) != 0) {
		fake_die("flush of CPUs %#lx", (unsigned long)mask);
	}
	if (mask >> fake_thread_cpu & 1) {
		fake_tlb_flush(fake_thread_cpu);
	}
	flush_others(mask);
}

void arch_flush_page(cpumask_t mask, uint64_t va)
{
	if (mask >> fake_thread_cpu & 1) {
		fake_tlb_flush_page(fake_thread_cpu, va);
	}
	flush_others(mask);
}

/* As in hv/x86/tlb.c. */
cpumask_t arch_domain_tlb_mask(const struct domain *d)
{
	cpumask_t mask = 0;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		const struct vcpu *v = READ_ONCE(fake.percpu[i].curr);
		uint64_t cr3 = READ_ONCE(fake.cpus[i].cr3_loaded);

		if ((v != NULL && v->domain == d) ||
		    (cr3 != 0 && READ_ONCE(mfn_to_page(cr3 >> PAGE_SHIFT)->owner) == d->id)) {
			mask |= 1ull << i;
		}
	}
	return mask;
}

/* ---- The way out --------------------------------------------------------------------- */

void fake_exit(void)
{
	fake.cpus[fake_thread_cpu].inside = true;
	fake_no_lock_held("exit to the guest");
	while (READ_ONCE(this_cpu()->softirq) == 0 &&
	       (this_cpu()->curr == NULL || !this_cpu()->curr->running)) {
		arch_idle();
	}
	(void)exit_to_guest();
	fake_check_regs(this_cpu()->curr);
	fake.cpus[fake_thread_cpu].inside = false;
	fake_no_lock_held("in the guest");
	fake_tlb_check();
}

/* Each CPU looks after itself. */
void fake_settle(void)
{
}

bool fake_run(struct vcpu *v)
{
	return this_cpu()->curr == v;
}

/* ---- Threads ------------------------------------------------------------------------- */

static void *cpu_main(void *arg)
{
	struct thread_cpu *c = arg;

	fake_thread_cpu = (unsigned int)(c - cpus);
	c->seed = fake_thread_cpu + 1;
	if (setjmp(c->end) == 0) {
		for (;;) {
			fake_exit();
			race_guest_mode();
		}
	}
	return NULL;
}

void race_threads_start(void)
{
	stop = 0;
	rest = 0;
	alone = false;
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		cpus[i] = (struct thread_cpu){ .deadline = ~0ull };
	}
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (pthread_create(&cpus[i].thread, NULL, cpu_main, &cpus[i]) != 0) {
			fake_die("no thread for CPU %u", i);
		}
	}
}

void race_rest(void)
{
	static uint32_t round;
	unsigned long tries = 0;

	round++;
	__atomic_store_n(&resting, round * ROUND, __ATOMIC_SEQ_CST);
	__atomic_store_n(&rest, round, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		arch_kick_cpu(i);
	}
	while (__atomic_load_n(&resting, __ATOMIC_ACQUIRE) % ROUND != fake.config.cpus) {
		usleep(200);
		if (++tries > REST_SECONDS * 5000ul) {
			fake_die("%u CPUs come to rest, not all", resting % ROUND);
		}
	}
}

void race_go_on(void)
{
	__atomic_store_n(&rest, 0, __ATOMIC_SEQ_CST);
	wake_up(&rest);
}

void race_threads_stop(void)
{
	race_rest();
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		pthread_join(cpus[i].thread, NULL);
	}
	alone = true;
}

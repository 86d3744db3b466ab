/* SPDX-License-Identifier: MIT */
/*
 * Timers: one heap per CPU, ordered by deadline, under that CPU's timer lock.
 * A timer goes into the heap of the CPU to which its vCPU belongs, and stays
 * there until it is set again even if the vCPU moves: t->cpu names it, and
 * changes under the lock of the CPU that it names, while t is in no heap.
 * vtime.c, sched.c and sched_op.c set and stop timers, the TIMER softirq runs
 * what is due.  Handlers run without the timer lock; t->firing counts them, so
 * that timer_stop() can wait.
 *
 * The heap is a skew heap: merging walks down two right spines and swaps the
 * children on its way, which keeps every sequence of operations logarithmic on
 * average without a balance field.  It never recurses, because its depth is at
 * the mercy of deadlines that guests choose.
 */
#include <hv/timer.h>

#include <hv/evtchn.h>
#include <hv/sched.h>

#define NEVER (~0ull)

uint64_t time_now(void)
{
	return arch_now();
}

/* ---- The heap; timer lock held -------------------------------------------- */

/* Joins two heaps and hangs the result below `parent`, as its child *link. */
static void merge(struct timer **link, struct timer *parent, struct timer *a, struct timer *b)
{
	while (a != NULL && b != NULL) {
		struct timer *first = b->expires < a->expires ? b : a;

		b = first == a ? b : a;
		*link = first;
		first->parent = parent;
		/* What was right is merged on; it becomes the left side. */
		a = first->right;
		first->right = first->left;
		parent = first;
		link = &first->left;
	}
	*link = a != NULL ? a : b;
	if (*link != NULL) {
		(*link)->parent = parent;
	}
}

static void heap_insert(struct percpu *cpu, struct timer *t)
{
	t->left = NULL;
	t->right = NULL;
	WRITE_ONCE(t->active, true);
	merge(&cpu->timer_root, NULL, cpu->timer_root, t);
}

static void heap_remove(struct percpu *cpu, struct timer *t)
{
	struct timer *parent = t->parent;
	struct timer **link = &cpu->timer_root;

	if (parent != NULL) {
		link = parent->left == t ? &parent->left : &parent->right;
	}
	ASSERT(*link == t);
	merge(link, parent, t->left, t->right);
	WRITE_ONCE(t->active, false);
}

/* ---- Setting and stopping --------------------------------------------------- */

void timer_arm(void)
{
	struct percpu *cpu = this_cpu();
	uint64_t deadline;

	spin_lock(&cpu->timer_lock);
	deadline = cpu->timer_root != NULL ? cpu->timer_root->expires : NEVER;
	spin_unlock(&cpu->timer_lock);

	/* A slice that is over needs no timer: schedule() acts on it. */
	if (cpu->slice_end != 0) {
		deadline = MIN(deadline, cpu->slice_end);
	}
	/* Armed for an earlier time, whose interrupt finds nothing and arms it
	 * anew: one at most for each time that it is left alone here. */
	if (deadline >= cpu->timer_armed) {
		return;
	}
	if (deadline <= time_now()) {
		/* The hardware could only say what is known already. */
		softirq_raise(cpu->id, SOFTIRQ_TIMER);
		return;
	}
	cpu->timer_armed = deadline;
	arch_timer_arm(deadline);
}

/* Locks the heap of t and takes t out. */
static struct percpu *take_out(struct timer *t)
{
	for (;;) {
		struct percpu *cpu = percpu_of(__atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE));

		spin_lock(&cpu->timer_lock);
		if (READ_ONCE(t->cpu) == cpu->id) {
			if (t->active) {
				heap_remove(cpu, t);
			}
			return cpu;
		}
		spin_unlock(&cpu->timer_lock);
	}
}

void timer_set(struct timer *t, uint64_t expires)
{
	unsigned int to = READ_ONCE(t->v->cpu);
	struct percpu *cpu;
	bool first;

	while ((cpu = take_out(t))->id != to) {
		__atomic_store_n(&t->cpu, to, __ATOMIC_RELEASE);
		spin_unlock(&cpu->timer_lock);
	}
	WRITE_ONCE(t->expires, expires);
	heap_insert(cpu, t);
	first = cpu->timer_root == t;
	spin_unlock(&cpu->timer_lock);

	if (!first) {
		return;
	}
	if (cpu == this_cpu()) {
		timer_arm();
	} else {
		softirq_raise(cpu->id, SOFTIRQ_TIMER);
	}
}

void timer_stop(struct timer *t)
{
	/* A handler that still runs may set it again: it is taken out anew. */
	for (;;) {
		spin_unlock(&take_out(t)->timer_lock);
		if (__atomic_load_n(&t->firing, __ATOMIC_ACQUIRE) == 0) {
			return;
		}
		arch_cpu_relax();
	}
}

/* ---- Expiry ------------------------------------------------------------------- */

/* Takes out the first timer if it is due and marks it as firing. */
static struct timer *take_due(struct percpu *cpu)
{
	uint64_t now = time_now();
	struct timer *t;

	spin_lock(&cpu->timer_lock);
	t = cpu->timer_root;
	if (t != NULL && t->expires <= now) {
		heap_remove(cpu, t);
		/* Before the lock is free: a timer_stop() that finds t inactive
		 * must see that it fires. */
		__atomic_add_fetch(&t->firing, 1, __ATOMIC_RELAXED);
	} else {
		t = NULL;
	}
	spin_unlock(&cpu->timer_lock);
	return t;
}

void timer_softirq(void)
{
	struct percpu *cpu = this_cpu();
	struct timer *t;

	/* The one-shot has been spent, or is about to be set anew. */
	cpu->timer_armed = NEVER;

	/* Ends, because no handler arms a timer for a time that has passed. */
	while ((t = take_due(cpu)) != NULL) {
		if (t->kind == TIMER_POLL || t->kind == TIMER_CAP) {
			/* Maybe of a call that has ended: to wake early is
			 * allowed. */
			sched_wake(t->v, t->kind == TIMER_POLL ? PAUSE_POLL : PAUSE_CAP);
		} else {
			evtchn_send_virq(t->v, VIRQ_TIMER);
		}
		/* What the handler did becomes visible before its end does,
		 * after which t may be gone. */
		__atomic_sub_fetch(&t->firing, 1, __ATOMIC_RELEASE);
	}
	if (cpu->slice_end != 0 && cpu->slice_end <= time_now()) {
		WRITE_ONCE(cpu->slice_end, 0);
		softirq_raise(cpu->id, SOFTIRQ_SCHED);
	}
	timer_arm();
}

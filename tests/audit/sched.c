/* SPDX-License-Identifier: MIT */
/*
 * The auditor of run queues and timers: every queue and heap holds what it
 * should, and only that.  Called by audit_all() in debug runs and by tests,
 * while no guest runs; it takes each CPU's locks all the same, since interrupts
 * of other CPUs may wake a vCPU.  Walks the heaps by their parent links, for
 * their depth has no bound.  Changes nothing.
 */
#include <hv/audit.h>

#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/timer.h>
#include <hv/vcpu.h>

#define REPORTS_MAX 20
#define MEMBERS_MAX (MAX_DOMAINS * MAX_VCPUS) /* a longer list is a circle */

static unsigned int differences;

/* Without v what is wrong is a CPU's. */
static void expect(bool good, const struct vcpu *v, const char *what)
{
	if (!good && differences++ < REPORTS_MAX) {
		pr_err("audit: d%dv%d: %s", v != NULL ? v->domain->id : -1,
		       v != NULL ? (int)v->id : -1, what);
	}
}

/* ---- Run queues ------------------------------------------------------------- */

/* Number of vCPUs queued on the CPU; runqueue lock held. */
static unsigned int audit_queue(const struct percpu *cpu)
{
	struct vcpu *const *link = &cpu->rq_head;
	const struct vcpu *v;
	unsigned int count = 0;

	for (; *link != NULL && count < MEMBERS_MAX; link = &v->rq_next) {
		v = *link;
		count++;
		expect(v->queued, v, "in a run queue and does not know");
		expect(!v->running, v, "runs and waits at once");
		expect(v->cpu == cpu->id, v, "in another CPU's run queue");
		expect(v->runstate.state == VCPU_RUNNABLE, v, "queued but not runnable");
	}
	expect(link == cpu->rq_tail, *link, "the run queue is a circle or ends elsewhere");
	return count;
}

static void audit_vcpu(const struct vcpu *v)
{
	const struct percpu *cpu = percpu_of(v->cpu);

	expect(!v->running || v->loaded, v, "runs without being loaded");
	expect(v->loaded == (cpu->curr == v), v, "loaded, or not, wrongly");
	expect((v->runstate.state == VCPU_RUNNING) == v->running, v,
	       "the run state says otherwise");
	expect(v->runstate.state != VCPU_BLOCKED ||
		       (v->pause_flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0,
	       v, "blocked for no reason");
}

/* ---- Timers ----------------------------------------------------------------- */

/* The next timer in preorder, NULL after the last. */
static const struct timer *next_timer(const struct timer *t)
{
	const struct timer *from = NULL;

	if (t->left != NULL || t->right != NULL) {
		return t->left != NULL ? t->left : t->right;
	}
	/* Up, until there is a right child that has not been seen. */
	do {
		from = t;
		t = t->parent;
	} while (t != NULL && (t->right == NULL || t->right == from));
	return t != NULL ? t->right : NULL;
}

/* Number of timers of the CPU; timer lock held. */
static unsigned int audit_heap(const struct percpu *cpu)
{
	const struct timer *t;
	unsigned int count = 0;

	for (t = cpu->timer_root; t != NULL; t = next_timer(t)) {
		if (++count > 3 * MEMBERS_MAX) {
			expect(false, t->v, "the timers form a circle");
			return count;
		}
		expect(t->active, t->v, "a timer in a heap is not active");
		expect(t->v->cpu == cpu->id, t->v, "a timer of another CPU");
		expect(t->parent == NULL || t->parent->expires <= t->expires, t->v,
		       "a timer lies below a later one");
		expect((t->left == NULL || t->left->parent == t) &&
			       (t->right == NULL || t->right->parent == t),
		       t->v, "a timer's child has another parent");
	}
	return count;
}

unsigned int audit_sched(void)
{
	unsigned int queued = 0, timers = 0;
	struct domain *d;
	unsigned int i;

	differences = 0;
	for (i = 0; i < cpu_count(); i++) {
		struct percpu *cpu = percpu_of(i);

		spin_lock(&cpu->rq_lock);
		queued += audit_queue(cpu);
		spin_unlock(&cpu->rq_lock);
		spin_lock(&cpu->timer_lock);
		timers += audit_heap(cpu);
		spin_unlock(&cpu->timer_lock);
	}
	for (d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		for (i = 0; i < d->max_vcpus; i++) {
			const struct vcpu *v = d->vcpu[i];

			if (v != NULL) {
				audit_vcpu(v);
				queued -= v->queued;
				timers -= v->singleshot.active;
				timers -= v->periodic.active;
				timers -= v->poll_timer.active;
			}
		}
	}
	/* What is left over belongs to a vCPU that no longer exists, or is
	 * marked as a member and is none. */
	expect(queued == 0, NULL, "run queues hold more or less than that");
	expect(timers == 0, NULL, "so do the timer heaps");
	return differences;
}

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
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/vcpu.h>

#define REPORTS_MAX 20
#define MEMBERS_MAX (MAX_DOMAINS * MAX_VCPUS) /* a longer list is a circle */

static unsigned int differences;

static void expect(bool good, const struct vcpu *v, const char *what)
{
	if (!good && differences++ < REPORTS_MAX) {
		pr_err("audit: d%uv%u: %s", v->domain->id, v->id, what);
	}
}

/* ---- Run queues ------------------------------------------------------------- */

/* Number of vCPUs queued on the CPU; runqueue lock held. */
static unsigned int audit_queue(const struct percpu *cpu)
{
	const struct vcpu *last = NULL;
	const struct vcpu *v;
	unsigned int count = 0;

	for (v = cpu->rq_head; v != NULL; v = v->rq_next) {
		if (++count > MEMBERS_MAX) {
			expect(false, v, "the run queue is a circle");
			return count;
		}
		expect(v->queued, v, "in a run queue and does not know");
		expect(!v->running, v, "runs and waits at once");
		expect(v->cpu == cpu->id, v, "in another CPU's run queue");
		expect(v->runstate.state == VCPU_RUNNABLE, v,
		       "queued but not runnable");
		last = v;
	}
	if (last != cpu->rq_tail) {
		differences++;
		pr_err("audit: CPU %u: the run queue ends elsewhere", cpu->id);
	}
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
	if (t->left != NULL) {
		return t->left;
	}
	if (t->right != NULL) {
		return t->right;
	}
	while (t->parent != NULL) {
		const struct timer *parent = t->parent;

		if (parent->left == t && parent->right != NULL) {
			return parent->right;
		}
		t = parent;
	}
	return NULL;
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
		expect(t->cpu == cpu->id, t->v, "a timer of another CPU");
		expect(t->parent == NULL || t->parent->expires <= t->expires,
		       t->v, "a timer lies below a later one");
		expect(t->left == NULL || t->left->parent == t, t->v,
		       "a timer's left child has another parent");
		expect(t->right == NULL || t->right->parent == t, t->v,
		       "a timer's right child has another parent");
	}
	return count;
}

static unsigned int active_timers(const struct vcpu *v)
{
	return (unsigned int)v->singleshot.active +
	       (unsigned int)v->periodic.active +
	       (unsigned int)v->poll_timer.active;
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
				queued -= v->queued ? 1 : 0;
				timers -= active_timers(v);
			}
		}
	}
	/* What is left over belongs to a vCPU that no longer exists, or is
	 * marked as a member and is none. */
	if (queued != 0 || timers != 0) {
		differences++;
		pr_err("audit: run queues off by %d, timers by %d", (int)queued,
		       (int)timers);
	}
	return differences;
}

/* SPDX-License-Identifier: MIT */
/*
 * The auditor of the run queue and timers: the queue and each heap hold what
 * they should, and only that.  Called by audit_all() in debug runs and by tests,
 * while no guest runs.  Walks the heaps by their parent links, for
 * their depth has no bound.  Changes nothing.
 */
#include "audit.h"

#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/sched.h>
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

/* ---- The run queue ------------------------------------------------------------ */

/* Number of vCPUs queued. */
static unsigned int audit_queue(void)
{
	const struct vcpu *v;
	unsigned int count = 0;

	for (v = sched_queue; v != NULL; v = v->rq_next) {
		if (++count > MEMBERS_MAX) {
			expect(false, v, "the run queue is a circle");
			return count;
		}
		expect(v->queued, v, "in the run queue and does not know");
		expect(!v->running && !v->loaded, v, "is on a CPU and waits at once");
		expect(v->runstate.state == RUNSTATE_runnable, v, "queued but not runnable");
	}
	return count;
}

/* Somebody has raised SOFTIRQ_SCHED there, and the CPU has not looked yet. */
static bool has_to_look(const struct percpu *cpu)
{
	return (READ_ONCE(cpu->softirq) & SOFTIRQ_SCHED) != 0;
}

/* A CPU where v may run idles, and no CPU is about to take v off the queue. */
static bool left_waiting(const struct vcpu *v)
{
	bool idle = false;

	for (unsigned int i = 0; i < cpu_count(); i++) {
		const struct percpu *cpu = percpu_of(i);

		if ((v->affinity >> i & 1) != 0) {
			if (has_to_look(cpu)) {
				return false;
			}
			idle |= cpu->curr == NULL || !cpu->curr->running;
		}
	}
	return idle;
}

static void audit_vcpu(const struct vcpu *v)
{
	const struct percpu *cpu = percpu_of(v->cpu);
	/* Its flags have changed, and its CPU is to find out. */
	bool changing = v->loaded && has_to_look(cpu);

	expect(!v->running || v->loaded, v, "runs without being loaded");
	expect(v->loaded == (cpu->curr == v), v, "loaded, or not, wrongly");
	expect(v->loaded || v->queued || v->pause_flags != 0, v, "could run and does not wait");
	expect((v->runstate.state == RUNSTATE_running) == v->running, v,
	       "the run state says otherwise");
	expect(!v->loaded || changing || v->running == (v->pause_flags == 0), v,
	       "loaded, and its flags were changed without its CPU being told");
	expect(!v->queued || !left_waiting(v), v, "waits while a CPU idles");
	expect(changing || v->runstate.state != RUNSTATE_blocked ||
		       (v->pause_flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0,
	       v, "blocked for no reason");
	expect(v->affinity != 0 && (v->affinity & ~cpu_online_mask()) == 0, v,
	       "may run on CPUs that are not there, or on none");
	expect((v->pause_flags & PAUSE_CAP) == 0 || v->cap_timer.active || v->cap_timer.firing, v,
	       "waits for its allowance for ever");
	expect(v->domain->weight != 0, v, "its domain has no weight");
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
		expect(t->cpu == cpu->id, t->v, "a timer of another CPU");
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
	unsigned int queued, timers = 0;
	struct domain *d;
	unsigned int i;

	differences = 0;
	queued = audit_queue();
	for (i = 0; i < cpu_count(); i++) {
		struct percpu *cpu = percpu_of(i);

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
				timers -= v->poll_timer.active;
				timers -= v->cap_timer.active;
			}
		}
	}
	/* What is left over belongs to a vCPU that no longer exists, or is
	 * marked as a member and is none. */
	expect(queued == 0, NULL, "run queues hold more or less than that");
	expect(timers == 0, NULL, "so do the timer heaps");
	return differences;
}

/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which vCPU is on which CPU, and softirqs.  Anybody wakes, kicks
 * and stops vCPUs; a CPU switches in softirq_process() only, on its way back to
 * a guest.  The runqueue lock covers the one queue, and `loaded`, `queued`,
 * `key`, `affinity` and `cpu` of vCPUs.
 *
 * WHO RUNS NEXT.  A domain has a virtual time: what all its vCPUs have run, over
 * its weight.  So it gains nothing by having more vCPUs, by passing work from
 * one to the next, or by sleeping when somebody counts: every ns is paid as it
 * is used.  A vCPU that starts to wait takes the time of its domain as its key,
 * and the least key goes first.  When one is about to be picked whose siblings
 * ran meanwhile its key is corrected.
 *
 * The virtual clock is the greatest key picked.  A vCPU that wakes comes with a
 * key little below (BONUS), however long it slept, so it runs soon and saves up
 * nothing; and not far above (the lead), so what its domain used alone is not
 * held against it for long.  A vCPU that may not run everywhere goes by the
 * clock of its CPU instead, as the one of all may go at another pace.  Who runs
 * goes on for GRAIN whatever comes, so wake-ups cost a neighbour a switch for
 * each GRAIN at most, and after each SLICE for as long as its key is the least.
 *
 * WHY ONE QUEUE.  With it the shares are right over all CPUs and nobody has to
 * balance.  Its lock is for vCPUs that wait or change their CPU, and those
 * switches come a GRAIN apart.  What is frequent, a vCPU that sleeps and wakes
 * while nobody waits, does not touch it: idling is lazy.  When nobody can run,
 * the vCPU that ran last stays loaded, page tables and all, and its CPU goes on
 * with it when it wakes.  `running` says that it runs, `loaded` that its state
 * is in the machine.  One that is loaded is never queued, and whoever needs its
 * state in memory, or the tables free, asks for that with SOFTIRQ_UNLOAD.
 *
 * NO CPU IDLES while somebody waits who may run there.  Who queues a vCPU then
 * looks for an idle CPU and claims it; a CPU says that it is idle, then looks
 * at the queue: one of them sees the other.  A CPU that was claimed for one and
 * takes another sends the rest out.
 *
 * NO TICKS.  A CPU has an end of slice only while somebody waits.  One that has
 * none is told, as another one ends a slice and leaves somebody waiting.
 *
 * A CAP has a time as well, that goes on by 100 ns for each `cap` ns that the
 * domain runs.  Once it is a period ahead, a vCPU that would run sets its
 * PAUSE_CAP, and a timer for the moment when it is no more ahead.
 *
 * How no wake-up is lost.  There are three places to lose one.
 *
 * (a) Sleeping against waking, on another CPU.  Both first change pause_flags
 *     by one atomic operation and then look at `loaded`.  If it is set they
 *     raise SOFTIRQ_SCHED where v is loaded, and that CPU looks at the flags
 *     again.  If not, they take the lock and put v where its flags say now.  A
 *     CPU that has saved v clears `loaded`, then looks at the flags, and puts v
 *     where they say, all under the lock.  So either the flags were seen there,
 *     or the one who changed them sees that v is not loaded.
 *
 * (b) Going to sleep against an event that arrives (SCHEDOP_block).
 *         vCPU                            sender
 *         1 clear upcall_mask             1 set upcall_pending
 *         2 set PAUSE_BLOCKED             2 read pause_flags
 *         3 read upcall_pending           3 if BLOCKED: wake
 *     Steps 2 of the vCPU and 1 of the sender are atomic read-modify-writes
 *     and full barriers.  So either the sender's step 2 sees BLOCKED, or the
 *     vCPU's step 3 sees the event and it takes BLOCKED away again.  A sender
 *     that finds upcall_pending set already does nothing: then step 3 of the
 *     vCPU sees it as well.  SCHEDOP_poll is the same with its own bit; see
 *     sched_op.c.
 *
 * (c) Entering the guest, or the idle state, against an event.
 *     Interrupts are off from the last look at softirqs and upcall_pending
 *     until the guest runs or the CPU halts; a kick sent meanwhile stays
 *     pending in the interrupt controller and ends either at once.  The sender
 *     kicks only if it sees the vCPU `running`: schedule() sets that before a
 *     full barrier, and the exit path reads upcall_pending after it; the sender
 *     sets upcall_pending before it reads `running`.  A kick that is left out
 *     because the bit of an earlier one is still set is no loss: the bit is
 *     taken away before the events are looked at.
 */
#include <hv/sched.h>

#include <arch/switch.h>

#include <hv/evtchn.h>
#include <hv/guests.h>
#include <hv/vtime.h>

#define MS 1000000ull
#define SLICE (10 * MS)
#define GRAIN (1 * MS)
#define BONUS (10 * MS)
#define CAP_PERIOD (10 * MS)
#define START (1ull << 40) /* of clocks: more than any lead or BONUS */
#define NO_SLICE (~0ull)

static spinlock_t queue_lock = SPINLOCK_INIT(RANK_RUNQUEUE);
struct vcpu *sched_queue;      /* runqueue lock to write; in the order of keys */
static uint64_t clock = START; /* atomic: greatest key picked */

void sched_init_cpu(struct percpu *cpu)
{
	cpu->timer_lock = SPINLOCK_INIT(RANK_TIMER);
	cpu->clock = START;
	WRITE_ONCE(cpu->slice_end, NO_SLICE);
	cpu->timer_armed = ~0ull;
	/* So that its first way out of the core looks for a vCPU. */
	cpu->softirq |= SOFTIRQ_SCHED;
}

void sched_init_vcpu(struct vcpu *v)
{
	/* The first domain's vCPU n on CPU n, the next domain's shifted. */
	v->cpu = (v->id + v->domain->id) % cpu_count();
	v->affinity = cpu_online_mask();
	v->lock = SPINLOCK_INIT(RANK_VCPU);
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = time_now();
	v->cap_timer = (struct timer){ .kind = TIMER_CAP, .v = v };
}

/* ---- Softirqs and kicks ----------------------------------------------------- */

void softirq_raise(unsigned int id, uint32_t bits)
{
	struct percpu *cpu = percpu_of(id);
	uint32_t old = __atomic_fetch_or(&cpu->softirq, bits, __ATOMIC_SEQ_CST);

	if (cpu != this_cpu() && (old & bits) != bits) {
		arch_kick_cpu(id);
	}
}

void vcpu_kick(struct vcpu *v)
{
	uint32_t flags = __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST);

	if ((flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0) {
		sched_wake(v, PAUSE_BLOCKED | PAUSE_POLL);
	} else if (READ_ONCE(v->running)) {
		/* If it moves now it looks for itself as it gets there. */
		unsigned int cpu = READ_ONCE(v->cpu);

		if (cpu != this_cpu()->id) {
			softirq_raise(cpu, SOFTIRQ_KICK);
		} else {
			/* The way out of the core looks for itself; this ends
			 * a long hypercall on the way there. */
			WRITE_ONCE(v->kick, 1);
		}
	}
}

/* ---- Virtual time and caps ------------------------------------------------------- */

/* The state of v while it does not run.  Without an allowance it is offline,
 * which guests count as stolen. */
static int state_of(const struct vcpu *v)
{
	uint32_t flags = __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST);

	if ((flags & (PAUSE_DOWN | PAUSE_DOMAIN)) == 0 &&
	    (flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0) {
		return RUNSTATE_blocked;
	}
	return flags == 0 ? RUNSTATE_runnable : RUNSTATE_offline;
}

static uint64_t scale(const struct domain *d, uint64_t ns)
{
	return ns * SCHED_WEIGHT / READ_ONCE(d->weight);
}

/* The key of v if it starts to wait now. */
static uint64_t fresh_key(const struct vcpu *v)
{
	struct domain *d = v->domain;
	bool everywhere = READ_ONCE(v->affinity) == cpu_online_mask();
	uint64_t now = READ_ONCE(*(everywhere ? &clock : &percpu_of(v->cpu)->clock));
	uint64_t at = __atomic_load_n(&d->vtime, __ATOMIC_RELAXED);

	while (at < now - BONUS &&
	       !__atomic_compare_exchange_n(&d->vtime, &at, now - BONUS, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED)) {}
	return MIN(MAX(at, now - BONUS), now + scale(d, (d->max_vcpus + 1) * SLICE));
}

/*
 * The running vCPU pays.  No slice is as long as two, unless nobody waited:
 * then it is a gift, or it would have to make up for it later.
 */
static void charge(struct percpu *cpu, struct vcpu *v, uint64_t now)
{
	struct domain *d = v->domain;
	uint64_t spent = MIN(now - cpu->charged, 2 * SLICE), price = scale(d, spent);
	uint64_t at, least, cap = READ_ONCE(d->cap);

	v->key += price;
	__atomic_add_fetch(&d->vtime, price, __ATOMIC_RELAXED);
	if (unlikely(cap != 0)) {
		at = __atomic_load_n(&d->cap_time, __ATOMIC_RELAXED);
		least = now - spent - CAP_PERIOD;
		/* No more than a period is saved up. */
		if (at < least) {
			__atomic_compare_exchange_n(&d->cap_time, &at, least, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		}
		__atomic_add_fetch(&d->cap_time, spent * 100 / cap, __ATOMIC_RELAXED);
	}
}

/* Stops v for a while if its domain has run as much as its cap allows. */
static bool park(struct vcpu *v, uint64_t now)
{
	uint64_t until = __atomic_load_n(&v->domain->cap_time, __ATOMIC_RELAXED);

	if (likely(READ_ONCE(v->domain->cap) == 0) || until <= now + CAP_PERIOD) {
		return false;
	}
	__atomic_or_fetch(&v->pause_flags, PAUSE_CAP, __ATOMIC_SEQ_CST);
	timer_set(&v->cap_timer, until);
	return true;
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
	if (weight == 0 || weight > SCHED_WEIGHT_MAX || cap > 100 * d->max_vcpus) {
		return -XEN_EINVAL;
	}
	WRITE_ONCE(d->weight, weight);
	/* A lead was worth another time. */
	WRITE_ONCE(d->vtime, MIN(READ_ONCE(d->vtime), READ_ONCE(clock)));
	WRITE_ONCE(d->cap_time, 0);
	WRITE_ONCE(d->cap, cap);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		softirq_raise(READ_ONCE(d->vcpu[i]->cpu), SOFTIRQ_SCHED);
	}
	return 0;
}

/* ---- The queue; runqueue lock held ------------------------------------------------ */

static void dequeue(struct vcpu *v)
{
	struct vcpu **link = &sched_queue;

	while (*link != v) {
		CHECK(*link != NULL);
		link = &(*link)->rq_next;
	}
	WRITE_ONCE(*link, v->rq_next);
	v->queued = false;
}

static bool allowed(const struct vcpu *v, const struct percpu *cpu)
{
	return (READ_ONCE(v->affinity) >> cpu->id & 1) != 0;
}

/* With the same key who has waited longer goes first, or siblings would starve. */
static bool is_before(const struct vcpu *a, const struct vcpu *b)
{
	return a->key < b->key || (a->key == b->key && a->waits_since <= b->waits_since);
}

/* Puts v into the queue, at or behind `link`. */
static void enqueue(struct vcpu *v, struct vcpu **link)
{
	while (*link != NULL && is_before(*link, v)) {
		link = &(*link)->rq_next;
	}
	v->rq_next = *link;
	WRITE_ONCE(*link, v);
	v->queued = true;
}

/*
 * The one that this CPU would pick.  The keys in the queue may be too small, as
 * siblings ran meanwhile; they go in turn all the same.  So who comes first is
 * first if that is still so with its key corrected.
 */
static struct vcpu *first(const struct percpu *cpu, uint64_t now)
{
	struct vcpu **link = &sched_queue, *v;
	uint64_t key;

	while ((v = *link) != NULL) {
		if (!allowed(v, cpu)) {
			link = &v->rq_next;
		} else if (park(v, now)) {
			dequeue(v);
			runstate_set(v, RUNSTATE_offline, now);
		} else {
			key = fresh_key(v);
			v->key = MIN(MAX(v->key, key - scale(v->domain, SLICE)), key);
			if (v->rq_next == NULL || is_before(v, v->rq_next)) {
				break;
			}
			/* There are others, so the queue never looks empty. */
			WRITE_ONCE(*link, v->rq_next);
			enqueue(v, link);
		}
	}
	return v;
}

/* Who has to look at v, which is in the queue: an idle CPU if there is one. */
static struct percpu *cpu_for(const struct vcpu *v)
{
	struct percpu *p = percpu_of(v->cpu);

	/* `queued` becomes visible before `idle` is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (cpumask_t left = v->affinity; left != 0; left &= left - 1) {
		struct percpu *other = percpu_of((unsigned int)__builtin_ctzll(left));

		if (READ_ONCE(other->idle) &&
		    __atomic_exchange_n(&other->idle, false, __ATOMIC_SEQ_CST)) {
			return other;
		}
		p = allowed(v, p) ? p : other;
	}
	return p;
}

/*
 * Somebody waits for this CPU.  If its vCPU goes on whoever that is, all it needs
 * is the end of its GRAIN.
 */
static bool goes_on_anyway(struct percpu *cpu, uint64_t now)
{
	if (cpu != this_cpu() || cpu->curr == NULL || !cpu->curr->running ||
	    now - cpu->slice_start >= GRAIN) {
		return false;
	}
	WRITE_ONCE(cpu->slice_end, MIN(cpu->slice_end, cpu->slice_start + GRAIN));
	timer_arm();
	return true;
}

/* Puts v, which is not loaded, where its flags say.  NULL, or who has to look. */
static struct percpu *settle(struct vcpu *v, uint64_t now)
{
	int state = state_of(v);
	struct percpu *cpu = NULL;

	if (state == RUNSTATE_runnable && !v->queued) {
		v->key = fresh_key(v);
		v->waits_since = now;
		enqueue(v, &sched_queue);
		/* Even a busy CPU has to look: its vCPU now has a slice. */
		cpu = cpu_for(v);
		cpu = goes_on_anyway(cpu, now) ? NULL : cpu;
	} else if (state != RUNSTATE_runnable && v->queued) {
		dequeue(v);
	}
	runstate_set(v, state, now);
	return cpu;
}

/* ---- Waking and stopping ------------------------------------------------------------ */

/* The flags of v have changed. */
static void reconsider(struct vcpu *v)
{
	struct percpu *cpu;

	if (__atomic_load_n(&v->loaded, __ATOMIC_SEQ_CST)) {
		cpu = percpu_of(READ_ONCE(v->cpu));
	} else {
		spin_lock(&queue_lock);
		cpu = v->loaded ? percpu_of(v->cpu) : settle(v, time_now());
		spin_unlock(&queue_lock);
	}
	if (cpu != NULL) {
		softirq_raise(cpu->id, SOFTIRQ_SCHED);
	}
}

void sched_wake(struct vcpu *v, uint32_t flags)
{
	__atomic_and_fetch(&v->pause_flags, ~flags, __ATOMIC_SEQ_CST);
	reconsider(v);
}

void sched_sleep(struct vcpu *v, uint32_t flags)
{
	__atomic_or_fetch(&v->pause_flags, flags, __ATOMIC_SEQ_CST);
	reconsider(v);
}

bool sched_unloaded(struct vcpu *v)
{
	/* What its CPU saved of v becomes visible with loaded == false. */
	if (__atomic_load_n(&v->loaded, __ATOMIC_ACQUIRE)) {
		softirq_raise(READ_ONCE(v->cpu), SOFTIRQ_SCHED | SOFTIRQ_UNLOAD);
		return false;
	}
	/* That CPU may still be at it, or have seen the flags of before. */
	reconsider(v);
	return true;
}

int vcpu_set_affinity(struct vcpu *v, cpumask_t cpus)
{
	struct percpu *cpu;

	cpus &= cpu_online_mask();
	if (cpus == 0) {
		return -XEN_EINVAL;
	}
	spin_lock(&queue_lock);
	WRITE_ONCE(v->affinity, cpus);
	cpu = v->queued ? cpu_for(v) : percpu_of(v->cpu);
	spin_unlock(&queue_lock);
	/* If it is idle, and loaded where it may not be, it cannot stay. */
	softirq_raise(cpu->id, SOFTIRQ_SCHED | SOFTIRQ_UNLOAD);
	return 0;
}

void sched_yield(void)
{
	/* Its slice is over; those as far on as it is come first. */
	this_cpu()->slice_start = 0;
	softirq_raise(this_cpu()->id, SOFTIRQ_SCHED);
}

/* ---- Switching; on this CPU only ------------------------------------------------------- */

/* Begins a slice of v. */
static void begin(struct percpu *cpu, struct vcpu *v, uint64_t now)
{
	cpu->slice_start = now;
	WRITE_ONCE(cpu->clock, MAX(cpu->clock, v->key));
	/* Two at once may lose one, by less than a slice. */
	if (READ_ONCE(clock) < v->key) {
		WRITE_ONCE(clock, v->key);
	}
}

/* Whether v, which is loaded, goes on though `next` waits; NULL: nobody does. */
static bool goes_on(struct percpu *cpu, struct vcpu *v, const struct vcpu *next, uint64_t now)
{
	uint64_t ran = now - cpu->slice_start;

	if (v->running && ran < SLICE) {
		return next == NULL || ran < GRAIN || v->key <= next->key;
	}
	v->key = fresh_key(v);
	if (next != NULL && next->key <= v->key) {
		return false;
	}
	begin(cpu, v, now);
	return true;
}

/* Who runs next, NULL: nobody. */
static struct vcpu *choose(struct percpu *cpu, struct vcpu *curr, uint64_t now)
{
	struct vcpu *next = NULL, *v;
	cpumask_t waiting = 0;
	bool can = curr != NULL && state_of(curr) == RUNSTATE_runnable && allowed(curr, cpu) &&
		   !park(curr, now);

	/* `idle` becomes visible before the queue is read. */
	__atomic_store_n(&cpu->idle, !can, __ATOMIC_SEQ_CST);
	if (likely(READ_ONCE(sched_queue) == NULL)) {
		return can && goes_on(cpu, curr, NULL, now) ? curr : NULL;
	}
	spin_lock(&queue_lock);
	next = first(cpu, now);
	if (can && goes_on(cpu, curr, next, now)) {
		next = curr;
	} else if (next != NULL) {
		dequeue(next);
		WRITE_ONCE(next->cpu, cpu->id);
		/* Where it is becomes visible before that it is. */
		__atomic_store_n(&next->loaded, true, __ATOMIC_RELEASE);
		WRITE_ONCE(cpu->idle, false);
		begin(cpu, next, now);
	}
	for (v = sched_queue; v != NULL && waiting != cpu_online_mask(); v = v->rq_next) {
		waiting |= v->affinity;
	}
	spin_unlock(&queue_lock);

	/* Others may help: those that idle, and, as a slice has ended here,
	 * those that run without an end of slice. */
	for (; waiting != 0; waiting &= waiting - 1) {
		const struct percpu *other = percpu_of((unsigned int)__builtin_ctzll(waiting));

		if (READ_ONCE(other->idle) ||
		    (cpu->slice_end == 0 && READ_ONCE(other->slice_end) == NO_SLICE)) {
			softirq_raise(other->id, SOFTIRQ_SCHED);
		}
	}
	return next;
}

/* Makes `next` the one in the machine, or with NULL nobody. */
static void load(struct percpu *cpu, struct vcpu *loaded, struct vcpu *next, uint64_t now)
{
	struct percpu *other = NULL;

	if (next != NULL) {
		arch_switch_vcpu(loaded, next);
	} else {
		arch_unload_vcpu(loaded);
	}
	WRITE_ONCE(cpu->curr, next);
	if (loaded != NULL) {
		spin_lock(&queue_lock);
		/* Its saved state becomes visible before this does, and this
		 * before its flags are read: (a) above. */
		__atomic_store_n(&loaded->loaded, false, __ATOMIC_SEQ_CST);
		other = settle(loaded, now);
		spin_unlock(&queue_lock);
	}
	if (other != NULL && (other != cpu || next == NULL)) {
		softirq_raise(other->id, SOFTIRQ_SCHED);
	}
}

/* When to look again: never, as long as nobody waits. */
static uint64_t end_of_slice(const struct percpu *cpu, const struct vcpu *v, uint64_t now)
{
	uint64_t end = NO_SLICE;

	if (READ_ONCE(sched_queue) != NULL) {
		/* After a GRAIN there may be reason to, after a SLICE there is. */
		end = cpu->slice_start + (now - cpu->slice_start < GRAIN ? GRAIN : SLICE);
	}
	if (unlikely(READ_ONCE(v->domain->cap) != 0)) {
		end = MIN(end, now + CAP_PERIOD / 100 * MIN(READ_ONCE(v->domain->cap), 100u));
	}
	return end;
}

static void schedule(struct percpu *cpu, bool unload)
{
	struct vcpu *loaded = cpu->curr, *next;
	bool continued = loaded != NULL && loaded->running;
	uint64_t now = time_now();

	if (continued) {
		charge(cpu, loaded, now);
	}
	cpu->charged = now;
	next = choose(cpu, loaded, now);
	if (loaded != NULL && next != loaded) {
		runstate_set(loaded, state_of(loaded), now);
	}
	if (next != loaded && (next != NULL || unload)) {
		load(cpu, loaded, next, now);
	}
	WRITE_ONCE(cpu->slice_end, NO_SLICE);
	if (next != NULL) {
		uint64_t bit = 1ull << next->id;

		runstate_set(next, RUNSTATE_running, now);
		WRITE_ONCE(cpu->slice_end, end_of_slice(cpu, next, now));
		/* `running` becomes visible before pending events are read:
		 * (c) above. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		/* It polls no more.  Only its own CPU sets and clears this. */
		if (unlikely(READ_ONCE(next->domain->poll_mask) & bit)) {
			__atomic_and_fetch(&next->domain->poll_mask, ~bit, __ATOMIC_SEQ_CST);
		}
		if (next != loaded || !continued) {
			vtime_update(next, false);
		}
	}
	timer_arm();
}

void softirq_process(void)
{
	struct percpu *cpu = this_cpu();
	uint32_t bits;

	for (;;) {
		bits = __atomic_exchange_n(&cpu->softirq, 0, __ATOMIC_SEQ_CST);
		if ((bits & SOFTIRQ_TIMER) != 0) {
			timer_softirq();
		}
		if ((bits & (SOFTIRQ_SCHED | SOFTIRQ_UNLOAD)) != 0) {
			schedule(cpu, (bits & SOFTIRQ_UNLOAD) != 0);
		}
		if ((bits & SOFTIRQ_DOMAIN) != 0) {
			evtchn_send_global_virq(control_domain, VIRQ_DOM_EXC);
		}
		boot_guests_reap();
		if (READ_ONCE(cpu->softirq) != 0) {
			continue;
		}
		if (cpu->curr != NULL && cpu->curr->running) {
			return;
		}
		/* Halts until an interrupt has raised something. */
		while (READ_ONCE(cpu->softirq) == 0) {
			arch_idle();
		}
	}
}

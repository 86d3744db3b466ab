/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which vCPU is on which CPU, softirqs, and how long each vCPU
 * spends in which state.  Anybody wakes, kicks and stops vCPUs; a CPU switches
 * in softirq_process() only, on its way back to a guest.  The runqueue lock of
 * a CPU covers its queue and the `running`, `queued`, runstate and areas of the
 * vCPUs that belong to it.  A vCPU never changes its CPU.
 *
 * Round robin.  The queue holds vCPUs that could run and do not; the running
 * one is not in it.  Only while somebody waits does a slice end, so a CPU with
 * one busy vCPU takes no ticks.
 *
 * Idling is lazy: when nobody can run, the vCPU that ran last stays loaded,
 * page tables and all, and if it is the next one too, nothing is switched.
 * `running` says that it runs, `loaded` that its state is in the machine.
 * Whoever needs the state in memory, or the tables free, waits for `loaded` to
 * go away (sched_sleep_sync) and asks for that with SOFTIRQ_UNLOAD.
 *
 * How no wake-up is lost.  There are three places to lose one.
 *
 * (a) Sleeping against waking, on another CPU.  Both first change pause_flags
 *     by one atomic operation, then take the runqueue lock and put the vCPU
 *     where its flags say now (settle).  Whoever gets the lock second sees both
 *     changes, so the last decision is the right one.  A vCPU that still runs
 *     is left alone by both; the sleeper raises SOFTIRQ_SCHED and schedule()
 *     decides under the same lock.
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

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/percpu.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <hv/vtime.h>

#define SLICE_NS 10000000ull
#define NO_SLICE (~0ull)

void sched_init_cpu(struct percpu *cpu)
{
	spinlock_init(&cpu->rq_lock, RANK_RUNQUEUE);
	spinlock_init(&cpu->timer_lock, RANK_TIMER);
	cpu->rq_tail = &cpu->rq_head;
	cpu->slice_end = NO_SLICE;
	cpu->timer_armed = ~0ull;
	/* So that its first way out of the core looks for a vCPU. */
	cpu->softirq |= SOFTIRQ_SCHED;
}

void sched_init_vcpu(struct vcpu *v)
{
	/* The first domain's vCPU n on CPU n, the next domain's shifted. */
	v->cpu = (v->id + v->domain->id) % cpu_count();
	v->runstate.state = VCPU_OFFLINE;
	v->runstate.state_entry_time = time_now();
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
		if (v->cpu != this_cpu()->id) {
			softirq_raise(v->cpu, SOFTIRQ_KICK);
		} else {
			/* The way out of the core looks for itself; this ends
			 * a long hypercall on the way there. */
			WRITE_ONCE(v->kick, 1);
		}
	}
}

/* ---- Run states; runqueue lock held ------------------------------------------- */

/* How long v has been in its state. */
static uint64_t state_time(const struct vcpu_runstate_info *r)
{
	uint64_t now = time_now();

	return now > r->state_entry_time ? now - r->state_entry_time : 0;
}

static void runstate_change(struct vcpu *v, enum vcpu_runstate state)
{
	struct vcpu_runstate_info *r = &v->runstate;
	uint64_t spent;

	if (r->state != (int)state) {
		spent = state_time(r);
		r->time[r->state] += spent;
		r->state_entry_time += spent;
		r->state = (int)state;
	}
}

/*
 * With the update flag a reader sees the top bit of the entry time, or another
 * entry time than before, whenever it may have read a mixture.
 */
void runstate_publish(struct vcpu *v)
{
	const size_t at = offsetof(struct vcpu_runstate_info, state_entry_time);
	uint64_t *entry = &v->runstate.state_entry_time;

	if ((READ_ONCE(v->domain->pv_features_assist) & (1u << VMASST_TYPE_runstate_update_flag)) !=
	    0) {
		*entry |= XEN_RUNSTATE_UPDATE;
	}
	guest_area_write(&v->runstate_area, at, entry, sizeof(*entry));
	/* The flag becomes visible before any other field. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	guest_area_write(&v->runstate_area, 0, &v->runstate, sizeof(v->runstate));
	/* All fields become visible before the final entry time. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*entry &= ~XEN_RUNSTATE_UPDATE;
	guest_area_write(&v->runstate_area, at, entry, sizeof(*entry));
}

void runstate_read(struct vcpu *v, struct vcpu_runstate_info *out)
{
	struct percpu *cpu = percpu_of(v->cpu);

	spin_lock(&cpu->rq_lock);
	*out = v->runstate;
	spin_unlock(&cpu->rq_lock);
	out->time[out->state] += state_time(out);
}

/* ---- The queue; runqueue lock held ---------------------------------------------- */

static void enqueue(struct percpu *cpu, struct vcpu *v)
{
	v->rq_next = NULL;
	*cpu->rq_tail = v;
	cpu->rq_tail = &v->rq_next;
	v->queued = true;
}

static void dequeue(struct percpu *cpu, struct vcpu *v)
{
	struct vcpu **link = &cpu->rq_head;

	while (*link != v) {
		CHECK(*link != NULL);
		link = &(*link)->rq_next;
	}
	*link = v->rq_next;
	if (cpu->rq_tail == &v->rq_next) {
		cpu->rq_tail = link;
	}
	v->queued = false;
}

static bool eligible(const struct vcpu *v)
{
	return __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) == 0;
}

/* Puts a vCPU that does not run where its flags say. */
static void settle(struct percpu *cpu, struct vcpu *v)
{
	uint32_t flags = __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST);
	uint32_t others = flags & ~(PAUSE_BLOCKED | PAUSE_POLL);

	if (eligible(v)) {
		if (!v->queued) {
			enqueue(cpu, v);
		}
		runstate_change(v, VCPU_RUNNABLE);
		return;
	}
	if (v->queued) {
		dequeue(cpu, v);
	}
	runstate_change(v, flags != 0 && others == 0 ? VCPU_BLOCKED : VCPU_OFFLINE);
}

/* ---- Waking and stopping ------------------------------------------------------------ */

/* The flags of v have changed. */
static void reconsider(struct vcpu *v)
{
	struct percpu *cpu = percpu_of(v->cpu);
	bool raise;

	spin_lock(&cpu->rq_lock);
	if (v->running) {
		raise = !eligible(v);
	} else {
		raise = !v->queued;
		settle(cpu, v);
		/* Even a busy CPU has to look: its vCPU now has a slice. */
		raise = raise && v->queued;
	}
	spin_unlock(&cpu->rq_lock);
	if (raise) {
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

void sched_sleep_sync(struct vcpu *v, uint32_t flags)
{
	CHECK(this_cpu()->curr != v);
	sched_sleep(v, flags);
	/* What its CPU saved of v becomes visible with loaded == false. */
	while (__atomic_load_n(&v->loaded, __ATOMIC_ACQUIRE)) {
		softirq_raise(v->cpu, SOFTIRQ_SCHED | SOFTIRQ_UNLOAD);
		arch_cpu_relax();
	}
}

void sched_yield(void)
{
	struct percpu *cpu = this_cpu();

	cpu->slice_end = 0;
	softirq_raise(cpu->id, SOFTIRQ_SCHED);
}

/* ---- Switching; on this CPU only ------------------------------------------------------- */

/* Who runs next, NULL: nobody.  `running` and run states say so already. */
static struct vcpu *choose(struct percpu *cpu, struct vcpu *loaded)
{
	struct vcpu *next;
	uint64_t slice_end;

	if (loaded != NULL && loaded->running) {
		slice_end = loaded->runstate.state_entry_time + SLICE_NS;
		if (eligible(loaded) &&
		    (cpu->rq_head == NULL || (cpu->slice_end != 0 && time_now() < slice_end))) {
			return loaded;
		}
		loaded->running = false;
		settle(cpu, loaded);
		runstate_publish(loaded);
	}
	next = cpu->rq_head;
	if (next != NULL) {
		dequeue(cpu, next);
		runstate_change(next, VCPU_RUNNING);
		next->running = true;
		next->loaded = true;
		runstate_publish(next);
	}
	return next;
}

/* Makes `next` the one in the machine, or with NULL nobody. */
static void load(struct percpu *cpu, struct vcpu *loaded, struct vcpu *next)
{
	if (next != NULL) {
		arch_switch_vcpu(loaded, next);
	} else {
		arch_unload_vcpu(loaded);
	}
	cpu->curr = next;
	if (loaded != NULL) {
		/* Its saved state becomes visible before this does. */
		__atomic_store_n(&loaded->loaded, false, __ATOMIC_RELEASE);
	}
}

static void schedule(struct percpu *cpu, bool unload)
{
	struct vcpu *loaded = cpu->curr;
	bool continued = loaded != NULL && loaded->running;
	struct vcpu *next;

	spin_lock(&cpu->rq_lock);
	next = choose(cpu, loaded);
	cpu->slice_end = NO_SLICE;
	if (next != NULL && cpu->rq_head != NULL) {
		cpu->slice_end = next->runstate.state_entry_time + SLICE_NS;
	}
	spin_unlock(&cpu->rq_lock);

	if (next != loaded && (next != NULL || unload)) {
		load(cpu, loaded, next);
	}
	if (next != NULL) {
		uint64_t bit = 1ull << next->id;

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

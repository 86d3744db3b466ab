/* SPDX-License-Identifier: MIT */
/*
 * Spin locks, and in debug builds the check of their one order.  Any file of
 * the core calls them, on any CPU.  A waiter keeps serving cross-CPU requests
 * (arch_cpu_relax()), so the holder may wait for the waiter's TLB flush.
 * Never touches the interrupt flag: see lock.h.
 *
 * Each CPU keeps the ranks that it holds in its own struct percpu.  A lock
 * whose rank is not above all of them is refused before waiting for it, so a
 * wrong order shows at its first run and not at its first collision.
 */
#include <hv/lock.h>

#include <hv/percpu.h>

static const char *const rank_names[RANK_COUNT] = {
	[RANK_DOMLIST] = "domlist",   [RANK_DOMAIN] = "domain", [RANK_PAGE] = "page",
	[RANK_GNTTAB] = "gnttab",     [RANK_EVTCHN] = "evtchn", [RANK_PIRQ] = "pirq",
	[RANK_RUNQUEUE] = "runqueue", [RANK_VCPU] = "vcpu",	[RANK_TIMER] = "timer",
	[RANK_VTIME] = "vtime",	      [RANK_IRQ] = "irq",	[RANK_HEAP] = "heap",
	[RANK_CONSOLE] = "console",
};

void lock_rank_enter(enum lock_rank rank)
{
	uint32_t *held = &this_cpu()->ranks_held;

	if (LOCK_CHECKS && *held >> rank != 0) {
		panic("lock order: %s wanted while %s is held", rank_names[rank],
		      rank_names[31 - __builtin_clz(*held)]);
	}
	*held |= LOCK_CHECKS << rank;
}

void lock_rank_leave(enum lock_rank rank)
{
	this_cpu()->ranks_held &= ~(LOCK_CHECKS << rank);
}

static void take(spinlock_t *l)
{
	uint32_t token = this_cpu()->id + 1, expected = 0;

	while (!__atomic_compare_exchange_n(&l->taken, &expected, token, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (expected == token) {
			panic("lock %s taken twice by one CPU", rank_names[l->rank]);
		}
		for (expected = 0; READ_ONCE(l->taken) != 0;) {
			arch_cpu_relax();
		}
	}
}

void spin_lock(spinlock_t *l)
{
	lock_rank_enter(l->rank);
	take(l);
}

static void release(spinlock_t *l)
{
	ASSERT(spin_is_held(l));
	/* What the holder wrote becomes visible before the lock is free. */
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

void spin_unlock(spinlock_t *l)
{
	lock_rank_leave(l->rank);
	release(l);
}

bool spin_is_held(const spinlock_t *l)
{
	return READ_ONCE(l->taken) == this_cpu()->id + 1;
}

/* The two have one rank, which counts as long as both are held. */
void lock_both(spinlock_t *a, spinlock_t *b)
{
	spinlock_t *first = (uintptr_t)a < (uintptr_t)b ? a : b;

	spin_lock(first);
	if (a != b) {
		take(first == a ? b : a);
	}
}

void unlock_both(spinlock_t *a, spinlock_t *b)
{
	if (a != b) {
		release(b);
	}
	spin_unlock(a);
}

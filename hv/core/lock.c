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

#include <hv/check.h>
#include <hv/percpu.h>

static const char *const rank_names[RANK_COUNT] = {
	[RANK_DOMLIST] = "domlist",   [RANK_DOMAIN] = "domain",
	[RANK_EXCHANGE] = "exchange", [RANK_PAGE] = "page",
	[RANK_GNTTAB] = "gnttab",     [RANK_EVTCHN] = "evtchn",
	[RANK_PIRQ] = "pirq",	      [RANK_RUNQUEUE] = "runqueue",
	[RANK_TIMER] = "timer",	      [RANK_VTIME] = "vtime",
	[RANK_IRQ] = "irq",	      [RANK_HEAP] = "heap",
	[RANK_CONSOLE] = "console",
};

static const char *rank_name(unsigned int rank)
{
	return rank > 0 && rank < RANK_COUNT ? rank_names[rank] : "(none)";
}

/* `twin`: the second of lock_both(), which has the rank of the first. */
static void rank_push(unsigned int rank, bool twin)
{
	struct percpu *pc = this_cpu();

	for (unsigned int i = 0; LOCK_CHECKS && i < pc->rank_depth; i++) {
		unsigned int held = pc->ranks[i];

		if (held > rank || (held == rank && !twin)) {
			panic("lock order: %s wanted while %s is held",
			      rank_name(rank), rank_name(held));
		}
	}
	if (LOCK_CHECKS) {
		CHECK(pc->rank_depth < ARRAY_SIZE(pc->ranks));
		pc->ranks[pc->rank_depth++] = (uint8_t)rank;
	}
}

void lock_rank_enter(enum lock_rank rank)
{
	rank_push(rank, false);
}

/* Locks may be released in any order: drops the innermost of this rank. */
void lock_rank_leave(enum lock_rank rank)
{
	struct percpu *pc = this_cpu();
	unsigned int i;

	if (!LOCK_CHECKS) {
		return;
	}
	for (i = pc->rank_depth; i > 0 && pc->ranks[i - 1] != rank; i--) {}
	if (i == 0) {
		panic("lock order: %s released but not held", rank_name(rank));
	}
	pc->rank_depth--;
	for (; i <= pc->rank_depth; i++) {
		pc->ranks[i - 1] = pc->ranks[i];
	}
}

static uint32_t lock_token(void)
{
	return this_cpu()->id + 1;
}

static void take(spinlock_t *l)
{
	uint32_t token = lock_token();
	uint32_t expected;

	if (unlikely(READ_ONCE(l->taken) == token)) {
		panic("lock %s taken twice by one CPU", rank_name(l->rank));
	}
	for (;;) {
		expected = 0;
		if (__atomic_compare_exchange_n(&l->taken, &expected, token,
						false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED)) {
			return;
		}
		while (READ_ONCE(l->taken) != 0) {
			arch_cpu_relax();
		}
	}
}

void spin_lock(spinlock_t *l)
{
	rank_push(l->rank, false);
	take(l);
}

void spin_unlock(spinlock_t *l)
{
	ASSERT(spin_is_held(l));
	lock_rank_leave(l->rank);
	/* What the holder wrote becomes visible before the lock is free. */
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

bool spin_is_held(const spinlock_t *l)
{
	return READ_ONCE(l->taken) == lock_token();
}

void lock_both(spinlock_t *a, spinlock_t *b)
{
	spinlock_t *first = (uintptr_t)a < (uintptr_t)b ? a : b;
	spinlock_t *second = first == a ? b : a;

	spin_lock(first);
	if (first != second) {
		rank_push(second->rank, true);
		take(second);
	}
}

void unlock_both(spinlock_t *a, spinlock_t *b)
{
	spin_unlock(a);
	if (a != b) {
		spin_unlock(b);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Spin locks and their one order.
 *
 * The core runs with interrupts off except in the idle loop and inside
 * arch_irq_window(), where no lock is held; so a lock never needs to save the
 * interrupt flag.  Whoever spins services cross-CPU requests through
 * arch_cpu_relax(): a holder may therefore wait for a TLB flush that the
 * spinner owes it.
 *
 * Debug builds keep the ranks held by each CPU; taking one that is not above
 * all held ones panics with both names.  Two locks of one rank are taken by
 * lock_both() only, lower address first.
 *
 *   domlist -> domain -> gnttab -> evtchn -> pirq -> runqueue
 *           -> vcpu -> timer -> vcpu time -> irq -> heap -> console
 *
 * The lock bit of a page (page.h) ranks between domain and gnttab and is taken
 * for one page table at a time.
 */
#ifndef HV_LOCK_H
#define HV_LOCK_H

enum lock_rank {
	RANK_DOMLIST = 1,
	RANK_DOMAIN,
	RANK_PAGE, /* the page-table lock bit, see page_lock() */
	RANK_GNTTAB,
	RANK_EVTCHN,
	RANK_PIRQ,
	RANK_RUNQUEUE,
	RANK_VCPU,
	RANK_TIMER,
	RANK_VTIME,
	RANK_IRQ,
	RANK_HEAP,
	RANK_CONSOLE,
	RANK_COUNT
};

typedef struct spinlock {
	uint32_t taken; /* atomic: 0 free, 1 + cpu held */
	uint16_t rank;	/* write-once */
} spinlock_t;

/* Rank checks are compiled in; lock.c tests it as an ordinary condition. */
#ifdef CONFIG_DEBUG
#define LOCK_CHECKS 1u
#else
#define LOCK_CHECKS 0u
#endif

#define SPINLOCK_INIT(r) ((spinlock_t){ .rank = (uint16_t)(r) })

void spin_lock(spinlock_t *l);
void spin_unlock(spinlock_t *l);
/** True if the calling CPU holds it. */
bool spin_is_held(const spinlock_t *l);
/** Takes two locks of one rank, lower address first; a and b may be equal. */
void lock_both(spinlock_t *a, spinlock_t *b);
void unlock_both(spinlock_t *a, spinlock_t *b);

/** Debug accounting for locks that are bits (page_lock). No-ops otherwise. */
void lock_rank_enter(enum lock_rank rank);
void lock_rank_leave(enum lock_rank rank);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The type of a frame: how it is claimed, validated, counted and given up.
 * Called by whatever makes a guest's frame a page table, a descriptor page or
 * guest-writable.  No lock: the type word changes by compare-and-exchange only.
 * Never looks at single entries (pgvalidate.c) nor at ownership (page.c).
 *
 * WHAT HOLDS
 *
 * A frame has one type, and a number of uses as that type; every use comes
 * with a general reference that keeps the frame.  The type changes only while
 * there is no use.  So while a frame is in use as a table, nobody can get it
 * writable, and the other way round; and what a table says was checked when
 * its first use began and is checked at each change (pte.c).  A table of
 * level n refers to tables of level n-1 only, each reference being a use; so
 * there are no cycles, and counts reach zero by themselves.
 *
 * STATES of a frame that is a table type (others are never PARTIAL):
 *
 *   idle       uses 0                  contents mean nothing
 *   valid      uses > 0, VALIDATED     all entries hold their references
 *   busy       uses > 0, BUSY          one CPU validates or tears down
 *   partial    PARTIAL, NR             entries [0, NR) hold references
 *
 *   idle    -> busy    first use, by one CPU; others that want the same type
 *                      wait, others that want another are refused at once
 *   busy    -> valid   every entry accepted
 *   valid   -> busy    last use given up
 *   busy    -> idle    every entry's references are back
 *   busy    -> partial an interrupt waits
 *   partial -> busy    somebody continues, up or down
 *
 * Validation that stops early gives its use back, so a partial frame may have
 * no use at all: whoever asks for the type next goes on, and a hypercall that
 * is never repeated leaves nothing else behind.  Teardown that stops early
 * keeps the use, and its owner tries again.  PARTIAL holds one general
 * reference, or the frame could be freed with references inside.  When an
 * entry is refused, what was validated is undone; if that stops early, UNDO
 * tells the next one to go on undoing, and the refusal comes at its end.
 *
 * WHO WAITS FOR WHOM.  A busy L(n) may wait for a busy L(n-1), never for the
 * same or a higher level.  The lock bit keeps a frame from becoming or ceasing
 * to be busy, and waits until it is not busy; who holds it waits for nothing
 * but TLB flushes, and those are served by every waiter.
 *
 * STALE TRANSLATIONS.  A guest may take an entry away and not flush.  The CPU
 * then still reaches the frame as it was mapped: it could write to a frame
 * that has become a table, or take a frame for an L1 table that it may write
 * to now.  So whoever takes away a use or a mapping that a CPU can have walked
 * stamps the frame with the TLB clock, which ticks at each flush, and
 *
 *   - a frame that changes its type, and
 *   - a frame that is freed
 *
 * has all CPUs flushed that may hold something of it and have not been flushed
 * since the stamp.  Order: (1) the entry is gone from memory; (2) the stamp is
 * taken; (3) the use is given up.  A flush that began after (2) ticked after
 * it, hence counts.  New uses as the new type wait (BUSY) for that flush, so
 * no table is looked at while its writer may still have it.  One flush serves
 * all frames stamped before it: a fork or an exit costs a few of them.
 *
 *   - Writable and descriptor uses are stamped by the last one to go, here.
 *   - Tables are stamped when an entry or a CPU's base register stops leading
 *     to them (pte.c, mm_vcpu.c), and not when they are unpinned: no CPU walks
 *     a pin, and a guest unpins L1 after L1 when it ends an address space.
 *   - A table that goes idle keeps its bytes.  A stale pointer to it leads to
 *     frames whose references were given back after that pointer was cut; they
 *     were stamped later, and the flush that frees them drops the pointer.
 *
 * The CPUs in question are the owner's, or all if another domain ever had it
 * mapped (PGT_FOREIGN) or the owner is not the caller.
 */
#include <hv/page.h>

#include <xen/errno.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/mm.h>
#include <hv/vcpu.h>

static uint64_t type_load(const struct page *pg)
{
	return __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
}

static bool type_swap(struct page *pg, uint64_t *old, uint64_t next)
{
	return __atomic_compare_exchange_n(&pg->type, old, next, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

static bool is_simple(uint64_t type)
{
	return type == PGT_WRITABLE || type == PGT_SHARED;
}

static uint32_t uses(uint64_t x)
{
	return (uint32_t)(x & PGT_COUNT_MASK);
}

static unsigned int nr_of(uint64_t x)
{
	return (unsigned int)((x & PGT_NR_MASK) >> PGT_NR_SHIFT);
}

/* ---- Claiming a use --------------------------------------------------------- */

static void flush_for_change(const struct page *pg, uint64_t x)
{
	struct vcpu *curr = this_cpu()->curr;
	cpumask_t mask;

	if (curr != NULL && curr->domain->id == pg->owner &&
	    (x & PGT_FOREIGN) == 0) {
		mask = arch_domain_tlb_mask(curr->domain);
	} else {
		mask = cpu_online_mask();
	}
	tlb_flush_stale(pg, mask);
}

static void clear_busy(struct page *pg)
{
	__atomic_fetch_and(&pg->type, ~PGT_BUSY, __ATOMIC_RELEASE);
}

/*
 * Takes one use as `type`.  0: done; 1: it is the first, the frame is BUSY and
 * the caller validates it, *was being the state before; -XEN_EINVAL.
 */
static int claim(struct page *pg, uint64_t type, uint64_t *was)
{
	uint64_t x = type_load(pg), next;

	for (;;) {
		bool same = (x & PGT_TYPE_MASK) == type;

		if (uses(x) == PGT_COUNT_MASK ||
		    (!same && (uses(x) != 0 || (x & PGT_PARTIAL) != 0))) {
			return -XEN_EINVAL;
		}
		if ((x & PGT_BUSY) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
			continue;
		}
		if (same && (is_simple(type) || (x & PGT_VALIDATED) != 0)) {
			if (type_swap(pg, &x, x + 1)) {
				return 0;
			}
			continue;
		}
		if ((x & PGT_LOCKED) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
			continue;
		}
		next = ((x & ~(PGT_TYPE_MASK | PGT_VALIDATED)) | type |
			PGT_BUSY) +
		       1;
		if (type_swap(pg, &x, next)) {
			*was = x;
			break;
		}
	}
	if ((x & PGT_TYPE_MASK) != type) {
		flush_for_change(pg, x);
	}
	if (is_simple(type)) {
		clear_busy(pg);
		return 0;
	}
	return 1;
}

/* ---- Leaving the busy state -------------------------------------------------- */

/*
 * BUSY -> valid, or -> partial or idle with `nr` entries left.  `drop` gives
 * the caller's use back.  `was` tells whether PARTIAL holds a reference yet.
 */
static void leave_busy(struct page *pg, uint64_t was, unsigned int nr,
		       bool valid, bool undo, bool drop)
{
	uint64_t x = type_load(pg), next;
	bool held = (was & PGT_PARTIAL) != 0, partial;

	/* With a use left its owner has to find out, even if nr is 0.  Uses
	 * only become fewer while we are busy. */
	if (!held && !valid && (nr != 0 || uses(x) > (drop ? 1 : 0))) {
		page_get_more(pg);
		held = true;
	}
	do {
		next = x & ~(PGT_BUSY | PGT_PARTIAL | PGT_UNDO | PGT_NR_MASK);
		if (drop) {
			next--;
		}
		partial = !valid && (nr != 0 || uses(next) != 0);
		if (valid) {
			next |= PGT_VALIDATED;
		} else if (partial) {
			next |= PGT_PARTIAL | (uint64_t)nr << PGT_NR_SHIFT;
			next |= undo ? PGT_UNDO : 0;
		}
	} while (!type_swap(pg, &x, next));
	if (held && !partial) {
		page_put(pg);
	}
}

/* Entries [0, nr) were accepted and the next one was not: rc says why. */
static int refuse(struct page *pg, uint64_t was, unsigned int nr, int rc)
{
	/*
	 * A second use belongs to somebody whose teardown was interrupted; it
	 * goes on from here.  Its count cannot rise while we are busy.
	 */
	if (uses(type_load(pg)) > 1) {
		leave_busy(pg, was, nr, false, false, true);
		return rc;
	}
	if (table_teardown(pg, was & PGT_TYPE_MASK, &nr) != 0) {
		leave_busy(pg, was, nr, false, true, true);
		return -XEN_ERESTART;
	}
	leave_busy(pg, was, 0, false, false, true);
	return rc;
}

static int validate_claimed(struct page *pg, uint64_t type, uint64_t was)
{
	unsigned int nr = (was & PGT_PARTIAL) != 0 ? nr_of(was) : 0;
	int rc;

	was = (was & ~PGT_TYPE_MASK) | type;
	if ((was & PGT_UNDO) != 0) {
		return refuse(pg, was, nr, -XEN_EINVAL);
	}
	rc = type == PGT_DESC ? desc_validate(pg) :
				table_validate(pg, type, &nr);
	if (rc == 0) {
		leave_busy(pg, was, 0, true, false, false);
	} else if (rc == -XEN_ERESTART) {
		leave_busy(pg, was, nr, false, false, true);
	} else {
		rc = refuse(pg, was, nr, rc);
	}
	return rc;
}

int page_get_type(struct page *pg, uint64_t type)
{
	uint64_t was = 0;
	int rc = claim(pg, type, &was);

	return rc == 1 ? validate_claimed(pg, type, was) : rc;
}

int page_get_type_simple(struct page *pg, uint64_t type)
{
	uint64_t was;

	CHECK(is_simple(type));
	return claim(pg, type, &was);
}

/* ---- Giving a use back ------------------------------------------------------- */

/* The last use of a table: BUSY is set, x is the state before. */
static int teardown_claimed(struct page *pg, uint64_t x)
{
	uint64_t type = x & PGT_TYPE_MASK;
	unsigned int nr = (x & PGT_VALIDATED) != 0 ? PTES : nr_of(x);
	int rc = table_teardown(pg, type, &nr);

	leave_busy(pg, x, nr, false, false, rc == 0);
	return rc;
}

int page_put_type_preemptible(struct page *pg)
{
	uint64_t x = type_load(pg), next;

	for (;;) {
		uint64_t type = x & PGT_TYPE_MASK;

		CHECK(uses(x) != 0);
		if (uses(x) > 1) {
			if (type_swap(pg, &x, x - 1)) {
				return 0;
			}
			continue;
		}
		if ((x & (PGT_BUSY | PGT_LOCKED)) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
			continue;
		}
		next = (x & ~PGT_VALIDATED) | PGT_BUSY;
		if (!type_swap(pg, &x, next)) {
			continue;
		}
		if (pgt_is_table(type)) {
			return teardown_claimed(pg, x);
		}
		/* BUSY keeps a use from coming and going after the stamp. */
		page_stamp(pg);
		__atomic_fetch_sub(&pg->type, PGT_BUSY + 1, __ATOMIC_ACQ_REL);
		return 0;
	}
}

int page_drop_partial(struct page *pg)
{
	uint64_t x = type_load(pg), next;
	unsigned int nr;
	int rc;

	do {
		while ((x & (PGT_BUSY | PGT_LOCKED)) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
		}
		if ((x & PGT_PARTIAL) == 0 || uses(x) != 0) {
			return 0;
		}
		next = (x | PGT_BUSY) + 1;
	} while (!type_swap(pg, &x, next));

	nr = nr_of(x);
	rc = table_teardown(pg, x & PGT_TYPE_MASK, &nr);
	leave_busy(pg, x, nr, false, true, true);
	return rc;
}

void page_put_type(struct page *pg)
{
	int rc = page_put_type_preemptible(pg);

	CHECK(rc == 0);
}

void page_put_and_type(struct page *pg)
{
	page_put_type(pg);
	page_put(pg);
}

int page_get_and_type(struct page *pg, const struct domain *d, uint64_t type)
{
	int rc;

	if (!page_get(pg, d)) {
		return -XEN_EINVAL;
	}
	rc = page_get_type(pg, type);
	if (rc != 0) {
		page_put(pg);
	}
	return rc;
}

/* ---- Pin and lock --------------------------------------------------------------- */

bool page_pin(struct page *pg)
{
	return (__atomic_fetch_or(&pg->type, PGT_PINNED, __ATOMIC_ACQ_REL) &
		PGT_PINNED) == 0;
}

bool page_unpin(struct page *pg)
{
	return (__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_ACQ_REL) &
		PGT_PINNED) != 0;
}

void page_lock(struct page *pg)
{
	uint64_t x = type_load(pg);

	lock_rank_enter(RANK_PAGE);
	for (;;) {
		if ((x & (PGT_LOCKED | PGT_BUSY)) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
		} else if (type_swap(pg, &x, x | PGT_LOCKED)) {
			return;
		}
	}
}

void page_unlock(struct page *pg)
{
	uint64_t was =
		__atomic_fetch_and(&pg->type, ~PGT_LOCKED, __ATOMIC_RELEASE);

	CHECK((was & PGT_LOCKED) != 0);
	lock_rank_leave(RANK_PAGE);
}

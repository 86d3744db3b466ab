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
 * T1 to T19 here, and C and R in page.c, are the steps of the model that
 * tests/model/pgtype.pml checks for all orders in which CPUs can take them.
 *
 * The CPUs in question are the owner's, or all if another domain ever had it
 * mapped (PGT_FOREIGN) or the owner is not the caller.
 */
#include <hv/page.h>

#include <hv/mm.h>
#include <hv/trap.h>

static uint64_t type_load(const struct page *pg)
{
	return __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
}

static bool type_swap(struct page *pg, uint64_t *old, uint64_t next)
{
	return __atomic_compare_exchange_n(&pg->type, old, next, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_ACQUIRE);
}

/* The type once the frame is neither busy nor locked. */
static uint64_t type_idle(const struct page *pg)
{
	uint64_t x = type_load(pg);

	while ((x & (PGT_BUSY | PGT_LOCKED)) != 0) {
		arch_cpu_relax();
		x = type_load(pg);
	}
	return x;
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
	bool own =
		curr != NULL && curr->domain->id == READ_ONCE(pg->owner) && (x & PGT_FOREIGN) == 0;

	tlb_flush_stale(pg, own ? arch_domain_tlb_mask(curr->domain) : cpu_online_mask());
}

/*
 * Takes one use as `type`.  0: done; 1: it is the first, the frame is BUSY and
 * the caller validates it, *was being the state before; -XEN_EINVAL.
 */
static int claim(struct page *pg, uint64_t type, uint64_t *was)
{
	uint64_t x = type_load(pg), next, wait; /* T1: what it is now */
	bool same, first;

	for (;;) {
		same = (x & PGT_TYPE_MASK) == type;
		if (uses(x) == PGT_COUNT_MASK ||
		    (!same && (uses(x) != 0 || (x & PGT_PARTIAL) != 0))) {
			return -XEN_EINVAL;
		}
		/* Frames that are plainly writable have nothing to check. */
		first = !same || (type != PGT_WRITABLE && (x & PGT_VALIDATED) == 0);
		next = x + 1;
		wait = PGT_BUSY;
		if (first) {
			next &= ~(PGT_TYPE_MASK | PGT_VALIDATED);
			next |= type | PGT_BUSY;
			wait |= PGT_LOCKED;
		}
		if ((x & wait) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
		} else if (type_swap(pg, &x, next)) {
			/* T2: the use, and with the first one BUSY */
			break;
		}
	}
	if (!same) {
		/* T3: nobody has it as what it was */
		flush_for_change(pg, x);
	}
	if (first && type == PGT_WRITABLE) {
		/* T4: nothing to check */
		__atomic_fetch_and(&pg->type, ~PGT_BUSY, __ATOMIC_RELEASE);
		first = false;
	}
	*was = x;
	return first ? 1 : 0;
}

/* ---- Leaving the busy state -------------------------------------------------- */

/*
 * BUSY -> valid, or -> partial or idle with `nr` entries left.  `drop` gives
 * the caller's use back.  `was` tells whether PARTIAL holds a reference yet.
 */
static void leave_busy(struct page *pg, uint64_t was, unsigned int nr, bool valid, bool undo,
		       bool drop)
{
	uint64_t x = type_load(pg), next;
	bool held = (was & PGT_PARTIAL) != 0, partial;

	/* With a use left its owner has to find out, even if nr is 0.  Uses
	 * only become fewer while we are busy. */
	if (!held && !valid && (nr != 0 || uses(x) > (drop ? 1 : 0))) {
		/* T5: PARTIAL keeps the frame */
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
	} while (!type_swap(pg, &x, next)); /* T6: the state that it is in now */
	if (held && !partial) {
		/* T7: no more */
		page_put(pg);
	}
}

int page_get_type(struct page *pg, uint64_t type)
{
	uint64_t was = type_load(pg);
	unsigned int nr;
	bool undo;
	int rc;

	/* Nearly always: one more use of what it is; claim() would find the same. */
	if ((was & (PGT_TYPE_MASK | PGT_BUSY)) == type &&
	    (type == PGT_WRITABLE || (was & PGT_VALIDATED) != 0) && uses(was) != PGT_COUNT_MASK &&
	    type_swap(pg, &was, was + 1)) {
		return 0;
	}
	rc = claim(pg, type, &was);
	if (rc <= 0) {
		return rc;
	}
	nr = (was & PGT_PARTIAL) != 0 ? nr_of(was) : 0;
	/* T10: entries get their references */
	rc = (was & PGT_UNDO) != 0 ? -XEN_EINVAL :
	     type == PGT_DESC	   ? descriptor_check_frame(frame_ptr(page_to_mfn(pg))) :
				     table_validate(pg, type, &nr);
	/*
	 * T8: entries [0, nr) were accepted and the next one was not.  A second
	 * use belongs to somebody whose teardown was interrupted, and who goes
	 * on from here.  Their number cannot rise while we are busy.
	 */
	undo = rc != 0 && rc != -XEN_ERESTART && uses(type_load(pg)) == 1;
	/* T9: what was validated is undone */
	if (undo && table_teardown(pg, type, &nr) != 0) {
		rc = -XEN_ERESTART;
	}
	leave_busy(pg, was, nr, rc == 0, undo, rc != 0);
	return rc;
}

/* ---- Giving a use back ------------------------------------------------------- */

static int put_type(struct page *pg)
{
	uint64_t x = type_load(pg);
	unsigned int nr;
	int rc;

	for (;;) {
		CHECK(uses(x) != 0);
		if (uses(x) > 1) {
			/* T11: not the last one */
			if (type_swap(pg, &x, x - 1)) {
				return 0;
			}
		} else if ((x & (PGT_BUSY | PGT_LOCKED)) != 0) {
			arch_cpu_relax();
			x = type_load(pg);
		} else if (type_swap(pg, &x, (x & ~PGT_VALIDATED) | PGT_BUSY)) {
			/* T12: the last one, alone with the frame */
			break;
		}
	}
	if (pgt_is_table(x & PGT_TYPE_MASK)) {
		nr = (x & PGT_VALIDATED) != 0 ? PTES : nr_of(x);
		rc = table_teardown(pg, x & PGT_TYPE_MASK, &nr);
		leave_busy(pg, x, nr, false, false, rc == 0);
		return rc;
	}
	/* T13: BUSY keeps a use from coming and going after the stamp. */
	page_stamp(pg);
	/* T14: the use is gone */
	__atomic_fetch_sub(&pg->type, PGT_BUSY + 1, __ATOMIC_ACQ_REL);
	return 0;
}

int page_drop_partial(struct page *pg)
{
	uint64_t x;
	unsigned int nr;
	int rc;

	do {
		x = type_idle(pg);
		if ((x & PGT_PARTIAL) == 0 || uses(x) != 0) {
			return 0;
		}
	} while (!type_swap(pg, &x, (x | PGT_BUSY) + 1)); /* T15: alone with a partial frame */

	nr = nr_of(x);
	rc = table_teardown(pg, x & PGT_TYPE_MASK, &nr);
	leave_busy(pg, x, nr, false, true, true);
	return rc;
}

int page_put_table(struct page *pg)
{
	int rc = put_type(pg);

	if (rc == 0) {
		page_put(pg);
	}
	return rc;
}

void page_put_type(struct page *pg)
{
	int rc = put_type(pg);

	CHECK(rc == 0);
}

void page_put_and_type(struct page *pg)
{
	page_put_type(pg);
	page_put(pg);
}

int page_get_and_type(unsigned long mfn, const struct domain *d, uint64_t type, struct page **out)
{
	struct page *pg = page_get_from_mfn(mfn, d);
	int rc = pg != NULL ? page_get_type(pg, type) : -XEN_EINVAL;

	if (rc != 0 && pg != NULL) {
		page_put(pg);
	}
	*out = rc == 0 ? pg : NULL;
	return rc;
}

/* ---- Pin and lock --------------------------------------------------------------- */

bool page_pin(struct page *pg)
{
	/* T16: the pin takes the use over */
	return (__atomic_fetch_or(&pg->type, PGT_PINNED, __ATOMIC_ACQ_REL) & PGT_PINNED) == 0;
}

bool page_unpin(struct page *pg)
{
	/* T17: and gives it to the caller */
	return (__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_ACQ_REL) & PGT_PINNED) != 0;
}

void page_lock(struct page *pg)
{
	uint64_t x;

	lock_rank_enter(RANK_PAGE);
	do {
		x = type_idle(pg);
	} while (!type_swap(pg, &x, x | PGT_LOCKED)); /* T18: it stays what it is */
}

void page_unlock(struct page *pg)
{
	CHECK((type_load(pg) & PGT_LOCKED) != 0);
	__atomic_fetch_and(&pg->type, ~PGT_LOCKED, __ATOMIC_RELEASE); /* T19: until here */
	lock_rank_leave(RANK_PAGE);
}

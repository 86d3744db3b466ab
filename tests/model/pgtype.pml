/* SPDX-License-Identifier: MIT */
/*
 * The type of one frame: hv/core/pgtype.c, and of hv/core/page.c the references,
 * the stamp and the TLB clock.  Steps carry the names that comments in the C
 * code give them; tests/check/t-model compares the two.
 *
 * CPUS processors do up to OPS things each: map the frame writable, take such a
 * mapping away without a flush, make the frame a table by a pin, take the pin
 * back, change an entry of the table, drop what an interrupted validation left,
 * flush all TLBs, give the frame away.  A TLB takes up a writable mapping whenever there is one.
 * Validation and teardown may be interrupted before each entry and a caller may
 * not come back; an entry may be refused.
 *
 * What must hold:
 *   - no CPU can write to a frame whose entries are looked at, or hold
 *     references; nor to one that is free;
 *   - the references of entries are exactly those that the state says;
 *   - at the end uses and references are counted exactly, nobody waits for
 *     ever, and no BUSY or LOCKED is left.
 *
 * A compare-and-exchange is one atomic step.  So is an update of the count,
 * which the C code makes by a loop of them, but for the stamp, whose time is
 * read in between.  -DMUTATION_x takes something away that is needed.
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef OPS
#define OPS 2
#endif
#define ENTRIES 2

/* The type word. */
#define USES(x) ((x) & 7)
#define TYPE(x) ((x) & 24)
#define NONE 0
#define WRITABLE 8
#define TABLE 16
#define VALID 32
#define PARTIAL 64
#define PINNED 128
#define BUSY 256
#define LOCKED 512
#define UNDO 1024
#define NR(x) (((x) >> 11) & 3)
#define NR_BITS(n) ((n) << 11)
#define NR_MASK (3 << 11)

#define OK 0
#define INVALID 1
#define RESTART 2
#define FIRST 3

short ty = NONE;
byte cnt = 1;	    /* references, one of them for the allocation */
bool allocated = true, freed = false;
byte stamp = 0, clock = 1;
byte flushed[CPUS]; /* clock of the last flush */
bool tlb[CPUS];	    /* may write to the frame */
bool entry[CPUS];   /* a writable mapping in memory: its own of each CPU */
byte held = 0;	    /* entries of the frame that hold references */
bool looked = false; /* somebody relies on the entries */
byte done = 0;

#if CPUS == 2
#define NO_WRITER (!tlb[0] && !tlb[1])
#define MAPPINGS (entry[0] + entry[1])
#else
#define NO_WRITER (!tlb[0] && !tlb[1] && !tlb[2])
#define MAPPINGS (entry[0] + entry[1] + entry[2])
#endif

/* A processor fills its TLB from a mapping that there is, at any time. */
active proctype walker()
{
	byte c;
end:
	do
	:: atomic { MAPPINGS > 0 && !tlb[0] -> tlb[0] = true }
	:: atomic { MAPPINGS > 0 && !tlb[1] -> tlb[1] = true }
#if CPUS > 2
	:: atomic { MAPPINGS > 0 && !tlb[2] -> tlb[2] = true }
#endif
	od
}

#define CHECK_WRITERS assert(!((ty & VALID) || looked) || NO_WRITER)

/* ---- The clock --------------------------------------------------------------- */

#ifdef MUTATION_flush_compare
#define STALE(i) (flushed[i] < time)
#else
#define STALE(i) (flushed[i] <= time)
#endif
#define KNOWN(i) flushed[i] = ((mask & (1 << i)) && flushed[i] < time -> time : flushed[i])

inline flush()
{
#ifdef MUTATION_late_tick
	skip
#else
	atomic { clock++; time = clock } /* C2: the tick */
#endif
	;
	c = 0;
	do
	:: c < CPUS && (mask & (1 << c)) -> tlb[c] = false; c++ /* C3: the flush */
	:: c < CPUS && !(mask & (1 << c)) -> c++
	:: c == CPUS -> break
	od;
#ifdef MUTATION_late_tick
	atomic { clock++; time = clock };
#endif
	atomic { /* C4: it is known to others */
		KNOWN(0);
		KNOWN(1);
#if CPUS > 2
		KNOWN(2);
#endif
		mask = 0 }
}

/* C1: the stamp tells from when on a flush counts. */
inline flush_stale()
{
	time = stamp; /* C1 */
	atomic {
#if CPUS > 2
		mask = STALE(0) + 2 * STALE(1) + 4 * STALE(2)
#else
		mask = STALE(0) + 2 * STALE(1)
#endif
	};
	if
	:: mask != 0 -> flush()
	:: else
	fi
}

/* R1: by the clock, read after the word. */
inline stamp_page()
{
	do
	::
		was_stamp = stamp; time = clock; /* R1 */
		atomic {
			if
			:: stamp == was_stamp -> stamp = time; break
			:: else
			fi }
	od
}

/* ---- References ------------------------------------------------------------------ */

inline page_get()
{
	atomic { /* R2: not from 0 */
		got = (cnt != 0);
		cnt = cnt + got }
}

inline page_put()
{
	atomic {
		assert(cnt != 0);
		cnt--; /* R3: the last one frees the frame */
		last = (cnt == 0) };
	if
	:: last ->
		assert(!(ty & (BUSY | PARTIAL | LOCKED)) && USES(ty) == 0 && held == 0);
#ifndef MUTATION_free_no_flush
		flush_stale(); /* R4: no TLB has it any more */
#endif
		atomic { assert(NO_WRITER); freed = true; ty = NONE }
	:: else
	fi
}

/* ---- Claiming a use ----------------------------------------------------------------- */

inline claim(want)
{
	x = ty; /* T1: what it is now */
	do
	::	atomic {
			same = (TYPE(x) == want);
			first = (!same || (want != WRITABLE && !(x & VALID)));
			next = x + 1;
			wait = BUSY;
			if
			:: first ->
				next = (next & ~(24 | VALID)) | want | BUSY;
				wait = BUSY | LOCKED
			:: else
			fi };
		if
		:: !same && (USES(x) != 0 || (x & PARTIAL)) -> rc = INVALID; break
		:: else ->
			if
			:: x & wait -> atomic { ty != x -> x = ty }
			:: else ->
				atomic { /* T2: the use, and with the first one BUSY */
					if
#ifdef MUTATION_claim_no_swap
					:: true ->
#else
					:: ty == x ->
#endif
						ty = next; was = x; rc = (first -> FIRST : OK); break
					:: else -> x = ty
					fi }
			fi
		fi
	od;
	if
	:: rc != INVALID && !same ->
#ifndef MUTATION_claim_no_flush
		flush_stale() /* T3: nobody has it as what it was */
#else
		skip
#endif
	:: else
	fi;
	if
	:: rc == FIRST && want == WRITABLE -> ty = ty & ~BUSY; rc = OK /* T4 */
	:: else
	fi
}

/* ---- Leaving BUSY -------------------------------------------------------------------- */

inline leave_busy(valid, undo, drop)
{
	x = ty;
	has_ref = ((was & PARTIAL) != 0);
	if
	:: !has_ref && !valid && (nr != 0 || USES(x) > drop) ->
#ifndef MUTATION_partial_no_ref
		cnt++; /* T5: PARTIAL keeps the frame */
#endif
		has_ref = true
	:: else
	fi;
	do
	::	atomic {
			next = (x & ~(BUSY | PARTIAL | UNDO | NR_MASK)) - drop;
			partial = (!valid && (nr != 0 || USES(next) != 0));
			if
			:: valid -> next = next | VALID
			:: partial -> next = next | PARTIAL | NR_BITS(nr) | (undo -> UNDO : 0)
			:: else
			fi };
		atomic { /* T6: the state that it is in now */
			if
			:: ty == x -> looked = false; ty = next; break
			:: else -> x = ty
			fi }
	od;
	if
	:: has_ref && !partial -> page_put() /* T7 */
	:: else
	fi
}

/* Gives references of entries back, from the last one down. */
inline teardown()
{
	rc = OK;
	looked = true;
	do
	:: nr > 0 -> atomic { CHECK_WRITERS; assert(held == nr); held--; nr-- }
	:: nr > 0 -> rc = RESTART; break
	:: nr == 0 -> break
	od
}

inline refuse()
{
	if
	:: USES(ty) > 1 -> leave_busy(false, 0, 1); rc = INVALID /* T8: its owner goes on */
	:: else ->
		teardown(); /* T9: what was validated is undone */
		if
		:: rc == RESTART -> leave_busy(false, 1, 1); rc = RESTART
		:: else -> leave_busy(false, 0, 1); rc = INVALID
		fi
	fi
}

inline get_table()
{
	claim(TABLE);
	if
	:: rc == FIRST ->
		nr = ((was & PARTIAL) -> NR(was) : 0);
		looked = true;
		if
		:: (was & UNDO) -> refuse()
		:: else ->
			rc = OK;
			do /* T10: entries get their references */
			:: nr < ENTRIES -> atomic { CHECK_WRITERS; assert(held == nr); held++; nr++ }
			:: nr < ENTRIES -> rc = INVALID; break
			:: nr < ENTRIES -> rc = RESTART; break
			:: nr == ENTRIES -> break
			od;
			if
			:: rc == OK -> leave_busy(true, 0, 0); rc = OK
			:: rc == RESTART -> leave_busy(false, 0, 1); rc = RESTART
			:: else -> refuse()
			fi
		fi
	:: else
	fi
}

/* ---- Giving a use back ------------------------------------------------------------------ */

inline put_type()
{
	x = ty;
	do
	::	assert(USES(x) != 0);
		if
		:: USES(x) > 1 ->
			atomic { /* T11: not the last one */
				if
				:: ty == x -> ty = x - 1; rc = OK; first = false; break
				:: else -> x = ty
				fi }
#ifdef MUTATION_put_ignores_lock
		:: USES(x) <= 1 && (x & BUSY) -> atomic { ty != x -> x = ty }
		:: USES(x) <= 1 && !(x & BUSY) ->
#else
		:: USES(x) <= 1 && (x & (BUSY | LOCKED)) -> atomic { ty != x -> x = ty }
		:: USES(x) <= 1 && !(x & (BUSY | LOCKED)) ->
#endif
			atomic { /* T12: the last one, alone with the frame */
				if
				:: ty == x -> ty = (x & ~VALID) | BUSY; was = x; first = true; break
				:: else -> x = ty
				fi }
		fi
	od;
	if
	:: first && TYPE(was) == TABLE ->
		nr = ((was & VALID) -> ENTRIES : NR(was));
		teardown();
		if
		:: rc == OK -> leave_busy(false, 0, 1); rc = OK
		:: else -> leave_busy(false, 0, 0); rc = RESTART
		fi
	:: first && TYPE(was) != TABLE ->
#ifndef MUTATION_put_no_stamp
		stamp_page(); /* T13: before the use is gone */
#endif
		ty = ty - BUSY - 1; /* T14 */
		rc = OK
	:: else
	fi
}

inline drop_partial()
{
	do
	::	atomic { (ty & (BUSY | LOCKED)) == 0 -> x = ty };
		if
		:: !(x & PARTIAL) || USES(x) != 0 -> rc = OK; first = false; break
		:: else ->
			atomic { /* T15: alone with a partial frame */
				if
				:: ty == x -> ty = (x | BUSY) + 1; was = x; first = true; break
				:: else
				fi }
		fi
	od;
	if
	:: first ->
		nr = NR(was);
		teardown();
		if
		:: rc == OK -> leave_busy(false, 1, 1); rc = OK
		:: else -> leave_busy(false, 1, 1); rc = RESTART
		fi
	:: else
	fi
}

/* Whoever owns a use of a table drops it until it is dropped. */
inline put_owned()
{
	do
	::	put_type();
		if
		:: rc == OK -> page_put(); break
		:: else
		fi
	od
}

/* ---- Processors -------------------------------------------------------------------------- */

proctype cpu(byte me)
{
	short x, next, was, wait;
	byte n, nr, rc, c, mask, time, was_stamp;
	bool same, first, has_ref, partial, got, last;

	do
	:: n == OPS -> break
	:: n < OPS -> n++;
		if
		:: !entry[me] -> /* map it writable */
			page_get();
			if
			:: got ->
				claim(WRITABLE);
				if
				:: rc == OK -> entry[me] = true
				:: else -> page_put()
				fi
			:: else
			fi
		:: entry[me] -> /* and not any more, without a flush */
			entry[me] = false;
			put_owned()
		:: page_get(); /* pin */
			if
			:: got ->
				get_table();
				do
				:: rc == RESTART -> get_table()
				:: rc != OK -> page_put(); break
				:: rc == OK ->
					atomic { /* T16: the pin takes the use over */
						first = !(ty & PINNED);
						ty = ty | PINNED };
					if
					:: !first -> put_owned()
					:: else
					fi;
					break
				od
			:: else
			fi
		:: page_get(); /* unpin */
			if
			:: got ->
				atomic { /* T17 */
					first = (ty & PINNED) != 0;
					ty = ty & ~PINNED };
				if
				:: first -> page_put(); put_owned()
				:: else -> page_put()
				fi
			:: else
			fi
		:: page_get(); /* change an entry, or find that it is no table */
			if
			:: got ->
				do
				::	atomic { (ty & (BUSY | LOCKED)) == 0 -> x = ty };
					atomic { /* T18: it stays what it is */
						if
						:: ty == x -> ty = x | LOCKED; break
						:: else
						fi }
				od;
				if
				:: TYPE(ty) == TABLE && (ty & VALID) ->
					atomic { CHECK_WRITERS; assert(held == ENTRIES) }
					held--;
					assert(!(ty & BUSY) && TYPE(ty) == TABLE && (ty & VALID));
					held++
				:: else
				fi;
				ty = ty & ~LOCKED; /* T19 */
				page_put()
			:: else
			fi
		:: page_get(); /* what the end of a domain does */
			if
			:: got ->
				do
				:: drop_partial();
					if
					:: rc == OK -> break
					:: else
					fi
				od;
				page_put()
			:: else
			fi
		:: mask = (1 << CPUS) - 1; /* flush, because a guest wants it */
			flush()
		:: atomic { allocated -> allocated = false }; /* give it away */
			page_put()
		fi
	od;
	done++
}

init {
	atomic {
		run cpu(0);
		run cpu(1);
#if CPUS > 2
		run cpu(2);
#endif
	}
	done == CPUS;
	assert(!(ty & (BUSY | LOCKED)));
	assert(freed || (USES(ty) == MAPPINGS + ((ty & PINNED) != 0)));
	assert(freed || (cnt == MAPPINGS + allocated + ((ty & PINNED) != 0) + ((ty & PARTIAL) != 0)));
	assert(freed || held == ((ty & VALID) -> ENTRIES : ((ty & PARTIAL) -> NR(ty) : 0)));
	CHECK_WRITERS
}

/* SPDX-License-Identifier: MIT */
/*
 * One queue of the FIFO event transport: hv/core/evtchn_fifo.c, whose comments
 * name the same steps, against a guest that takes events and unmasks ports as
 * Linux does.
 *
 * The core raises any of PORTS ports as often as it likes.  Its senders hold the
 * event lock from the first step to the last, so one process stands for all of
 * them; the unmasking call is another one.  The guest's consumer takes what is in
 * the queue after each upcall; another vCPU of it masks and unmasks.  Nothing is
 * counted, so there is no bound on how often.  At some time both stop, and what
 * was masked has been unmasked.
 *
 * What must hold: a port is in the queue once, and what the guest finds at the
 * head or behind a link is in the queue; the core never gives up on an honest
 * guest; all ends; and then no event is pending and no port linked, which would be
 * an event that the guest never sees.
 *
 * Each step is atomic, which is what a locked instruction is; what a processor
 * does with its own variables between them belongs to the step before.
 */
#ifndef PORTS
#define PORTS 2
#endif
#define TRIES 6

#define LINK(x) ((x) & 3)
#define LINK_MASK 3
#define LINKED 4
#define BUSY 8
#define MASKED 16
#define PENDING 32

byte w[PORTS + 1]; /* event words, by port */
byte head = 0, tail = 0;
bool ready = false, upcall = false, lock = false;

#ifdef MUTATION_no_lock
#define MAY_ENTER true
#else
#define MAY_ENTER !lock
#endif

/* Core, lock held: `p` is pending and not masked.  Ends at `left`. */
inline append()
{
	atomic { /* F2: in a queue, once */
		x = w[p];
		w[p] = x | LINKED;
		if
		:: x & LINKED -> goto left
		:: else
		fi;
#ifndef MUTATION_keep_tail
		if
		:: tail == p -> tail = 0 /* its queue is empty */
		:: else
		fi;
#endif
		t = tail; /* F3: kept by the core alone */
		tail = p;
		x = 0
	};
	if
	:: t != 0 ->
		atomic { x = w[t]; i = 0 }; /* F4: is the tail still in the queue? */
		do
		:: atomic { i < TRIES && (x & LINKED) -> /* F5: the link, if it is still so */
				if
#ifdef MUTATION_blind_link
				:: true -> w[t] = (w[t] & ~(BUSY | LINK_MASK)) | p; goto left
#else
				:: w[t] == x -> w[t] = (x & ~(BUSY | LINK_MASK)) | p; goto left
#endif
				:: else -> x = w[t]; i++
				fi }
#ifndef MUTATION_no_busy
			if
			:: atomic { i == 1 -> w[t] = w[t] | BUSY; x = w[t] } /* F6: no unmasking meanwhile */
			:: else
			fi
#endif
		:: else -> break
		od;
		/* An honest guest lets it be one or the other before. */
		assert(i < TRIES);
		if
#ifndef MUTATION_busy_stays
		:: atomic { i > 0 -> w[t] = w[t] & ~BUSY } /* F7: no link took it away */
#endif
		:: else
		fi
	:: else
	fi;
#ifdef MUTATION_ready_first
	atomic { x = ready; ready = true };
	head = p;
#else
	head = p; /* F8: before it is announced */
	atomic { x = ready; ready = true }; /* F9: and announced once */
#endif
	if
	:: !x -> upcall = true
	:: else
	fi
}

inline set_pending()
{
#ifdef MUTATION_pending_late
	x = w[p];
	w[p] = w[p] | PENDING;
	if
	:: x & (MASKED | LINKED)
	:: else -> append()
	fi
#else
	atomic { /* F1: and is it masked or in a queue, in one */
		x = w[p];
		w[p] = x | PENDING;
		if
		:: x & (MASKED | LINKED) -> goto left
		:: else
		fi };
	append()
#endif
}

#define LEAVE atomic { lock = false; p = 0; t = 0; x = 0; i = 0 }

proctype sender()
{
	byte p, t, x, i;

	do
	:: atomic { MAY_ENTER -> lock = true; p = 1; do :: p < PORTS -> p++ :: break od };
		set_pending();
left:		LEAVE
	:: break
	od
}

/* ---- The guest --------------------------------------------------------------- */

active proctype consumer()
{
	byte p = 0, x, next;
	bool r;
end:
	do
	:: atomic { upcall -> upcall = false };
		atomic { r = ready; ready = false };
		do
		:: r ->
			atomic { /* out of the queue, and who is next */
				p = (next == 0 -> head : next);
				assert(p != 0);
				x = w[p];
				assert(x & LINKED);
				w[p] = x & ~(LINKED | LINK_MASK);
				next = LINK(x);
				r = (next != 0);
				x = 0 };
			if
			:: (w[p] & PENDING) ->
				if
				:: !(w[p] & MASKED) -> w[p] = w[p] & ~PENDING
				:: else
				fi
			:: else
			fi;
			atomic { r = r || ready; ready = false; p = 0 }
		:: else -> break
		od
	od
}

proctype masker()
{
	byte p, t, x, i;

	do
	:: atomic { p = 1; do :: p < PORTS -> p++ :: break od; w[p] = w[p] | MASKED };
		x = w[p];
		do /* by itself only while nothing is pending */
		:: atomic { !(x & PENDING) ->
				x = x & ~BUSY;
				if
				:: w[p] == x -> w[p] = x & ~MASKED; goto unmasked
				:: else -> x = w[p]
				fi }
		:: atomic { x & PENDING -> x = 0; break }
		od;
		atomic { MAY_ENTER -> lock = true };
		atomic { x = w[p]; w[p] = x & ~MASKED }; /* F10: by the core, and is it pending */
#ifndef MUTATION_unmask_only
		if
		:: x & PENDING -> set_pending()
		:: else
		fi;
#endif
left:		lock = false;
unmasked:
		atomic { p = 0; t = 0; x = 0; i = 0 }
	:: break
	od
}

init {
	byte p;

	atomic {
		run sender();
		run masker();
#ifdef MUTATION_no_lock
		run sender()
#endif
	}
	timeout; /* nobody can do anything any more */
	assert(!lock && !ready && !upcall);
	for (p : 1 .. PORTS) {
		assert(w[p] == 0) /* nobody waits for ever */
	}
}

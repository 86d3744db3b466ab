/* SPDX-License-Identifier: MIT */
/*
 * The two-level transport: pending and mask bits of up to 4,096 ports in
 * shared_info, and one selector word per vCPU.  Called by evtchn.c and
 * evtchn_op.c with the event lock of the domain held.  The words are the
 * guest's as much as ours: every change here is one atomic operation on one
 * word, nothing read from them is trusted, and whatever a guest writes into
 * them costs it its own events only.
 *
 * The levels, from the sender's side (S) and the guest's (G), each step one
 * atomic read-modify-write unless it says "read":
 *
 *   S1 pending[port] := 1; done if it was 1     G1 upcall_pending := 0
 *   S2 read mask[port]; done if it is 1         G2 sel := 0, kept in a local
 *   S3 sel[port / 64] := 1; done if it was 1    G3 read pending & ~mask of the
 *   S4 upcall_pending := 1; done if it was 1       words that sel named
 *   S5 wake the vCPU or kick its CPU            G4 pending[port] := 0, handle
 *
 * Why an event cannot fall between two levels:
 *
 * - S1 "was 1".  The earlier sender has done or is doing S2 to S5, or the port
 *   was masked then and the unmask below is still to come.  The guest's G4
 *   comes before it handles the event, so a bit found set stands for a handler
 *   run that is yet to start, and that run serves both.
 *
 * - S3 "was 1".  The guest has not done G2 since that bit was set, so its G3 is
 *   to come, after our S1.  (The other senders to this domain are held off by
 *   the event lock; the guest's own resend, which does S3 and S4 itself on its
 *   own vCPU, is ordered by these atomics like any sender.)
 *
 * - S4 "was 1".  The guest has not done G1 since, so G2 is to come after our S3;
 *   and whoever set it did S5.  If the vCPU was asleep it has been woken; if it
 *   was falling asleep it finds upcall_pending as its last check (sched.c (b)).
 *   The guest does G1 before G2 for this reason; in the other order it would
 *   clear an upcall whose selector bit it has not seen.
 *
 * - S2 against unmasking.  The guest clears the mask (U1), then reads pending
 *   (U2); S1 precedes S2.  Whichever came first, either the sender reads the
 *   port as unmasked or the guest reads it as pending, or both: then S3 makes
 *   one upcall of the two.  A guest whose port belongs to another vCPU, and who
 *   therefore may not do S3 itself, asks for EVTCHNOP_unmask: U1 and U2 happen
 *   below, under the lock.
 *
 * Moving a port to another vCPU changes only where S3 to S5 go from then on; an
 * event under way stays with the old vCPU, whose selector names its word.
 */

#include <hv/domain.h>
#include <hv/evtchn.h>

_Static_assert(sizeof(((struct shared_info *)0)->evtchn_pending) * 8 == EVTCHN_2L_NR_CHANNELS,
	       "a bit for every port");

/* The word of a port's mask bit, which is as the one of its pending bit. */
static uint32_t *mask_word(const struct domain *d, const struct evtchn *chn)
{
	return (uint32_t *)d->shared->evtchn_mask + chn->port / 32;
}

/* Steps S3 to S5. */
static void select_port(struct domain *d, const struct evtchn *chn)
{
	struct vcpu *v = d->vcpu[chn->vcpu];
	xen_ulong_t bit = 1ul << chn->port / 64;

	if ((__atomic_fetch_or(&v->info->evtchn_pending_sel, bit, __ATOMIC_SEQ_CST) & bit) == 0) {
		vcpu_mark_events_pending(v);
	}
}

void evtchn_2l_set_pending(struct domain *d, struct evtchn *chn)
{
	uint32_t bit, *pending = evtchn_pending_word(d, chn->port, &bit);

	if ((__atomic_fetch_or(pending, bit, __ATOMIC_SEQ_CST) & bit) == 0 &&
	    (__atomic_load_n(mask_word(d, chn), __ATOMIC_SEQ_CST) & bit) == 0) {
		select_port(d, chn);
	}
}

void evtchn_2l_unmask(struct domain *d, struct evtchn *chn)
{
	uint32_t bit, *pending = evtchn_pending_word(d, chn->port, &bit);

	if ((__atomic_fetch_and(mask_word(d, chn), ~bit, __ATOMIC_SEQ_CST) & bit) != 0 &&
	    (__atomic_load_n(pending, __ATOMIC_SEQ_CST) & bit) != 0) {
		select_port(d, chn);
	}
}

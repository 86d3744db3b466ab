/* SPDX-License-Identifier: MIT */
/*
 * Event channels: the ports of a domain, what each is bound to, and sending.
 * evtchn_op.c makes ports; devices, timers and vCPUs send; evtchn_2l.c and
 * evtchn_fifo.c bring a pending port to the guest.  The event lock of a domain
 * covers all of its ports, the VIRQ tables of its vCPUs and where their
 * vcpu_info lies.
 *
 * Both ends of an interdomain channel change only under both locks, so holding
 * either pins the other end: its domain cannot have closed it.  A send takes
 * one lock after the other, never two: it finds the remote end under its own
 * lock, keeps the remote domain alive by a reference, and checks under the
 * remote lock that the two ends still belong together.
 *
 * Ports live in groups of a page that are made as numbers are needed and stay
 * until the domain is freed, so a pointer to a port never dangles.  Free ports
 * below evtchn_valid are linked into a list: taking one is quick however many
 * a guest has.
 */
#include <hv/evtchn.h>

#include <hv/guests.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>

_Static_assert(EVTCHN_GROUP * sizeof(struct evtchn) == PAGE_SIZE, "a group is a page");
_Static_assert(EVTCHN_FIFO_NR_CHANNELS == EVTCHN_GROUP << (EVTCHN_BLOCKS - 1), "domain.h");

/* ---- Ports ------------------------------------------------------------------- */

/* Each block but the first has as many ports as all before it. */
static uint32_t block_start(unsigned int block)
{
	return block == 0 ? 0 : (EVTCHN_GROUP / 2u) << block;
}

static unsigned int block_of(uint32_t port)
{
	uint32_t group = port / EVTCHN_GROUP;

	return group == 0 ? 0 : 32u - (unsigned int)__builtin_clz(group);
}

struct evtchn *evtchn_at(const struct domain *d, uint32_t port)
{
	unsigned int block = block_of(port);

	return &d->evtchn_block[block][port - block_start(block)];
}

struct evtchn *evtchn_lookup(struct domain *d, uint32_t port)
{
	struct evtchn *chn;

	if (port >= d->evtchn_valid) {
		return NULL;
	}
	chn = evtchn_at(d, (uint32_t)index_nospec(port, d->evtchn_valid));
	return chn->state != ECS_FREE ? chn : NULL;
}

static struct evtchn *lookup_as(struct domain *d, uint32_t port, enum evtchn_state state)
{
	struct evtchn *chn = evtchn_lookup(d, port);

	return chn != NULL && chn->state == state ? chn : NULL;
}

struct evtchn *evtchn_joined(struct domain *rd, uint32_t rport, const struct domain *d,
			     uint32_t port)
{
	struct evtchn *chn = lookup_as(rd, rport, ECS_INTERDOMAIN);
	bool joined = chn != NULL && chn->u.interdomain.remote == d &&
		      chn->u.interdomain.remote_port == port;

	return joined ? chn : NULL;
}

/* Brings the next group of ports into circulation, the lowest one first. */
static int grow(struct domain *d)
{
	uint32_t first = d->evtchn_valid;
	uint32_t max = d->fifo != NULL ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
	struct evtchn **block = &d->evtchn_block[block_of(first)];

	if (first >= max) {
		return -XEN_ENOSPC;
	}
	if (*block == NULL) {
		*block = heap_alloc_bytes(MAX(first, EVTCHN_GROUP) * sizeof(**block));
	}
	if (*block == NULL) {
		return -XEN_ENOMEM;
	}
	/* Port 0 is never taken, so that 0 can mean "none". */
	for (uint32_t port = first + EVTCHN_GROUP; port-- > MAX(first, 1u);) {
		*evtchn_at(d, port) =
			(struct evtchn){ .port = port, .u.next_free = d->evtchn_free };
		d->evtchn_free = port;
	}
	WRITE_ONCE(d->evtchn_valid, first + EVTCHN_GROUP);
	return 0;
}

long evtchn_alloc(struct domain *d, enum evtchn_state state, unsigned int vcpu,
		  union evtchn_end end)
{
	struct evtchn *chn;
	int rc;

	ASSERT(spin_is_held(&d->evtchn_lock));
	if (READ_ONCE(d->state) == DOM_DYING) {
		return -XEN_EINVAL;
	}
	if (d->evtchn_count >= d->evtchn_max) {
		return -XEN_ENOSPC;
	}
	rc = d->evtchn_free == 0 ? grow(d) : 0;
	if (rc != 0) {
		return rc;
	}
	chn = evtchn_at(d, d->evtchn_free);
	ASSERT(chn->state == ECS_FREE);
	d->evtchn_free = chn->u.next_free;
	WRITE_ONCE(d->evtchn_count, d->evtchn_count + 1);
	chn->state = (uint8_t)state;
	chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	chn->vcpu = (uint16_t)vcpu;
	chn->u = end;
	return chn->port;
}

void evtchn_release(struct domain *d, struct evtchn *chn)
{
	uint32_t bit, *word = evtchn_pending_word(d, chn->port, &bit);

	ASSERT(spin_is_held(&d->evtchn_lock));
	ASSERT(chn->state != ECS_FREE && chn->port != 0);
	if (word != NULL) {
		__atomic_and_fetch(word, ~bit, __ATOMIC_SEQ_CST);
	}
	chn->pending_no_array = false;
	/* last_vcpu and last_priority stay: the guest may still have the port
	 * linked in that queue when it is used anew. */
	chn->state = ECS_FREE;
	chn->u.next_free = d->evtchn_free;
	d->evtchn_free = chn->port;
	WRITE_ONCE(d->evtchn_count, d->evtchn_count - 1);
}

/* ---- Sending ------------------------------------------------------------------- */

bool vcpu_event_pending(const struct vcpu *v)
{
	return __atomic_load_n(&v->info->evtchn_upcall_pending, __ATOMIC_SEQ_CST) != 0 &&
	       READ_ONCE(v->info->evtchn_upcall_mask) == 0;
}

void vcpu_mark_events_pending(struct vcpu *v)
{
	/* Full barrier: sched.c, (b) and (c). */
	if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0) {
		vcpu_kick(v);
	}
}

void evtchn_set_pending(struct domain *d, struct evtchn *chn)
{
	uint64_t mask;

	ASSERT(spin_is_held(&d->evtchn_lock));
	if (d->fifo != NULL) {
		evtchn_fifo_set_pending(d, chn);
	} else {
		evtchn_2l_set_pending(d, chn);
	}
	/* Wakes whoever polls for the port; see sched_op.c. */
	mask = __atomic_load_n(&d->poll_mask, __ATOMIC_SEQ_CST);
	for (; unlikely(mask != 0); mask &= mask - 1) {
		sched_poll_wake(d->vcpu[__builtin_ctzll(mask)], chn->port);
	}
}

/* A reference to a domain known to have one, whatever its state. */
static void hold_domain(struct domain *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
}

int evtchn_send(struct domain *d, uint32_t port)
{
	struct domain *rd = NULL;
	uint32_t rport = 0;
	struct evtchn *chn;
	int rc = 0;

	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, port);
	switch (chn != NULL ? chn->state : ECS_FREE) {
	case ECS_INTERDOMAIN:
		rd = chn->u.interdomain.remote;
		rport = chn->u.interdomain.remote_port;
		hold_domain(rd);
		break;
	case ECS_IPI:
		evtchn_set_pending(d, chn);
		break;
	case ECS_UNBOUND:
		break; /* nobody there yet: lost, as on a loose wire */
	case ECS_VIRQ:
		/* The core is the other end of a guest's console. */
		rc = chn->u.virq == VIRQ_CONSOLE && d->console_page != NULL ? 1 : -XEN_EINVAL;
		break;
	default:
		rc = -XEN_EINVAL;
		break;
	}
	spin_unlock(&d->evtchn_lock);
	if (rd == NULL) {
		return rc > 0 ? guest_console_output(d) : rc;
	}
	spin_lock(&rd->evtchn_lock);
	chn = evtchn_joined(rd, rport, d, port);
	if (chn != NULL) {
		evtchn_set_pending(rd, chn);
	}
	spin_unlock(&rd->evtchn_lock);
	domain_put(rd);
	return 0;
}

bool virq_is_per_vcpu(unsigned int virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
	       virq == VIRQ_XENPMU;
}

/* To the port that *slot names, if any; the slot changes under the lock. */
static void send_bound(struct domain *d, const uint32_t *slot, enum evtchn_state state)
{
	struct evtchn *chn;

	spin_lock(&d->evtchn_lock);
	chn = lookup_as(d, READ_ONCE(*slot), state);
	if (chn != NULL) {
		evtchn_set_pending(d, chn);
	}
	spin_unlock(&d->evtchn_lock);
}

void evtchn_send_virq(struct vcpu *v, unsigned int virq)
{
	CHECK(virq < NR_VIRQS);
	send_bound(v->domain, &v->virq_port[virq], ECS_VIRQ);
}

void evtchn_send_global_virq(struct domain *d, unsigned int virq)
{
	/* Whatever vCPU its port notifies now, it is vCPU 0 that holds it. */
	if (d != NULL) {
		evtchn_send_virq(d->vcpu[0], virq);
	}
}

void evtchn_send_pirq(struct domain *d, unsigned int pirq)
{
	CHECK(pirq < PIRQ_MAX);
	send_bound(d, &d->pirq_port[pirq], ECS_PIRQ);
}

bool evtchn_is_pending(struct domain *d, uint32_t port)
{
	uint32_t bit, *word;
	bool pending = false;
	struct evtchn *chn;

	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, port);
	if (chn != NULL) {
		word = evtchn_pending_word(d, port, &bit);
		pending = word != NULL ? (__atomic_load_n(word, __ATOMIC_SEQ_CST) & bit) != 0 :
					 chn->pending_no_array;
	}
	spin_unlock(&d->evtchn_lock);
	return pending;
}

/* ---- Closing --------------------------------------------------------------------- */

/*
 * Takes d's lock and, if the port is joined with another domain's, that one's.
 * Returns the other domain, or d; with a reference either way.
 */
static struct domain *lock_ends(struct domain *d, uint32_t port)
{
	struct domain *rd = d;

	hold_domain(rd);
	for (;;) {
		struct domain *now = d;
		struct evtchn *chn;

		lock_both(&d->evtchn_lock, &rd->evtchn_lock);
		chn = lookup_as(d, port, ECS_INTERDOMAIN);
		if (chn != NULL) {
			now = chn->u.interdomain.remote;
		}
		if (now == rd) {
			return rd;
		}
		/* After the first round somebody was quicker: each one is the
		 * work of another. */
		hold_domain(now);
		unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
		domain_put(rd);
		rd = now;
	}
}

int evtchn_close(struct domain *d, uint32_t port)
{
	struct domain *rd = lock_ends(d, port);
	struct evtchn *chn = evtchn_lookup(d, port);
	struct evtchn *rchn;
	struct vcpu *v;
	int rc = 0;

	switch (chn != NULL ? chn->state : ECS_FREE) {
	case ECS_UNBOUND:
	case ECS_IPI:
		break;
	case ECS_VIRQ:
		v = d->vcpu[virq_is_per_vcpu(chn->u.virq) ? chn->vcpu : 0];
		CHECK(v->virq_port[chn->u.virq] == port);
		v->virq_port[chn->u.virq] = 0;
		break;
	case ECS_PIRQ:
		pirq_set_affinity(d, chn->u.pirq, NULL);
		break;
	case ECS_INTERDOMAIN:
		/* That end waits for its next partner; only d may be it. */
		rchn = evtchn_joined(rd, chn->u.interdomain.remote_port, d, port);
		CHECK(rchn != NULL);
		rchn->state = ECS_UNBOUND;
		rchn->u.remote_domid = d->id;
		break;
	default:
		rc = -XEN_EINVAL;
		break;
	}
	if (rc == 0) {
		evtchn_release(d, chn);
	}
	unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
	domain_put(rd);
	return rc;
}

/* Takes the group from `first` on out of circulation if all of it is free and
 * none is above it.  True if d is left without a port, and back to two-level. */
static bool shrink(struct domain *d, uint32_t first, uint32_t end)
{
	uint32_t port = first;
	bool done;

	spin_lock(&d->evtchn_lock);
	while (port < end && evtchn_at(d, port)->state == ECS_FREE) {
		port++;
	}
	if (port == d->evtchn_valid) {
		/* The list may name ports of that group.  Those of lower ones
		 * come back as the groups do. */
		d->evtchn_free = 0;
		WRITE_ONCE(d->evtchn_valid, first);
	}
	done = d->evtchn_valid == 0;
	if (done) {
		evtchn_fifo_destroy(d);
	}
	spin_unlock(&d->evtchn_lock);
	return done;
}

/*
 * From the top, so that a call that was interrupted goes on where it stopped.
 * A guest that binds ports on another vCPU meanwhile keeps only itself busy.
 */
int evtchn_reset(struct domain *d)
{
	for (;;) {
		uint32_t end = READ_ONCE(d->evtchn_valid);
		uint32_t first = end - MIN(end, EVTCHN_GROUP);

		for (uint32_t port = first; port < end; port++) {
			evtchn_close(d, port); /* free ones refuse */
		}
		if (shrink(d, first, end)) {
			return 0;
		}
		if (mm_preempt()) {
			return -XEN_ERESTART;
		}
	}
}

/* ---- Life of a domain ---------------------------------------------------------------- */

void evtchn_domain_free(struct domain *d)
{
	for (unsigned int i = 0; i < EVTCHN_BLOCKS; i++) {
		heap_free_bytes(d->evtchn_block[i],
				MAX(block_start(i), EVTCHN_GROUP) * sizeof(struct evtchn));
	}
}

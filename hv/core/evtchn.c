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

#include <xen/errno.h>
#include <xen/xen.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/vcpu.h>

#define GUEST_PORTS 1024 /* of a domain that is not the control domain */

_Static_assert(EVTCHN_GROUP * sizeof(struct evtchn) == PAGE_SIZE,
	       "a group is a page");

/* ---- Ports ------------------------------------------------------------------- */

/* The port whatever its state; port < d->evtchn_valid. */
static struct evtchn *port_at(struct domain *d, uint32_t port)
{
	struct evtchn *group = d->evtchn_group[port / EVTCHN_GROUP];

	return &group[port % EVTCHN_GROUP];
}

struct evtchn *evtchn_lookup(struct domain *d, uint32_t port)
{
	struct evtchn *chn;

	if (port >= d->evtchn_valid) {
		return NULL;
	}
	port = (uint32_t)index_nospec(port, d->evtchn_valid);
	chn = port_at(d, port);
	return chn->state != ECS_FREE ? chn : NULL;
}

static uint32_t port_limit(const struct domain *d)
{
	uint32_t max =
		d->fifo != NULL ? EVTCHN_FIFO_NR_CHANNELS : evtchn_2l_max();

	return MIN(max, d->evtchn_max);
}

/* Brings the next group of ports into circulation, the lowest one first. */
static int grow(struct domain *d)
{
	uint32_t first = d->evtchn_valid;
	uint32_t limit = port_limit(d);
	struct evtchn **group;
	uint32_t i;

	if (first >= limit) {
		return -XEN_ENOSPC;
	}
	group = &d->evtchn_group[first / EVTCHN_GROUP];
	if (*group == NULL) {
		*group = heap_alloc_page();
		if (*group == NULL) {
			return -XEN_ENOMEM;
		}
	}
	for (i = EVTCHN_GROUP; i-- > 0;) {
		struct evtchn *chn = &(*group)[i];

		*chn = (struct evtchn){
			.state = ECS_FREE,
			.priority = EVTCHN_FIFO_PRIORITY_DEFAULT,
			.port = first + i,
		};
		if (chn->port == 0) {
			/* Never valid, so that 0 can mean "none". */
			chn->state = ECS_RESERVED;
		} else if (chn->port < limit) {
			chn->u.next_free = d->evtchn_free;
			d->evtchn_free = chn->port;
		}
	}
	WRITE_ONCE(d->evtchn_valid, first + EVTCHN_GROUP);
	return 0;
}

int evtchn_alloc(struct domain *d, struct evtchn **out)
{
	struct evtchn *chn;

	ASSERT(spin_is_held(&d->evtchn_lock));
	if (READ_ONCE(d->state) == DOM_DYING) {
		return -XEN_EINVAL;
	}
	if (d->evtchn_free == 0) {
		int rc = grow(d);

		if (rc != 0) {
			return rc;
		}
	}
	chn = port_at(d, d->evtchn_free);
	ASSERT(chn->state == ECS_FREE);
	d->evtchn_free = chn->u.next_free;
	chn->state = ECS_RESERVED;
	d->evtchn_count++;
	*out = chn;
	return 0;
}

void evtchn_release(struct domain *d, struct evtchn *chn)
{
	ASSERT(spin_is_held(&d->evtchn_lock));
	ASSERT(chn->state != ECS_FREE && chn->port != 0);
	if (d->fifo != NULL) {
		evtchn_fifo_clear_pending(d, chn);
	} else {
		evtchn_2l_clear_pending(d, chn);
	}
	/* last_vcpu and last_priority stay: the guest may still have the port
	 * linked in that queue when it is used anew. */
	chn->state = ECS_FREE;
	chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	chn->vcpu = 0;
	chn->u.next_free = d->evtchn_free;
	d->evtchn_free = chn->port;
	d->evtchn_count--;
}

/* ---- Sending ------------------------------------------------------------------- */

bool vcpu_event_pending(const struct vcpu *v)
{
	const struct vcpu_info *info = v->info;

	return __atomic_load_n(&info->evtchn_upcall_pending,
			       __ATOMIC_SEQ_CST) != 0 &&
	       READ_ONCE(info->evtchn_upcall_mask) == 0;
}

void vcpu_mark_events_pending(struct vcpu *v)
{
	/* Full barrier: sched.c, (b) and (c). */
	if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1,
				__ATOMIC_SEQ_CST) == 0) {
		vcpu_kick(v);
	}
}

void evtchn_all_pending(struct vcpu *v)
{
	__atomic_store_n(&v->info->evtchn_pending_sel, ~0ul, __ATOMIC_SEQ_CST);
	vcpu_mark_events_pending(v);
}

/* Wakes whoever polls for the port; see sched_op.c. */
static void wake_pollers(struct domain *d, uint32_t port)
{
	uint64_t mask = __atomic_load_n(&d->poll_mask, __ATOMIC_SEQ_CST);

	for (; mask != 0; mask &= mask - 1) {
		sched_poll_wake(d->vcpu[__builtin_ctzll(mask)], port);
	}
}

void evtchn_set_pending(struct domain *d, struct evtchn *chn)
{
	ASSERT(spin_is_held(&d->evtchn_lock));
	if (d->fifo != NULL) {
		evtchn_fifo_set_pending(d, chn);
	} else {
		evtchn_2l_set_pending(d, chn);
	}
	if (unlikely(READ_ONCE(d->poll_mask) != 0)) {
		wake_pollers(d, chn->port);
	}
}

/* The end `port` of rd, if it is still joined with `from` of d. */
static void send_remote(struct domain *rd, uint32_t port, struct domain *d,
			uint32_t from)
{
	struct evtchn *chn;

	spin_lock(&rd->evtchn_lock);
	chn = evtchn_lookup(rd, port);
	if (chn != NULL && chn->state == ECS_INTERDOMAIN &&
	    chn->u.interdomain.remote == d &&
	    chn->u.interdomain.remote_port == from) {
		evtchn_set_pending(rd, chn);
	}
	spin_unlock(&rd->evtchn_lock);
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
	default:
		rc = -XEN_EINVAL;
		break;
	}
	spin_unlock(&d->evtchn_lock);
	if (rd != NULL) {
		send_remote(rd, rport, d, port);
		domain_put(rd);
	}
	return rc;
}

bool virq_is_per_vcpu(unsigned int virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG ||
	       virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

void evtchn_send_virq(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;
	struct evtchn *chn;

	CHECK(virq < NR_VIRQS);
	spin_lock(&d->evtchn_lock);
	if (v->virq_port[virq] != 0) {
		chn = evtchn_lookup(d, v->virq_port[virq]);
		ASSERT(chn != NULL && chn->state == ECS_VIRQ);
		evtchn_set_pending(d, chn);
	}
	spin_unlock(&d->evtchn_lock);
}

void evtchn_send_global_virq(struct domain *d, unsigned int virq)
{
	/* Whatever vCPU its port notifies now, it is vCPU 0 that holds it. */
	if (d->vcpu[0] != NULL) {
		evtchn_send_virq(d->vcpu[0], virq);
	}
}

void evtchn_send_pirq(struct domain *d, unsigned int pirq)
{
	struct evtchn *chn;

	CHECK(pirq < PIRQ_MAX);
	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, READ_ONCE(d->pirq_port[pirq]));
	if (chn != NULL && chn->state == ECS_PIRQ && chn->u.pirq == pirq) {
		evtchn_set_pending(d, chn);
	}
	spin_unlock(&d->evtchn_lock);
}

bool evtchn_is_pending(struct domain *d, uint32_t port)
{
	bool pending = false;
	struct evtchn *chn;

	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, port);
	if (chn != NULL && chn->port != 0) {
		pending = d->fifo != NULL ? evtchn_fifo_is_pending(d, chn) :
					    evtchn_2l_is_pending(d, chn);
	}
	spin_unlock(&d->evtchn_lock);
	return pending;
}

/* ---- Closing --------------------------------------------------------------------- */

/*
 * Takes d's lock and, if the port is joined with another domain's, that one's.
 * Returns the other domain with a reference, or d.
 */
static struct domain *lock_ends(struct domain *d, uint32_t port)
{
	for (;;) {
		struct evtchn *chn;
		struct domain *rd;

		spin_lock(&d->evtchn_lock);
		chn = evtchn_lookup(d, port);
		if (chn == NULL || chn->state != ECS_INTERDOMAIN ||
		    chn->u.interdomain.remote == d) {
			return d;
		}
		rd = chn->u.interdomain.remote;
		hold_domain(rd);
		spin_unlock(&d->evtchn_lock);

		lock_both(&d->evtchn_lock, &rd->evtchn_lock);
		chn = evtchn_lookup(d, port);
		if (chn != NULL && chn->state == ECS_INTERDOMAIN &&
		    chn->u.interdomain.remote == rd) {
			return rd;
		}
		/* Somebody was quicker; each round is the work of another. */
		unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
		domain_put(rd);
	}
}

static void unlock_ends(struct domain *d, struct domain *rd)
{
	unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
	if (rd != d) {
		domain_put(rd);
	}
}

/* The remote end waits for its next partner; only d may be that. */
static void part(struct domain *d, struct evtchn *chn, struct domain *rd)
{
	struct evtchn *rchn = evtchn_lookup(rd, chn->u.interdomain.remote_port);

	CHECK(rchn != NULL && rchn->state == ECS_INTERDOMAIN &&
	      rchn->u.interdomain.remote == d &&
	      rchn->u.interdomain.remote_port == chn->port);
	rchn->state = ECS_UNBOUND;
	rchn->u.unbound.remote_domid = d->id;
}

int evtchn_close(struct domain *d, uint32_t port)
{
	struct domain *rd = lock_ends(d, port);
	struct evtchn *chn = evtchn_lookup(d, port);
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
		pirq_unbind(d, chn->u.pirq);
		break;
	case ECS_INTERDOMAIN:
		part(d, chn, rd);
		break;
	default:
		rc = -XEN_EINVAL;
		break;
	}
	if (rc == 0) {
		evtchn_release(d, chn);
	}
	unlock_ends(d, rd);
	return rc;
}

/* Takes the highest group out of circulation if all of it is free. */
static void shrink(struct domain *d)
{
	uint32_t first, i;

	spin_lock(&d->evtchn_lock);
	first = d->evtchn_valid - MIN(d->evtchn_valid, EVTCHN_GROUP);
	for (i = d->evtchn_valid; i > MAX(first, 1); i--) {
		if (port_at(d, i - 1)->state != ECS_FREE) {
			break;
		}
	}
	if (i <= MAX(first, 1)) {
		/* The list may name ports of that group.  Those of lower ones
		 * come back as the groups do. */
		d->evtchn_free = 0;
		WRITE_ONCE(d->evtchn_valid, first);
	}
	spin_unlock(&d->evtchn_lock);
}

/*
 * From the top, so that a call that was interrupted goes on where it stopped.
 * A guest that binds ports on another vCPU meanwhile keeps only itself busy.
 */
int evtchn_reset(struct domain *d)
{
	for (;;) {
		uint32_t end = READ_ONCE(d->evtchn_valid);
		uint32_t port;
		bool done;

		for (port = end - MIN(end, EVTCHN_GROUP); port < end; port++) {
			evtchn_close(d, port); /* free ones refuse */
		}
		shrink(d);

		spin_lock(&d->evtchn_lock);
		done = d->evtchn_valid == 0;
		if (done) {
			evtchn_fifo_destroy(d);
		}
		spin_unlock(&d->evtchn_lock);
		if (done) {
			return 0;
		}
		if (mm_preempt()) {
			return -XEN_ERESTART;
		}
	}
}

/* ---- Life of a domain ---------------------------------------------------------------- */

int evtchn_domain_init(struct domain *d)
{
	spinlock_init(&d->evtchn_lock, RANK_EVTCHN);
	d->evtchn_max =
		d->is_control ? EVTCHN_GROUP * EVTCHN_GROUPS : GUEST_PORTS;
	return 0;
}

int evtchn_domain_destroy(struct domain *d)
{
	ASSERT(d->state != DOM_ALIVE);
	return evtchn_reset(d);
}

void evtchn_domain_free(struct domain *d)
{
	unsigned int i;

	for (i = 0; i < EVTCHN_GROUPS; i++) {
		if (d->evtchn_group[i] != NULL) {
			heap_free_page(d->evtchn_group[i]);
			d->evtchn_group[i] = NULL;
		}
	}
}

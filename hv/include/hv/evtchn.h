/* SPDX-License-Identifier: MIT */
/*
 * Event channels: ports, what they are bound to, and how a pending one reaches
 * a vCPU (two-level bitmaps in shared_info or FIFO queues in guest frames).
 * One lock per domain (RANK_EVTCHN) covers its ports; an interdomain operation
 * takes both by lock_both().
 */
#ifndef HV_EVTCHN_H
#define HV_EVTCHN_H

#include <hv/vcpu.h>
#include <xen/event_channel.h>

enum evtchn_state { /* as EVTCHNOP_status tells it */
	ECS_FREE = EVTCHNSTAT_closed,
	ECS_UNBOUND = EVTCHNSTAT_unbound,
	ECS_INTERDOMAIN = EVTCHNSTAT_interdomain,
	ECS_PIRQ = EVTCHNSTAT_pirq,
	ECS_VIRQ = EVTCHNSTAT_virq,
	ECS_IPI = EVTCHNSTAT_ipi,
};

union evtchn_end {	       /* what its state needs */
	uint16_t remote_domid; /* UNBOUND: who may bind */
	struct {
		struct domain *remote; /* holds no reference: closed before the
					  domain dies */
		uint32_t remote_port;
	} interdomain;
	uint16_t pirq;
	uint16_t virq;
	uint32_t next_free; /* FREE: list of d->evtchn_free */
};

struct evtchn { /* 32 bytes; evtchn lock of its domain */
	uint8_t state;
	uint8_t priority; /* FIFO */
	uint16_t vcpu;	  /* notified vCPU */
	uint32_t port;	  /* its own number */
	union evtchn_end u;
	/* FIFO: queue the event was last put on */
	uint16_t last_vcpu;
	uint8_t last_priority;
	bool pending_no_array; /* raised before its array page existed */
};
_Static_assert(sizeof(struct evtchn) == 32, "128 to a page");

/** Frees port arrays; after evtchn_reset() and the last reference. */
void evtchn_domain_free(struct domain *d);

/** The port whatever its state, which must exist. */
struct evtchn *evtchn_at(const struct domain *d, uint32_t port);
/** The port if it is valid and in use by d; caller holds d's evtchn lock. */
struct evtchn *evtchn_lookup(struct domain *d, uint32_t port);
/** As above for `rport` of rd, if it is joined with `port` of d; else NULL. */
struct evtchn *evtchn_joined(struct domain *rd, uint32_t rport, const struct domain *d,
			     uint32_t port);

/**
 * Takes a free port into use and returns it.  Otherwise -XEN_ENOSPC,
 * -XEN_ENOMEM, or -XEN_EINVAL if d is dying.  Evtchn lock held.
 */
long must_check evtchn_alloc(struct domain *d, enum evtchn_state state, unsigned int vcpu,
			     union evtchn_end end);
/** Puts a port that nothing refers to any more back.  Evtchn lock held. */
void evtchn_release(struct domain *d, struct evtchn *chn);
/** Ends what the port is bound to and frees it; -XEN_EINVAL: not in use. */
int evtchn_close(struct domain *d, uint32_t port);
/** Closes every port, back to two-level; preemptible: 0 or -XEN_ERESTART. */
int must_check evtchn_reset(struct domain *d);
/** True for a VIRQ that each vCPU has of its own. */
bool virq_is_per_vcpu(unsigned int virq);

/** Marks pending and notifies the bound vCPU; evtchn lock of d held. */
void evtchn_set_pending(struct domain *d, struct evtchn *chn);
/** Raises a per-vCPU VIRQ, or a domain-wide one on whichever vCPU has it; d may
 *  be NULL: nobody to tell. */
void evtchn_send_virq(struct vcpu *v, unsigned int virq);
void evtchn_send_global_virq(struct domain *d, unsigned int virq);
/** Hardware interrupt for the port bound to pirq, if any. */
void evtchn_send_pirq(struct domain *d, unsigned int pirq);
/** EVTCHNOP_send; -XEN_ERESTART: the guest writes to its console, call again. */
int must_check evtchn_send(struct domain *d, uint32_t port);
/** True if the port is pending (masked or not): SCHEDOP_poll. */
bool evtchn_is_pending(struct domain *d, uint32_t port);
/** True if an upcall is due: pending and not masked. */
bool vcpu_event_pending(const struct vcpu *v);
/** Sets evtchn_upcall_pending and wakes or kicks v. */
void vcpu_mark_events_pending(struct vcpu *v);
/** Wakes v if it polls `port` (or polls several). */
void sched_poll_wake(struct vcpu *v, uint32_t port);

/**
 * The guest's word with the pending bit of a port, whatever the transport;
 * NULL, for chn->pending_no_array, if the guest has not given it yet.  Evtchn
 * lock held.
 */
uint32_t *evtchn_pending_word(const struct domain *d, uint32_t port, uint32_t *bit);

/* The two transports: evtchn_2l.c and evtchn_fifo.c.  Evtchn lock held. */
void evtchn_2l_set_pending(struct domain *d, struct evtchn *chn);
void evtchn_2l_unmask(struct domain *d, struct evtchn *chn);

void evtchn_fifo_set_pending(struct domain *d, struct evtchn *chn);
void evtchn_fifo_unmask(struct domain *d, struct evtchn *chn);
/**
 * Frame gfn of d becomes the control block of v, at `offset`, or without v the
 * next page of the array.  Takes the lock itself.
 */
int must_check evtchn_fifo_give(struct domain *d, const struct vcpu *v, unsigned long gfn,
				uint32_t offset);
/** Back to two-level, with no port in use.  Evtchn lock held. */
void evtchn_fifo_destroy(struct domain *d);
/**
 * The first guest frame, from the *i-th on, that the transport holds with a use
 * as writable; *i becomes its number.  ~0ul: none is left.
 */
unsigned long evtchn_fifo_held(const struct domain *d, unsigned int *i);

#endif

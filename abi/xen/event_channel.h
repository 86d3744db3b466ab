/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: ports, and the two ways in which pending events reach a
 * guest - the two-level bitmap (shared_info, xen.h) and FIFO queues (below).
 *
 * int event_channel_op(int cmd, void *arg). A port is one end of a channel;
 * port 0 is never valid. A domain starts with the bitmap and 4096 ports, and
 * may switch to FIFO once, with up to 131072. dom fields take DOMID_SELF;
 * another domain there is for the control domain.
 * Errors: -XEN_EINVAL no such port or wrong state, -XEN_ENOENT no such vCPU,
 * -XEN_ENOSPC no free port, -XEN_ESRCH no such domain, -XEN_EPERM not
 * allowed, -XEN_ENOSYS unknown command.
 */
#ifndef VL_ABI_XEN_EVENT_CHANNEL_H
#define VL_ABI_XEN_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq 1
#define EVTCHNOP_bind_pirq 2
#define EVTCHNOP_close 3
#define EVTCHNOP_send 4
#define EVTCHNOP_status 5
#define EVTCHNOP_alloc_unbound 6
#define EVTCHNOP_bind_ipi 7
#define EVTCHNOP_bind_vcpu 8
#define EVTCHNOP_unmask 9
#define EVTCHNOP_reset 10
#define EVTCHNOP_init_control 11
#define EVTCHNOP_expand_array 12
#define EVTCHNOP_set_priority 13

typedef uint32_t evtchn_port_t;
DEFINE_XEN_GUEST_HANDLE(evtchn_port_t);

/* Make a port in dom that remote_dom, and nobody else, may bind to. */
struct evtchn_alloc_unbound {
	domid_t dom, remote_dom;
	evtchn_port_t port; /* out */
};
typedef struct evtchn_alloc_unbound evtchn_alloc_unbound_t;

/*
 * Make a port and join it with remote_port, which must wait for the caller.
 * The new port is pending from the start, since the remote end may have
 * sent before.
 */
struct evtchn_bind_interdomain {
	domid_t remote_dom;
	evtchn_port_t remote_port;
	evtchn_port_t local_port; /* out */
};
typedef struct evtchn_bind_interdomain evtchn_bind_interdomain_t;

/* Bind a VIRQ_* to a vCPU; a domain-wide one to vCPU 0. -XEN_EEXIST: bound
 * already. */
struct evtchn_bind_virq {
	uint32_t virq;
	uint32_t vcpu;
	evtchn_port_t port; /* out */
};
typedef struct evtchn_bind_virq evtchn_bind_virq_t;

/* Bind a physical interrupt that physdev_op has mapped. Events arrive on
 * vCPU 0 until EVTCHNOP_bind_vcpu. -XEN_EEXIST: bound already. */
struct evtchn_bind_pirq {
	uint32_t pirq;
	uint32_t flags;		/* BIND_PIRQ__* */
#define BIND_PIRQ__WILL_SHARE 1 /* other domains may bind it too */
	evtchn_port_t port;	/* out */
};
typedef struct evtchn_bind_pirq evtchn_bind_pirq_t;

/* A port by which vCPUs of one domain interrupt the given one. */
struct evtchn_bind_ipi {
	uint32_t vcpu;
	evtchn_port_t port; /* out */
};
typedef struct evtchn_bind_ipi evtchn_bind_ipi_t;

/* Free a port; the other end of an interdomain channel becomes unbound. */
struct evtchn_close {
	evtchn_port_t port;
};
typedef struct evtchn_close evtchn_close_t;

/* Notify the other end (interdomain) or the bound vCPU (IPI). To an unbound
 * end it is lost without error. */
struct evtchn_send {
	evtchn_port_t port;
};
typedef struct evtchn_send evtchn_send_t;

/* What a port is. */
struct evtchn_status {
	domid_t dom;
	evtchn_port_t port;
	uint32_t status;	 /* out, EVTCHNSTAT_* */
#define EVTCHNSTAT_closed 0	 /* free */
#define EVTCHNSTAT_unbound 1	 /* waits for a remote end */
#define EVTCHNSTAT_interdomain 2 /* connected to another port */
#define EVTCHNSTAT_pirq 3	 /* physical interrupt */
#define EVTCHNSTAT_virq 4	 /* virtual interrupt */
#define EVTCHNSTAT_ipi 5	 /* between vCPUs */
	uint32_t vcpu;		 /* out, where events arrive */
	union {
		struct {
			domid_t dom; /* who may bind */
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq;
		uint32_t virq;
	} u; /* out, by status */
};
typedef struct evtchn_status evtchn_status_t;

/* Choose the vCPU on which events of a port arrive. Not for IPIs or for
 * VIRQs that belong to a vCPU. */
struct evtchn_bind_vcpu {
	evtchn_port_t port;
	uint32_t vcpu;
};
typedef struct evtchn_bind_vcpu evtchn_bind_vcpu_t;

/* Clear the mask bit, and make the upcall that a pending event is owed. */
struct evtchn_unmask {
	evtchn_port_t port;
};
typedef struct evtchn_unmask evtchn_unmask_t;

/* Close every port of the domain and return it to the bitmap form. */
struct evtchn_reset {
	domid_t dom;
};
typedef struct evtchn_reset evtchn_reset_t;

/*
 * Give a vCPU its FIFO control block; the first such call switches the
 * domain over. offset is in bytes, a multiple of 8, and the block may not
 * cross the page.
 */
struct evtchn_init_control {
	uint64_t control_gfn; /* for PV guests a machine frame */
	uint32_t offset;
	uint32_t vcpu;
	uint8_t link_bits; /* out: EVTCHN_FIFO_LINK_BITS */
	uint8_t _pad[7];
};
typedef struct evtchn_init_control evtchn_init_control_t;

/* Append a page of 1024 event words; -XEN_ENOSPC when there are enough. */
struct evtchn_expand_array {
	uint64_t array_gfn; /* for PV guests a machine frame */
};
typedef struct evtchn_expand_array evtchn_expand_array_t;

/* Queue of a port from its next event on; -XEN_EINVAL above 15. */
struct evtchn_set_priority {
	evtchn_port_t port;
	uint32_t priority; /* 0 first, 15 last */
};
typedef struct evtchn_set_priority evtchn_set_priority_t;

/* The argument of the superseded call, kept for sources that name it. */
struct evtchn_op {
	uint32_t cmd; /* EVTCHNOP_* */
	union {
		evtchn_alloc_unbound_t alloc_unbound;
		evtchn_bind_interdomain_t bind_interdomain;
		evtchn_bind_virq_t bind_virq;
		evtchn_bind_pirq_t bind_pirq;
		evtchn_bind_ipi_t bind_ipi;
		evtchn_close_t close;
		evtchn_send_t send;
		evtchn_status_t status;
		evtchn_bind_vcpu_t bind_vcpu;
		evtchn_unmask_t unmask;
	} u;
};
typedef struct evtchn_op evtchn_op_t;
DEFINE_XEN_GUEST_HANDLE(evtchn_op_t);

/* Ports of the bitmap form: a selector word of bitmap words. */
#define EVTCHN_2L_NR_CHANNELS (sizeof(xen_ulong_t) * sizeof(xen_ulong_t) * 64)

/*
 * FIFO form. Each port has a 32-bit event word in pages given by the guest;
 * word n of the array is port n. Per vCPU and priority a queue links the
 * pending ports, each word naming the next port in its low bits, 0 at the
 * end.
 *
 * PENDING  set by the core, cleared by the guest
 * MASKED   owned by the guest; the core does not link a masked port
 * LINKED   the word is in a queue: set by the core, cleared by the guest as
 *          it takes the port out
 * BUSY     held by a guest that changes the mask while LINK is in flux
 *
 * Guest and core change the word by compare-and-exchange. The core may find
 * anything in it and must not rely on what it wrote.
 */
typedef uint32_t event_word_t;

#define EVTCHN_FIFO_PENDING 31
#define EVTCHN_FIFO_MASKED 30
#define EVTCHN_FIFO_LINKED 29
#define EVTCHN_FIFO_BUSY 28

#define EVTCHN_FIFO_LINK_BITS 17
#define EVTCHN_FIFO_LINK_MASK ((xen_mk_uint(1) << EVTCHN_FIFO_LINK_BITS) - 1)
#define EVTCHN_FIFO_NR_CHANNELS (xen_mk_uint(1) << EVTCHN_FIFO_LINK_BITS)

#define EVTCHN_FIFO_PRIORITY_MAX 0
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7
#define EVTCHN_FIFO_PRIORITY_MIN 15
#define EVTCHN_FIFO_MAX_QUEUES (EVTCHN_FIFO_PRIORITY_MIN + 1)

/* Per vCPU: bit p of ready announces queue p, head[p] is its first port. The
 * guest takes ready bits away and advances the heads. */
struct evtchn_fifo_control_block {
	uint32_t ready;
	uint32_t _rsvd;
	evtchn_port_t head[EVTCHN_FIFO_MAX_QUEUES];
};
typedef struct evtchn_fifo_control_block evtchn_fifo_control_block_t;

#endif

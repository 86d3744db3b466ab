/* SPDX-License-Identifier: MIT */
/*
 * The event_channel_op hypercall: makes, binds, closes and asks about ports.
 * Called by the hypercall dispatcher only.  The ports themselves, and what
 * their lock covers, are in evtchn.c.  Nothing here waits for a remote end:
 * channels are joined by one domain offering a port and the other binding to
 * it.
 *
 * The dispatcher copies each argument in, once, finds the domain that it acts
 * on, takes the event lock where the table says so, and copies results out.
 *
 * A call that makes a port and then cannot tell the guest its number closes it
 * again, so that no port is left that nobody knows.
 */

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/irq.h>

union args {
	domid_t dom;	    /* first in those that act on any domain */
	evtchn_port_t port; /* first in those that act on one port */
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_pirq bind_pirq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

/* ---- Making ports: the answer is the number, or an error --------------------- */

static long op_alloc_unbound(struct domain *d, union args *a)
{
	domid_t remote = a->alloc_unbound.remote_dom;

	remote = remote == DOMID_SELF ? current_domain()->id : remote;
	return evtchn_alloc(d, ECS_UNBOUND, 0, (union evtchn_end){ .remote_domid = remote });
}

/* Joins a new port of d with `rport` of rd; both locks held. */
static long join(struct domain *d, struct domain *rd, uint32_t rport)
{
	struct evtchn *rchn = evtchn_lookup(rd, rport);
	long port;

	if (READ_ONCE(rd->state) != DOM_ALIVE || rchn == NULL || rchn->state != ECS_UNBOUND ||
	    rchn->u.remote_domid != d->id) {
		return -XEN_EINVAL;
	}
	port = evtchn_alloc(d, ECS_INTERDOMAIN, 0,
			    (union evtchn_end){ .interdomain = { rd, rport } });
	if (port > 0) {
		rchn->state = ECS_INTERDOMAIN;
		rchn->u = (union evtchn_end){ .interdomain = { d, (uint32_t)port } };
		/* The other end may have sent while nobody listened. */
		evtchn_set_pending(d, evtchn_lookup(d, (uint32_t)port));
	}
	return port;
}

static long op_bind_interdomain(struct domain *d, union args *a)
{
	domid_t id = a->bind_interdomain.remote_dom;
	struct domain *rd = domain_get(id == DOMID_SELF ? d->id : id);
	long rc;

	if (rd == NULL) {
		return -XEN_ESRCH;
	}
	lock_both(&d->evtchn_lock, &rd->evtchn_lock);
	rc = join(d, rd, a->bind_interdomain.remote_port);
	unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
	domain_put(rd);
	return rc;
}

static long op_bind_virq(struct domain *d, union args *a)
{
	struct vcpu *v = vcpu_lookup(d, a->bind_virq.vcpu);
	uint32_t virq = a->bind_virq.virq;
	long port;

	if (virq >= NR_VIRQS || (a->bind_virq.vcpu != 0 && !virq_is_per_vcpu(virq))) {
		return -XEN_EINVAL;
	}
	virq = (uint32_t)index_nospec(virq, NR_VIRQS);
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	if (v->virq_port[virq] != 0) {
		return -XEN_EEXIST;
	}
	port = evtchn_alloc(d, ECS_VIRQ, v->id, (union evtchn_end){ .virq = (uint16_t)virq });
	v->virq_port[virq] = (uint32_t)MAX(port, 0);
	return port;
}

static long op_bind_ipi(struct domain *d, union args *a)
{
	struct vcpu *v = vcpu_lookup(d, a->bind_ipi.vcpu);

	return v == NULL ? -XEN_ENOENT : evtchn_alloc(d, ECS_IPI, v->id, (union evtchn_end){ 0 });
}

static long op_bind_pirq(struct domain *d, union args *a)
{
	uint32_t pirq = a->bind_pirq.pirq;
	long port;
	int rc;

	if (!d->may_io) {
		return -XEN_EPERM;
	}
	if (pirq >= PIRQ_MAX) {
		return -XEN_EINVAL;
	}
	/* Complete before the first interrupt can come. */
	port = evtchn_alloc(d, ECS_PIRQ, 0, (union evtchn_end){ .pirq = (uint16_t)pirq });
	rc = port > 0 ? pirq_bind(d, pirq, (uint32_t)port, d->vcpu[0]) : 0;
	if (rc != 0) {
		evtchn_release(d, evtchn_lookup(d, (uint32_t)port));
		return rc;
	}
	return port;
}

/* ---- Ports there are -------------------------------------------------------------- */

static long op_close(struct domain *d, union args *a)
{
	return evtchn_close(d, a->port);
}

static long op_send(struct domain *d, union args *a)
{
	return evtchn_send(d, a->port);
}

static long op_status(struct domain *d, union args *a)
{
	struct evtchn_status *op = &a->status;
	const struct evtchn *chn = evtchn_lookup(d, op->port);

	if (op->port >= d->evtchn_valid) {
		return -XEN_EINVAL;
	}
	op->status = chn != NULL ? chn->state : ECS_FREE;
	if (chn == NULL) {
		return 0;
	}
	op->vcpu = chn->vcpu;
	switch (chn->state) {
	case ECS_UNBOUND:
		op->u.unbound.dom = chn->u.remote_domid;
		break;
	case ECS_INTERDOMAIN:
		op->u.interdomain.dom = chn->u.interdomain.remote->id;
		op->u.interdomain.port = chn->u.interdomain.remote_port;
		break;
	case ECS_PIRQ:
		op->u.pirq = chn->u.pirq;
		break;
	case ECS_VIRQ:
		op->u.virq = chn->u.virq;
		break;
	}
	return 0;
}

static long op_bind_vcpu(struct domain *d, union args *a)
{
	struct vcpu *v = vcpu_lookup(d, a->bind_vcpu.vcpu);
	struct evtchn *chn = evtchn_lookup(d, a->port);

	if (v == NULL) {
		return -XEN_ENOENT;
	}
	if (chn == NULL || chn->state == ECS_IPI ||
	    (chn->state == ECS_VIRQ && virq_is_per_vcpu(chn->u.virq))) {
		return -XEN_EINVAL;
	}
	chn->vcpu = (uint16_t)v->id;
	if (chn->state == ECS_PIRQ) {
		pirq_set_affinity(d, chn->u.pirq, v);
	}
	return 0;
}

static long op_unmask(struct domain *d, union args *a)
{
	struct evtchn *chn = evtchn_lookup(d, a->port);

	if (chn == NULL) {
		return -XEN_EINVAL;
	}
	if (d->fifo != NULL) {
		evtchn_fifo_unmask(d, chn);
	} else {
		evtchn_2l_unmask(d, chn);
	}
	return 0;
}

static long op_reset(struct domain *d, union args *a UNUSED)
{
	return evtchn_reset(d);
}

/* ---- FIFO ----------------------------------------------------------------------------- */

/* There is no way back from FIFO, and the block is in use: a guest that cannot
 * be told the width of a link knows the constant. */
static long op_init_control(struct domain *d, union args *a)
{
	struct evtchn_init_control *op = &a->init_control;
	struct vcpu *v = vcpu_lookup(d, op->vcpu);
	size_t room = PAGE_SIZE - sizeof(struct evtchn_fifo_control_block);

	if (v == NULL) {
		return -XEN_ENOENT;
	}
	if ((op->offset & 7) != 0 || op->offset > room) {
		return -XEN_EINVAL;
	}
	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return evtchn_fifo_give(d, v, op->control_gfn, op->offset);
}

static long op_expand_array(struct domain *d, union args *a)
{
	return evtchn_fifo_give(d, NULL, a->expand_array.array_gfn, 0);
}

static long op_set_priority(struct domain *d, union args *a)
{
	struct evtchn *chn = evtchn_lookup(d, a->port);

	if (chn == NULL || a->set_priority.priority > EVTCHN_FIFO_PRIORITY_MIN) {
		return -XEN_EINVAL;
	}
	if (d->fifo == NULL) {
		return -XEN_ENOSYS;
	}
	chn->priority = (uint8_t)a->set_priority.priority;
	return 0;
}

/* ---- Dispatch --------------------------------------------------------------------------- */

#define LOCKED 1u     /* called with the event lock of d */
#define ANY_DOMAIN 2u /* d is args.dom; otherwise the caller */
#define ANSWERS 4u    /* the arguments are copied back */

static const struct {
	long (*call)(struct domain *d, union args *a);
	uint8_t size;
	uint8_t flags;
	uint8_t port; /* offset of a new port's number in the arguments */
} ops[] = {
#define OP(name, flags) [EVTCHNOP_##name] = { op_##name, sizeof(struct evtchn_##name), flags, 0 }
#define MAKES(name, field, flags)                                                         \
	[EVTCHNOP_##name] = { op_##name, sizeof(struct evtchn_##name), (flags) | ANSWERS, \
			      offsetof(struct evtchn_##name, field) }
	MAKES(alloc_unbound, port, LOCKED | ANY_DOMAIN),
	MAKES(bind_interdomain, local_port, 0),
	MAKES(bind_virq, port, LOCKED),
	MAKES(bind_pirq, port, LOCKED),
	MAKES(bind_ipi, port, LOCKED),
	OP(close, 0),
	OP(send, 0),
	OP(status, LOCKED | ANY_DOMAIN | ANSWERS),
	OP(bind_vcpu, LOCKED),
	OP(unmask, LOCKED),
	OP(reset, ANY_DOMAIN),
	OP(init_control, ANSWERS),
	OP(expand_array, 0),
	OP(set_priority, LOCKED),
};

/* Calls handler `cmd` for d and copies its results out. */
static long call_op(struct domain *d, uint64_t cmd, union args *a, uint64_t arg)
{
	unsigned int flags = ops[cmd].flags;
	uint32_t port = 0;
	long rc;

	if ((flags & LOCKED) != 0) {
		spin_lock(&d->evtchn_lock);
	}
	rc = ops[cmd].call(d, a);
	if ((flags & LOCKED) != 0) {
		spin_unlock(&d->evtchn_lock);
	}
	if (rc < 0 || (flags & ANSWERS) == 0) {
		return rc;
	}
	if (rc > 0) {
		port = (uint32_t)rc;
		memcpy((char *)a + ops[cmd].port, &port, sizeof(port));
	}
	if (copy_to_guest(guest_ptr(arg), a, ops[cmd].size) == 0) {
		return 0;
	}
	if (port != 0) {
		evtchn_close(d, port);
	}
	return -XEN_EFAULT;
}

long do_event_channel_op(uint64_t cmd, uint64_t arg)
{
	struct domain *d;
	union args a;
	long rc;

	if (cmd >= ARRAY_SIZE(ops)) {
		return -XEN_ENOSYS;
	}
	cmd = index_nospec(cmd, ARRAY_SIZE(ops));
	if (copy_from_guest(&a, guest_ptr(arg), ops[cmd].size) != 0) {
		return -XEN_EFAULT;
	}
	rc = domain_get_target((ops[cmd].flags & ANY_DOMAIN) != 0 ? a.dom : DOMID_SELF, &d);
	if (rc == 0) {
		rc = call_op(d, cmd, &a, arg);
		domain_put_target(d);
	}
	return rc == -XEN_ERESTART ? hypercall_restart(2, (uint64_t[]){ cmd, arg }) : rc;
}

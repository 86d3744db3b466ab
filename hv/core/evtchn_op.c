/* SPDX-License-Identifier: MIT */
/*
 * The event_channel_op hypercall: makes, binds, closes and asks about ports.
 * Called by the hypercall dispatcher only.  The ports themselves, and what
 * their lock covers, are in evtchn.c.  Nothing here waits for a remote end:
 * channels are joined by one domain offering a port and the other binding to
 * it.
 *
 * A call that makes a port and then cannot tell the guest its number closes it
 * again, so that no port is left that nobody knows.
 */
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/xen.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/vcpu.h>

/* vCPU `id` of d, which a guest has named; NULL: there is none. */
static struct vcpu *vcpu_named(struct domain *d, uint32_t id)
{
	if (id >= d->max_vcpus) {
		return NULL;
	}
	return d->vcpu[index_nospec(id, d->max_vcpus)];
}

/* The domain a call acts on, referenced: the caller's, or another one for its
 * administrator.  NULL and *rc otherwise. */
static struct domain *target(uint16_t id, long *rc)
{
	struct domain *d = domain_get_or_self(id);

	*rc = 0;
	if (d == NULL) {
		*rc = -XEN_ESRCH;
	} else if (d != current_domain() &&
		   !domain_may_control(current_domain(), d)) {
		*rc = -XEN_EPERM;
		domain_put(d);
		d = NULL;
	}
	return d;
}

/* Copies out the result of a call that made `port`. */
static long answer(uint64_t arg, const void *op, size_t size, struct domain *d,
		   uint32_t port)
{
	if (copy_to_guest(guest_ptr(arg), op, size) == 0) {
		return 0;
	}
	evtchn_close(d, port);
	return -XEN_EFAULT;
}

static uint16_t own_name(uint16_t domid)
{
	return domid == DOMID_SELF ? current_domain()->id : domid;
}

/* ---- Making ports ------------------------------------------------------------- */

static long op_alloc_unbound(uint64_t arg)
{
	struct evtchn_alloc_unbound op;
	struct evtchn *chn;
	struct domain *d;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	d = target(op.dom, &rc);
	if (d == NULL) {
		return rc;
	}
	spin_lock(&d->evtchn_lock);
	rc = evtchn_alloc(d, &chn);
	if (rc == 0) {
		chn->state = ECS_UNBOUND;
		chn->u.unbound.remote_domid = own_name(op.remote_dom);
		op.port = chn->port;
	}
	spin_unlock(&d->evtchn_lock);
	if (rc == 0) {
		rc = answer(arg, &op, sizeof(op), d, op.port);
	}
	domain_put(d);
	return rc;
}

/* Joins a new port of d with `rport` of rd; both locks held. */
static int join(struct domain *d, struct domain *rd, uint32_t rport,
		uint32_t *port)
{
	struct evtchn *rchn = evtchn_lookup(rd, rport);
	struct evtchn *chn;
	int rc;

	if (READ_ONCE(rd->state) != DOM_ALIVE || rchn == NULL ||
	    rchn->state != ECS_UNBOUND ||
	    rchn->u.unbound.remote_domid != d->id) {
		return -XEN_EINVAL;
	}
	rc = evtchn_alloc(d, &chn);
	if (rc != 0) {
		return rc;
	}
	chn->state = ECS_INTERDOMAIN;
	chn->u.interdomain.remote = rd;
	chn->u.interdomain.remote_port = rport;
	rchn->state = ECS_INTERDOMAIN;
	rchn->u.interdomain.remote = d;
	rchn->u.interdomain.remote_port = chn->port;
	/* The other end may have sent while nobody listened. */
	evtchn_set_pending(d, chn);
	*port = chn->port;
	return 0;
}

static long op_bind_interdomain(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_bind_interdomain op;
	struct domain *rd;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	rd = domain_get_or_self(op.remote_dom);
	if (rd == NULL) {
		return -XEN_ESRCH;
	}
	lock_both(&d->evtchn_lock, &rd->evtchn_lock);
	rc = join(d, rd, op.remote_port, &op.local_port);
	unlock_both(&d->evtchn_lock, &rd->evtchn_lock);
	domain_put(rd);
	if (rc != 0) {
		return rc;
	}
	return answer(arg, &op, sizeof(op), d, op.local_port);
}

static long op_bind_virq(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_bind_virq op;
	struct evtchn *chn;
	struct vcpu *v;
	uint32_t virq;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if (op.virq >= NR_VIRQS) {
		return -XEN_EINVAL;
	}
	virq = (uint32_t)index_nospec(op.virq, NR_VIRQS);
	v = vcpu_named(d, op.vcpu);
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	if (v->id != 0 && !virq_is_per_vcpu(virq)) {
		return -XEN_EINVAL;
	}
	spin_lock(&d->evtchn_lock);
	rc = v->virq_port[virq] != 0 ? -XEN_EEXIST : evtchn_alloc(d, &chn);
	if (rc == 0) {
		chn->state = ECS_VIRQ;
		chn->vcpu = (uint16_t)v->id;
		chn->u.virq = (uint16_t)virq;
		v->virq_port[virq] = chn->port;
		op.port = chn->port;
	}
	spin_unlock(&d->evtchn_lock);
	if (rc != 0) {
		return rc;
	}
	return answer(arg, &op, sizeof(op), d, op.port);
}

static long op_bind_ipi(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_bind_ipi op;
	struct evtchn *chn;
	struct vcpu *v;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	v = vcpu_named(d, op.vcpu);
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	spin_lock(&d->evtchn_lock);
	rc = evtchn_alloc(d, &chn);
	if (rc == 0) {
		chn->state = ECS_IPI;
		chn->vcpu = (uint16_t)v->id;
		op.port = chn->port;
	}
	spin_unlock(&d->evtchn_lock);
	if (rc != 0) {
		return rc;
	}
	return answer(arg, &op, sizeof(op), d, op.port);
}

static long op_bind_pirq(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_bind_pirq op;
	struct evtchn *chn;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if (!d->may_io) {
		return -XEN_EPERM;
	}
	if (op.pirq >= PIRQ_MAX) {
		return -XEN_EINVAL;
	}
	spin_lock(&d->evtchn_lock);
	rc = evtchn_alloc(d, &chn);
	if (rc == 0) {
		/* Complete before the first interrupt can come. */
		chn->state = ECS_PIRQ;
		chn->u.pirq = (uint16_t)op.pirq;
		op.port = chn->port;
		rc = pirq_bind(d, op.pirq, chn->port, d->vcpu[0],
			       (op.flags & BIND_PIRQ__WILL_SHARE) != 0);
		if (rc != 0) {
			evtchn_release(d, chn);
		}
	}
	spin_unlock(&d->evtchn_lock);
	if (rc != 0) {
		return rc;
	}
	return answer(arg, &op, sizeof(op), d, op.port);
}

/* ---- Ports there are -------------------------------------------------------------- */

static long op_close(uint64_t arg)
{
	struct evtchn_close op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	return evtchn_close(current_domain(), op.port);
}

static long op_send(uint64_t arg)
{
	struct evtchn_send op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	return evtchn_send(current_domain(), op.port);
}

static void describe(const struct evtchn *chn, struct evtchn_status *op)
{
	op->vcpu = chn->vcpu;
	switch (chn->state) {
	case ECS_UNBOUND:
		op->status = EVTCHNSTAT_unbound;
		op->u.unbound.dom = chn->u.unbound.remote_domid;
		break;
	case ECS_INTERDOMAIN:
		op->status = EVTCHNSTAT_interdomain;
		op->u.interdomain.dom = chn->u.interdomain.remote->id;
		op->u.interdomain.port = chn->u.interdomain.remote_port;
		break;
	case ECS_PIRQ:
		op->status = EVTCHNSTAT_pirq;
		op->u.pirq = chn->u.pirq;
		break;
	case ECS_VIRQ:
		op->status = EVTCHNSTAT_virq;
		op->u.virq = chn->u.virq;
		break;
	case ECS_IPI:
		op->status = EVTCHNSTAT_ipi;
		break;
	default:
		op->status = EVTCHNSTAT_closed;
		break;
	}
}

static long op_status(uint64_t arg)
{
	struct evtchn_status op;
	struct evtchn *chn;
	struct domain *d;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	d = target(op.dom, &rc);
	if (d == NULL) {
		return rc;
	}
	spin_lock(&d->evtchn_lock);
	if (op.port >= d->evtchn_valid) {
		rc = -XEN_EINVAL;
	} else {
		chn = evtchn_lookup(d, op.port);
		op.status = EVTCHNSTAT_closed;
		if (chn != NULL) {
			describe(chn, &op);
		}
	}
	spin_unlock(&d->evtchn_lock);
	domain_put(d);
	if (rc == 0 && copy_to_guest(guest_ptr(arg), &op, sizeof(op)) != 0) {
		rc = -XEN_EFAULT;
	}
	return rc;
}

static long op_bind_vcpu(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_bind_vcpu op;
	struct evtchn *chn;
	struct vcpu *v;
	long rc = 0;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	v = vcpu_named(d, op.vcpu);
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, op.port);
	switch (chn != NULL ? chn->state : ECS_FREE) {
	case ECS_VIRQ:
		if (virq_is_per_vcpu(chn->u.virq)) {
			rc = -XEN_EINVAL;
			break;
		}
		chn->vcpu = (uint16_t)v->id;
		break;
	case ECS_UNBOUND:
	case ECS_INTERDOMAIN:
		chn->vcpu = (uint16_t)v->id;
		break;
	case ECS_PIRQ:
		chn->vcpu = (uint16_t)v->id;
		pirq_set_affinity(d, chn->u.pirq, v);
		break;
	default:
		rc = -XEN_EINVAL;
		break;
	}
	spin_unlock(&d->evtchn_lock);
	return rc;
}

static long op_unmask(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_unmask op;
	struct evtchn *chn;
	long rc = 0;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, op.port);
	if (chn == NULL || chn->port == 0) {
		rc = -XEN_EINVAL;
	} else if (d->fifo != NULL) {
		evtchn_fifo_unmask(d, chn);
	} else {
		evtchn_2l_unmask(d, chn);
	}
	spin_unlock(&d->evtchn_lock);
	return rc;
}

static long op_reset(uint64_t cmd, uint64_t arg)
{
	const uint64_t args[] = { cmd, arg };
	struct evtchn_reset op;
	struct domain *d;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	d = target(op.dom, &rc);
	if (d == NULL) {
		return rc;
	}
	rc = evtchn_reset(d);
	domain_put(d);
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(ARRAY_SIZE(args), args);
	}
	return rc;
}

/* ---- FIFO ----------------------------------------------------------------------------- */

static long op_init_control(uint64_t arg)
{
	struct evtchn_init_control op;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	rc = evtchn_fifo_init_control(&op);
	/* There is no way back from FIFO, and the block is in use: a guest
	 * that cannot read the width of a link knows the constant. */
	if (rc == 0 && copy_to_guest(guest_ptr(arg), &op, sizeof(op)) != 0) {
		rc = -XEN_EFAULT;
	}
	return rc;
}

static long op_expand_array(uint64_t arg)
{
	struct evtchn_expand_array op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	return evtchn_fifo_expand_array(&op);
}

static long op_set_priority(uint64_t arg)
{
	struct domain *d = current_domain();
	struct evtchn_set_priority op;
	struct evtchn *chn;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	spin_lock(&d->evtchn_lock);
	chn = evtchn_lookup(d, op.port);
	if (chn == NULL || chn->port == 0) {
		rc = -XEN_EINVAL;
	} else if (d->fifo == NULL) {
		rc = -XEN_ENOSYS;
	} else {
		rc = evtchn_fifo_set_priority(d, chn, op.priority);
	}
	spin_unlock(&d->evtchn_lock);
	return rc;
}

long do_event_channel_op(uint64_t cmd, uint64_t arg)
{
	switch (cmd) {
	case EVTCHNOP_send:
		return op_send(arg);
	case EVTCHNOP_unmask:
		return op_unmask(arg);
	case EVTCHNOP_alloc_unbound:
		return op_alloc_unbound(arg);
	case EVTCHNOP_bind_interdomain:
		return op_bind_interdomain(arg);
	case EVTCHNOP_bind_virq:
		return op_bind_virq(arg);
	case EVTCHNOP_bind_pirq:
		return op_bind_pirq(arg);
	case EVTCHNOP_bind_ipi:
		return op_bind_ipi(arg);
	case EVTCHNOP_bind_vcpu:
		return op_bind_vcpu(arg);
	case EVTCHNOP_close:
		return op_close(arg);
	case EVTCHNOP_status:
		return op_status(arg);
	case EVTCHNOP_reset:
		return op_reset(cmd, arg);
	case EVTCHNOP_init_control:
		return op_init_control(arg);
	case EVTCHNOP_expand_array:
		return op_expand_array(arg);
	case EVTCHNOP_set_priority:
		return op_set_priority(arg);
	default:
		return -XEN_ENOSYS;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The sched_op hypercall: a vCPU gives up its processor, waits for events, or
 * ends a domain.  Acts on the current vCPU, whose fields need no lock; what a
 * domain shuts down with is crash.c's.  A waiting call does not wait here: it
 * sets a pause flag, returns 0, and the way out of the core schedules.
 *
 * SCHEDOP_poll waits for ports, masked ones as well, so upcall_pending does
 * not tell.  The vCPU sets 1 PAUSE_POLL, 2 its bit in poll_mask, and then looks
 * at each port under the event lock.  A sender makes a port pending and reads
 * poll_mask, both under that lock.  If the sender was first, the vCPU finds the
 * port pending; if the vCPU was, the sender finds the bit and wakes it.  The
 * bit stays until the vCPU is next scheduled and costs senders a look.
 */
#include <xen/sched.h>

#include <hv/audit.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/sched.h>

#define POLL_PORTS_MAX 128

static bool wanted(const struct vcpu *v)
{
	return vcpu_event_pending(v) || __atomic_load_n(&v->nmi_pending, __ATOMIC_SEQ_CST);
}

static long sched_op_block(void)
{
	struct vcpu *v = current_vcpu();

	WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
	if (wanted(v)) {
		return 0;
	}
	sched_sleep(v, PAUSE_BLOCKED);
	/* Again, now that a sender can see that we sleep: sched.c, (b). */
	if (wanted(v)) {
		sched_wake(v, PAUSE_BLOCKED);
	}
	return 0;
}

/* ---- Poll ------------------------------------------------------------------- */

void sched_poll_wake(struct vcpu *v, uint32_t port)
{
	uint32_t flags = __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST);
	uint32_t only = READ_ONCE(v->poll_port);

	if ((flags & PAUSE_POLL) != 0 && (only == 0 || only == port)) {
		sched_wake(v, PAUSE_POLL);
	}
}

static long sched_op_poll(uint64_t arg)
{
	struct vcpu *v = current_vcpu();
	struct domain *d = v->domain;
	evtchn_port_t ports[POLL_PORTS_MAX];
	struct sched_poll op;
	bool wake;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if (op.nr_ports > POLL_PORTS_MAX) {
		return -XEN_EINVAL;
	}
	if (copy_from_guest(ports, GUEST_HANDLE_PTR(op.ports), op.nr_ports * sizeof(ports[0])) !=
	    0) {
		return -XEN_EFAULT;
	}
	for (unsigned int i = 0; i < op.nr_ports; i++) {
		if (ports[i] >= READ_ONCE(d->evtchn_valid)) {
			return -XEN_EINVAL;
		}
	}

	timer_stop(&v->poll_timer);
	if (op.timeout != 0 && op.timeout <= time_now()) {
		return 0;
	}
	WRITE_ONCE(v->poll_port, op.nr_ports == 1 ? ports[0] : 0);
	sched_sleep(v, PAUSE_POLL);
	__atomic_or_fetch(&d->poll_mask, 1ull << v->id, __ATOMIC_SEQ_CST);
	wake = wanted(v);
	for (unsigned int i = 0; i < op.nr_ports && !wake; i++) {
		wake = evtchn_is_pending(d, ports[i]);
	}
	if (wake) {
		sched_wake(v, PAUSE_POLL);
	} else if (op.timeout != 0) {
		timer_set(&v->poll_timer, op.timeout);
	}
	return 0;
}

/* ---- Shutdown ----------------------------------------------------------------- */

static long sched_op_shutdown(uint64_t arg, bool now)
{
	struct domain *d = current_domain();
	struct sched_shutdown op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if (op.reason > SHUTDOWN_MAX) {
		return -XEN_EINVAL;
	}
	if (now) {
		if (d->is_control) {
			audit_at_shutdown();
		}
		domain_shutdown(d, (uint8_t)op.reason);
	} else if (!d->shutting_down) {
		WRITE_ONCE(d->shutdown_code, (uint8_t)op.reason);
	}
	return 0;
}

static long sched_op_remote_shutdown(uint64_t arg)
{
	struct sched_remote_shutdown op;
	struct domain *d;
	long rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	rc = domain_get_target(op.domain_id, &d);
	if (rc != 0) {
		return rc;
	}
	if (d == current_domain()) {
		rc = -XEN_EPERM;
	} else if (op.reason > SHUTDOWN_MAX) {
		rc = -XEN_EINVAL;
	} else {
		domain_shutdown(d, (uint8_t)op.reason);
	}
	domain_put_target(d);
	return rc;
}

long do_sched_op(uint64_t cmd, uint64_t arg)
{
	switch (cmd) {
	case SCHEDOP_yield:
		sched_yield();
		return 0;
	case SCHEDOP_block:
		return sched_op_block();
	case SCHEDOP_poll:
		return sched_op_poll(arg);
	case SCHEDOP_shutdown:
		return sched_op_shutdown(arg, true);
	case SCHEDOP_shutdown_code:
		return sched_op_shutdown(arg, false);
	case SCHEDOP_remote_shutdown:
		return sched_op_remote_shutdown(arg);
	default:
		/* Also SCHEDOP_watchdog and SCHEDOP_pin_override: a guest goes
		 * on without the first, and pinning is the administrator's. */
		return -XEN_ENOSYS;
	}
}

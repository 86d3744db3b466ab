/* SPDX-License-Identifier: MIT */
/*
 * The vcpu_op hypercall: a guest starts and stops its vCPUs, sets their
 * timers, and says where in its memory the core shall keep their state.
 * Called by the hypercall dispatcher only.  Acts on the caller's own domain;
 * what another vCPU may be doing meanwhile is up to the locks of sched.c,
 * timer.c and vcpu.c.
 */
#include <xen/sched.h>

#include <hv/hypercall.h>
#include <hv/sched.h>
#include <hv/vtime.h>

/* ---- Starting and stopping -------------------------------------------------- */

static long op_down(struct vcpu *v)
{
	struct domain *d = v->domain;

	sched_sleep(v, PAUSE_DOWN);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (!vcpu_is_down(d->vcpu[i])) {
			return 0;
		}
	}
	/* Nobody is left who could start one again. */
	domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

/* ---- Areas ----------------------------------------------------------------------- */

_Static_assert(sizeof(struct vcpu_register_runstate_memory_area) == sizeof(uint64_t) &&
		       sizeof(struct vcpu_register_time_memory_area) == sizeof(uint64_t),
	       "an address each");

/* Puts a new area in place of the one in *slot, and fills it. */
static long op_register_area(struct vcpu *v, struct guest_area *slot, guest_ptr_t arg, size_t size)
{
	struct guest_area area, old;
	uint64_t va;
	int rc = copy_from_guest(&va, arg, sizeof(va));

	rc = rc == 0 ? guest_area_register(&area, va, size) : rc;
	if (rc != 0) {
		return rc;
	}
	spin_lock(&v->lock);
	old = *slot;
	*slot = area;
	runstate_publish(v);
	spin_unlock(&v->lock);
	guest_area_drop(&old);
	vtime_update(v, true);
	return 0;
}

static long op_register_info(struct vcpu *v, guest_ptr_t arg)
{
	struct vcpu_register_vcpu_info op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	return rc == 0 ? vcpu_map_info(v, op.mfn, op.offset) : rc;
}

/* ---- Timers ---------------------------------------------------------------------- */

static long op_set_singleshot(struct vcpu *v, guest_ptr_t arg)
{
	struct vcpu_set_singleshot_timer op;

	if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if ((op.flags & VCPU_SSHOTTMR_future) != 0 && op.timeout_abs_ns < time_now()) {
		return -XEN_ETIME;
	}
	timer_set(&v->singleshot, op.timeout_abs_ns);
	return 0;
}

static long call_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	struct vcpu_runstate_info info;
	guest_ptr_t ptr = guest_ptr(arg);
	long rc;

	switch (cmd) {
	case VCPUOP_initialise:
		rc = vcpu_initialise(v, arg);
		break;
	case VCPUOP_up:
		if (!READ_ONCE(v->initialised)) {
			return -XEN_EINVAL;
		}
		vcpu_up(v);
		return 0;
	case VCPUOP_down:
		return op_down(v);
	case VCPUOP_is_up:
		return vcpu_is_down(v) ? 0 : 1;
	case VCPUOP_get_runstate_info:
		runstate_read(v, &info);
		return copy_to_guest(ptr, &info, sizeof(info));
	case VCPUOP_register_runstate_memory_area:
		return op_register_area(v, &v->runstate_area, ptr, sizeof(info));
	case VCPUOP_register_vcpu_time_memory_area:
		return op_register_area(v, &v->time_area, ptr, sizeof(struct vcpu_time_info));
	case VCPUOP_register_vcpu_info:
		rc = op_register_info(v, ptr);
		break;
	case VCPUOP_stop_periodic_timer:
		return 0; /* there is none */
	case VCPUOP_set_singleshot_timer:
		return op_set_singleshot(v, ptr);
	case VCPUOP_stop_singleshot_timer:
		timer_stop(&v->singleshot);
		return 0;
	case VCPUOP_send_nmi:
		if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST)) {
			vcpu_kick(v);
		}
		return 0;
	default: /* also get_physid and set_periodic_timer: no kernel of today asks */
		return -XEN_ENOSYS;
	}
	return rc == -XEN_ERESTART ? hypercall_restart(3, (uint64_t[]){ cmd, v->id, arg }) : rc;
}

long do_vcpu_op(uint64_t cmd, uint64_t vcpu, uint64_t arg)
{
	struct vcpu *v = vcpu_lookup(current_domain(), vcpu);

	/* Linux counts its vCPUs by this error. */
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	if ((cmd == VCPUOP_set_singleshot_timer || cmd == VCPUOP_stop_singleshot_timer) &&
	    v != current_vcpu()) {
		return -XEN_EINVAL;
	}
	return call_op(v, cmd, arg);
}

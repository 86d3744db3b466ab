/* SPDX-License-Identifier: MIT */
/*
 * The vcpu_op hypercall: a guest starts and stops its vCPUs, sets their
 * timers, and says where in its memory the core shall keep their state.
 * Called by the hypercall dispatcher only.  Acts on the caller's own domain;
 * what another vCPU may be doing meanwhile is up to the locks of sched.c,
 * timer.c and vcpu.c.
 */
#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/sched.h>
#include <hv/vcpu.h>
#include <hv/vtime.h>

static bool is_down(const struct vcpu *v)
{
	return (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) &
		PAUSE_DOWN) != 0;
}

/* ---- Starting and stopping -------------------------------------------------- */

static int initialise(struct vcpu *v, uint64_t arg)
{
	struct vcpu_guest_context *context;
	int rc;

	/* Too large for the stack. */
	context = heap_alloc_bytes(sizeof(*context));
	if (context == NULL) {
		return -XEN_ENOMEM;
	}
	rc = copy_from_guest(context, guest_ptr(arg), sizeof(*context));
	if (rc == 0) {
		rc = vcpu_set_context(v, context);
	}
	heap_free_bytes(context, sizeof(*context));
	return rc;
}

static long op_initialise(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	const uint64_t args[] = { cmd, v->id, arg };
	long rc;

	/* Lets interrupts in half-way, so no lock keeps other vCPUs off. */
	if (__atomic_exchange_n(&v->initialising, true, __ATOMIC_ACQUIRE)) {
		return -XEN_EBUSY;
	}
	rc = v->initialised ? -XEN_EEXIST : initialise(v, arg);
	__atomic_store_n(&v->initialising, false, __ATOMIC_RELEASE);
	if (rc == -XEN_ERESTART) {
		return hypercall_restart(ARRAY_SIZE(args), args);
	}
	return rc;
}

static long op_up(struct vcpu *v)
{
	if (!READ_ONCE(v->initialised)) {
		return -XEN_EINVAL;
	}
	sched_wake(v, PAUSE_DOWN);
	return 0;
}

static long op_down(struct vcpu *v)
{
	struct domain *d = v->domain;
	unsigned int i;

	sched_sleep(v, PAUSE_DOWN);
	vtime_vcpu_stop(v);
	for (i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] != NULL && !is_down(d->vcpu[i])) {
			return 0;
		}
	}
	/* Nobody is left who could start one again. */
	domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

static long op_send_nmi(struct vcpu *v)
{
	if (!__atomic_exchange_n(&v->nmi_pending, true, __ATOMIC_SEQ_CST)) {
		vcpu_kick(v);
	}
	return 0;
}

/* ---- Timers -------------------------------------------------------------------- */

static long op_set_periodic(struct vcpu *v, uint64_t arg)
{
	struct vcpu_set_periodic_timer op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	/* To stop it there is another command. */
	if (op.period_ns == 0) {
		return -XEN_EINVAL;
	}
	return vtime_set_periodic(v, op.period_ns);
}

static long op_set_singleshot(struct vcpu *v, uint64_t arg)
{
	struct vcpu_set_singleshot_timer op;

	if (v != current_vcpu()) {
		return -XEN_EINVAL;
	}
	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	if ((op.flags & VCPU_SSHOTTMR_future) != 0 &&
	    op.timeout_abs_ns < time_now()) {
		return -XEN_ETIME;
	}
	return vtime_set_singleshot(v, op.timeout_abs_ns);
}

static long op_stop_singleshot(struct vcpu *v)
{
	if (v != current_vcpu()) {
		return -XEN_EINVAL;
	}
	timer_stop(&v->singleshot);
	return 0;
}

/* ---- Areas ----------------------------------------------------------------------- */

/* Puts a new area in place of the one in *slot. */
static int replace_area(struct vcpu *v, struct guest_area *slot, uint64_t va,
			size_t size)
{
	struct percpu *cpu = percpu_of(v->cpu);
	struct guest_area area, old;
	int rc = guest_area_register(&area, va, size);

	if (rc != 0) {
		return rc;
	}
	spin_lock(&cpu->rq_lock);
	old = *slot;
	*slot = area;
	if (slot == &v->runstate_area) {
		runstate_publish(v);
	}
	spin_unlock(&cpu->rq_lock);
	guest_area_drop(&old);
	return 0;
}

static long op_get_runstate(struct vcpu *v, uint64_t arg)
{
	struct vcpu_runstate_info info;

	runstate_read(v, &info);
	return copy_to_guest(guest_ptr(arg), &info, sizeof(info));
}

static long op_register_runstate(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_runstate_memory_area op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	return replace_area(v, &v->runstate_area, op.addr.p,
			    sizeof(struct vcpu_runstate_info));
}

static long op_register_time(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_time_memory_area op;
	int rc;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	rc = replace_area(v, &v->time_area, op.addr.p,
			  sizeof(struct vcpu_time_info));
	if (rc == 0) {
		vtime_update(v, true);
	}
	return rc;
}

static long op_register_info(struct vcpu *v, uint64_t arg)
{
	struct vcpu_register_vcpu_info op;

	if (copy_from_guest(&op, guest_ptr(arg), sizeof(op)) != 0) {
		return -XEN_EFAULT;
	}
	return vcpu_map_info(v, op.mfn, op.offset);
}

static long op_get_physid(const struct vcpu *v, uint64_t arg)
{
	struct vcpu_get_physid op;

	/* vCPUs stay where they are; only the control domain may know where. */
	if (!v->domain->is_control) {
		return -XEN_EINVAL;
	}
	op.phys_id = arch_cpu_apic_id(v->cpu) |
		     (uint64_t)arch_cpu_acpi_id(v->cpu) << 32;
	return copy_to_guest(guest_ptr(arg), &op, sizeof(op));
}

long do_vcpu_op(uint64_t cmd, uint64_t vcpu, uint64_t arg)
{
	struct domain *d = current_domain();
	struct vcpu *v;

	/* Linux counts its vCPUs by this error. */
	if (vcpu >= d->max_vcpus) {
		return -XEN_ENOENT;
	}
	v = d->vcpu[index_nospec(vcpu, d->max_vcpus)];
	if (v == NULL) {
		return -XEN_ENOENT;
	}
	switch (cmd) {
	case VCPUOP_initialise:
		return op_initialise(v, cmd, arg);
	case VCPUOP_up:
		return op_up(v);
	case VCPUOP_down:
		return op_down(v);
	case VCPUOP_is_up:
		return is_down(v) ? 0 : 1;
	case VCPUOP_get_runstate_info:
		return op_get_runstate(v, arg);
	case VCPUOP_register_runstate_memory_area:
		return op_register_runstate(v, arg);
	case VCPUOP_set_periodic_timer:
		return op_set_periodic(v, arg);
	case VCPUOP_stop_periodic_timer:
		return vtime_set_periodic(v, 0);
	case VCPUOP_set_singleshot_timer:
		return op_set_singleshot(v, arg);
	case VCPUOP_stop_singleshot_timer:
		return op_stop_singleshot(v);
	case VCPUOP_register_vcpu_info:
		return op_register_info(v, arg);
	case VCPUOP_send_nmi:
		return op_send_nmi(v);
	case VCPUOP_get_physid:
		return op_get_physid(v, arg);
	case VCPUOP_register_vcpu_time_memory_area:
		return op_register_time(v, arg);
	default:
		return -XEN_ENOSYS;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * vl_control, the control ABI of abi/vl/control.h: how a toolstack makes,
 * watches and ends domains.  Called from the hypercall table only.
 *
 * The dispatcher checks who may, copies the argument in once, finds the domain
 * and claims it where the table says so, and copies results out.  What an
 * operation does is mostly elsewhere, in the file whose data it changes.  An
 * operation that is interrupted is made again, from its beginning but for the
 * list of domains: how far that is stands in the arguments of the call, and the
 * caller who changes them gets another list.
 */
#include <hv/hypercall.h>

#include <vl/control.h>
#include <xen/event_channel.h>

#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/page.h>
#include <hv/sched.h>
#include <hv/trap.h>

#define PROGRESS_SHIFT 32 /* in the command word */

_Static_assert(VL_DOMID_ANY == DOMID_INVALID && VL_DOMID_END == MAX_DOMAINS &&
		       VL_VCPUS_MAX == MAX_VCPUS,
	       "control.h says what domain.h does");

union args {
	struct vl_create create;
	struct vl_max_frames max_frames;
	struct vl_sched sched;
	struct vl_context context;
	struct vl_affinity affinity;
	struct vl_list list;
	struct vl_host_info host;
	struct vl_log_read log;
	struct vl_range range;
	struct vl_target target;
	struct vl_grant grant;
	struct vl_crash_reason crash;
};

struct call {
	uint16_t op;
	bool claimed;	  /* d is, for this call */
	struct domain *d; /* NULL: the operation is on none, or on any */
	struct vcpu *v;	  /* of d, where the argument begins with one */
	uint64_t domid;
	uint32_t done; /* elements of a list */
	union args a;
};

/* ---- Life ------------------------------------------------------------------ */

static long op_create(struct call *c)
{
	struct domain *d;
	int rc;

	/* Above all numbers is also too large for a short. */
	d = domain_create((uint16_t)MIN(c->domid, UINT16_MAX), &c->a.create, &rc);
	if (d == NULL) {
		return rc;
	}
	rc = domain_stop(d, PAUSE_CONTROL); /* they are down: at once */
	return d->id;
}

static long op_destroy(struct call *c)
{
	return domain_destroy(c->d);
}

static long op_pause(struct call *c)
{
	return domain_stop(c->d, PAUSE_CONTROL);
}

static long op_unpause(struct call *c)
{
	for (unsigned int i = 0; i < c->d->max_vcpus; i++) {
		sched_wake(c->d->vcpu[i], PAUSE_CONTROL);
	}
	return 0;
}

static long op_set_context(struct call *c)
{
	int rc = vcpu_initialise(c->v, c->a.context.context);

	if (rc == 0 && c->v->id == 0) {
		sched_wake(c->v, PAUSE_DOWN);
	}
	return rc;
}

static long op_get_context(struct call *c)
{
	if ((READ_ONCE(c->v->pause_flags) & (PAUSE_CONTROL | PAUSE_DOMAIN)) == 0) {
		return -XEN_EBUSY;
	}
	return sched_unloaded(c->v) ? vcpu_get_context(c->v, c->a.context.context) : -XEN_ERESTART;
}

static long op_set_affinity(struct call *c)
{
	return vcpu_set_affinity(c->v, c->a.affinity.cpus);
}

/* ---- What it gets --------------------------------------------------------------- */

static long op_set_max_frames(struct call *c)
{
	spin_lock(&c->d->lock);
	WRITE_ONCE(c->d->max_pages, (uint32_t)MIN(c->a.max_frames.frames, UINT32_MAX));
	spin_unlock(&c->d->lock);
	return 0;
}

static long op_set_sched(struct call *c)
{
	return sched_set_params(c->d, c->a.sched.weight, c->a.sched.cap);
}

static long op_set_range(struct call *c)
{
	const struct vl_range *r = &c->a.range;

	if (r->allow > 1 || r->pad != 0 || r->count == 0 || r->count > ~r->first) {
		return -XEN_EINVAL;
	}
	return c->op == VL_CTL_set_ioports ? ioport_allow(c->d, r->first, r->count, r->allow) :
					     iomem_allow(c->d, r->first, r->count, r->allow);
}

/* Whose the frame is is looked at as it is mapped. */
static long op_grant(struct call *c)
{
	const struct vl_grant *op = &c->a.grant;

	if (op->ref >= GNTTAB_NR_RESERVED_ENTRIES || op->to >= MAX_DOMAINS ||
	    op->frame >= frame_max) {
		return -XEN_EINVAL;
	}
	return gnttab_seed(c->d, op->ref, (domid_t)op->to, op->frame);
}

static long op_set_target(struct call *c)
{
	const struct vl_target *op = &c->a.target;
	struct domain *to = op->target < MAX_DOMAINS ? domain_get((uint16_t)op->target) : NULL;
	long rc = to == NULL ? -XEN_ESRCH : to->is_control || op->pad != 0 ? -XEN_EINVAL : 0;

	if (rc == 0) {
		WRITE_ONCE(c->d->target, to->id);
	}
	/* As the last reference goes, so does the right. */
	domain_put(to);
	return rc;
}

/* ---- What there is -------------------------------------------------------------- */

/* The next element of the caller's list. */
static int put_element(struct call *c, const void *element, size_t size)
{
	return copy_to_guest(guest_ptr(c->a.list.list + c->done++ * size), element, size);
}

static struct vl_vcpu_info vcpu_info(struct vcpu *v)
{
	uint32_t flags = READ_ONCE(v->pause_flags);
	struct vcpu_runstate_info run;

	runstate_read(v, &run);
	return (struct vl_vcpu_info){
		.vcpu = v->id,
		.flags = ((flags & PAUSE_DOWN) == 0 ? VL_VCPU_up : 0) |
			 ((flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0 ? VL_VCPU_blocked : 0) |
			 (READ_ONCE(v->running) ? VL_VCPU_running : 0),
		.cpu = READ_ONCE(v->cpu),
		.cpu_time = run.time[RUNSTATE_running],
		.affinity = READ_ONCE(v->affinity),
	};
}

static long op_vcpu_info(struct call *c)
{
	struct vl_vcpu_info info;
	struct vcpu *v;
	int rc = 0;

	c->done = 0; /* none of the lists of vCPUs is long */
	while (rc == 0 && c->done < c->a.list.count &&
	       (v = vcpu_lookup(c->d, (uint64_t)c->a.list.first + c->done)) != NULL) {
		info = vcpu_info(v);
		rc = put_element(c, &info, sizeof(info));
	}
	return rc != 0 ? rc : (long)c->done;
}

static struct vl_domain_info domain_info(const struct domain *d)
{
	struct vl_domain_info info = {
		.domid = d->id,
		.target = READ_ONCE(d->target),
		.flags = VL_DOMAIN_blocked | (d->is_control ? VL_DOMAIN_control : 0) |
			 (READ_ONCE(d->state) != DOM_ALIVE ? VL_DOMAIN_dying : 0) |
			 (READ_ONCE(d->shutting_down) ? VL_DOMAIN_shutdown : 0),
		.shutdown_reason = READ_ONCE(d->shutdown_code),
		.vcpus_max = d->max_vcpus,
		.weight = READ_ONCE(d->weight),
		.cap = READ_ONCE(d->cap),
		.ports = READ_ONCE(d->evtchn_count),
		.ports_max = d->evtchn_max,
		.grant_frames = READ_ONCE(d->gnttab->frames),
		.grant_frames_max = d->gnttab->max_frames,
		.frames = READ_ONCE(d->tot_pages),
		.max_frames = READ_ONCE(d->max_pages),
		.shared_info = ptr_frame(d->shared),
		.created = d->created,
	};

	memcpy(info.handle, d->handle, sizeof(info.handle));
	if ((READ_ONCE(d->vcpu[0]->pause_flags) & PAUSE_CONTROL) != 0) {
		info.flags |= VL_DOMAIN_paused;
	}
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vl_vcpu_info v = vcpu_info(d->vcpu[i]);

		info.cpu_time += v.cpu_time;
		info.vcpus_up += v.flags & VL_VCPU_up;
		info.flags |= (v.flags & VL_VCPU_running) != 0 ? VL_DOMAIN_running : 0;
		if ((v.flags & (VL_VCPU_up | VL_VCPU_blocked)) == VL_VCPU_up) {
			info.flags &= ~VL_DOMAIN_blocked;
		}
	}
	return info;
}

/* Without a domain: all from domid on. */
static long op_domain_info(struct call *c)
{
	uint32_t count = c->d != NULL ? MIN(c->a.list.count, 1u) : c->a.list.count;
	struct vl_domain_info info;
	struct domain *d;
	int rc = 0;

	if (c->a.list.first != 0) {
		return -XEN_EINVAL;
	}
	while (rc == 0 && c->done < MIN(count, MAX_DOMAINS)) {
		d = c->d != NULL ? c->d : domain_from((unsigned int)MIN(c->domid, MAX_DOMAINS));
		if (d == NULL) {
			break;
		}
		info = domain_info(d);
		c->domid = d->id + 1u;
		rc = put_element(c, &info, sizeof(info));
		domain_put(c->d == NULL ? d : NULL);
		if (rc == 0 && c->done < count && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
	}
	return rc != 0 ? rc : (long)c->done;
}

static long op_host_info(struct call *c)
{
	struct vl_host_info *info = &c->a.host;
	uint64_t used = heap_free_frames();
	struct cpuid_regs r[4];

	*info = (struct vl_host_info){
		.cpus = cpu_count(),
		.cpu_khz = (uint32_t)(arch_clock.hz / 1000),
		.frames = ram_frames,
		.free_frames = used,
		.time = time_now(),
		.log_size = 1u << CONFIG_LOG_RING_ORDER,
	};
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		info->domains++;
		used += READ_ONCE(d->tot_pages);
		arch_irq_window();
	}
	info->core_frames = info->frames - MIN(used, info->frames);
	arch_cpuid(1, 0, &r[0]);
	arch_cpuid(0x80000001, 0, &r[1]);
	arch_cpuid(7, 0, &r[2]);
	arch_cpuid(0xd, 1, &r[3]);
	memcpy(info->hw_caps,
	       (uint32_t[]){ r[0].d, r[0].c, r[1].d, r[1].c, r[2].b, r[2].c, r[2].d, r[3].a },
	       sizeof(info->hw_caps));
	return 0;
}

/* A piece at most: the caller comes again while it gets something. */
static long op_log_read(struct call *c)
{
	struct vl_log_read *op = &c->a.log;
	char piece[1024];
	size_t n;

	if ((op->flags & ~VL_LOG_clear) != 0) {
		return -XEN_EINVAL;
	}
	n = printk_read(piece, MIN(op->size, sizeof(piece)), &op->pos);
	if (copy_to_guest(guest_ptr(op->buffer), piece, n) != 0) {
		return -XEN_EFAULT;
	}
	if ((op->flags & VL_LOG_clear) != 0) {
		printk_clear(op->pos);
	}
	return (long)n;
}

static long op_crash_reason(struct call *c)
{
	c->a.crash = (struct vl_crash_reason){ 0 };
	/* It is complete before the domain is shut down. */
	if (__atomic_load_n(&c->d->shutting_down, __ATOMIC_SEQ_CST)) {
		memcpy(c->a.crash.text, c->d->crash_reason, sizeof(c->a.crash.text));
	}
	return 0;
}

/* ---- Dispatch ------------------------------------------------------------------------ */

#define TARGET 1u /* also for a domain that has the right to act on that one */
#define SELF 2u	  /* the control domain may do it to itself */
#define DYING 4u  /* the domain may be dying */
#define ANY 8u	  /* the control domain's are not about one domain */
#define VCPU 128u /* the argument begins as struct vl_context does */
#define CLAIM 16u /* while nobody stops, builds or destroys it */
#define IN 32u	  /* the argument is copied in */
#define OUT 64u	  /* ... and out */

static const struct {
	long (*run)(struct call *c);
	uint8_t size;
	uint8_t flags;
} ops[] = {
#define OP(name, member, flags) \
	[VL_CTL_##name] = { op_##name, sizeof(((union args *)0)->member), flags }
	OP(create, create, ANY | IN),
	[VL_CTL_destroy] = { op_destroy, 0, DYING },
	[VL_CTL_pause] = { op_pause, 0, TARGET | CLAIM },
	[VL_CTL_unpause] = { op_unpause, 0, TARGET | CLAIM },
	OP(set_max_frames, max_frames, SELF | IN),
	OP(set_sched, sched, SELF | IN),
	OP(set_context, context, TARGET | VCPU | IN),
	OP(set_affinity, affinity, SELF | VCPU | IN),
	OP(get_context, context, TARGET | VCPU | CLAIM | IN),
	OP(domain_info, list, TARGET | SELF | DYING | ANY | IN),
	OP(vcpu_info, list, TARGET | SELF | IN),
	OP(host_info, host, ANY | OUT),
	OP(log_read, log, ANY | IN | OUT),
	[VL_CTL_set_ioports] = { op_set_range, sizeof(struct vl_range), CLAIM | IN },
	[VL_CTL_set_iomem] = { op_set_range, sizeof(struct vl_range), IN },
	OP(set_target, target, IN),
	OP(grant, grant, IN),
	OP(crash_reason, crash, TARGET | DYING | OUT),
};

/* Finds the domain that the caller may act on. */
static int find_domain(struct call *c, unsigned int flags)
{
	struct domain *currd = current_domain();
	int rc;

	if (currd->is_control && (flags & ANY) != 0) {
		return 0;
	}
	if (!currd->is_control && ((flags & TARGET) == 0 || c->domid == currd->id ||
				   c->domid != READ_ONCE(currd->target))) {
		return -XEN_EPERM;
	}
	rc = domain_get_target(c->domid < MAX_DOMAINS ? (uint16_t)c->domid : DOMID_INVALID, &c->d);
	if (rc == 0 && (flags & SELF) == 0 && c->d == currd) {
		rc = -XEN_EINVAL;
	}
	if (rc == 0 && (flags & CLAIM) != 0) {
		c->claimed = domain_claim(c->d);
		rc = c->claimed ? 0 : -XEN_ERESTART;
	}
	if (rc == 0 && (flags & DYING) == 0 && READ_ONCE(c->d->state) != DOM_ALIVE) {
		rc = -XEN_ESRCH;
	}
	return rc;
}

long do_vl_control(uint64_t cmd, uint64_t domid, uint64_t arg)
{
	const struct domain *currd = current_domain();
	struct call c = { .op = (uint16_t)index_nospec((uint16_t)cmd, ARRAY_SIZE(ops)),
			  .domid = domid,
			  .done = (uint32_t)(cmd >> PROGRESS_SHIFT) };
	unsigned int flags = ops[c.op].flags;
	size_t size = ops[c.op].size;
	long rc;

	if (!currd->is_control && READ_ONCE(currd->target) == currd->id) {
		return -XEN_EPERM;
	}
	if ((uint16_t)(cmd >> 16) != VL_CONTROL_VERSION) {
		return -XEN_EOPNOTSUPP;
	}
	if (c.op != (uint16_t)cmd || ops[c.op].run == NULL) {
		return -XEN_ENOSYS;
	}
	rc = find_domain(&c, flags);
	if (rc == 0 && (flags & IN) != 0) {
		rc = copy_from_guest(&c.a, guest_ptr(arg), size);
	}
	if (rc == 0 && (flags & VCPU) != 0) {
		c.v = vcpu_lookup(c.d, c.a.context.vcpu);
		rc = c.v != NULL && c.a.context.pad == 0 ? 0 : -XEN_EINVAL;
	}
	rc = rc == 0 ? ops[c.op].run(&c) : rc;
	if (c.claimed) {
		domain_release(c.d);
	}
	domain_put_target(c.d);
	if (rc == -XEN_ERESTART) {
		cmd = (uint32_t)cmd | (uint64_t)c.done << PROGRESS_SHIFT;
		return hypercall_restart(3, (uint64_t[]){ cmd, c.domid, arg });
	}
	if (rc >= 0 && (flags & OUT) != 0 && copy_to_guest(guest_ptr(arg), &c.a, size) != 0) {
		return -XEN_EFAULT;
	}
	return rc;
}

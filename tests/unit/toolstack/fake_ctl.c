/* SPDX-License-Identifier: MIT */
/*
 * The fake core's calls: see fake_ctl.h.  Each is one function that reads its
 * structure where the caller's address says, as the core would.
 */
#include "fake_ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

#include "libvellum/ctl_layer.h"

static struct fake_ctl *installed;

bool fake_fails(struct fake_ctl *fake)
{
	return ++fake->calls == fake->fail_at;
}

struct fake_domain *fake_ctl_domain(struct fake_ctl *fake, uint16_t domid)
{
	return domid < FAKE_DOMAINS && fake->domain[domid].used ? &fake->domain[domid] : NULL;
}

/* ---- Domains ------------------------------------------------------------------------ */

static void start_domain(struct fake_ctl *fake, uint16_t domid, const struct vl_create *spec)
{
	struct fake_domain *d = &fake->domain[domid];

	memset(d, 0, sizeof(*d));
	d->used = true;
	d->info = (struct vl_domain_info){
		.domid = domid,
		.target = domid,
		.flags = VL_DOMAIN_paused,
		.vcpus_max = spec->vcpus,
		.weight = 256,
		.ports_max = spec->event_ports ? spec->event_ports : FAKE_PORTS,
		.grant_frames_max = spec->grant_frames,
		.max_frames = spec->max_frames,
		.shared_info = FAKE_MFN_BASE - 1 - domid,
		.created = fake->host.time,
	};
	memcpy(d->info.handle, spec->handle, sizeof(d->info.handle));
	memset(d->port_remote, 0xff, sizeof(d->port_remote));
	for (unsigned int i = 0; i < VL_VCPUS_MAX; i++) {
		d->affinity[i] = ~0ul;
	}
	fake->host.domains++;
}

static long op_create(struct fake_ctl *fake, uint16_t domid, const struct vl_create *spec)
{
	if (spec->vcpus == 0 || spec->vcpus > VL_VCPUS_MAX || spec->flags != 0) {
		return -EINVAL;
	}
	if (domid != VL_DOMID_ANY) {
		if (domid >= FAKE_DOMAINS) {
			return -EINVAL;
		}
		if (fake->domain[domid].used) {
			return -EEXIST;
		}
		start_domain(fake, domid, spec);
		return domid;
	}
	for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
		domid = (uint16_t)((fake->next_domid + i) % FAKE_DOMAINS);
		if (!fake->domain[domid].used) {
			fake->next_domid = (uint16_t)((domid + 1) % FAKE_DOMAINS);
			start_domain(fake, domid, spec);
			return domid;
		}
	}
	return -ENOSPC;
}

static long op_destroy(struct fake_ctl *fake, struct fake_domain *d)
{
	if (d->info.domid == 0) {
		return -EINVAL;
	}
	if (d->held) {
		d->info.flags |= VL_DOMAIN_dying;
		return -EBUSY;
	}
	fake_frames_drop(fake, d->info.domid);
	d->used = false;
	fake->host.domains--;
	return 0;
}

static long op_context(struct fake_domain *d, const struct vl_context *arg, bool set)
{
	struct vcpu_guest_context *context = (void *)(uintptr_t)arg->context;

	if (arg->vcpu >= d->info.vcpus_max || arg->pad != 0) {
		return -EINVAL;
	}
	if (!set) {
		*context = d->context[arg->vcpu];
		return 0;
	}
	if (d->has_context[arg->vcpu]) {
		return -EEXIST;
	}
	d->context[arg->vcpu] = *context;
	d->has_context[arg->vcpu] = true;
	d->info.vcpus_up += arg->vcpu == 0;
	return 0;
}

static long op_affinity(struct fake_ctl *fake, struct fake_domain *d, const struct vl_affinity *arg)
{
	if (arg->vcpu >= d->info.vcpus_max || (arg->cpus & ((1ul << fake->host.cpus) - 1)) == 0) {
		return -EINVAL;
	}
	d->affinity[arg->vcpu] = arg->cpus;
	return 0;
}

static long op_grant(struct fake_ctl *fake, struct fake_domain *d, const struct vl_grant *arg)
{
	if (arg->ref >= FAKE_GRANTS || arg->frame < FAKE_MFN_BASE ||
	    arg->frame - FAKE_MFN_BASE >= fake->frames ||
	    fake->owner[arg->frame - FAKE_MFN_BASE] != d->info.domid) {
		return -EINVAL;
	}
	d->grant[arg->ref] = *arg;
	d->granted[arg->ref] = true;
	return 0;
}

static long op_sched(struct fake_domain *d, const struct vl_sched *arg)
{
	if (arg->weight == 0 || arg->weight > 65535 || arg->cap > 100 * d->info.vcpus_max) {
		return -EINVAL;
	}
	d->info.weight = arg->weight;
	d->info.cap = arg->cap;
	return 0;
}

static long op_shut_down(struct fake_domain *d, unsigned int reason)
{
	d->info.flags |= VL_DOMAIN_shutdown;
	d->info.shutdown_reason = reason;
	return 0;
}

/* ---- Information ---------------------------------------------------------------------- */

static long op_domain_info(struct fake_ctl *fake, uint16_t domid, const struct vl_list *arg)
{
	struct vl_domain_info *list = (void *)(uintptr_t)arg->list;
	uint32_t n = 0;

	for (uint32_t i = domid; i < FAKE_DOMAINS && n < arg->count; i++) {
		if (fake->domain[i].used) {
			list[n++] = fake->domain[i].info;
		}
	}
	return n;
}

static long op_vcpu_info(struct fake_domain *d, const struct vl_list *arg)
{
	struct vl_vcpu_info *list = (void *)(uintptr_t)arg->list;
	uint32_t n = 0;

	for (uint32_t i = arg->first; i < d->info.vcpus_max && n < arg->count; i++, n++) {
		list[n] = (struct vl_vcpu_info){
			.vcpu = i,
			.flags = d->has_context[i] ? VL_VCPU_up : 0,
			.affinity = d->affinity[i],
		};
	}
	return n;
}

static long op_log(struct fake_ctl *fake, struct vl_log_read *arg)
{
	uint64_t pos = arg->pos < fake->log_size ? arg->pos : fake->log_size;
	size_t count = fake->log_size - pos;

	count = count < arg->size ? count : arg->size;
	memcpy((void *)(uintptr_t)arg->buffer, fake->log + pos, count);
	arg->pos = pos + count;
	return (long)count;
}

static long op_host(struct fake_ctl *fake, struct vl_host_info *arg)
{
	fake->host.frames = fake->frames;
	fake->host.free_frames = fake->free_frames;
	*arg = fake->host;
	return 0;
}

/* ---- Dispatch ------------------------------------------------------------------------- */

static long on_domain(struct fake_ctl *fake, unsigned int op, struct fake_domain *d, void *arg)
{
	switch (op) {
	case VL_CTL_destroy:
		return op_destroy(fake, d);
	case VL_CTL_pause:
		d->info.flags |= VL_DOMAIN_paused;
		return 0;
	case VL_CTL_unpause:
		d->info.flags &= ~VL_DOMAIN_paused;
		return 0;
	case VL_CTL_set_max_frames:
		d->info.max_frames = ((const struct vl_max_frames *)arg)->frames;
		return 0;
	case VL_CTL_set_sched:
		return op_sched(d, arg);
	case VL_CTL_set_context:
	case VL_CTL_get_context:
		return op_context(d, arg, op == VL_CTL_set_context);
	case VL_CTL_set_affinity:
		return op_affinity(fake, d, arg);
	case VL_CTL_vcpu_info:
		return op_vcpu_info(d, arg);
	case VL_CTL_set_ioports:
		d->ioports = *(const struct vl_range *)arg;
		return 0;
	case VL_CTL_set_iomem:
		d->iomem = *(const struct vl_range *)arg;
		return 0;
	case VL_CTL_set_target:
		d->info.target = (uint16_t)((const struct vl_target *)arg)->target;
		return fake_ctl_domain(fake, d->info.target) ? 0 : -ESRCH;
	case VL_CTL_grant:
		return op_grant(fake, d, arg);
	case VL_CTL_crash_reason:
		memcpy(((struct vl_crash_reason *)arg)->text, d->crash_reason,
		       sizeof(d->crash_reason));
		return 0;
	default:
		return -ENOSYS;
	}
}

static long vl_control(struct fake_ctl *fake, uint64_t cmd, uint16_t domid, void *arg)
{
	struct fake_domain *d = fake_ctl_domain(fake, domid);

	if (cmd >> 16 != VL_CONTROL_VERSION) {
		return -EOPNOTSUPP;
	}
	if (fake->version_answer) {
		return fake->version_answer;
	}
	switch (cmd & 0xffff) {
	case VL_CTL_create:
		return op_create(fake, domid, arg);
	case VL_CTL_domain_info:
		return op_domain_info(fake, domid, arg);
	case VL_CTL_host_info:
		return op_host(fake, arg);
	case VL_CTL_log_read:
		return op_log(fake, arg);
	default:
		return d ? on_domain(fake, (unsigned int)cmd & 0xffff, d, arg) : -ESRCH;
	}
}

static long alloc_unbound(struct fake_ctl *fake, struct evtchn_alloc_unbound *arg)
{
	struct fake_domain *d = fake_ctl_domain(fake, arg->dom);

	for (unsigned int port = 1; d && port < FAKE_PORTS; port++) {
		if (d->port_remote[port] == FAKE_FREE) {
			d->port_remote[port] = arg->remote_dom;
			d->info.ports++;
			arg->port = port;
			return 0;
		}
	}
	return d ? -ENOSPC : -ESRCH;
}

static long version(struct fake_ctl *fake, uint64_t cmd, void *arg)
{
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | 17;
	case XENVER_extraversion:
		memcpy(arg, fake->extraversion, sizeof(fake->extraversion));
		return 0;
	case XENVER_changeset:
		strcpy(arg, "fake");
		return 0;
	default:
		return -ENOSYS;
	}
}

static long remote_shutdown(struct fake_ctl *fake, const struct sched_remote_shutdown *arg)
{
	struct fake_domain *d = fake_ctl_domain(fake, arg->domain_id);

	return d ? op_shut_down(d, arg->reason) : -ESRCH;
}

static long fake_hypercall(void *layer, uint64_t number, const uint64_t a[5])
{
	struct fake_ctl *fake = layer;
	const struct mmuext_op *op;

	if (fake_fails(fake)) {
		return -fake->fail_code;
	}
	switch (number) {
	case __HYPERVISOR_vl_control:
		return vl_control(fake, a[0], (uint16_t)a[1], (void *)(uintptr_t)a[2]);
	case __HYPERVISOR_memory_op:
		return a[0] == XENMEM_populate_physmap ? fake_frames_populate(fake, a[1]) : -ENOSYS;
	case __HYPERVISOR_mmuext_op:
		op = (const void *)(uintptr_t)a[0];
		return a[1] == 1 && op->cmd == MMUEXT_PIN_L4_TABLE ?
			       fake_frames_pin(fake, (uint16_t)a[3], op->arg1.mfn) :
			       -ENOSYS;
	case __HYPERVISOR_event_channel_op:
		return a[0] == EVTCHNOP_alloc_unbound ?
			       alloc_unbound(fake, (void *)(uintptr_t)a[1]) :
			       -ENOSYS;
	case __HYPERVISOR_sched_op:
		return a[0] == SCHEDOP_remote_shutdown ?
			       remote_shutdown(fake, (const void *)(uintptr_t)a[1]) :
			       -ENOSYS;
	case __HYPERVISOR_xen_version:
		return version(fake, a[0], (void *)(uintptr_t)a[1]);
	default:
		return -ENOSYS;
	}
}

/* ---- The layer ------------------------------------------------------------------------ */

static void *fake_buffer(void *layer, size_t size)
{
	struct fake_ctl *fake = layer;

	if (fake_fails(fake)) {
		return NULL;
	}
	fake->buffers++;
	return malloc(size);
}

static void fake_buffer_free(void *layer, void *buffer, size_t size)
{
	struct fake_ctl *fake = layer;

	(void)size;
	fake->buffers--;
	free(buffer);
}

static void fake_close(void *layer)
{
	struct fake_ctl *fake = layer;

	fake->handles--;
}

static int open_fake(struct fake_ctl *fake, struct vl_ctl **ctl, struct vl_error *error)
{
	static const struct vl_ctl_layer calls = {
		.hypercall = fake_hypercall,
		.map = fake_frames_map,
		.unmap = fake_frames_unmap,
		.buffer = fake_buffer,
		.buffer_free = fake_buffer_free,
		.close = fake_close,
	};

	fake->handles++;
	return vl_ctl_open_layer(ctl, &calls, fake, error);
}

struct vl_ctl *fake_ctl_open(struct fake_ctl *fake)
{
	struct vl_ctl *ctl = NULL;

	return open_fake(fake, &ctl, NULL) ? NULL : ctl;
}

void fake_ctl_install(struct fake_ctl *fake)
{
	installed = fake;
}

/* The linker puts these around the library's own (see tests/rules.mk). */
int __real_vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error);
int __wrap_vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error);

int __wrap_vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error)
{
	return installed ? open_fake(installed, ctl, error) : __real_vl_ctl_open(ctl, error);
}

struct fake_ctl *fake_ctl_new(size_t memory)
{
	struct fake_ctl *fake = calloc(1, sizeof(*fake));
	const struct vl_create control = { .vcpus = 2, .max_frames = ~0ul };

	if (!fake || !fake_frames_start(fake, memory)) {
		abort();
	}
	fake->host = (struct vl_host_info){ .cpus = 4, .cpu_khz = 2400000, .core_frames = 4096 };
	fake->order_max = 12;
	fake->next_domid = 1;
	fake->fail_code = ENOMEM;
	strcpy(fake->extraversion, ".0-vellum");
	start_domain(fake, 0, &control);
	fake->domain[0].info.flags = VL_DOMAIN_control | VL_DOMAIN_running;
	return fake;
}

void fake_ctl_free(struct fake_ctl *fake)
{
	if (fake->mapped != 0 || fake->handles != 0 || fake->buffers != 0) {
		abort();
	}
	if (installed == fake) {
		installed = NULL;
	}
	fake_frames_end(fake);
	free(fake);
}

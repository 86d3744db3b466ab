/* SPDX-License-Identifier: MIT */
/*
 * The control calls: each function here is one operation of vl/control.h, with
 * its arguments copied into the handle's buffer before the call and results out
 * of it afterwards.  Called by everything that acts on domains.  Never touches a
 * device or a guest's memory: that is the layer's (ctl_layer.h).
 */
#include "libvellum/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <vl/version.h>
#include <xen/sched.h>
#include <xen/version.h>

#include "libvellum/ctl_layer.h"

_Static_assert(sizeof(struct vcpu_guest_context) + 64 <= CTL_BUFFER_SIZE, "one call's arguments");

/* Why the core refused, in words. */
static const char *reason(int code)
{
	switch (code) {
	case ESRCH:
		return "there is no such domain";
	case EPERM:
		return "this domain may not do that";
	case ENOMEM:
		return "the host has no memory left for it";
	case EINVAL:
		return "the core takes one of the values for impossible";
	case ENOSYS:
		return "the core does not know this operation";
	case EOPNOTSUPP:
		return "the core speaks another version of the control calls";
	case EFAULT:
		return "memory could not be reached";
	default:
		return strerror(code);
	}
}

int ctl_failed(struct vl_error *error, int rc, const char *what, unsigned int domid)
{
	return vl_error_set(error, rc, "cannot %s domain %u: %s", what, domid, reason(-rc));
}

long ctl_hypercall(struct vl_ctl *ctl, uint64_t number, uint64_t a, uint64_t b, uint64_t c,
		   uint64_t d)
{
	const uint64_t arguments[5] = { a, b, c, d, 0 };

	return ctl->calls->hypercall(ctl->layer, number, arguments);
}

static uint64_t address_of(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* An operation with the structure of `size` bytes at the buffer's start. */
static long control(struct vl_ctl *ctl, unsigned int op, uint16_t domid)
{
	return ctl_hypercall(ctl, __HYPERVISOR_vl_control, VL_CONTROL(op), domid,
			     address_of(ctl->buffer), 0);
}

/* One that only takes; arg may be null.  Returns 0, or an error with a sentence. */
static int control_in(struct vl_ctl *ctl, unsigned int op, uint16_t domid, const void *arg,
		      size_t size, const char *what, struct vl_error *error)
{
	long rc;

	if (arg) {
		memcpy(ctl->buffer, arg, size);
	}
	rc = control(ctl, op, domid);
	return rc < 0 ? ctl_failed(error, (int)rc, what, domid) : 0;
}

/* ---- The handle ---------------------------------------------------------------- */

/* What else may answer below: says what it is. */
static int other_core(struct vl_ctl *ctl, long rc, struct vl_error *error)
{
	char extra[sizeof(xen_extraversion_t) + 1] = "";
	int version = vl_ctl_version(ctl, XENVER_version, NULL, 0, NULL);

	if (rc == -EPERM) {
		return vl_error_set(error, -ENODEV,
				    "this domain is not the control domain: it may not use the "
				    "core's control calls");
	}
	if (rc == -EOPNOTSUPP) {
		return vl_error_set(error, -EOPNOTSUPP,
				    "the running core speaks another version of the control calls "
				    "than this toolstack (%u)",
				    VL_CONTROL_VERSION);
	}
	if (rc != -ENOSYS) {
		return vl_error_set(error, (int)rc, "the core does not answer: %s",
				    reason((int)-rc));
	}
	if (version < 0 ||
	    vl_ctl_version(ctl, XENVER_extraversion, extra, sizeof(extra) - 1, NULL) < 0) {
		return vl_error_set(error, -ENODEV, "the hypervisor below is not " VL_NAME);
	}
	return vl_error_set(error, -ENODEV, "the hypervisor below is not " VL_NAME " but %d.%d%s",
			    version >> 16, version & 0xffff, extra);
}

int vl_ctl_open_layer(struct vl_ctl **ctl, const struct vl_ctl_layer *calls, void *layer,
		      struct vl_error *error)
{
	struct vl_ctl *c = calloc(1, sizeof(*c));
	struct vl_log_read nothing = { .size = 0 };
	long rc;

	if (!c) {
		calls->close(layer);
		return vl_error_set(error, -ENOMEM, "not enough memory for a handle of the core");
	}
	c->calls = calls;
	c->layer = layer;
	c->buffer = calls->buffer(layer, CTL_BUFFER_SIZE);
	if (!c->buffer) {
		vl_ctl_close(c);
		return vl_error_set(error, -ENOMEM, "not enough memory for the arguments of calls");
	}
	/* The cheapest call that is the control domain's alone. */
	nothing.buffer = address_of(c->buffer);
	memcpy(c->buffer, &nothing, sizeof(nothing));
	rc = control(c, VL_CTL_log_read, 0);
	if (rc < 0) {
		rc = other_core(c, rc, error);
		vl_ctl_close(c);
		return (int)rc;
	}
	*ctl = c;
	return 0;
}

void vl_ctl_close(struct vl_ctl *ctl)
{
	if (!ctl) {
		return;
	}
	if (ctl->buffer) {
		ctl->calls->buffer_free(ctl->layer, ctl->buffer, CTL_BUFFER_SIZE);
	}
	ctl->calls->close(ctl->layer);
	free(ctl);
}

/* ---- Domains --------------------------------------------------------------------- */

int vl_ctl_create(struct vl_ctl *ctl, const struct vl_create *spec, uint16_t *domid,
		  struct vl_error *error)
{
	long rc;

	memcpy(ctl->buffer, spec, sizeof(*spec));
	rc = control(ctl, VL_CTL_create, *domid);
	if (rc == -EEXIST) {
		return vl_error_set(error, -EEXIST, "there is a domain %u already", *domid);
	}
	if (rc < 0) {
		return vl_error_set(error, (int)rc, "cannot make a domain of %u vCPUs: %s",
				    spec->vcpus, reason((int)-rc));
	}
	*domid = (uint16_t)rc;
	return 0;
}

int vl_ctl_destroy(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error)
{
	long rc = control(ctl, VL_CTL_destroy, domid);

	if (rc == -EBUSY) {
		return vl_error_set(error, -EBUSY,
				    "domain %u is ended, but other domains still map memory of it",
				    domid);
	}
	return rc < 0 ? ctl_failed(error, (int)rc, "end", domid) : 0;
}

int vl_ctl_pause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error)
{
	return control_in(ctl, VL_CTL_pause, domid, NULL, 0, "pause", error);
}

int vl_ctl_unpause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error)
{
	return control_in(ctl, VL_CTL_unpause, domid, NULL, 0, "unpause", error);
}

int vl_ctl_shutdown(struct vl_ctl *ctl, uint16_t domid, unsigned int what, struct vl_error *error)
{
	struct sched_remote_shutdown arg = { .domain_id = domid, .reason = what };
	long rc;

	memcpy(ctl->buffer, &arg, sizeof(arg));
	rc = ctl_hypercall(ctl, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown,
			   address_of(ctl->buffer), 0, 0);
	return rc < 0 ? ctl_failed(error, (int)rc, "shut down", domid) : 0;
}

int vl_ctl_set_max_frames(struct vl_ctl *ctl, uint16_t domid, uint64_t frames,
			  struct vl_error *error)
{
	struct vl_max_frames arg = { .frames = frames };

	return control_in(ctl, VL_CTL_set_max_frames, domid, &arg, sizeof(arg),
			  "change the memory limit of", error);
}

int vl_ctl_set_sched(struct vl_ctl *ctl, uint16_t domid, const struct vl_sched *sched,
		     struct vl_error *error)
{
	return control_in(ctl, VL_CTL_set_sched, domid, sched, sizeof(*sched),
			  "change weight or cap of", error);
}

int vl_ctl_set_affinity(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu, uint64_t cpus,
			struct vl_error *error)
{
	struct vl_affinity arg = { .vcpu = vcpu, .cpus = cpus };

	return control_in(ctl, VL_CTL_set_affinity, domid, &arg, sizeof(arg),
			  "choose CPUs for a vCPU of", error);
}

/* The context lies behind the structure that names it. */
static void *context_room(struct vl_ctl *ctl, unsigned int vcpu)
{
	struct vl_context arg = { .vcpu = vcpu };
	void *room = ctl->buffer + sizeof(arg);

	arg.context = address_of(room);
	memcpy(ctl->buffer, &arg, sizeof(arg));
	return room;
}

int vl_ctl_set_context(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu,
		       const struct vcpu_guest_context *context, struct vl_error *error)
{
	memcpy(context_room(ctl, vcpu), context, sizeof(*context));
	return control_in(ctl, VL_CTL_set_context, domid, NULL, 0, "load a vCPU of", error);
}

int vl_ctl_get_context(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu,
		       struct vcpu_guest_context *context, struct vl_error *error)
{
	const void *room = context_room(ctl, vcpu);
	int rc = control_in(ctl, VL_CTL_get_context, domid, NULL, 0, "read a vCPU of", error);

	if (!rc) {
		memcpy(context, room, sizeof(*context));
	}
	return rc;
}

int vl_ctl_set_target(struct vl_ctl *ctl, uint16_t domid, uint16_t target, struct vl_error *error)
{
	struct vl_target arg = { .target = target };

	return control_in(ctl, VL_CTL_set_target, domid, &arg, sizeof(arg), "choose a target for",
			  error);
}

int vl_ctl_set_ioports(struct vl_ctl *ctl, uint16_t domid, const struct vl_range *range,
		       struct vl_error *error)
{
	return control_in(ctl, VL_CTL_set_ioports, domid, range, sizeof(*range),
			  "change the I/O ports of", error);
}

int vl_ctl_set_iomem(struct vl_ctl *ctl, uint16_t domid, const struct vl_range *range,
		     struct vl_error *error)
{
	return control_in(ctl, VL_CTL_set_iomem, domid, range, sizeof(*range),
			  "change the I/O memory of", error);
}

int vl_ctl_grant(struct vl_ctl *ctl, uint16_t domid, uint32_t ref, uint16_t to, uint64_t frame,
		 struct vl_error *error)
{
	struct vl_grant arg = { .ref = ref, .to = to, .frame = frame };

	return control_in(ctl, VL_CTL_grant, domid, &arg, sizeof(arg), "fill a reserved grant of",
			  error);
}

/* ---- Information ------------------------------------------------------------------ */

/* The list lies behind the structure that names it; returns how many came. */
static long control_list(struct vl_ctl *ctl, unsigned int op, uint16_t domid, uint32_t first,
			 uint32_t count, size_t size, const void **list)
{
	struct vl_list arg = { .first = first, .count = count };
	unsigned char *room = ctl->buffer + sizeof(arg);
	long rc;

	arg.list = address_of(room);
	memcpy(ctl->buffer, &arg, sizeof(arg));
	memset(room, 0, count * size);
	rc = control(ctl, op, domid);
	*list = room;
	return rc > (long)count ? (long)count : rc;
}

#define INFO_ROOM ((CTL_BUFFER_SIZE - sizeof(struct vl_list)) / sizeof(struct vl_domain_info))

int vl_ctl_list(struct vl_ctl *ctl, uint16_t first, struct vl_domain_info **list, size_t *count,
		struct vl_error *error)
{
	struct vl_domain_info *all = NULL, *larger;
	size_t used = 0, room = 0;
	const void *part;
	long got;

	do {
		got = first >= VL_DOMID_END ? 0 :
					      control_list(ctl, VL_CTL_domain_info, first, 0,
							   INFO_ROOM, sizeof(*all), &part);
		if (got < 0 && got != -ESRCH) {
			free(all);
			return vl_error_set(error, (int)got, "cannot list the domains: %s",
					    reason((int)-got));
		}
		got = got < 0 ? 0 : got;
		if (used + (size_t)got >= room) {
			room = used + (size_t)got + 1;
			larger = realloc(all, room * sizeof(*all));
			if (!larger) {
				free(all);
				return vl_error_set(error, -ENOMEM,
						    "not enough memory for a list of domains");
			}
			all = larger;
		}
		if (got > 0) {
			memcpy(all + used, part, (size_t)got * sizeof(*all));
			used += (size_t)got;
			first = (uint16_t)(all[used - 1].domid + 1);
		}
	} while (got == (long)INFO_ROOM);
	*list = all;
	*count = used;
	return 0;
}

int vl_ctl_info(struct vl_ctl *ctl, uint16_t domid, struct vl_domain_info *info,
		struct vl_error *error)
{
	const void *part;
	long got = control_list(ctl, VL_CTL_domain_info, domid, 0, 1, sizeof(*info), &part);

	if (got < 0) {
		return ctl_failed(error, (int)got, "read the state of", domid);
	}
	if (got == 1) {
		memcpy(info, part, sizeof(*info));
	}
	/* The call gives the next one where there is none of that number. */
	return got == 1 && info->domid == domid ?
		       0 :
		       ctl_failed(error, -ESRCH, "read the state of", domid);
}

int vl_ctl_vcpus(struct vl_ctl *ctl, uint16_t domid, struct vl_vcpu_info *list,
		 struct vl_error *error)
{
	const void *part;
	long got =
		control_list(ctl, VL_CTL_vcpu_info, domid, 0, VL_VCPUS_MAX, sizeof(*list), &part);

	if (got < 0) {
		return ctl_failed(error, (int)got, "list the vCPUs of", domid);
	}
	memcpy(list, part, (size_t)got * sizeof(*list));
	return (int)got;
}

int vl_ctl_host(struct vl_ctl *ctl, struct vl_host_info *host, struct vl_error *error)
{
	long rc = control(ctl, VL_CTL_host_info, 0);

	if (rc < 0) {
		return vl_error_set(error, (int)rc, "cannot ask the core about the host: %s",
				    reason((int)-rc));
	}
	memcpy(host, ctl->buffer, sizeof(*host));
	return 0;
}

int vl_ctl_log(struct vl_ctl *ctl, uint64_t *pos, void *buffer, size_t size, bool clear,
	       struct vl_error *error)
{
	struct vl_log_read arg = { .pos = *pos, .flags = clear ? VL_LOG_clear : 0 };
	const unsigned char *room = ctl->buffer + sizeof(arg);
	long got;

	arg.buffer = address_of(room);
	arg.size = (uint32_t)(CTL_BUFFER_SIZE - sizeof(arg));
	if (size < arg.size) {
		arg.size = (uint32_t)size;
	}
	memcpy(ctl->buffer, &arg, sizeof(arg));
	got = control(ctl, VL_CTL_log_read, 0);
	if (got < 0 || got > (long)arg.size) {
		got = got < 0 ? got : -EIO;
		return vl_error_set(error, (int)got, "cannot read the core's messages: %s",
				    reason((int)-got));
	}
	memcpy(buffer, room, (size_t)got);
	memcpy(&arg, ctl->buffer, sizeof(arg));
	*pos = arg.pos;
	return (int)got;
}

int vl_ctl_crash_reason(struct vl_ctl *ctl, uint16_t domid, struct vl_crash_reason *why,
			struct vl_error *error)
{
	int rc = control_in(ctl, VL_CTL_crash_reason, domid, NULL, 0, "ask for the crash reason of",
			    error);

	if (!rc) {
		memcpy(why, ctl->buffer, sizeof(*why));
		why->text[sizeof(why->text) - 1] = '\0';
	}
	return rc;
}

int vl_ctl_version(struct vl_ctl *ctl, unsigned int cmd, void *buffer, size_t size,
		   struct vl_error *error)
{
	long rc;

	if (size > CTL_BUFFER_SIZE) {
		size = CTL_BUFFER_SIZE;
	}
	if (size > 0) {
		memcpy(ctl->buffer, buffer, size);
	}
	rc = ctl_hypercall(ctl, __HYPERVISOR_xen_version, cmd,
			   size > 0 ? address_of(ctl->buffer) : 0, 0, 0);
	if (rc < 0) {
		return vl_error_set(error, (int)rc, "cannot ask the core for its version (%u): %s",
				    cmd, reason((int)-rc));
	}
	if (size > 0) {
		memcpy(buffer, ctl->buffer, size);
	}
	return (int)rc;
}

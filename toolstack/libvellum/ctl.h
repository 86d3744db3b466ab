/* SPDX-License-Identifier: MIT */
/*
 * Calls of the core from the control domain: the control ABI (vl/control.h) and
 * the published hypercalls that a toolstack needs, through Linux's
 * /dev/xen/{privcmd,hypercall}.
 *
 * All functions return 0 or what is said with them, or a negative Linux errno
 * with a sentence (error.h).  A handle belongs to one thread at a time.  Times
 * are nanoseconds, frames are of 4 KiB.
 */
#ifndef LIBVELLUM_CTL_H
#define LIBVELLUM_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vl/control.h>
#include <xen/xen.h>

#include "libvellum/error.h"

struct vl_ctl;

/**
 * Opens the core.  -ENODEV: this is no control domain of Vellum (the sentence says
 * whether a kernel module, the hypervisor or the right is missing); -EPERM: not
 * root; -EOPNOTSUPP: the core speaks another version of the control ABI.
 */
int vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error);
/** Null is fine. */
void vl_ctl_close(struct vl_ctl *ctl);

/* ---- Domains; ESRCH: there is no such domain ----------------------------------- */

/** Makes an empty, paused domain; *domid: VL_DOMID_ANY or a number, then the
 *  number it got. */
int vl_ctl_create(struct vl_ctl *ctl, const struct vl_create *spec, uint16_t *domid,
		  struct vl_error *error);
/** Ends a domain: all is back.  -EBUSY: but for frames that others still map. */
int vl_ctl_destroy(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error);
int vl_ctl_pause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error);
int vl_ctl_unpause(struct vl_ctl *ctl, uint16_t domid, struct vl_error *error);
/** Stops a domain for a reason (SHUTDOWN_*), as if it had asked for that. */
int vl_ctl_shutdown(struct vl_ctl *ctl, uint16_t domid, unsigned int reason,
		    struct vl_error *error);
int vl_ctl_set_max_frames(struct vl_ctl *ctl, uint16_t domid, uint64_t frames,
			  struct vl_error *error);
int vl_ctl_set_sched(struct vl_ctl *ctl, uint16_t domid, const struct vl_sched *sched,
		     struct vl_error *error);
int vl_ctl_set_affinity(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu, uint64_t cpus,
			struct vl_error *error);
int vl_ctl_set_context(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu,
		       const struct vcpu_guest_context *context, struct vl_error *error);
int vl_ctl_get_context(struct vl_ctl *ctl, uint16_t domid, unsigned int vcpu,
		       struct vcpu_guest_context *context, struct vl_error *error);
int vl_ctl_set_target(struct vl_ctl *ctl, uint16_t domid, uint16_t target, struct vl_error *error);
int vl_ctl_set_ioports(struct vl_ctl *ctl, uint16_t domid, const struct vl_range *range,
		       struct vl_error *error);
int vl_ctl_set_iomem(struct vl_ctl *ctl, uint16_t domid, const struct vl_range *range,
		     struct vl_error *error);
/** `to` may map the frame by the reserved reference. */
int vl_ctl_grant(struct vl_ctl *ctl, uint16_t domid, uint32_t ref, uint16_t to, uint64_t frame,
		 struct vl_error *error);

/* ---- Information --------------------------------------------------------------- */

/** All domains from `first` on, malloc'd (never null on success), *count of them. */
int vl_ctl_list(struct vl_ctl *ctl, uint16_t first, struct vl_domain_info **list, size_t *count,
		struct vl_error *error);
/** One domain. */
int vl_ctl_info(struct vl_ctl *ctl, uint16_t domid, struct vl_domain_info *info,
		struct vl_error *error);
/** vCPUs of a domain; list has room for VL_VCPUS_MAX. Returns how many there are. */
int vl_ctl_vcpus(struct vl_ctl *ctl, uint16_t domid, struct vl_vcpu_info *list,
		 struct vl_error *error);
int vl_ctl_host(struct vl_ctl *ctl, struct vl_host_info *host, struct vl_error *error);
/** Reads the core's log from *pos on; returns the number of bytes, 0 at its end. */
int vl_ctl_log(struct vl_ctl *ctl, uint64_t *pos, void *buffer, size_t size, bool clear,
	       struct vl_error *error);
int vl_ctl_crash_reason(struct vl_ctl *ctl, uint16_t domid, struct vl_crash_reason *reason,
			struct vl_error *error);
/** XENVER_extraversion, _changeset, _commandline, _compile_info, ...: any command of
 *  xen_version that fills a buffer. Returns its result. */
int vl_ctl_version(struct vl_ctl *ctl, unsigned int cmd, void *buffer, size_t size,
		   struct vl_error *error);

/* ---- Memory and events of another domain ---------------------------------------- */

/**
 * Gives a domain `count` extents of 2^order frames at the guest frames in
 * frames[], which the machine frames replace.  -ENOMEM: not all; what was given
 * stays the domain's.
 */
int vl_ctl_populate(struct vl_ctl *ctl, uint16_t domid, unsigned int order, uint64_t *frames,
		    size_t count, struct vl_error *error);
/** The same, but what cannot be given is no error: *done says how many extents were. */
int vl_ctl_populate_some(struct vl_ctl *ctl, uint16_t domid, unsigned int order, uint64_t *frames,
			 size_t count, size_t *done, struct vl_error *error);
/** Maps machine frames of a domain, all or none, writable; unmapped by vl_ctl_unmap(). */
int vl_ctl_map(struct vl_ctl *ctl, uint16_t domid, const uint64_t *frames, size_t count,
	       void **address, struct vl_error *error);
void vl_ctl_unmap(struct vl_ctl *ctl, void *address, size_t count);
/** Pins a frame as a table of level 4 of the domain, which checks it and all below. */
int vl_ctl_pin(struct vl_ctl *ctl, uint16_t domid, uint64_t frame, struct vl_error *error);
/** A port of `domid` that `remote` may bind to; returns it. */
int vl_ctl_alloc_port(struct vl_ctl *ctl, uint16_t domid, uint16_t remote, struct vl_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What vld asks of the machine it runs on: the core, the store, the kernel's
 * devices, guests as a whole.  host_real.c does it with libvellum; tests bring
 * their own.
 *
 * All return 0 or what is said with them, or a negative errno with a sentence.
 * Strings given back are malloc'd.
 */
#ifndef VLD_HOST_H
#define VLD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vl/control.h>
#include <xen/io/console.h>

#include "libvellum/config.h"
#include "libvellum/error.h"

/** What is to happen when a guest has ended, by the reason. */
struct vld_actions {
	enum vl_action poweroff, reboot, crash, watchdog, soft_reset;
};

struct vld_host {
	/* ---- Core and store; quick ---- */

	/** All domains but the control domain. */
	int (*list)(struct vld_host *host, struct vl_domain_info **list, size_t *count,
		    struct vl_error *error);
	/** Nanoseconds since the core started. */
	int (*time)(struct vld_host *host, uint64_t *now, struct vl_error *error);
	/** Once more for a domain that is dying; -EBUSY: others still map its frames. */
	int (*destroy_again)(struct vld_host *host, uint16_t domid, struct vl_error *error);
	/** "" if the core has nothing to say. */
	int (*crash_reason)(struct vld_host *host, uint16_t domid, struct vl_crash_reason *reason,
			    struct vl_error *error);
	int (*name)(struct vld_host *host, uint16_t domid, char **name, struct vl_error *error);
	/** A name or a number. */
	int (*find)(struct vld_host *host, const char *name, uint16_t *domid,
		    struct vl_error *error);
	/** Port of the console; -ENOENT: the guest is not told of one yet. */
	int (*console_port)(struct vld_host *host, uint16_t domid, uint32_t *port,
			    struct vl_error *error);
	/**
	 * What the guest was made of, as JSON; -ENOENT: nobody wrote that down;
	 * -EINVAL, -EFBIG: what was written cannot be understood.
	 */
	int (*config)(struct vld_host *host, uint16_t domid, struct vld_actions *actions,
		      char **json, struct vl_error *error);
	/** Readable when something was introduced or released; -1: the store is away. */
	int (*watch_fd)(struct vld_host *host);
	/** Takes what has come; returns how many events, -ECONNRESET: the store went away. */
	int (*watch_take)(struct vld_host *host, struct vl_error *error);
	/** Connects to the store again. */
	int (*reopen)(struct vld_host *host, struct vl_error *error);

	/* ---- Console page and port ---- */

	int (*map)(struct vld_host *host, uint16_t domid, struct xencons_interface **page,
		   struct vl_error *error);
	void (*unmap)(struct vld_host *host, struct xencons_interface *page);
	/** Returns a local port. */
	int (*bind)(struct vld_host *host, uint16_t domid, uint32_t port, struct vl_error *error);
	void (*unbind)(struct vld_host *host, int port);
	void (*notify)(struct vld_host *host, int port);
	/** Readable when an event has come. */
	int (*port_fd)(struct vld_host *host);
	/** Takes events that have come: local ports; returns how many, 0: no more. */
	int (*port_take)(struct vld_host *host, uint32_t *ports, size_t count);
	/** The event of that port is dealt with; the next one may come. */
	void (*port_done)(struct vld_host *host, uint32_t port);

	/* ---- Guests as a whole; slow, called in a process of its own ---- */

	/** Ends a guest and all that belongs to it; none there is success. */
	int (*guest_end)(struct vld_host *host, uint16_t domid, struct vl_error *error);
	/** Of one that has ended and stays; its devices go. */
	int (*guest_rename)(struct vld_host *host, uint16_t domid, const char *name,
			    struct vl_error *error);
	/**
	 * Makes a guest of a configuration and lets it run, if it is still wanted
	 * then, else -ECANCELED; returns its number.
	 */
	int (*guest_start)(struct vld_host *host, const char *json, bool (*wanted)(void *arg),
			   void *arg, struct vl_error *error);
	/** Takes away what creations have left that were killed. */
	int (*sweep)(struct vld_host *host, struct vl_error *error);
};

/** The real one; failures as vl_host_open() and the devices give them. */
int host_real_open(struct vld_host **host, struct vl_error *error);
void host_real_close(struct vld_host *host);

#endif

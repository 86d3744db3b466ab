/* SPDX-License-Identifier: MIT */
/*
 * /dev/xen/gntdev and /dev/xen/evtchn: console pages and ports of all guests
 * through one descriptor each.  Used by host_real.c alone.
 */
#ifndef VLD_HOST_DEVICE_H
#define VLD_HOST_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "libvellum/error.h"

struct host_device {
	int grants, events; /* descriptors */
};

int host_device_open(struct host_device *device, struct vl_error *error);
void host_device_close(struct host_device *device);
/** Maps the frame that a domain has granted us by that reference. */
int host_device_map(struct host_device *device, uint16_t domid, uint32_t ref, void **page,
		    struct vl_error *error);
void host_device_unmap(struct host_device *device, void *page);
/** Binds a port of a domain; returns ours. */
int host_device_bind(struct host_device *device, uint16_t domid, uint32_t port,
		     struct vl_error *error);
void host_device_unbind(struct host_device *device, int port);
void host_device_notify(struct host_device *device, int port);
int host_device_take(struct host_device *device, uint32_t *ports, size_t count);
void host_device_done(struct host_device *device, uint32_t port);

#endif

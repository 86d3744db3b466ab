/* SPDX-License-Identifier: MIT */
/*
 * Disks and networks of guests, with the backends of the control domain's own
 * kernel: loop devices, bridges, the nodes of both halves in the store, and
 * the way to the state in which a frontend can connect.  No shell scripts, but
 * a user's own.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_DEVICE_H
#define LIBVELLUM_DEVICE_H

#include "libvellum/guest.h"

/** Checks without doing anything that files, devices and bridges are there. */
int vl_devices_check(const struct vl_config *config, struct vl_error *error);
/**
 * Attaches all devices of the configuration to a domain that has its nodes in the
 * store and does not run yet; on failure none is left.
 */
int vl_devices_attach(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      struct vl_error *error);
/**
 * Takes all devices of a domain away, whatever is in the store for it: loop
 * devices, interfaces, nodes.  Also for a domain that is gone.
 */
int vl_devices_detach(struct vl_host *host, uint16_t domid, struct vl_error *error);

/** A MAC address in the range that is set aside for guests: 00:16:3e and three random bytes. */
int vl_vif_make_mac(uint8_t mac[6], struct vl_error *error);

#endif

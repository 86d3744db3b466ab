/* SPDX-License-Identifier: MIT */
/*
 * A client of vld: consoles of guests, and the wait for their end.
 *
 * Errors: see error.h.  -ECONNREFUSED, -ENOENT: no vld runs.
 */
#ifndef LIBVELLUM_VLD_CLIENT_H
#define LIBVELLUM_VLD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "libvellum/error.h"

/**
 * Connects a terminal to the console of a guest, by name or number, until `escape`
 * (-1: none) is typed or the guest ends.  Returns 0: detached, 1: it ended.
 * scrollback: what the console showed before comes first.
 */
int vl_vld_console(const char *guest, int in_fd, int out_fd, int escape, bool scrollback,
		   struct vl_error *error);
/**
 * Waits for the end of a guest (-1 ms: for ever).  *reason is malloc'd: "poweroff",
 * "reboot", "suspend", "crash", "watchdog", "destroy".  -ETIMEDOUT: it runs.
 */
int vl_vld_wait(uint16_t domid, int timeout_ms, char **reason, struct vl_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Talking to vld: consoles, ends of guests, and what vld says of itself.
 *
 * Errors: see error.h.  -ENOENT or -ECONNREFUSED: no vld runs; -ECONNRESET: it
 * went away; -ESRCH: there is no such guest; -EPROTO: that is no answer of vld.
 */
#ifndef LIBVELLUM_VLD_CLIENT_H
#define LIBVELLUM_VLD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "libvellum/error.h"

struct vl_vld;

/** How a guest has ended. */
struct vl_end {
	uint16_t domid;
	char name[192];
	/** "poweroff", "reboot", "crash", "watchdog", "destroyed", "unknown" (no vld
	 *  ran then), ... */
	char reason[16];
	/** What was done then: "destroy", "restart", "preserve", "none", ... */
	char action[20];
	char crash[160]; /**< what the core has said of a crash, or "" */
	int64_t when;	 /**< seconds since 1970; 0: not known */
};

struct vl_console {
	int in, out;	 /**< what is typed, and where output goes; in -1: nothing is typed */
	int escape;	 /**< this byte of in ends it; -1: none does */
	bool scrollback; /**< begin with what the guest has written before */
};

#define VL_CONSOLE_ESCAPE 0x1d /* Ctrl-] */

/** How vl_vld_console() came to its end. */
enum {
	VL_CONSOLE_LEFT = 0, /* escape was typed, or `in` ended */
	VL_CONSOLE_OVER = 1  /* the guest has ended */
};

/** Connects; path null: VL_VLD_SOCKET. */
int vl_vld_open(struct vl_vld **vld, const char *path, struct vl_error *error);
/** Null is fine. */
void vl_vld_close(struct vl_vld *vld);

/**
 * Shows the console of a guest (a name or a number) until one of the two ends
 * above; a terminal at `in` is put into raw mode meanwhile.  After
 * VL_CONSOLE_OVER *end says why.  A vld that is started anew is connected to
 * again, at the same byte, for some seconds.
 */
int vl_vld_console(struct vl_vld *vld, const char *guest, const struct vl_console *console,
		   struct vl_end *end, struct vl_error *error);
/**
 * Waits for the end of a domain; returns at once if that has been.  timeout_ms
 * -1: for ever; else -ETIMEDOUT.  After that only vl_vld_close() may follow.
 */
int vl_vld_wait(struct vl_vld *vld, uint16_t domid, int timeout_ms, struct vl_end *end,
		struct vl_error *error);
/** vld's status as JSON; malloc'd. */
int vl_vld_status(struct vl_vld *vld, char **json, struct vl_error *error);
/** The last ends of guests as JSON, the latest last; malloc'd. */
int vl_vld_ended(struct vl_vld *vld, char **json, struct vl_error *error);
/** Cancels a restart that is due.  -ESRCH: none is. */
int vl_vld_forget(struct vl_vld *vld, const char *guest, struct vl_error *error);

#endif

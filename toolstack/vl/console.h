/* SPDX-License-Identifier: MIT */
/* Consoles, as vld has them: for "vl console" and "vl create -c". */
#ifndef VL_CONSOLE_H
#define VL_CONSOLE_H

#include "cli.h"
#include "libvellum/vld_client.h"

/** The terminal on a guest's console, until it is detached or the guest has ended. */
int console_attach(struct cli *cli, const char *guest, int escape);
/**
 * The same of a guest that has no domain: vld may still have what it wrote.  `none` is
 * said where it has not, or does not run.
 */
int console_kept(struct cli *cli, const char *guest, int escape, const struct vl_error *none);
/** What vld says about all consoles, or about one; null: all. */
int console_status(struct cli *cli, const char *guest);
/** A line about the end of a guest. */
void console_say_end(const struct cli *cli, const struct vl_end *end);

#endif

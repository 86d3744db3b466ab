/* SPDX-License-Identifier: MIT */
/* vld as a process of the system: one of it, in the background, supervised. */
#ifndef VLD_PROCESS_H
#define VLD_PROCESS_H

#include "libvellum/error.h"

/** Takes RUN_DIR/vld.lock for as long as this process lives; -EBUSY: another has it. */
int process_lock(const char *run_dir, struct vl_error *error);
/**
 * Goes on in a child without a terminal; the parent ends as process_ready() is
 * called, or with status 1 if the child ends before.
 */
int process_daemon(struct vl_error *error);
/** Tells the parent, and systemd if it started us, that vld serves. */
void process_ready(void);

#endif

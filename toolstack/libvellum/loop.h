/* SPDX-License-Identifier: MIT */
/*
 * Loop devices: a raw image file as a block device.  A device that is made here
 * goes by itself with the last close, so that nothing is left of whoever made it
 * and was killed.  Private to libvellum.
 *
 * Errors: see error.h; a sentence names the file.
 */
#ifndef LIBVELLUM_LOOP_H
#define LIBVELLUM_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

#include "libvellum/error.h"

/**
 * Makes a loop device of the open file.  Returns its descriptor, with which the
 * device goes unless somebody else has opened it by then.
 */
int loop_attach(int file, const char *path, bool readonly, dev_t *device, struct vl_error *error);

#endif

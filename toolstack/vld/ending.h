/* SPDX-License-Identifier: MIT */
/*
 * What follows when a guest has ended: its last output is taken, the end is
 * written down, and the action of its configuration is done.
 */
#ifndef VLD_ENDING_H
#define VLD_ENDING_H

#include <stdint.h>

#include "vld.h"

/** The domain has shut down; may be said often. */
void ending_shutdown(struct guest *guest, unsigned int reason);
/** The domain is no more, or others destroyed it; may be said often. */
void ending_gone(struct guest *guest);
/** A dying domain: others may have let go of its frames. */
void ending_dying(struct vld *vld, uint16_t domid);

#endif

/* SPDX-License-Identifier: MIT */
/* What vld says about itself and its guests. */
#ifndef VLD_STATUS_H
#define VLD_STATUS_H

#include "vld.h"

/** A new object; null: no memory. */
json_t *status_json(struct vld *vld);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Which guests there are: found by asking the core whenever the store says that
 * something has changed, and compared with what vld knows.
 */
#ifndef VLD_GUESTS_H
#define VLD_GUESTS_H

#include <stdint.h>

#include "vld.h"

/** Compares with the core: attaches to new guests, acts on ended ones. */
void guests_scan(struct vld *vld);
/** The same, once for many events that come together. */
void guests_scan_soon(struct vld *vld, unsigned int ms);
/** What an earlier vld has left: scroll-backs of guests that are gone now. */
void guests_recover(struct vld *vld);
/** An event of a local port. */
void guests_port(struct vld *vld, uint32_t port);
/** Forgets ended guests whose time is over. */
void guests_expire(struct vld *vld);
void guests_free(struct vld *vld);

/** Null: none of that number. */
struct guest *guests_get(struct vld *vld, uint16_t domid);
/** By name or number, running before ended ones; null. */
struct guest *guests_find(struct vld *vld, const char *name);
const char *guest_name(const struct guest *guest);

#endif

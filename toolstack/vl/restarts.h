/* SPDX-License-Identifier: MIT */
/*
 * Restarts that vld is to do, and ends that are for good.  Without vld there are
 * no restarts.  Names are those of guests, never numbers: a guest between two
 * lives has none.
 */
#ifndef VL_RESTARTS_H
#define VL_RESTARTS_H

#include "cli.h"
#include "libvellum/vld_client.h"

/**
 * A guest that has ended and is to start anew in a while, or just now, does not.
 * 1: so; 0: that was not to be; or what has failed.
 */
int restarts_forget(const char *name, struct vl_error *error);
/** The same for all of them, each of which is told. */
int restarts_forget_all(struct cli *cli);
/** A guest of that name is to start anew. */
bool restarts_has(const char *name);
/**
 * How a domain has ended, when vld has done what follows from it; no longer than
 * timeout_ms.  False: nobody knows.
 */
bool restarts_end(uint16_t domid, int timeout_ms, struct vl_end *end);
/** Ends a guest at once, and for good. */
int restarts_destroy(struct cli *cli, uint16_t domid);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Restarts that vld is to do, and ends that are for good.  Without vld there are
 * no restarts.  Names are those of guests, never numbers: a guest between two
 * lives has none.
 */
#ifndef VL_RESTARTS_H
#define VL_RESTARTS_H

#include <jansson.h>

#include "cli.h"
#include "libvellum/vld_client.h"

/**
 * A guest that has ended and is to start anew in a while, or just now, does not.
 * 1: so, and that was told; 0: that was not to be; or what has failed.
 */
int restarts_forget(struct cli *cli, const char *name, struct vl_error *error);
/**
 * A guest's domain, by its name or number.  1: so; 0: it is between two lives, and
 * the next is cancelled (for_off) or to come anyway, and that was told; negative:
 * -ESRCH, or what has failed.
 */
int restarts_find(struct cli *cli, const char *name, bool for_off, uint16_t *domid,
		  struct vl_error *error);
/** 1: that guest is to start anew; 0: it is not, or does already; -1: nobody knows. */
int restarts_due(const char *name);
/** Restarts of all guests are cancelled, and each is told. */
int restarts_forget_all(struct cli *cli);
/**
 * How a domain has ended, when vld has done what follows from it; no longer than
 * timeout_ms.  False: nobody knows.
 */
bool restarts_end(uint16_t domid, int timeout_ms, struct vl_end *end);
/** The ends that vld keeps, the latest last; null: it does not run, or keeps none. */
json_t *restarts_ended(void);
/** Ends a guest at once, and for good. */
int restarts_destroy(struct cli *cli, uint16_t domid);

#endif

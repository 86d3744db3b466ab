/* SPDX-License-Identifier: MIT */
/*
 * Guests that are to be started anew.
 *
 * What is due stands in RUN_DIR/restart/NAME, written before the old domain is
 * taken away and removed when the new one runs: a vld that was killed in between
 * goes on with it.  Whoever cancels a restart takes the file away, and the child
 * that makes the guest looks for it once more before it lets the guest run.  A guest that ends soon after its start is started later and
 * later, up to a limit, and at once again after it has run for a while.
 */
#ifndef VLD_RESTART_H
#define VLD_RESTART_H

#include "vld.h"

struct restart {
	struct restart *next;
	char *name;
	char *config;	/* null: none is due, only the count is kept */
	uint16_t domid; /* the old one; started anew when that is gone */
	uint32_t count; /* how often in a row it ended too soon */
	uint64_t due;	/* seconds since the machine booted */
	bool job;
	bool cancelled; /* while its job ran; it stays here until nothing is left of it */
};

/** Reads what an earlier vld has left. */
void restart_load(struct vld *vld);
/** A restart of a guest that ended after `uptime` seconds. */
void restart_plan(struct vld *vld, const char *name, uint16_t domid, const char *config,
		  uint64_t uptime, const char *reason);
/** Begins what is due. */
void restart_due(struct vld *vld);
/**
 * Cancels one; -ESRCH: none is due; -EINPROGRESS: it was begun, and
 * client_forgotten() is called when it has been stopped or undone.
 */
int restart_forget(struct vld *vld, const char *name);
/** The work of a job: starts the guest if that is still to be done. */
int restart_work(struct vld *vld, const char *name, struct vl_error *error);
void restart_free(struct vld *vld);

#endif

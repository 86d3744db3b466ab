/* SPDX-License-Identifier: MIT */
/*
 * Slow work on a guest: ending it with its devices, renaming it, starting it
 * anew, taking away what is left of one.  Each job runs in a short-lived child, so that consoles are served
 * meanwhile and nothing that goes wrong with it can take vld along; a few at a
 * time, the rest in order.
 *
 * A job that a killed vld has begun runs on.  The same job of the next vld waits
 * for it by a lock, and then finds its work done.
 */
#ifndef VLD_JOB_H
#define VLD_JOB_H

#include <stdint.h>

#include "vld.h"

enum job_kind {
	JOB_END,
	JOB_RENAME, /* text: the new name */
	JOB_START,  /* text: the name; see restart.h */
	JOB_SWEEP   /* of no guest */
};

struct job;
/** In vld, after it: rc is what the job gave, text the sentence of a failure. */
typedef void job_done_fn(struct vld *vld, const struct job *job, int rc, const char *text);

struct job_spec {
	enum job_kind kind;
	uint16_t domid;
	const char *text;
	job_done_fn *done;
};

struct job {
	struct job *next;
	struct vld *vld;
	enum job_kind kind;
	uint16_t domid;
	char *text;
	job_done_fn *done;
	int pid; /* 0: waits for its turn; -1: inline */
	struct event event;
	int pipe;
	char answer[300];
	size_t answer_size;
};

/** Begins, or queues, a job; it is over before this returns if jobs are inline. */
int job_start(struct vld *vld, const struct job_spec *spec);
/** Forgets all; children run on. */
void jobs_free(struct vld *vld);

#endif

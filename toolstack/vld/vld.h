/* SPDX-License-Identifier: MIT */
/*
 * The state of one vld: its guests, viewers, restarts that are due and jobs
 * that run.  Everything hangs on one struct vld and one event loop in one
 * thread; nothing here is shared with another.
 */
#ifndef VLD_VLD_H
#define VLD_VLD_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "console.h"
#include "host.h"

struct vld_options {
	const char *run_dir, *log_dir;
	uint64_t scrollback; /* bytes for each guest, at most */
	uint64_t log_limit;  /* bytes of a log file */
	bool log_stamps;
	uint64_t burst, rate; /* see throttle.h */
	uint32_t keep;	      /* seconds that the scroll-back of an ended guest stays */
	uint32_t keep_count;  /* and of how many guests */
	uint32_t quiet;	      /* seconds without output: most of the scroll-back goes */
	uint32_t min_uptime;  /* seconds; who ends earlier is restarted later and later */
	uint32_t delay_min;   /* seconds: of the first restart that is delayed */
	uint32_t delay_max;
	uint32_t retry;	  /* seconds: until an end that failed is tried again, at first */
	bool jobs_inline; /* no processes for slow work: tests */
};

extern const struct vld_options vld_defaults;

/* Why a guest has ended: SHUTDOWN_* of the published interface, or one of ours. */
enum {
	END_DESTROYED = 254, /* somebody destroyed it */
	END_UNKNOWN = 255    /* it went while no vld ran */
};

enum guest_state {
	GUEST_RUNNING,
	GUEST_ENDING,	 /* it has ended; what belongs to it is being taken away */
	GUEST_PRESERVED, /* it has ended and is to stay */
	GUEST_ENDED	 /* gone, but for its scroll-back */
};

struct guest {
	struct guest *next;
	struct vld *vld;
	uint16_t domid;
	enum guest_state state;
	bool job;   /* one is under way for it */
	bool dying; /* others still map its frames */
	bool no_console_said;
	bool seen;	   /* in the core's list, since this vld began */
	uint32_t failures; /* of jobs for it, one after another */
	uint64_t retry;	   /* when the next one may begin */
	struct console console;
};

struct vld {
	struct vld_options options;
	struct vld_host *host;
	struct event_base *base;
	struct guest *guests;
	struct guest *by_domid[VL_DOMID_END];
	struct guest **by_port;
	size_t by_port_count;
	struct event watch_event, port_event, listen_event, scan_timer, tick_timer;
	uint64_t scan_due; /* when scan_timer is, in milliseconds */
	uint64_t scanned;  /* when it was last */
	bool watching;	   /* watch_event is set */
	struct client *clients;
	uint64_t sweep_due; /* when to look for what killed creations have left; 0: never */
	bool unfinished;    /* an end has failed, and may have left a record alone */
	bool sweeping;
	int listen_fd;
	json_t *ends; /* array; see ends.h */
	struct restart *restarts;
	struct job *jobs;
	unsigned int jobs_running;
};

/**
 * Begins to serve: reads what an earlier vld has left in the run directory, finds
 * all guests, listens.  The host is the caller's.
 */
int vld_start(struct vld **vld, const struct vld_options *options, struct vld_host *host,
	      struct vl_error *error);
/** Lets go of everything; guests, files and processes under way stay. */
void vld_stop(struct vld *vld);

/** RUN_DIR/NAME in a static buffer of the caller; -ENAMETOOLONG. */
int vld_path(const struct vld *vld, const char *name, char *path, size_t size);
/** Seconds and milliseconds since the machine booted. */
uint64_t vld_seconds(void);
uint64_t vld_ms(void);
const char *vld_reason_name(unsigned int reason);

#endif

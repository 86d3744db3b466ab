/* SPDX-License-Identifier: MIT */
/*
 * The log file of one guest: its console output as it came, and vld's lines
 * about its end.
 *
 * The log is written from the scroll-back, in whose header it keeps how far it
 * has got: after a kill it goes on at the same byte.  A disk that is full costs
 * bytes only when the scroll-back has forgotten them; they are counted, and a
 * line in their place says how many.  The
 * file is open only while it is written, so that a thousand quiet guests need no
 * descriptors, and who renames or removes it gets a new one.
 */
#ifndef VLD_GUEST_LOG_H
#define VLD_GUEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "scroll.h"

struct guest_log {
	char *path;
	uint64_t limit; /* a file that would grow beyond becomes PATH.1 */
	bool stamps;	/* a time stamp before each line */
	bool failing;	/* and that has been said */
	bool fresh;	/* nothing written since vld took the guest over */
};

/** Logs to FOLDER/guest-NAME.log, whatever characters NAME has; -ENOMEM. */
int guest_log_init(struct guest_log *log, const char *folder, const char *name, uint64_t limit,
		   bool stamps);
void guest_log_done(struct guest_log *log);
/** Writes what the scroll-back has beyond the mark. */
void guest_log_update(struct guest_log *log, struct scroll *scroll);
/** Writes a line of vld's own. */
void guest_log_line(struct guest_log *log, struct scroll *scroll, const char *text);

#endif

/* SPDX-License-Identifier: MIT */
/* What "vl shutdown" and "vl reboot" have in common: they ask guests, and wait. */
#ifndef VL_ASK_H
#define VL_ASK_H

#include "cli.h"

struct ask {
	const char *what;	/* as vl_guest_ask() takes it */
	const char *doing;	/* "Shutting down" */
	const char *participle; /* "shut down" */
	bool for_off;		/* they are to be off, not to reboot */
	/* Options: */
	bool all, wait;
	bool for_good;		  /* none starts anew, whatever its configuration says */
	unsigned long long limit; /* seconds, then they are destroyed; 0: none */
};

static inline bool has_ended(const struct vl_domain_info *info)
{
	return info->flags & (VL_DOMAIN_shutdown | VL_DOMAIN_dying);
}

/** The domain of that number and time of creation has ended, or is gone; one suspended has not. */
bool domain_ended(struct cli *cli, uint16_t domid, uint64_t created);

/** Reads the options into *ask and does all of it; returns vl's exit code. */
int ask_guests(struct cli *cli, int argc, char **argv, struct ask *ask);
/** One that runs, once; CLI_OK, or CLI_FAIL after a sentence. */
int ask_domain(struct cli *cli, const struct ask *ask, const struct vl_domain_info *info);

/** Asks these guests, waits for their end as *ask says; see follow.c. */
int follow(struct cli *cli, const struct ask *ask, const struct vl_domain_info *list, size_t count);

#endif

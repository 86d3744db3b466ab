/* SPDX-License-Identifier: MIT */
/*
 * Limits for each guest, so that none can use up the store for the others. The
 * control domain and clients on the socket have none of these.
 */
#ifndef STORED_QUOTA_H
#define STORED_QUOTA_H

#include <stddef.h>
#include <stdint.h>

enum quota {
	QUOTA_NODES,	    /* that it owns */
	QUOTA_NODE_MEMORY,  /* bytes that these take */
	QUOTA_WATCHES,	    /* that it has set */
	QUOTA_TRANSACTIONS, /* that it has open */
	QUOTA_TX_SIZE,	    /* paths that one transaction touches, and changes that it makes */
	QUOTA_NODE_SIZE,    /* bytes of one value */
	QUOTA_PERMISSIONS,  /* of one node */
	QUOTA_OUTSTANDING,  /* bytes of replies and events that it has not taken */
	QUOTA_MEMORY,	    /* bytes that its watches and open transactions take */
	QUOTA_COUNT,
	QUOTA_NONE = QUOTA_COUNT
};

struct quotas {
	uint32_t limit[QUOTA_COUNT];
};

extern const struct quotas quota_defaults;

const char *quota_name(enum quota quota);
const char *quota_meaning(enum quota quota);
/** The error that a client gets when it is over this quota. */
int quota_errno(enum quota quota);
/** Sets the limit of a quota by name. -EINVAL: no such name, or no number of at least 1. */
int quota_set(struct quotas *quotas, const char *name, const char *value);

#endif

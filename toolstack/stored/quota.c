/* SPDX-License-Identifier: MIT */
/*
 * Names, defaults and meanings of the quotas: the one table of them. Who counts
 * stands with each count: nodes in change.c, watches in watch.c, transactions
 * in tx.c, bytes in conn.c.
 */
#include "stored/quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *meaning;
	int error;
} table[QUOTA_COUNT] = {
	[QUOTA_NODES] = { "nodes", "nodes that a guest owns", -ENOSPC },
	[QUOTA_NODE_MEMORY] = { "node-memory", "bytes of the nodes that a guest owns", -ENOSPC },
	[QUOTA_WATCHES] = { "watches", "watches that a guest has set", -E2BIG },
	[QUOTA_TRANSACTIONS] = { "transactions", "transactions that a guest has open", -ENOSPC },
	[QUOTA_TX_SIZE] = { "transaction-size", "paths that a transaction touches", -ENOSPC },
	[QUOTA_NODE_SIZE] = { "node-size", "bytes of a node's value", -ENOSPC },
	[QUOTA_PERMISSIONS] = { "permissions", "permissions of a node", -ENOSPC },
	[QUOTA_OUTSTANDING] = { "outstanding", "bytes that a guest has not taken", -ENOSPC },
	[QUOTA_MEMORY] = { "memory", "bytes of a guest's watches and transactions", -ENOSPC },
};

/* About ten times what a busy Linux guest with a dozen devices uses. */
const struct quotas quota_defaults = { {
	[QUOTA_NODES] = 8192,
	[QUOTA_NODE_MEMORY] = 2 << 20,
	[QUOTA_WATCHES] = 1024,
	[QUOTA_TRANSACTIONS] = 64,
	[QUOTA_TX_SIZE] = 4096,
	[QUOTA_NODE_SIZE] = 4096,
	[QUOTA_PERMISSIONS] = 32,
	[QUOTA_OUTSTANDING] = 256 << 10,
	[QUOTA_MEMORY] = 4 << 20,
} };

const char *quota_name(enum quota quota)
{
	return table[quota].name;
}

const char *quota_meaning(enum quota quota)
{
	return table[quota].meaning;
}

int quota_errno(enum quota quota)
{
	return table[quota].error;
}

int quota_set(struct quotas *quotas, const char *name, const char *value)
{
	unsigned long number;
	char *end;

	if (value[0] < '0' || value[0] > '9') {
		return -EINVAL;
	}
	errno = 0;
	number = strtoul(value, &end, 10);
	if (*end || errno || number == 0 || number > UINT32_MAX / 2) {
		return -EINVAL;
	}
	for (int i = 0; i < QUOTA_COUNT; i++) {
		if (strcmp(name, table[i].name) == 0) {
			quotas->limit[i] = (uint32_t)number;
			return 0;
		}
	}
	return -EINVAL;
}

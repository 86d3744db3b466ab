/* SPDX-License-Identifier: MIT */
/*
 * Records of the state file, between state.c, which writes them, and
 * state_replay.c, which reads them. They are read on the machine that wrote
 * them; a change of any of it needs another magic number in journal.c.
 */
#ifndef STORED_STATE_FORMAT_H
#define STORED_STATE_FORMAT_H

#include <stdint.h>

#include "stored/engine.h"

enum record_type {
	RECORD_NODE = 1, /* record_node, path, permissions, value */
	RECORD_REMOVE,	 /* path */
	RECORD_SPECIAL,	 /* permissions; domid is the index */
	RECORD_DOMAIN,	 /* record_domain: a new one, or what has changed of it */
	RECORD_RELEASE,
	RECORD_WATCH, /* record_watch, path, token */
	RECORD_UNWATCH,
	RECORD_TX_OPEN, /* number */
	RECORD_TX_END,
	RECORD_RESET, /* the connection is as new */
	RECORD_IN,    /* record_in, bytes that in[] grows by */
	RECORD_OUT    /* bytes that the output grows by */
};

struct record {
	uint16_t type;
	uint16_t domid;
	uint32_t size; /* of what follows; nothing is aligned */
};

struct record_node {
	uint32_t perm_count;
	uint32_t path_size; /* with its zero */
};

struct record_domain {
	uint64_t frame;
	uint32_t port;
	uint32_t req_cons, rsp_end;
	uint16_t target, shutdown;
};

struct record_watch {
	uint32_t relative;
	uint32_t path_size; /* with its zero */
};

struct record_in {
	uint32_t req_cons;
	uint32_t used_up; /* in[] is empty now */
};

/** Does all that a journal says with an engine that is new and has no journal. */
int state_replay(struct engine *engine, const struct journal *journal, struct vl_error *error);

#endif

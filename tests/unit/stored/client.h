/* SPDX-License-Identifier: MIT */
/*
 * Clients of an engine in the same process, for the tests of the store daemon:
 * requests go into a connection, replies and events are taken out of it.
 */
#ifndef TESTS_STORED_CLIENT_H
#define TESTS_STORED_CLIENT_H

#include <errno.h>

#include "stored/engine.h"

/** An engine without rings and without a state file; domains can be introduced with any frame
 *  but BAD_FRAME. */
#define BAD_FRAME 666
struct engine *client_engine(void);
/** The last line that an engine logged. */
extern char client_log[640];

/** Made as a guest's ring connection is, or as one on the socket (domid 0). */
struct conn *client_new(struct engine *engine, uint16_t domid);

struct answer {
	uint32_t type, req_id, tx_id;
	uint32_t size;
	char data[XENSTORE_PAYLOAD_MAX + 1];
};

/** Sends a request and takes what comes until its reply; 0, or the negative error that the
 *  reply names. answer may be null. Events are kept for client_event(). */
int client_call(struct conn *conn, uint32_t type, uint32_t tx, const void *data, size_t size,
		struct answer *answer);
/** The same with a string and its zero. */
int client_text(struct conn *conn, uint32_t type, uint32_t tx, const char *text,
		struct answer *answer);
int client_write(struct conn *conn, uint32_t tx, const char *path, const char *value);
/** The value, or null; valid until the next call. */
const char *client_read(struct conn *conn, uint32_t tx, const char *path);
int client_perms(struct conn *conn, const char *path, const char *first, const char *second);
int client_watch(struct conn *conn, const char *path, const char *token);
uint32_t client_begin(struct conn *conn);
int client_end(struct conn *conn, uint32_t tx, bool commit);
/** "path token" of the next event, or "". */
const char *client_event(struct conn *conn);
void client_drop_events(struct conn *conn);

/** All of the tree as text, malloc'd: for comparing. */
char *client_dump(struct engine *engine);

#endif

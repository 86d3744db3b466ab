/* SPDX-License-Identifier: MIT */
/*
 * Connections: the message that comes in, the bytes that go out. Who carries
 * them (sock.c, ring.c) gives what conn_wanted() says, calls conn_message() when
 * the message is complete, and takes the output when it can; nothing here waits.
 *
 * A client that does not take its output costs the others nothing: beyond
 * THROTTLE bytes it is not read from. Events come unasked, though. A guest gets
 * none beyond its quota, nor the control domain's kernel beyond PRIVILEGED_MAX;
 * a watch whose event found no room is marked, and fires once for its own path
 * when there is room again, which the protocol allows at any time. A client on
 * the socket is disconnected at PRIVILEGED_MAX: it can connect again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

#define THROTTLE ((size_t)64 << 10)
#define PRIVILEGED_MAX ((size_t)16 << 20)
/* Room for output that a connection keeps while it has none. */
#define OUT_KEPT ((size_t)4 << 10)

struct conn *conn_new(struct engine *engine, uint16_t domid, bool ring)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		return NULL;
	}
	conn->engine = engine;
	conn->who = (struct who){ domid, domid, domid == 0 };
	conn->ring = ring;
	conn->last_event = SIZE_MAX;
	TAILQ_INIT(&conn->watches);
	TAILQ_INIT(&conn->txs);
	TAILQ_INSERT_TAIL(&engine->conns, conn, of_engine);
	engine->conn_count++;
	return conn;
}

static void forget(struct conn *conn)
{
	watch_remove_all(conn->engine, conn);
	tx_free_all(conn);
	free(conn->out);
	conn->out = NULL;
	conn->out_start = conn->out_end = conn->out_room = 0;
	conn->last_event = SIZE_MAX;
	conn->in_size = 0; /* a message in it may be what asked for this: it stays */
}

void conn_free(struct conn *conn)
{
	forget(conn);
	if (conn->ready) {
		TAILQ_REMOVE(&conn->engine->ready, conn, of_ready);
	}
	TAILQ_REMOVE(&conn->engine->conns, conn, of_engine);
	conn->engine->conn_count--;
	free(conn->in);
	free(conn);
}

void conn_reset(struct conn *conn)
{
	forget(conn);
	state_reset(conn);
}

void conn_wake(struct conn *conn)
{
	if (!conn->ready) {
		conn->ready = true;
		TAILQ_INSERT_TAIL(&conn->engine->ready, conn, of_ready);
	}
}

void conn_break(struct conn *conn, uint32_t error)
{
	if (!conn->broken) {
		conn->broken = true;
		conn->error = error;
		conn_wake(conn);
	}
}

/* ---- Input ------------------------------------------------------------------- */

size_t conn_wanted(struct conn *conn)
{
	struct xsd_sockmsg message;

	if (conn->in_size < sizeof(message)) {
		return sizeof(message) - conn->in_size;
	}
	memcpy(&message, conn->in, sizeof(message));
	if (message.len > XENSTORE_PAYLOAD_MAX) {
		conn_break(conn, XENSTORE_ERROR_PROTO);
		return 0;
	}
	return conn->in_size < sizeof(message) + message.len ?
		       sizeof(message) + message.len - conn->in_size :
		       0;
}

char *conn_room(struct conn *conn)
{
	if (!conn->in) {
		conn->in = conn->engine->spare_in ? conn->engine->spare_in : malloc(CONN_IN_SIZE);
		conn->engine->spare_in = NULL;
	}
	if (!conn->in) {
		conn_break(conn, XENSTORE_ERROR_COMM);
		return NULL;
	}
	return conn->in + conn->in_size;
}

/* Few messages come in parts: mostly one buffer serves all connections. */
void conn_used_up(struct conn *conn)
{
	conn->in_size = 0;
	if (conn->engine->spare_in) {
		free(conn->in);
	} else {
		conn->engine->spare_in = conn->in;
	}
	conn->in = NULL;
}

void conn_message(struct conn *conn)
{
	struct xsd_sockmsg message;

	memcpy(&message, conn->in, sizeof(message));
	conn->in[sizeof(message) + message.len] = '\0';
	conn->engine->stats.requests++;
	request_handle(conn, &message, conn->in + sizeof(message));
	conn_used_up(conn);
	state_in(conn, 0);
	state_commit(conn->engine);
}

/* ---- Output ------------------------------------------------------------------ */

size_t conn_pending(const struct conn *conn)
{
	return conn->out_end - conn->out_start;
}

bool conn_throttled(const struct conn *conn)
{
	return conn_pending(conn) >= THROTTLE;
}

static int make_room(struct conn *conn, size_t size)
{
	size_t room = conn->out_room ? conn->out_room : 1024;
	char *out;

	if (size <= conn->out_room - conn->out_end) {
		return 0;
	}
	if (conn->out_start >= conn->out_room / 2 && conn->out_start) {
		memmove(conn->out, conn->out + conn->out_start, conn_pending(conn));
		if (conn->last_event != SIZE_MAX && conn->last_event >= conn->out_start) {
			conn->last_event -= conn->out_start;
		} else {
			conn->last_event = SIZE_MAX;
		}
		conn->out_end -= conn->out_start;
		conn->out_start = 0;
	}
	while (size > room - conn->out_end) {
		room *= 2;
	}
	if (room > conn->out_room) {
		out = realloc(conn->out, room);
		if (!out) {
			return -ENOMEM;
		}
		conn->out = out;
		conn->out_room = room;
	}
	return 0;
}

static void append(struct conn *conn, const void *data, size_t size)
{
	if (size) {
		memcpy(conn->out + conn->out_end, data, size);
		conn->out_end += size;
		conn->rsp_end += (uint32_t)size;
	}
}

int conn_append(struct conn *conn, const void *data, size_t size)
{
	if (make_room(conn, size)) {
		return -ENOMEM;
	}
	append(conn, data, size);
	return 0;
}

static size_t send_parts(struct conn *conn, const struct xsd_sockmsg *message, const void *first,
			 size_t first_size, const void *second, size_t second_size)
{
	size_t at;

	if (conn->broken) {
		return SIZE_MAX;
	}
	if (make_room(conn, sizeof(*message) + message->len)) {
		/* A reply that is missing would leave the client waiting for ever. */
		conn_break(conn, XENSTORE_ERROR_COMM);
		return SIZE_MAX;
	}
	at = conn->out_end;
	append(conn, message, sizeof(*message));
	append(conn, first, first_size);
	append(conn, second, second_size);
	state_out(conn, conn->out + at, conn->out_end - at);
	conn->last_event = SIZE_MAX;
	conn_wake(conn);
	return at;
}

void conn_send(struct conn *conn, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data,
	       size_t size)
{
	struct xsd_sockmsg message = { type, req_id, tx_id, (uint32_t)size };

	send_parts(conn, &message, data, size, NULL, 0);
}

/* The same event is the last that waits: one of them says it all. */
static bool is_repeated(const struct conn *conn, const char *path, size_t path_size,
			const char *token, size_t token_size)
{
	const char *last;

	if (conn->last_event == SIZE_MAX || conn->last_event < conn->out_start ||
	    conn->out_end - conn->last_event !=
		    sizeof(struct xsd_sockmsg) + path_size + token_size) {
		return false;
	}
	last = conn->out + conn->last_event + sizeof(struct xsd_sockmsg);
	return memcmp(last, path, path_size) == 0 &&
	       memcmp(last + path_size, token, token_size) == 0;
}

void conn_event(struct watch *watch, const char *path)
{
	struct conn *conn = watch->conn;
	const char *shown = path + watch->skip;
	size_t path_size = strlen(shown) + 1, token_size = strlen(watch->token) + 1;
	struct xsd_sockmsg message = { XS_WATCH_EVENT, 0, 0, (uint32_t)(path_size + token_size) };
	size_t max = conn->who.privileged ? PRIVILEGED_MAX :
					    conn->engine->quotas.limit[QUOTA_OUTSTANDING];

	if (is_repeated(conn, shown, path_size, watch->token, token_size)) {
		return;
	}
	if (conn_pending(conn) + sizeof(message) + message.len > max) {
		if (!conn->ring) {
			conn_break(conn, XENSTORE_ERROR_COMM);
		} else {
			if (!watch->lost) {
				engine_log_quota(conn->engine, conn->who.domid, QUOTA_OUTSTANDING);
			}
			watch->lost = conn->lost = true;
		}
		return;
	}
	conn->engine->stats.events++;
	conn->last_event = send_parts(conn, &message, shown, path_size, watch->token, token_size);
}

void conn_taken(struct conn *conn, size_t size)
{
	conn->out_start += size;
	if (conn->out_start == conn->out_end) {
		conn->out_start = conn->out_end = 0;
		conn->last_event = SIZE_MAX;
		/* What one burst needed is not kept. */
		if (conn->out_room > OUT_KEPT) {
			free(conn->out);
			conn->out = NULL;
			conn->out_room = 0;
		}
	}
	if (conn->lost && conn_pending(conn) < THROTTLE / 2) {
		watch_fire_lost(conn);
		state_commit(conn->engine);
	}
}

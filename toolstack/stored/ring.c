/* SPDX-License-Identifier: MIT */
/*
 * Two byte streams through a shared page; see ring.h. Called by machine.c, by
 * tests and by fuzzers. Positions that are ours, req_cons and rsp_prod, are
 * kept in the connection and only ever written to the page; how that makes a
 * restart safe is told in state.c.
 */
#include "stored/ring.h"

#include <string.h>

static uint32_t load(const uint32_t *field)
{
	return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *field, uint32_t value)
{
	/* What the index makes valid is written before it. */
	__atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static void copy_out(char *to, const char *ring, uint32_t at, size_t size)
{
	size_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

	first = size < first ? size : first;
	memcpy(to, ring + MASK_XENSTORE_IDX(at), first);
	memcpy(to + first, ring, size - first);
}

static void copy_in(char *ring, uint32_t at, const char *from, size_t size)
{
	size_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

	first = size < first ? size : first;
	memcpy(ring + MASK_XENSTORE_IDX(at), from, first);
	memcpy(ring, from + first, size - first);
}

static void announce(struct xenstore_domain_interface *page)
{
	page->error = XENSTORE_ERROR_NONE;
	page->server_features =
		XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
}

void ring_start(struct conn *conn, struct xenstore_domain_interface *page)
{
	conn->req_cons = load(&page->req_cons);
	conn->rsp_end = load(&page->rsp_prod);
	announce(page);
}

/* The domain asked for a connection as new; the page is told last. */
static void reconnect(struct conn *conn, struct xenstore_domain_interface *page)
{
	conn_reset(conn);
	conn->broken = false;
	conn->req_cons = 0;
	conn->rsp_end = 0;
	state_domain(conn->engine, domain_find(conn->engine, conn->who.domid));
	state_commit(conn->engine);
	store(&page->req_cons, 0);
	store(&page->req_prod, 0);
	store(&page->rsp_cons, 0);
	store(&page->rsp_prod, 0);
	announce(page);
	store(&page->connection, XENSTORE_CONNECTED);
}

void ring_resume(struct conn *conn, struct xenstore_domain_interface *page)
{
	uint32_t undelivered = conn->rsp_end - load(&page->rsp_prod);
	struct watch *watch;

	if (load(&page->connection) == XENSTORE_RECONNECT) {
		return;
	}
	if (undelivered > conn_pending(conn)) {
		conn_break(conn, XENSTORE_ERROR_RINGIDX);
		return;
	}
	conn_taken(conn, conn_pending(conn) - undelivered);
	if (conn_throttled(conn)) {
		/* Events may have been left out; which ones is not in the journal. */
		conn->lost = true;
		TAILQ_FOREACH(watch, &conn->watches, of_conn) {
			watch->lost = true;
		}
	}
	store(&page->req_cons, conn->req_cons);
	announce(page);
}

/* Moves output into the page as far as there is room. */
static bool deliver(struct conn *conn, struct xenstore_domain_interface *page)
{
	uint32_t prod, used;
	size_t size;
	bool moved = false;

	while (!conn->broken && conn_pending(conn)) {
		prod = conn->rsp_end - (uint32_t)conn_pending(conn);
		used = prod - load(&page->rsp_cons);
		if (used > XENSTORE_RING_SIZE) {
			conn_break(conn, XENSTORE_ERROR_RINGIDX);
			break;
		}
		size = XENSTORE_RING_SIZE - used;
		if (size == 0) {
			break;
		}
		size = size < conn_pending(conn) ? size : conn_pending(conn);
		copy_in(page->rsp, prod, conn->out + conn->out_start, size);
		store(&page->rsp_prod, prod + (uint32_t)size);
		conn_taken(conn, size);
		moved = true;
	}
	return moved;
}

/* Takes what is there now: one ring full, so the others wait no longer than that. */
static bool take(struct conn *conn, struct xenstore_domain_interface *page)
{
	uint32_t avail = load(&page->req_prod) - conn->req_cons, left = avail;
	size_t size, fresh = 0;
	char *to;

	if (avail > XENSTORE_RING_SIZE) {
		conn_break(conn, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	while (left && !conn->broken && !conn_throttled(conn)) {
		size = conn_wanted(conn);
		size = size < left ? size : left;
		to = conn_room(conn);
		if (!to) {
			break;
		}
		copy_out(to, page->req, conn->req_cons, size);
		conn->in_size += size;
		conn->req_cons += (uint32_t)size;
		left -= (uint32_t)size;
		fresh += size;
		if (conn_wanted(conn) == 0 && !conn->broken) {
			conn_message(conn);
			fresh = 0;
		}
	}
	if (fresh && !conn->broken) {
		state_in(conn, fresh);
		state_commit(conn->engine);
	}
	if (avail != left) {
		store(&page->req_cons, conn->req_cons);
	}
	return avail != left;
}

/* Told once; the domain may ask for a new connection then. */
static bool tell_error(struct conn *conn, struct xenstore_domain_interface *page)
{
	if (!conn->broken || !conn->error) {
		return false;
	}
	store(&page->error, conn->error);
	conn->error = XENSTORE_ERROR_NONE;
	conn_reset(conn);
	state_commit(conn->engine);
	return true;
}

bool ring_send(struct conn *conn, struct xenstore_domain_interface *page)
{
	bool notify = deliver(conn, page);

	return tell_error(conn, page) || notify;
}

bool ring_more(const struct conn *conn, struct xenstore_domain_interface *page)
{
	uint32_t used = conn->rsp_end - (uint32_t)conn_pending(conn);

	/* Our indices are written before those of the domain are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	used -= load(&page->rsp_cons);
	if (conn->broken) {
		return false;
	}
	return (!conn_throttled(conn) && load(&page->req_prod) != conn->req_cons) ||
	       (conn_pending(conn) && used != XENSTORE_RING_SIZE);
}

bool ring_serve(struct conn *conn, struct xenstore_domain_interface *page)
{
	bool notify = false;

	if (load(&page->connection) == XENSTORE_RECONNECT) {
		reconnect(conn, page);
		notify = true;
	}
	if (!conn->broken) {
		notify |= deliver(conn, page);
		notify |= take(conn, page);
	}
	return ring_send(conn, page) || notify;
}

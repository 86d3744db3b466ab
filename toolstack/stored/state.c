/* SPDX-License-Identifier: MIT */
/*
 * What survives a restart, also after a kill at any instruction: all nodes, and
 * of every domain its record, its watches, the numbers of its open transactions,
 * and where its byte streams stand. Clients on the socket are not in it: their
 * sockets close, and they connect again.
 *
 * How. The journal (journal.c) takes one entry for each request, and the entry
 * is committed before anything of it can be seen from outside, by one store. An
 * entry of a ring's request holds together: what the request changed; the bytes
 * of its answer and of all events that it caused, with the ring that each is for
 * (OUT); and up to where the request ring is used up (IN). Only then are the
 * indices in the shared pages moved. So after a kill
 *
 *  - the position of the request ring is the one of the last committed IN. If
 *    the page lags behind, the request was done and is not done again; if there
 *    was no commit, nothing of it happened, its bytes are still in the ring, and
 *    it is done now. A message that comes in pieces has the piece journaled
 *    before the ring is told that it was taken.
 *  - OUT entries say where the response stream ends, rsp_prod in the page how far
 *    it has been delivered: the difference is what is still to be sent, to the
 *    byte, even in the midst of a message. Delivering is never journaled.
 *  - a transaction of before is there, but doomed: it answers, and its end is
 *    -EAGAIN, which every client must be ready for.
 *
 * A file grown to twice what its state needs is written anew beside it, and
 * takes its place by a rename. So an operation costs a copy of its own bytes,
 * the same again for compaction, and no system call.
 *
 * A guest can write to its page, also to the indices that are ours. What is
 * read back from there is checked against what was journaled (ring.c); who has
 * forged it loses its own connection and nothing else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stored/engine.h"
#include "stored/state_format.h"

#define COMPACT_MIN ((size_t)1 << 20)
#define RETRY_SECONDS 5

/* ---- Writing entries --------------------------------------------------------- */

static void put(struct journal *journal, enum record_type type, uint16_t domid, const void *head,
		size_t head_size, const void *tail, size_t tail_size)
{
	struct record record = { (uint16_t)type, domid, (uint32_t)(head_size + tail_size) };

	journal_put(journal, &record, sizeof(record));
	journal_put(journal, head, head_size);
	journal_put(journal, tail, tail_size);
}

static void put_node(struct journal *journal, const char *path, const struct content *content)
{
	struct record_node head = { .perm_count = content->perm_count,
				    .path_size = (uint32_t)strlen(path) + 1 };
	size_t rest = content->perm_count * sizeof(struct vl_perm) + content->size;
	struct record record = { RECORD_NODE, 0, (uint32_t)(sizeof(head) + head.path_size + rest) };

	journal_put(journal, &record, sizeof(record));
	journal_put(journal, &head, sizeof(head));
	journal_put(journal, path, head.path_size);
	/* The value lies behind the permissions there, too. */
	journal_put(journal, content->perms, rest);
}

void state_node(struct engine *engine, const char *path, const struct content *content)
{
	put_node(&engine->journal, path, content);
}

void state_remove(struct engine *engine, const char *path)
{
	put(&engine->journal, RECORD_REMOVE, 0, path, strlen(path) + 1, NULL, 0);
}

static void put_special(struct journal *journal, const struct engine *engine, unsigned int which)
{
	const struct content *content = engine->special[which];

	put(journal, RECORD_SPECIAL, (uint16_t)which, content->perms,
	    content->perm_count * sizeof(struct vl_perm), NULL, 0);
}

void state_special(struct engine *engine, unsigned int which)
{
	put_special(&engine->journal, engine, which);
}

static void put_domain(struct journal *journal, const struct domain *domain, uint32_t rsp_end)
{
	struct record_domain head = { .frame = domain->frame,
				      .port = domain->port,
				      .req_cons = domain->conn->req_cons,
				      .rsp_end = rsp_end,
				      .target = domain->target,
				      .shutdown = domain->shutdown };

	put(journal, RECORD_DOMAIN, domain->domid, &head, sizeof(head), NULL, 0);
}

void state_domain(struct engine *engine, const struct domain *domain)
{
	put_domain(&engine->journal, domain, domain->conn->rsp_end);
}

void state_release(struct engine *engine, uint16_t domid)
{
	put(&engine->journal, RECORD_RELEASE, domid, NULL, 0, NULL, 0);
}

static void put_watch(struct journal *journal, const struct watch *watch, enum record_type type)
{
	struct record_watch head = { .relative = watch->skip != 0,
				     .path_size = (uint32_t)strlen(watch->point->path) + 1 };
	struct record record = { (uint16_t)type, watch->conn->who.domid,
				 (uint32_t)(sizeof(head) + head.path_size + strlen(watch->token) +
					    1) };

	journal_put(journal, &record, sizeof(record));
	journal_put(journal, &head, sizeof(head));
	journal_put(journal, watch->point->path, head.path_size);
	journal_put(journal, watch->token, strlen(watch->token) + 1);
}

void state_watch(struct engine *engine, const struct watch *watch, bool set)
{
	if (watch->conn->ring) {
		put_watch(&engine->journal, watch, set ? RECORD_WATCH : RECORD_UNWATCH);
	}
}

static void put_tx(struct journal *journal, uint16_t domid, uint32_t id, bool open)
{
	put(journal, open ? RECORD_TX_OPEN : RECORD_TX_END, domid, &id, sizeof(id), NULL, 0);
}

void state_tx(struct conn *conn, uint32_t id, bool open)
{
	if (conn->ring) {
		put_tx(&conn->engine->journal, conn->who.domid, id, open);
	}
}

void state_reset(struct conn *conn)
{
	if (conn->ring) {
		put(&conn->engine->journal, RECORD_RESET, conn->who.domid, NULL, 0, NULL, 0);
	}
}

static void put_in(struct journal *journal, const struct conn *conn, size_t added)
{
	struct record_in head = { .req_cons = conn->req_cons, .used_up = added == 0 };

	put(journal, RECORD_IN, conn->who.domid, &head, sizeof(head),
	    added ? conn->in + conn->in_size - added : NULL, added);
}

void state_in(struct conn *conn, size_t added)
{
	if (conn->ring) {
		put_in(&conn->engine->journal, conn, added);
	}
}

void state_out(struct conn *conn, const void *data, size_t size)
{
	if (conn->ring) {
		put(&conn->engine->journal, RECORD_OUT, conn->who.domid, data, size, NULL, 0);
	}
}

void state_commit(struct engine *engine)
{
	if (journal_commit(&engine->journal)) {
		state_compact(engine, true);
	}
}

void state_abort(struct engine *engine)
{
	journal_abort(&engine->journal);
}

/* ---- Writing all of it ------------------------------------------------------- */

static int snapshot_node(void *arg, const char *path, const struct node *node)
{
	struct journal *journal = arg;

	put_node(journal, path, node->content);
	return journal->failed;
}

static void snapshot_domain(struct journal *journal, const struct domain *domain)
{
	const struct conn *conn = domain->conn;
	const struct watch *watch;
	const struct tx *tx;

	put_domain(journal, domain, conn->rsp_end - (uint32_t)conn_pending(conn));
	if (conn_pending(conn)) {
		put(journal, RECORD_OUT, domain->domid, conn->out + conn->out_start,
		    conn_pending(conn), NULL, 0);
	}
	if (conn->in_size) {
		put_in(journal, conn, conn->in_size);
	}
	TAILQ_FOREACH(watch, &conn->watches, of_conn) {
		put_watch(journal, watch, RECORD_WATCH);
	}
	TAILQ_FOREACH(tx, &conn->txs, of_conn) {
		put_tx(journal, domain->domid, tx->id, true);
	}
}

static int snapshot(struct engine *engine, struct journal *journal)
{
	tree_walk(engine->root, "/", snapshot_node, journal);
	put_special(journal, engine, 0);
	put_special(journal, engine, 1);
	for (unsigned int i = 0; i < DOMID_END && !journal->failed; i++) {
		if (engine->domain[i]) {
			snapshot_domain(journal, engine->domain[i]);
		}
	}
	return journal_commit(journal);
}

static int rewrite(struct engine *engine, struct vl_error *error)
{
	struct journal fresh;
	char path[4096];
	int rc;

	snprintf(path, sizeof(path), "%s.new", engine->state_path);
	rc = journal_create(&fresh, path, error);
	if (rc) {
		return rc;
	}
	rc = snapshot(engine, &fresh);
	if (rc) {
		vl_error_set(error, rc, "no room for the state in %s", path);
	} else if (rename(path, engine->state_path)) {
		rc = -errno;
		vl_error_set(error, rc, "%s cannot be renamed: %s", path, strerror(-rc));
	}
	if (rc) {
		journal_close(&fresh);
		unlink(path);
		return rc;
	}
	journal_close(&engine->journal);
	engine->journal = fresh;
	engine->state_base = fresh.at;
	engine->stats.compactions++;
	return 0;
}

void state_compact(struct engine *engine, bool now)
{
	struct vl_error error;
	bool failed = engine->journal.failed;
	size_t limit = engine->state_base * 2;

	if (!engine->journal.base || engine->now < engine->state_retry ||
	    (!now && !failed && engine->journal.at < (limit < COMPACT_MIN ? COMPACT_MIN : limit))) {
		return;
	}
	if (!failed) {
		stale_sweep(engine, true);
	}
	if (rewrite(engine, &error)) {
		engine->state_retry = engine->now + RETRY_SECONDS;
		engine_log(engine, "%s; %s", error.text,
			   failed ? "a restart now would lose the store" : "trying again later");
	} else if (failed) {
		engine->state_retry = 0;
		engine_log(engine, "the state is whole again");
	}
}

int state_open(struct engine *engine, const char *path, struct vl_error *error)
{
	struct journal old;
	int rc;

	engine->state_path = strdup(path);
	if (!engine->state_path) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	if (access(path, F_OK) && errno == ENOENT) {
		return rewrite(engine, error);
	}
	rc = journal_open(&old, path, error);
	if (rc) {
		return rc;
	}
	rc = state_replay(engine, &old, error);
	if (rc) {
		journal_close(&old);
		return rc;
	}
	engine->journal = old;
	engine->state_base = old.at / 2;
	return 0;
}

void state_close(struct engine *engine)
{
	journal_close(&engine->journal);
}

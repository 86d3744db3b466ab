/* SPDX-License-Identifier: MIT */
/*
 * Reads a state file back; see state.c for what is in it and why. The file is
 * our own, yet every length is checked: a damaged one ends in an error that says
 * where, never in a crash.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "stored/engine.h"
#include "stored/state_format.h"

struct reader {
	struct engine *engine;
	const char *at, *end; /* of the record's body */
	struct record record;
};

static bool take(struct reader *r, void *out, size_t size)
{
	if ((size_t)(r->end - r->at) < size) {
		return false;
	}
	memcpy(out, r->at, size);
	r->at += size;
	return true;
}

/* A string of `size` bytes with its zero as the last of them. */
static const char *take_text(struct reader *r, size_t size)
{
	const char *text = r->at;

	if (size == 0 || (size_t)(r->end - r->at) < size ||
	    memchr(text, '\0', size) != text + size - 1) {
		return NULL;
	}
	r->at += size;
	return text;
}

static struct content *take_content(struct reader *r, uint32_t perm_count)
{
	size_t rest = (size_t)(r->end - r->at), size;
	struct vl_perm perms[XENSTORE_PAYLOAD_MAX / 3];

	if (perm_count == 0 || perm_count > sizeof(perms) / sizeof(*perms)) {
		return NULL;
	}
	size = perm_count * sizeof(*perms);
	if (size > rest || rest - size > XENSTORE_PAYLOAD_MAX) {
		return NULL;
	}
	memcpy(perms, r->at, size);
	for (uint32_t i = 0; i < perm_count; i++) {
		if (perms[i].domid >= DOMID_END) {
			return NULL;
		}
	}
	return content_new(perms, perm_count, r->at + size, rest - size);
}

static int replay_node(struct reader *r)
{
	struct record_node head;
	struct content *content, *parents;
	const char *path;
	int rc;

	if (!take(r, &head, sizeof(head))) {
		return -EBADMSG;
	}
	path = take_text(r, head.path_size);
	if (!path || !path_valid(path)) {
		return -EBADMSG;
	}
	content = take_content(r, head.perm_count);
	if (!content) {
		return -EBADMSG;
	}
	parents = content_new(content->perms, content->perm_count, NULL, 0);
	rc = parents ? tree_set(&r->engine->root, path, content, parents, ++r->engine->gen) :
		       -ENOMEM;
	content_unref(parents);
	content_unref(content);
	return rc;
}

static int replay_remove(struct reader *r)
{
	const char *path = take_text(r, r->record.size);
	struct node *removed;
	int rc;

	if (!path || !path_valid(path) || !path[1] || !tree_find(r->engine->root, path)) {
		return -EBADMSG;
	}
	rc = tree_remove(&r->engine->root, path, ++r->engine->gen, &removed);
	if (rc == 0) {
		node_unref(removed);
	}
	return rc;
}

static int replay_special(struct reader *r)
{
	struct content *content;

	if (r->record.domid > 1 || r->record.size % sizeof(struct vl_perm)) {
		return -EBADMSG;
	}
	content = take_content(r, r->record.size / (uint32_t)sizeof(struct vl_perm));
	if (!content) {
		return -EBADMSG;
	}
	content_unref(r->engine->special[r->record.domid]);
	r->engine->special[r->record.domid] = content;
	return 0;
}

static int replay_domain(struct reader *r)
{
	struct domain *domain = domain_find(r->engine, r->record.domid);
	struct record_domain head;
	int rc;

	if (!take(r, &head, sizeof(head)) || r->record.domid >= DOMID_END ||
	    head.target >= DOMID_END) {
		return -EBADMSG;
	}
	if (!domain) {
		rc = domain_add(r->engine, r->record.domid, head.frame, head.port, &domain);
		if (rc) {
			return rc;
		}
	}
	domain->frame = head.frame;
	domain->port = head.port;
	domain->target = domain->conn->who.target = head.target;
	domain->shutdown = head.shutdown != 0;
	domain->conn->req_cons = head.req_cons;
	domain->conn->rsp_end = head.rsp_end;
	return 0;
}

static int replay_watch(struct reader *r, struct conn *conn)
{
	struct record_watch head;
	const char *path, *token;

	if (!take(r, &head, sizeof(head))) {
		return -EBADMSG;
	}
	path = take_text(r, head.path_size);
	token = path ? take_text(r, (size_t)(r->end - r->at)) : NULL;
	if (!token || (path[0] != '@' && !path_valid(path)) ||
	    (head.relative && strlen(path) < path_home_size(conn->who.domid))) {
		return -EBADMSG;
	}
	if (r->record.type == RECORD_UNWATCH) {
		return watch_remove(r->engine, conn, path, token);
	}
	return watch_add(r->engine, conn, path, head.relative != 0, token);
}

static int replay_tx(struct reader *r, struct conn *conn)
{
	struct tx *tx;
	uint32_t id;

	if (!take(r, &id, sizeof(id))) {
		return -EBADMSG;
	}
	tx = tx_find(conn, id);
	if (r->record.type == RECORD_TX_OPEN) {
		return tx ? -EBADMSG : tx_restore(conn, id);
	}
	if (tx) {
		tx_free(conn, tx);
	}
	return tx ? 0 : -EBADMSG;
}

static int replay_in(struct reader *r, struct conn *conn)
{
	size_t size = r->record.size - sizeof(struct record_in);
	struct record_in head;

	if (!take(r, &head, sizeof(head)) || size > CONN_IN_SIZE - 1 - conn->in_size) {
		return -EBADMSG;
	}
	if (head.used_up) {
		conn_used_up(conn);
	}
	if (size) {
		if (!conn_room(conn)) {
			return -ENOMEM;
		}
		take(r, conn->in + conn->in_size, size);
		conn->in_size += size;
	}
	conn->req_cons = head.req_cons;
	return 0;
}

static int replay_conn(struct reader *r, struct conn *conn)
{
	switch (r->record.type) {
	case RECORD_WATCH:
	case RECORD_UNWATCH:
		return replay_watch(r, conn);
	case RECORD_TX_OPEN:
	case RECORD_TX_END:
		return replay_tx(r, conn);
	case RECORD_RESET:
		conn_reset(conn);
		return 0;
	case RECORD_IN:
		return replay_in(r, conn);
	case RECORD_OUT:
		return conn_append(conn, r->at, r->record.size);
	default:
		return -EBADMSG;
	}
}

static int replay_record(struct reader *r)
{
	struct domain *domain = domain_find(r->engine, r->record.domid);

	switch (r->record.type) {
	case RECORD_NODE:
		return replay_node(r);
	case RECORD_REMOVE:
		return replay_remove(r);
	case RECORD_SPECIAL:
		return replay_special(r);
	case RECORD_DOMAIN:
		return replay_domain(r);
	case RECORD_RELEASE:
		if (domain) {
			domain_remove(r->engine, domain);
		}
		return domain ? 0 : -EBADMSG;
	default:
		return domain ? replay_conn(r, domain->conn) : -EBADMSG;
	}
}

int state_replay(struct engine *engine, const struct journal *journal, struct vl_error *error)
{
	struct reader r = { .engine = engine };
	const char *data, *at, *end;
	size_t size;
	int rc = 0;

	data = at = journal_data(journal, &size);
	end = data + size;
	while (at < end && rc == 0) {
		rc = -EBADMSG;
		if ((size_t)(end - at) < sizeof(r.record)) {
			break;
		}
		memcpy(&r.record, at, sizeof(r.record));
		r.at = at + sizeof(r.record);
		if ((size_t)(end - r.at) < r.record.size) {
			break;
		}
		r.end = r.at + r.record.size;
		rc = replay_record(&r);
		if (rc == 0) {
			at = r.end;
		}
	}
	if (rc == -ENOMEM) {
		return vl_error_set(error, rc, "out of memory");
	}
	if (rc) {
		return vl_error_set(error, -EBADMSG, "the state is damaged at byte %zu of %zu",
				    (size_t)(at - data), size);
	}
	memset(engine->owned, 0, sizeof(engine->owned));
	memset(engine->owned_bytes, 0, sizeof(engine->owned_bytes));
	return node_count(engine->root, engine->owned, engine->owned_bytes);
}

/* SPDX-License-Identifier: MIT */
/*
 * The operations of the wire protocol: one function for each, one table.
 * Called by conn.c with a whole message. A handler checks its payload, does the
 * work and sends the answer; or it returns an error, which is sent for it.
 */
#include "stored/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 512
/* With the longest path an event still fits into a message. */
#define TOKEN_MAX (XENSTORE_PAYLOAD_MAX - XENSTORE_ABS_PATH_MAX - 2)

/* ---- Payloads and answers ---------------------------------------------------- */

static int reply(struct request *r, const void *data, size_t size)
{
	if (size > XENSTORE_PAYLOAD_MAX) {
		return -E2BIG;
	}
	conn_send(r->conn, r->message->type, r->message->req_id, r->message->tx_id, data, size);
	return 0;
}

int request_reply_text(struct request *r, const char *text)
{
	return reply(r, text, strlen(text) + 1);
}

int request_reply_ok(struct request *r)
{
	return request_reply_text(r, "OK");
}

int request_split(const struct request *r, const char **words, unsigned int max,
		  unsigned int *count)
{
	const char *at = r->payload, *end = r->payload + r->size;

	for (*count = 0; at < end; (*count)++) {
		if (*count == max || !memchr(at, '\0', (size_t)(end - at))) {
			return -EINVAL;
		}
		words[*count] = at;
		at += strlen(at) + 1;
	}
	return 0;
}

int request_one_word(const struct request *r, const char **word)
{
	unsigned int count;

	return request_split(r, word, 1, &count) || count != 1 ? -EINVAL : 0;
}

static int resolve(struct request *r, const char *text)
{
	return path_resolve(r->path, r->conn->who.domid, text);
}

static int one_path(struct request *r)
{
	const char *word;

	return request_one_word(r, &word) ? -EINVAL : resolve(r, word);
}

/* ---- Reading ----------------------------------------------------------------- */

static const struct node *view(const struct request *r)
{
	return r->tx && !r->tx->doomed ? r->tx->root : r->engine->root;
}

/* The node of r->path, for reading; touch: TOUCH_*. */
static int look(struct request *r, unsigned int touch, const struct node **node)
{
	int rc = r->tx ? tx_touch(r->engine, r->conn, r->tx, r->path, touch, &r->quota) : 0;

	if (rc) {
		return rc;
	}
	*node = tree_find(view(r), r->path);
	if (!*node) {
		return change_missing(view(r), r->path, &r->conn->who);
	}
	return perm_allows((*node)->content, &r->conn->who, VL_PERM_READ) ? 0 : -EACCES;
}

static int op_read(struct request *r)
{
	const struct node *node;
	int rc = one_path(r);

	rc = rc ? rc : look(r, TOUCH_NODE, &node);
	return rc ? rc : reply(r, content_value(node->content), node->content->size);
}

static int op_directory(struct request *r)
{
	char names[XENSTORE_PAYLOAD_MAX];
	const struct node *node;
	int rc = one_path(r);

	rc = rc ? rc : look(r, TOUCH_LIST, &node);
	if (rc) {
		return rc;
	}
	if (tree_list_size(node) > sizeof(names)) {
		return -E2BIG;
	}
	return reply(r, names, tree_list(node, 0, names, sizeof(names)));
}

static int op_directory_part(struct request *r)
{
	char answer[XENSTORE_PAYLOAD_MAX], *end;
	const struct node *node;
	const char *words[2];
	unsigned long offset;
	unsigned int count;
	size_t size;
	int rc;

	if (request_split(r, words, 2, &count) || count != 2 || words[1][0] < '0' ||
	    words[1][0] > '9') {
		return -EINVAL;
	}
	offset = strtoul(words[1], &end, 10);
	rc = *end ? -EINVAL : resolve(r, words[0]);
	rc = rc ? rc : look(r, TOUCH_LIST, &node);
	if (rc) {
		return rc;
	}
	size = (size_t)snprintf(answer, sizeof(answer), "%" PRIu64, node->list_gen) + 1;
	/* A zero more stands for the end of the list, so room for it is kept. */
	size += tree_list(node, offset, answer + size, sizeof(answer) - size - 1);
	if (offset >= tree_list_size(node) ||
	    size - strlen(answer) - 1 == tree_list_size(node) - offset) {
		answer[size++] = '\0';
	}
	return reply(r, answer, size);
}

static int reply_perms(struct request *r, const struct content *content)
{
	char answer[XENSTORE_PAYLOAD_MAX];
	size_t size = 0;

	for (uint32_t i = 0; i < content->perm_count; i++) {
		if (sizeof(answer) - size < PERM_ROOM) {
			return -E2BIG;
		}
		perm_print(&content->perms[i], answer + size);
		size += strlen(answer + size) + 1;
	}
	return reply(r, answer, size);
}

static int op_get_perms(struct request *r)
{
	const struct node *node;
	const char *word;
	int special, rc;

	if (request_one_word(r, &word)) {
		return -EINVAL;
	}
	special = engine_special(word);
	if (special >= 0) {
		return r->conn->who.privileged ? reply_perms(r, r->engine->special[special]) :
						 -EACCES;
	}
	rc = resolve(r, word);
	rc = rc ? rc : look(r, TOUCH_NODE, &node);
	return rc ? rc : reply_perms(r, node->content);
}

/* ---- Changing ---------------------------------------------------------------- */

/* A change outside of a transaction. */
static int change_now(struct request *r, const struct change *change)
{
	struct engine *engine = r->engine;
	struct tally tally = { .count = 0 };
	struct change_result result;
	int rc = change_apply(engine, &engine->root, &tally, &r->conn->who, change, &result,
			      &r->quota);

	if (rc) {
		tally_free(&tally);
		return rc;
	}
	tally_apply(engine, &tally);
	tx_churn(engine, 1, strlen(change->path) + change->size);
	rc = request_reply_ok(r);
	if (result.removed) {
		state_remove(engine, change->path);
	} else if (result.changed) {
		state_node(engine, change->path, result.after);
	}
	if (result.changed) {
		watch_fire(engine, &(struct event){ change->path, result.before, result.after,
						    result.removed });
	}
	change_done(&result);
	return rc;
}

static int make_change(struct request *r, struct change *change)
{
	int rc;

	change->path = r->path;
	if (!r->tx) {
		return change_now(r, change);
	}
	rc = tx_change(r->engine, r->conn, r->tx, change, &r->quota);
	return rc ? rc : request_reply_ok(r);
}

static int op_write(struct request *r)
{
	struct change change = { .op = CHANGE_WRITE };
	const char *end = memchr(r->payload, '\0', r->size);
	int rc = end ? resolve(r, r->payload) : -EINVAL;

	if (rc) {
		return rc;
	}
	change.value = end + 1;
	change.size = r->size - (size_t)(end + 1 - r->payload);
	return make_change(r, &change);
}

static int op_mkdir(struct request *r)
{
	struct change change = { .op = CHANGE_MKDIR };
	int rc = one_path(r);

	return rc ? rc : make_change(r, &change);
}

static int op_rm(struct request *r)
{
	struct change change = { .op = CHANGE_RM };
	int rc = one_path(r);

	return rc ? rc : make_change(r, &change);
}

static int set_special(struct request *r, int special, const struct vl_perm *perms, size_t count)
{
	struct content *content;

	if (!r->conn->who.privileged) {
		return -EACCES;
	}
	content = content_new(perms, count, NULL, 0);
	if (!content) {
		return -ENOMEM;
	}
	content_unref(r->engine->special[special]);
	r->engine->special[special] = content;
	state_special(r->engine, (unsigned int)special);
	return request_reply_ok(r);
}

static int op_set_perms(struct request *r)
{
	struct vl_perm perms[WORDS_MAX];
	const char *words[WORDS_MAX];
	struct change change = { .op = CHANGE_PERMS, .perms = perms };
	unsigned int count;
	int special, rc;

	if (request_split(r, words, WORDS_MAX, &count) || count < 2) {
		return -EINVAL;
	}
	for (unsigned int i = 1; i < count; i++) {
		if (!perm_parse(words[i], &perms[i - 1])) {
			return -EINVAL;
		}
	}
	special = engine_special(words[0]);
	if (special >= 0) {
		return set_special(r, special, perms, count - 1);
	}
	change.perm_count = count - 1;
	rc = resolve(r, words[0]);
	return rc ? rc : make_change(r, &change);
}

/* ---- Watches ----------------------------------------------------------------- */

static int watch_words(struct request *r, const char **token, bool *relative)
{
	const char *words[3];
	unsigned int count;

	/* A third word is kept for the future by the protocol. */
	if (request_split(r, words, 3, &count) || count < 2 || strlen(words[1]) > TOKEN_MAX) {
		return -EINVAL;
	}
	*token = words[1];
	*relative = words[0][0] != '/' && words[0][0] != '@';
	if (words[0][0] == '@') {
		if (strlen(words[0]) > XENSTORE_REL_PATH_MAX || strchr(words[0], '/')) {
			return -EINVAL;
		}
		memcpy(r->path, words[0], strlen(words[0]) + 1);
		return 0;
	}
	return resolve(r, words[0]);
}

static int op_watch(struct request *r)
{
	const char *token;
	bool relative;
	int rc = watch_words(r, &token, &relative);

	if (rc) {
		return rc;
	}
	if (!r->conn->who.privileged &&
	    r->conn->watch_count >= r->engine->quotas.limit[QUOTA_WATCHES]) {
		r->quota = QUOTA_WATCHES;
		return quota_errno(r->quota);
	}
	if (!r->conn->who.privileged &&
	    r->conn->memory + watch_cost(r->path, token) > r->engine->quotas.limit[QUOTA_MEMORY]) {
		r->quota = QUOTA_MEMORY;
		return quota_errno(r->quota);
	}
	rc = watch_add(r->engine, r->conn, r->path, relative, token);
	if (rc == 0) {
		rc = request_reply_ok(r);
		conn_event(TAILQ_LAST(&r->conn->watches, watch_list), r->path);
	}
	return rc;
}

static int op_unwatch(struct request *r)
{
	const char *token;
	bool relative;
	int rc = watch_words(r, &token, &relative);

	rc = rc ? rc : watch_remove(r->engine, r->conn, r->path, token);
	return rc ? rc : request_reply_ok(r);
}

static int op_reset_watches(struct request *r)
{
	struct watch *watch;

	TAILQ_FOREACH(watch, &r->conn->watches, of_conn) {
		state_watch(r->engine, watch, false);
	}
	watch_remove_all(r->engine, r->conn);
	while (!TAILQ_EMPTY(&r->conn->txs)) {
		state_tx(r->conn, TAILQ_FIRST(&r->conn->txs)->id, false);
		tx_free(r->conn, TAILQ_FIRST(&r->conn->txs));
	}
	return request_reply_ok(r);
}

/* ---- Transactions ------------------------------------------------------------ */

static int op_transaction_start(struct request *r)
{
	char text[16];
	struct tx *tx;
	int rc;

	if (r->message->tx_id) {
		return -EBUSY;
	}
	rc = tx_start(r->engine, r->conn, &tx, &r->quota);
	if (rc) {
		return rc;
	}
	snprintf(text, sizeof(text), "%" PRIu32, tx->id);
	return request_reply_text(r, text);
}

static int op_transaction_end(struct request *r)
{
	struct tx *tx = tx_find(r->conn, r->message->tx_id);
	const char *word;
	int rc;

	if (request_one_word(r, &word) || (strcmp(word, "T") != 0 && strcmp(word, "F") != 0)) {
		return -EINVAL;
	}
	rc = tx ? tx_end(r->engine, r->conn, tx, word[0] == 'T', &r->quota) : -ENOENT;
	return rc ? rc : request_reply_ok(r);
}

/* ---- The table --------------------------------------------------------------- */

enum {
	PRIVILEGED = 1, /* the control domain's alone */
	IN_TX = 2	/* tx_id names a transaction */
};

static const struct {
	int (*handle)(struct request *r);
	unsigned int flags;
} ops[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { request_control, PRIVILEGED },
	[XS_DIRECTORY] = { op_directory, IN_TX },
	[XS_READ] = { op_read, IN_TX },
	[XS_GET_PERMS] = { op_get_perms, IN_TX },
	[XS_WATCH] = { op_watch, 0 },
	[XS_UNWATCH] = { op_unwatch, 0 },
	[XS_TRANSACTION_START] = { op_transaction_start, 0 },
	[XS_TRANSACTION_END] = { op_transaction_end, 0 },
	[XS_INTRODUCE] = { request_introduce, PRIVILEGED },
	[XS_RELEASE] = { request_release, PRIVILEGED },
	[XS_GET_DOMAIN_PATH] = { request_get_domain_path, 0 },
	[XS_WRITE] = { op_write, IN_TX },
	[XS_MKDIR] = { op_mkdir, IN_TX },
	[XS_RM] = { op_rm, IN_TX },
	[XS_SET_PERMS] = { op_set_perms, IN_TX },
	[XS_IS_DOMAIN_INTRODUCED] = { request_is_domain_introduced, 0 },
	[XS_RESUME] = { request_resume, PRIVILEGED },
	[XS_SET_TARGET] = { request_set_target, PRIVILEGED },
	[XS_RESET_WATCHES] = { op_reset_watches, 0 },
	[XS_DIRECTORY_PART] = { op_directory_part, IN_TX },
};

static const char *error_name(int rc)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++) {
		if (xsd_errors[i].errnum == -rc) {
			return xsd_errors[i].errstring;
		}
	}
	return "EIO";
}

/* The name, and behind its zero, where clients do not look, which quota it was. */
static void send_error(struct request *r, int rc)
{
	const char *name = error_name(rc);
	size_t size = strlen(name) + 1;
	char text[128];

	memcpy(text, name, size);
	if (r->quota != QUOTA_NONE) {
		size += (size_t)snprintf(text + size, sizeof(text) - size,
					 "quota %s=%u of domain %u", quota_name(r->quota),
					 r->engine->quotas.limit[r->quota], r->conn->who.domid) +
			1;
		engine_log_quota(r->engine, r->conn->who.domid, r->quota);
	}
	conn_send(r->conn, XS_ERROR, r->message->req_id, r->message->tx_id, text, size);
}

static int dispatch(struct request *r)
{
	uint32_t type = r->message->type;

	if (type >= XS_TYPE_COUNT || !ops[type].handle) {
		return -ENOSYS;
	}
	if ((ops[type].flags & PRIVILEGED) && !r->conn->who.privileged) {
		return -EACCES;
	}
	if ((ops[type].flags & IN_TX) && r->message->tx_id) {
		r->tx = tx_find(r->conn, r->message->tx_id);
		if (!r->tx) {
			return -ENOENT;
		}
	}
	return ops[type].handle(r);
}

void request_handle(struct conn *conn, const struct xsd_sockmsg *message, const char *payload)
{
	struct request r = { .engine = conn->engine,
			     .conn = conn,
			     .message = message,
			     .payload = payload,
			     .size = message->len,
			     .quota = QUOTA_NONE };
	int rc = dispatch(&r);

	if (conn->engine->trace) {
		engine_log(conn->engine, "domain %u: request %u, transaction %u: %s",
			   conn->who.domid, message->type, message->tx_id,
			   rc ? error_name(rc) : "OK");
	}
	if (rc) {
		send_error(&r, rc);
	}
}

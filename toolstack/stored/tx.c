/* SPDX-License-Identifier: MIT */
/*
 * Transactions. One begins with a reference to the tree as it is, makes its
 * changes in a version of its own, and notes which paths it looks at, and how.
 *
 * Its end compares what was noted: a path that is the same in the tree now and
 * in the one it began with has not been touched by anybody else. If all are,
 * then its changes, made again in order on the tree of now, give what they would
 * have given had the whole transaction run at this moment: that is done on a
 * version, which replaces the tree when every change has succeeded. Two
 * transactions so fail each other only where one has written what the other has
 * looked at; making different children of one directory is no such case.
 *
 * Since versions share, a transaction that stays open keeps alive what others
 * replace. One of a guest is doomed when it is old: it lets go of its version
 * and its end is -EAGAIN. So is one that was open over a restart.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

/*
 * Open transactions keep alive what others replace: those that began before so
 * many bytes were changed are doomed.  A change counts for the nodes, too, that
 * are copied on the way to it.
 */
#define CHURN_MAX ((uint64_t)64 << 20)
#define CHURN_CHANGE 1024u

struct touch {
	struct map_link link;
	unsigned int how; /* TOUCH_* */
	bool fired;
	char path[];
};

struct tx_change {
	TAILQ_ENTRY(tx_change) of_tx;
	struct change change; /* what it points to lies in data */
	struct touch *touch;  /* of its path */
	char data[];
};

static struct tx *tx_new(struct conn *conn, uint32_t id)
{
	struct tx *tx = calloc(1, sizeof(*tx));

	if (tx) {
		tx->id = id;
		tx->started = conn->engine->now;
		tx->churn = conn->engine->churn;
		TAILQ_INIT(&tx->changes);
		TAILQ_INSERT_TAIL(&conn->txs, tx, of_conn);
		conn->tx_count++;
	}
	return tx;
}

int tx_start(struct engine *engine, struct conn *conn, struct tx **tx, enum quota *quota)
{
	*quota = QUOTA_NONE;
	if (!conn->who.privileged && conn->tx_count >= engine->quotas.limit[QUOTA_TRANSACTIONS]) {
		*quota = QUOTA_TRANSACTIONS;
		return quota_errno(*quota);
	}
	do {
		conn->tx_last++;
	} while (conn->tx_last == 0 || tx_find(conn, conn->tx_last));
	*tx = tx_new(conn, conn->tx_last);
	if (!*tx) {
		return -ENOMEM;
	}
	(*tx)->base = node_ref(engine->root);
	(*tx)->root = node_ref(engine->root);
	state_tx(conn, (*tx)->id, true);
	return 0;
}

int tx_restore(struct conn *conn, uint32_t id)
{
	struct tx *tx = tx_new(conn, id);

	if (!tx) {
		return -ENOMEM;
	}
	tx->doomed = true;
	conn->tx_last = id;
	return 0;
}

struct tx *tx_find(const struct conn *conn, uint32_t id)
{
	struct tx *tx;

	TAILQ_FOREACH(tx, &conn->txs, of_conn) {
		if (tx->id == id) {
			break;
		}
	}
	return tx;
}

void tx_doom(struct conn *conn, struct tx *tx)
{
	struct tx_change *change, *next;
	struct map_link *link;

	tx->doomed = true;
	conn->memory -= tx->memory;
	tx->memory = 0;
	for (change = TAILQ_FIRST(&tx->changes); change; change = next) {
		next = TAILQ_NEXT(change, of_tx);
		free(change);
	}
	TAILQ_INIT(&tx->changes);
	for (size_t i = 0; i < tx->touched.bucket_count; i++) {
		while ((link = tx->touched.buckets[i])) {
			tx->touched.buckets[i] = link->next;
			free((char *)link - offsetof(struct touch, link));
		}
	}
	map_free(&tx->touched);
	tally_free(&tx->tally);
	node_unref(tx->base);
	node_unref(tx->root);
	tx->base = tx->root = NULL;
}

void tx_free(struct conn *conn, struct tx *tx)
{
	tx_doom(conn, tx);
	TAILQ_REMOVE(&conn->txs, tx, of_conn);
	conn->tx_count--;
	free(tx);
}

void tx_free_all(struct conn *conn)
{
	struct tx *tx, *next;

	for (tx = TAILQ_FIRST(&conn->txs); tx; tx = next) {
		next = TAILQ_NEXT(tx, of_conn);
		tx_free(conn, tx);
	}
}

void tx_churn(struct engine *engine, size_t changes, size_t bytes)
{
	struct conn *conn;
	struct tx *tx;

	engine->churn += changes * CHURN_CHANGE + bytes;
	if (engine->churn - engine->churn_seen < CHURN_MAX / 16) {
		return;
	}
	engine->churn_seen = engine->churn;
	TAILQ_FOREACH(conn, &engine->conns, of_engine) {
		TAILQ_FOREACH(tx, &conn->txs, of_conn) {
			if (!conn->who.privileged && !tx->doomed &&
			    engine->churn - tx->churn > CHURN_MAX) {
				tx_doom(conn, tx);
			}
		}
	}
}

static int grow(const struct engine *engine, struct conn *conn, struct tx *tx, size_t bytes,
		enum quota *quota)
{
	if (!conn->who.privileged && tx->size >= engine->quotas.limit[QUOTA_TX_SIZE]) {
		*quota = QUOTA_TX_SIZE;
		return quota_errno(*quota);
	}
	if (!conn->who.privileged && conn->memory + bytes > engine->quotas.limit[QUOTA_MEMORY]) {
		*quota = QUOTA_MEMORY;
		return quota_errno(*quota);
	}
	tx->size++;
	tx->memory += bytes;
	conn->memory += bytes;
	return 0;
}

static int touch_get(struct engine *engine, struct conn *conn, struct tx *tx, const char *path,
		     unsigned int how, struct touch **out, enum quota *quota)
{
	size_t size = strlen(path);
	uint64_t hash = map_hash(map_hash_start(), path, size);
	struct map_link *link = map_find(&tx->touched, hash, path, size);
	struct touch *touch;
	int rc;

	if (link) {
		touch = (struct touch *)(void *)((char *)link - offsetof(struct touch, link));
	} else {
		rc = grow(engine, conn, tx, sizeof(*touch) + size + 1, quota);
		if (rc) {
			return rc;
		}
		touch = calloc(1, sizeof(*touch) + size + 1);
		if (!touch) {
			return -ENOMEM;
		}
		memcpy(touch->path, path, size);
		touch->link = (struct map_link){ .hash = hash, .key = touch->path, .size = size };
		if (map_add(&tx->touched, &touch->link)) {
			free(touch);
			return -ENOMEM;
		}
	}
	touch->how |= how;
	if (out) {
		*out = touch;
	}
	return 0;
}

int tx_touch(struct engine *engine, struct conn *conn, struct tx *tx, const char *path,
	     unsigned int how, enum quota *quota)
{
	*quota = QUOTA_NONE;
	return tx->doomed ? 0 : touch_get(engine, conn, tx, path, how, NULL, quota);
}

/* Notes the nearest path above that is there: it must not go away. */
static int touch_above(struct engine *engine, struct conn *conn, struct tx *tx, const char *path,
		       enum quota *quota)
{
	char above[PATH_ROOM];
	unsigned int missing;
	char *slash;

	tree_nearest(tx->root, path, &missing);
	if (!missing) {
		return 0;
	}
	memcpy(above, path, strlen(path) + 1);
	for (; missing; missing--) {
		slash = strrchr(above, '/');
		slash[slash == above] = '\0';
	}
	return touch_get(engine, conn, tx, above, TOUCH_EXIST, NULL, quota);
}

static struct tx_change *copy_change(const struct change *change, struct touch *touch)
{
	size_t path_size = strlen(change->path) + 1;
	size_t perm_size = change->perm_count * sizeof(struct vl_perm);
	struct tx_change *copy = malloc(sizeof(*copy) + perm_size + path_size + change->size);
	char *at;

	if (!copy) {
		return NULL;
	}
	copy->change = *change;
	copy->touch = touch;
	at = copy->data;
	if (perm_size) {
		copy->change.perms = memcpy(at, change->perms, perm_size);
	}
	at += perm_size;
	copy->change.path = memcpy(at, change->path, path_size);
	at += path_size;
	if (change->size) {
		copy->change.value = memcpy(at, change->value, change->size);
	}
	return copy;
}

int tx_change(struct engine *engine, struct conn *conn, struct tx *tx, const struct change *change,
	      enum quota *quota)
{
	struct node *doomed_root = tx->doomed ? node_ref(engine->root) : NULL;
	struct tally doomed_tally = { .count = 0 };
	struct change_result result = { .changed = false };
	struct tx_change *copy = NULL;
	struct touch *touch = NULL;
	int rc;

	*quota = QUOTA_NONE;
	if (tx->doomed) {
		/* Only for its answer. */
		rc = change_apply(engine, &doomed_root, &doomed_tally, &conn->who, change, &result,
				  quota);
		change_done(&result);
		tally_free(&doomed_tally);
		node_unref(doomed_root);
		return rc;
	}
	rc = touch_get(engine, conn, tx, change->path,
		       change->op == CHANGE_RM ? TOUCH_NODE | TOUCH_TREE : TOUCH_NODE, &touch,
		       quota);
	if (rc == 0) {
		rc = touch_above(engine, conn, tx, change->path, quota);
	}
	if (rc == 0) {
		/* The value is kept in the list of changes, and in the version. */
		rc = grow(engine, conn, tx,
			  sizeof(*copy) + strlen(change->path) + 2 * change->size +
				  change->perm_count * sizeof(struct vl_perm),
			  quota);
	}
	if (rc == 0) {
		copy = copy_change(change, touch);
		rc = copy ? change_apply(engine, &tx->root, &tx->tally, &conn->who, change, &result,
					 quota) :
			    -ENOMEM;
	}
	if (rc == 0 && result.changed) {
		TAILQ_INSERT_TAIL(&tx->changes, copy, of_tx);
	} else {
		free(copy);
	}
	change_done(&result);
	return rc;
}

static bool conflicts(const struct engine *engine, const struct tx *tx, const struct touch *touch)
{
	const struct node *then = tree_find(tx->base, touch->path);
	const struct node *now = tree_find(engine->root, touch->path);

	if (then == now) {
		return false;
	}
	if (!then || !now) {
		return true;
	}
	/* Whoever changes something below copies the tree of children, which base holds, too. */
	return ((touch->how & (TOUCH_NODE | TOUCH_TREE)) && then->gen != now->gen) ||
	       ((touch->how & TOUCH_LIST) && then->list_gen != now->list_gen) ||
	       ((touch->how & TOUCH_TREE) && then->child != now->child);
}

static bool any_conflict(const struct engine *engine, const struct tx *tx)
{
	const struct map_link *link;

	if (engine->root == tx->base) {
		return false;
	}
	for (size_t i = 0; i < tx->touched.bucket_count; i++) {
		for (link = tx->touched.buckets[i]; link; link = link->next) {
			if (conflicts(engine, tx,
				      (const struct touch *)(const void *)((const char *)link -
									   offsetof(struct touch,
										    link)))) {
				return true;
			}
		}
	}
	return false;
}

/* Journals and tells what each change of a committed transaction did. */
static void publish(struct engine *engine, struct tx *tx, struct change_result *results)
{
	struct change_result *result = results;
	struct tx_change *c;

	TAILQ_FOREACH(c, &tx->changes, of_tx) {
		if (result->removed) {
			state_remove(engine, c->change.path);
		} else if (result->changed) {
			state_node(engine, c->change.path, result->after);
		}
		result++;
	}
	/* One event for each path that is not removed in between. */
	result = results;
	for (c = TAILQ_FIRST(&tx->changes); c; c = TAILQ_NEXT(c, of_tx)) {
		if (result->changed && (!c->touch->fired || result->removed)) {
			c->touch->fired = true;
			watch_fire(engine, &(struct event){ c->change.path, result->before,
							    result->after, result->removed });
		}
		result++;
	}
}

static int commit(struct engine *engine, struct conn *conn, struct tx *tx, enum quota *quota)
{
	struct node *work = node_ref(engine->root);
	struct tally tally = { .count = 0 };
	struct change_result *results;
	struct tx_change *c;
	size_t count = 0, done = 0;
	int rc = 0;

	TAILQ_FOREACH(c, &tx->changes, of_tx) {
		count++;
	}
	results = calloc(count + 1, sizeof(*results));
	if (!results) {
		node_unref(work);
		return -ENOMEM;
	}
	/* The transaction's own version is no longer wanted, and would only cost copies. */
	node_unref(tx->root);
	tx->root = NULL;
	TAILQ_FOREACH(c, &tx->changes, of_tx) {
		rc = change_apply(engine, &work, &tally, &conn->who, &c->change, &results[done],
				  quota);
		done++;
		if (rc) {
			break;
		}
	}
	if (rc == 0) {
		node_unref(engine->root);
		engine->root = work;
		work = NULL;
		tally_apply(engine, &tally);
		publish(engine, tx, results);
	} else if (rc == -EACCES || rc == -ENOENT) {
		/* Permissions above have changed meanwhile: a new attempt will see them. */
		rc = -EAGAIN;
	}
	for (size_t i = 0; i < done; i++) {
		change_done(&results[i]);
	}
	free(results);
	tally_free(&tally);
	node_unref(work);
	return rc;
}

int tx_end(struct engine *engine, struct conn *conn, struct tx *tx, bool keep, enum quota *quota)
{
	size_t changes = 0, bytes = tx->memory;
	int rc = 0;

	*quota = QUOTA_NONE;
	state_tx(conn, tx->id, false);
	if (keep) {
		if (tx->doomed || any_conflict(engine, tx)) {
			rc = -EAGAIN;
		} else {
			rc = commit(engine, conn, tx, quota);
			changes = rc ? 0 : tx->size;
		}
		engine->stats.commits += rc == 0;
		engine->stats.conflicts += rc == -EAGAIN;
	}
	tx_free(conn, tx);
	if (changes) {
		tx_churn(engine, changes, bytes);
	}
	return rc;
}

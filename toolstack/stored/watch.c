/* SPDX-License-Identifier: MIT */
/*
 * Watches by path. Each watched path and each one above it is a point; a hash
 * table finds a point by its path, and points know their children. An event
 * goes once along the prefixes of its path, and, where a whole subtree was
 * removed, down those points below that were nodes of it. So its cost follows
 * the length of the path and the watches that fire, not those that there are.
 *
 * Called by request.c, change's callers, domain.c and conn.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

static struct watch_point *point_of(struct map_link *link)
{
	return link ? (struct watch_point *)((char *)link - offsetof(struct watch_point, link)) :
		      NULL;
}

/* The name of a point without the path above it. */
static const char *point_name(const struct watch_point *point)
{
	return strrchr(point->path, '/') + 1;
}

static void point_release(struct engine *engine, struct watch_point *point)
{
	struct watch_point *parent;

	for (; point && LIST_EMPTY(&point->watches) && LIST_EMPTY(&point->children);
	     point = parent) {
		parent = point->parent;
		if (parent) {
			LIST_REMOVE(point, siblings);
		}
		map_remove(&engine->points, &point->link);
		free(point);
	}
}

static struct watch_point *point_new(struct engine *engine, struct watch_point *parent,
				     const char *path, size_t size, uint64_t hash)
{
	struct watch_point *point = calloc(1, sizeof(*point) + size + 1);

	if (!point) {
		return NULL;
	}
	memcpy(point->path, path, size);
	point->link = (struct map_link){ .hash = hash, .key = point->path, .size = size };
	point->parent = parent;
	if (map_add(&engine->points, &point->link)) {
		free(point);
		return NULL;
	}
	if (parent) {
		LIST_INSERT_HEAD(&parent->children, point, siblings);
	}
	return point;
}

/*
 * Steps from one prefix of a path to the next: "/", "/a", "/a/b". *size is 0
 * before the first; the hash is carried along.
 */
static bool next_prefix(const char *path, size_t *size, uint64_t *hash)
{
	size_t next;

	if (*size == 0) {
		next = path[0] == '/' ? 1 : strlen(path);
		*hash = map_hash_start();
	} else if (path[*size] == '\0') {
		return false;
	} else {
		/* The first slash is part of the root's prefix, the others of what follows. */
		next = *size + 1;
		next += strcspn(path + next, "/");
	}
	*hash = map_hash(*hash, path + *size, next - *size);
	*size = next;
	return true;
}

static struct watch_point *point_get(struct engine *engine, const char *path)
{
	struct watch_point *point = NULL, *next;
	uint64_t hash;
	size_t size = 0;

	while (next_prefix(path, &size, &hash)) {
		next = point_of(map_find(&engine->points, hash, path, size));
		if (!next) {
			next = point_new(engine, point, path, size, hash);
		}
		if (!next) {
			point_release(engine, point);
			return NULL;
		}
		point = next;
	}
	return point;
}

static struct watch_point *point_find(const struct engine *engine, const char *path)
{
	size_t size = strlen(path);

	return point_of(
		map_find(&engine->points, map_hash(map_hash_start(), path, size), path, size));
}

static struct watch *watch_find(const struct watch_point *point, const struct conn *conn,
				const char *token)
{
	struct watch *watch = NULL;

	if (point) {
		LIST_FOREACH(watch, &point->watches, of_point) {
			if (watch->conn == conn && strcmp(watch->token, token) == 0) {
				break;
			}
		}
	}
	return watch;
}

size_t watch_cost(const char *path, const char *token)
{
	size_t cost = sizeof(struct watch) + strlen(token) + 1, size = 0;
	uint64_t hash;

	/* Each point has its whole path: of a deep one that is far more than the path. */
	while (next_prefix(path, &size, &hash)) {
		cost += sizeof(struct watch_point) + size + 1;
	}
	return cost;
}

static void watch_free(struct engine *engine, struct watch *watch)
{
	watch->conn->memory -= watch->cost;
	LIST_REMOVE(watch, of_point);
	TAILQ_REMOVE(&watch->conn->watches, watch, of_conn);
	watch->conn->watch_count--;
	point_release(engine, watch->point);
	free(watch);
}

int watch_add(struct engine *engine, struct conn *conn, const char *path, bool relative,
	      const char *token)
{
	struct watch_point *point = point_get(engine, path);
	size_t size = strlen(token) + 1;
	struct watch *watch;

	if (!point) {
		return -ENOMEM;
	}
	if (watch_find(point, conn, token)) {
		return -EEXIST;
	}
	watch = calloc(1, sizeof(*watch) + size);
	if (!watch) {
		point_release(engine, point);
		return -ENOMEM;
	}
	watch->point = point;
	watch->conn = conn;
	watch->cost = (uint32_t)watch_cost(path, token);
	conn->memory += watch->cost;
	watch->skip = relative ? (uint16_t)path_home_size(conn->who.domid) : 0;
	memcpy(watch->token, token, size);
	LIST_INSERT_HEAD(&point->watches, watch, of_point);
	TAILQ_INSERT_TAIL(&conn->watches, watch, of_conn);
	conn->watch_count++;
	state_watch(engine, watch, true);
	return 0;
}

int watch_remove(struct engine *engine, struct conn *conn, const char *path, const char *token)
{
	struct watch *watch = watch_find(point_find(engine, path), conn, token);

	if (!watch) {
		return -ENOENT;
	}
	state_watch(engine, watch, false);
	watch_free(engine, watch);
	return 0;
}

void watch_remove_all(struct engine *engine, struct conn *conn)
{
	struct watch *watch, *next;

	for (watch = TAILQ_FIRST(&conn->watches); watch; watch = next) {
		next = TAILQ_NEXT(watch, of_conn);
		watch_free(engine, watch);
	}
	conn->lost = false;
}

static bool may_read(const struct watch *watch, const struct content *content)
{
	return content && perm_allows(content, &watch->conn->who, VL_PERM_READ);
}

/* Points below a removed node fire for themselves, if they were nodes. */
static void fire_below(const struct watch_point *above, const struct node *removed)
{
	const struct watch_point *point;
	const struct node *node;
	struct watch *watch;
	const char *name;

	LIST_FOREACH(point, &above->children, siblings) {
		name = point_name(point);
		node = tree_child(removed, name, strlen(name));
		if (!node) {
			continue;
		}
		LIST_FOREACH(watch, &point->watches, of_point) {
			if (may_read(watch, node->content)) {
				conn_event(watch, point->path);
			}
		}
		fire_below(point, node);
	}
}

void watch_fire(struct engine *engine, const struct event *event)
{
	const struct watch_point *point = NULL;
	struct watch *watch;
	uint64_t hash;
	size_t size = 0;

	while (next_prefix(event->path, &size, &hash)) {
		point = point_of(map_find(&engine->points, hash, event->path, size));
		if (!point) {
			/* Nothing below is watched either. */
			return;
		}
		LIST_FOREACH(watch, &point->watches, of_point) {
			if (may_read(watch, event->before) || may_read(watch, event->after)) {
				conn_event(watch, event->path);
			}
		}
	}
	if (event->removed && point) {
		fire_below(point, event->removed);
	}
}

void watch_fire_special(struct engine *engine, const char *path)
{
	const struct watch_point *point = point_find(engine, path);
	const struct content *content = engine->special[engine_special(path)];
	struct watch *watch;

	if (point) {
		LIST_FOREACH(watch, &point->watches, of_point) {
			if (may_read(watch, content)) {
				conn_event(watch, path);
			}
		}
	}
}

void watch_fire_lost(struct conn *conn)
{
	struct watch *watch;

	conn->lost = false;
	TAILQ_FOREACH(watch, &conn->watches, of_conn) {
		if (watch->lost) {
			watch->lost = false;
			conn_event(watch, watch->point->path);
		}
	}
}

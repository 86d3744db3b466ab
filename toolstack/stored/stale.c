/* SPDX-License-Identifier: MIT */
/*
 * Permissions of domains that are gone. Numbers of domains come back, if only
 * after thousands of others: what was granted to the one that had the number
 * before must not be the new one's. So every few hundred releases, and before the
 * state is written anew, one walk takes all who have gone meanwhile out of the
 * permissions; what they owned is the control domain's. Called by domain.c,
 * state.c and state_replay.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

#define RELEASES 256

struct stale {
	STAILQ_ENTRY(stale) next;
	char path[];
};
STAILQ_HEAD(stale_list, stale);

struct search {
	const struct engine *engine;
	struct stale_list found;
};

void stale_mark(struct engine *engine, uint16_t domid)
{
	engine->gone[domid] = true;
	engine->gone_count++;
}

static int find(void *arg, const char *path, const struct node *node)
{
	struct search *search = arg;
	const struct content *content = node->content;
	size_t size = strlen(path) + 1;
	struct stale *stale;
	uint32_t i;

	for (i = 0; i < content->perm_count && !search->engine->gone[content->perms[i].domid];
	     i++) {}
	if (i == content->perm_count) {
		return 0;
	}
	stale = malloc(sizeof(*stale) + size);
	if (!stale) {
		return -ENOMEM;
	}
	memcpy(stale->path, path, size);
	STAILQ_INSERT_TAIL(&search->found, stale, next);
	return 0;
}

static int mend(struct engine *engine, const char *path)
{
	const struct node *node = tree_find(engine->root, path);
	const struct content *old = node->content;
	int64_t cost = node_cost(node);
	struct content *content = content_new(old->perms, old->perm_count, NULL, 0), *whole;
	uint16_t owner = old->perms[0].domid;
	uint32_t count = 1;
	int rc;

	if (!content) {
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < old->perm_count; i++) {
		if (!engine->gone[old->perms[i].domid]) {
			content->perms[count++] = old->perms[i];
		}
	}
	content->perms[0].domid = engine->gone[owner] ? 0 : owner;
	whole = content_new(content->perms, count, content_value(old), old->size);
	content_unref(content);
	rc = whole ? tree_set(&engine->root, path, whole, NULL, ++engine->gen) : -ENOMEM;
	if (rc == 0) {
		engine->owned[owner]--;
		engine->owned_bytes[owner] -= cost;
		engine->owned[whole->perms[0].domid]++;
		engine->owned_bytes[whole->perms[0].domid] +=
			node_cost(tree_find(engine->root, path));
		state_node(engine, path, whole);
	}
	content_unref(whole);
	return rc;
}

void stale_sweep(struct engine *engine, bool now)
{
	struct search search = { engine, STAILQ_HEAD_INITIALIZER(search.found) };
	struct stale *stale, *next;
	int rc;

	if (engine->gone_count == 0 || (!now && engine->gone_count < RELEASES)) {
		return;
	}
	rc = tree_walk(engine->root, "/", find, &search);
	for (stale = STAILQ_FIRST(&search.found); stale; stale = next) {
		next = STAILQ_NEXT(stale, next);
		rc = rc ? rc : mend(engine, stale->path);
		free(stale);
	}
	if (rc == 0) {
		memset(engine->gone, 0, sizeof(engine->gone));
		engine->gone_count = 0;
	}
	state_commit(engine);
}

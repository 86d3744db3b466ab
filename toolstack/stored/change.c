/* SPDX-License-Identifier: MIT */
/*
 * One change of one version of the tree: who may make it, what it counts, what
 * it leaves. Called for requests, for the changes inside a transaction, and once
 * more when a transaction is committed (request.c, tx.c). Fires no watch and
 * writes no journal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

#define FEW (sizeof(((struct tally *)0)->few) / sizeof(struct share))
/* Of a node, beside what its maker chose. */
#define NODE_BYTES 128

/* ---- Counts of nodes --------------------------------------------------------- */

static int64_t cost(size_t name_size, const struct content *content)
{
	return (int64_t)(NODE_BYTES + name_size + content->size +
			 content->perm_count * sizeof(struct vl_perm));
}

int64_t node_cost(const struct node *node)
{
	return cost(node->name_size, node->content);
}

struct count {
	uint32_t *owned;
	int64_t *bytes;
};

static int count_node(void *arg, const char *path, const struct node *node)
{
	const struct count *count = arg;
	uint16_t owner = node->content->perms[0].domid;

	(void)path;
	count->owned[owner]++;
	count->bytes[owner] += node_cost(node);
	return 0;
}

int node_count(const struct node *root, uint32_t *owned, int64_t *bytes)
{
	struct count count = { owned, bytes };

	return tree_walk(root, "/", count_node, &count);
}

static struct share tally_get(const struct tally *tally, uint16_t domid)
{
	if (tally->many) {
		return tally->many[domid];
	}
	for (unsigned int i = 0; i < tally->count; i++) {
		if (tally->few_domid[i] == domid) {
			return tally->few[i];
		}
	}
	return (struct share){ 0 };
}

static int tally_grow(struct tally *tally)
{
	tally->many = calloc(DOMID_END, sizeof(*tally->many));
	if (!tally->many) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < tally->count; i++) {
		tally->many[tally->few_domid[i]] = tally->few[i];
	}
	return 0;
}

/* Makes sure that tally_add() for these domains cannot fail. */
static int tally_prepare(struct tally *tally, unsigned int domains)
{
	return tally->many || tally->count + domains <= FEW ? 0 : tally_grow(tally);
}

static void share_add(struct share *share, struct share more)
{
	share->nodes += more.nodes;
	share->bytes += more.bytes;
}

static int tally_add(struct tally *tally, uint16_t domid, struct share more)
{
	unsigned int i;

	if (!tally->many) {
		for (i = 0; i < tally->count && tally->few_domid[i] != domid; i++) {}
		if (i < tally->count) {
			share_add(&tally->few[i], more);
			return 0;
		}
		if (i < FEW) {
			tally->few_domid[i] = domid;
			tally->few[i] = more;
			tally->count++;
			return 0;
		}
		if (tally_grow(tally)) {
			return -ENOMEM;
		}
	}
	share_add(&tally->many[domid], more);
	return 0;
}

static void owned_add(struct engine *engine, uint16_t domid, struct share more)
{
	engine->owned[domid] = (uint32_t)((int32_t)engine->owned[domid] + more.nodes);
	engine->owned_bytes[domid] += more.bytes;
}

void tally_apply(struct engine *engine, struct tally *tally)
{
	if (tally->many) {
		for (unsigned int i = 0; i < DOMID_END; i++) {
			owned_add(engine, (uint16_t)i, tally->many[i]);
		}
	} else {
		for (unsigned int i = 0; i < tally->count; i++) {
			owned_add(engine, tally->few_domid[i], tally->few[i]);
		}
	}
	tally_free(tally);
}

void tally_free(struct tally *tally)
{
	free(tally->many);
	*tally = (struct tally){ .count = 0 };
}

static int count_gone(void *arg, const char *path, const struct node *node)
{
	(void)path;
	return tally_add(arg, node->content->perms[0].domid,
			 (struct share){ -1, -node_cost(node) });
}

/* ---- Changes ----------------------------------------------------------------- */

struct context {
	struct engine *engine;
	struct node **root;
	struct tally *tally;
	const struct who *who;
	const struct change *change;
	struct change_result *result;
	enum quota *quota;
};

static int over(struct context *c, enum quota quota)
{
	*c->quota = quota;
	return quota_errno(quota);
}

static bool is_over(const struct context *c, enum quota quota, size_t value)
{
	return !c->who->privileged && value > c->engine->quotas.limit[quota];
}

int change_missing(const struct node *root, const char *path, const struct who *who)
{
	unsigned int missing;
	const struct node *node = tree_nearest(root, path, &missing);

	return perm_allows(node->content, who, VL_PERM_READ) ? -ENOENT : -EACCES;
}

/* What an owner would have with so much more, against its quotas. */
static int check_share(struct context *c, uint16_t owner, struct share more)
{
	struct share now = tally_get(c->tally, owner);

	share_add(&now, more);
	now.nodes += (int32_t)c->engine->owned[owner];
	now.bytes += c->engine->owned_bytes[owner];
	if (more.nodes > 0 && now.nodes > 0 && is_over(c, QUOTA_NODES, (size_t)now.nodes)) {
		return over(c, QUOTA_NODES);
	}
	/* What belongs to the control domain is bounded by what it made. */
	if (owner != 0 && more.bytes > 0 && now.bytes > 0 &&
	    is_over(c, QUOTA_NODE_MEMORY, (size_t)now.bytes)) {
		return over(c, QUOTA_NODE_MEMORY);
	}
	return 0;
}

/* Bytes of the last names of a path. */
static size_t names_size(const char *path, unsigned int names)
{
	const char *end = path + strlen(path), *at = end;

	for (unsigned int i = 0; i < names; i++) {
		while (*--at != '/') {}
	}
	return (size_t)(end - at) - names;
}

/* Makes a node below `near`, with its permissions, but the guest's own. */
static int create(struct context *c, const struct node *near, unsigned int missing)
{
	const struct content *above = near->content;
	struct content *content, *parents;
	uint16_t owner = c->who->privileged ? above->perms[0].domid : c->who->domid;
	struct share more = { .nodes = (int32_t)missing };
	int rc;

	if (!perm_allows(above, c->who, VL_PERM_WRITE)) {
		return -EACCES;
	}
	more.bytes = (int64_t)(missing * (NODE_BYTES + above->perm_count * sizeof(struct vl_perm)) +
			       names_size(c->change->path, missing) + c->change->size);
	rc = check_share(c, owner, more);
	if (rc) {
		return rc;
	}
	content = content_new(above->perms, above->perm_count, c->change->value, c->change->size);
	parents = content_new(above->perms, above->perm_count, NULL, 0);
	if (!content || !parents) {
		rc = -ENOMEM;
	} else {
		content->perms[0].domid = parents->perms[0].domid = owner;
		rc = tally_prepare(c->tally, 1);
	}
	if (rc == 0) {
		rc = tree_set(c->root, c->change->path, content, parents, ++c->engine->gen);
	}
	if (rc == 0) {
		tally_add(c->tally, owner, more);
		c->result->after = content_ref(content);
	}
	content_unref(content);
	content_unref(parents);
	return rc;
}

static int replace(struct context *c, const struct node *node, struct content *content)
{
	struct content *before = content_ref(node->content);
	uint16_t from = before->perms[0].domid, to = content->perms[0].domid;
	int64_t old = node_cost(node), new = cost(node->name_size, content);
	int rc = check_share(c, to, (struct share){ 0, from == to ? new - old : new });

	rc = rc ? rc : tally_prepare(c->tally, 2);
	if (rc == 0) {
		rc = tree_set(c->root, c->change->path, content, NULL, ++c->engine->gen);
	}
	if (rc) {
		content_unref(before);
		return rc;
	}
	tally_add(c->tally, from, (struct share){ -1, -old });
	tally_add(c->tally, to, (struct share){ 1, new });
	c->result->before = before;
	c->result->after = content_ref(content);
	return 0;
}

static int change_write(struct context *c)
{
	const struct change *change = c->change;
	unsigned int missing;
	const struct node *node = tree_nearest(*c->root, change->path, &missing);
	struct content *content;
	int rc;

	if (is_over(c, QUOTA_NODE_SIZE, change->size)) {
		return over(c, QUOTA_NODE_SIZE);
	}
	if (missing) {
		return create(c, node, missing);
	}
	if (!perm_allows(node->content, c->who, VL_PERM_WRITE)) {
		return -EACCES;
	}
	if (change->op == CHANGE_MKDIR) {
		c->result->changed = false;
		return 0;
	}
	content = content_new(node->content->perms, node->content->perm_count, change->value,
			      change->size);
	if (!content) {
		return -ENOMEM;
	}
	rc = replace(c, node, content);
	content_unref(content);
	return rc;
}

static int change_perms(struct context *c)
{
	const struct change *change = c->change;
	const struct node *node = tree_find(*c->root, change->path);
	struct content *content;
	uint16_t owner;
	int rc;

	if (!node) {
		return change_missing(*c->root, change->path, c->who);
	}
	owner = node->content->perms[0].domid;
	if (!perm_is_owner(node->content, c->who) ||
	    (change->perms[0].domid != owner && !c->who->privileged)) {
		return -EACCES;
	}
	if (is_over(c, QUOTA_PERMISSIONS, change->perm_count)) {
		return over(c, QUOTA_PERMISSIONS);
	}
	content = content_new(change->perms, change->perm_count, content_value(node->content),
			      node->content->size);
	if (!content) {
		return -ENOMEM;
	}
	rc = replace(c, node, content);
	content_unref(content);
	return rc;
}

static int change_rm(struct context *c)
{
	const char *path = c->change->path;
	unsigned int missing;
	const struct node *node = tree_nearest(*c->root, path, &missing);
	struct tally gone = { .count = 0 };
	int rc;

	if (strcmp(path, "/") == 0) {
		return -EINVAL;
	}
	if (missing) {
		c->result->changed = false;
		return missing == 1 ? 0 : change_missing(*c->root, path, c->who);
	}
	if (!perm_allows(node->content, c->who, VL_PERM_WRITE)) {
		return -EACCES;
	}
	rc = tree_walk(node, path, count_gone, &gone);
	if (rc == 0 && (gone.many || gone.count + c->tally->count > FEW) && !c->tally->many) {
		rc = tally_grow(c->tally);
	}
	if (rc == 0) {
		rc = tree_remove(c->root, path, ++c->engine->gen, &c->result->removed);
	}
	if (rc == 0) {
		c->result->before = content_ref(c->result->removed->content);
		for (unsigned int i = 0; i < (gone.many ? DOMID_END : gone.count); i++) {
			tally_add(c->tally, gone.many ? (uint16_t)i : gone.few_domid[i],
				  gone.many ? gone.many[i] : gone.few[i]);
		}
	}
	tally_free(&gone);
	return rc;
}

int change_apply(struct engine *engine, struct node **root, struct tally *tally,
		 const struct who *who, const struct change *change, struct change_result *result,
		 enum quota *quota)
{
	struct context c = { engine, root, tally, who, change, result, quota };

	*result = (struct change_result){ .changed = true };
	*quota = QUOTA_NONE;
	switch (change->op) {
	case CHANGE_WRITE:
	case CHANGE_MKDIR:
		return change_write(&c);
	case CHANGE_RM:
		return change_rm(&c);
	case CHANGE_PERMS:
		return change_perms(&c);
	}
	return -EINVAL;
}

void change_done(struct change_result *result)
{
	content_unref(result->before);
	content_unref(result->after);
	node_unref(result->removed);
	*result = (struct change_result){ .changed = false };
}

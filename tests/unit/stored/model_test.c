/* SPDX-License-Identifier: MIT */
/*
 * Random requests of a control domain and two guests, inside and outside of
 * transactions, against a model: the 40 paths there can be in one array, which
 * is copied whole for each transaction. Every answer must be the model's.
 */
#include "client.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 3
#define PATHS (1 + NAMES + NAMES * NAMES + NAMES * NAMES * NAMES)
#define CLIENTS 3
#define NODES_MAX 10

struct mnode {
	bool there;
	char value[8];
	struct vl_perm perms[3];
	unsigned int perm_count;
	uint64_t stamp, list_stamp;
};

struct tree {
	struct mnode node[PATHS];
};

struct op {
	int kind; /* enum kind */
	int path;
	char value[8];
	struct vl_perm perms[3];
	unsigned int perm_count;
};

enum kind {
	READ,
	LIST,
	PERMS,
	WRITE,
	MKDIR,
	RM,
	SET,
	KINDS
};

struct mtx {
	uint32_t id; /* 0: none */
	struct tree base, own;
	bool touched[PATHS], listed[PATHS], existed[PATHS], whole[PATHS];
	struct op ops[64];
	unsigned int op_count;
};

static struct tree now;
static uint64_t stamp;
static struct mtx txs[CLIENTS];
static char paths[PATHS][16];
static int parent_of[PATHS];

/* "/", then each parent's children "/a", "/b", "/c". */
static void make_paths(void)
{
	int count = 1;

	strcpy(paths[0], "/");
	for (int p = 0; count < PATHS; p++) {
		for (int i = 0; i < NAMES; i++, count++) {
			snprintf(paths[count], sizeof(paths[count]), "%s/%c", p ? paths[p] : "",
				 'a' + i);
			parent_of[count] = p;
		}
	}
	parent_of[0] = -1;
}

static bool below(int path, int top)
{
	while (path > top) {
		path = parent_of[path];
	}
	return path == top;
}

static unsigned int access_of(const struct mnode *node, uint16_t domid)
{
	unsigned int access = node->perms[0].access;

	if (domid == 0 || node->perms[0].domid == domid) {
		return VL_PERM_READ | VL_PERM_WRITE;
	}
	for (unsigned int i = 1; i < node->perm_count; i++) {
		if (node->perms[i].domid == domid) {
			return node->perms[i].access;
		}
	}
	return access;
}

static int nearest(const struct tree *tree, int path)
{
	while (!tree->node[path].there) {
		path = parent_of[path];
	}
	return path;
}

static int missing_error(const struct tree *tree, int path, uint16_t domid)
{
	return access_of(&tree->node[nearest(tree, path)], domid) & VL_PERM_READ ? -ENOENT :
										   -EACCES;
}

static int look(const struct tree *tree, int path, uint16_t domid)
{
	if (!tree->node[path].there) {
		return missing_error(tree, path, domid);
	}
	return access_of(&tree->node[path], domid) & VL_PERM_READ ? 0 : -EACCES;
}

static unsigned int owned(const struct tree *tree, uint16_t domid)
{
	unsigned int count = 0;

	for (int i = 0; i < PATHS; i++) {
		count += tree->node[i].there && tree->node[i].perms[0].domid == domid;
	}
	return count;
}

static int make(struct tree *tree, const struct mtx *tx, const struct op *op, uint16_t domid)
{
	int near = nearest(tree, op->path), missing = 0, count;
	struct mnode *above = &tree->node[near], *node;

	if (!(access_of(above, domid) & VL_PERM_WRITE)) {
		return -EACCES;
	}
	for (int p = op->path; p != near; p = parent_of[p]) {
		missing++;
	}
	/* In a transaction: what all own now, and what it changes of that. */
	count = (int)owned(tree, domid) + missing;
	count += tx ? (int)owned(&now, domid) - (int)owned(&tx->base, domid) : 0;
	if (domid && count > NODES_MAX) {
		return -ENOSPC;
	}
	stamp++;
	for (int p = op->path; p != near; p = parent_of[p]) {
		node = &tree->node[p];
		*node = *above;
		if (domid) {
			node->perms[0].domid = domid;
		}
		strcpy(node->value, p == op->path && op->kind == WRITE ? op->value : "");
		node->stamp = node->list_stamp = stamp;
	}
	above->list_stamp = stamp;
	return 0;
}

/* A change of one version; *changed: it is not for nothing. */
static int apply(struct tree *tree, const struct mtx *tx, const struct op *op, uint16_t domid,
		 bool *changed)
{
	struct mnode *node = &tree->node[op->path];
	bool is_owner = domid == 0 || node->perms[0].domid == domid;

	*changed = true;
	switch (op->kind) {
	case WRITE:
	case MKDIR:
		if (!node->there) {
			return make(tree, tx, op, domid);
		}
		if (!(access_of(node, domid) & VL_PERM_WRITE)) {
			return -EACCES;
		}
		*changed = op->kind == WRITE;
		if (op->kind == WRITE) {
			strcpy(node->value, op->value);
			node->stamp = ++stamp;
		}
		return 0;
	case RM:
		if (op->path == 0) {
			return -EINVAL;
		}
		if (!node->there) {
			*changed = false;
			return tree->node[parent_of[op->path]].there ?
				       0 :
				       missing_error(tree, op->path, domid);
		}
		if (!(access_of(node, domid) & VL_PERM_WRITE)) {
			return -EACCES;
		}
		stamp++;
		tree->node[parent_of[op->path]].list_stamp = stamp;
		for (int i = op->path; i < PATHS; i++) {
			if (below(i, op->path)) {
				tree->node[i].there = false;
			}
		}
		return 0;
	default:
		if (!node->there) {
			return missing_error(tree, op->path, domid);
		}
		if (!is_owner || (domid && op->perms[0].domid != node->perms[0].domid)) {
			return -EACCES;
		}
		memcpy(node->perms, op->perms, sizeof(op->perms));
		node->perm_count = op->perm_count;
		node->stamp = ++stamp;
		return 0;
	}
}

static bool conflict(const struct mtx *tx)
{
	for (int i = 0; i < PATHS; i++) {
		const struct mnode *a = &tx->base.node[i], *b = &now.node[i];
		bool any = tx->touched[i] || tx->listed[i] || tx->existed[i];

		if ((any && a->there != b->there) ||
		    (a->there && b->there &&
		     ((tx->touched[i] && a->stamp != b->stamp) ||
		      (tx->listed[i] && a->list_stamp != b->list_stamp)))) {
			return true;
		}
		for (int k = i; tx->whole[i] && a->there && k < PATHS; k++) {
			const struct mnode *c = &tx->base.node[k], *d = &now.node[k];

			if (below(k, i) && (c->there != d->there ||
					    (c->there && (c->stamp != d->stamp ||
							  c->list_stamp != d->list_stamp)))) {
				/* The node's own list counts through its children. */
				return true;
			}
		}
	}
	return false;
}

static int finish(struct mtx *tx, uint16_t domid, bool commit)
{
	struct tree work = now;
	bool changed;
	int rc = 0;

	tx->id = 0;
	if (!commit) {
		return 0;
	}
	if (conflict(tx)) {
		return -EAGAIN;
	}
	for (unsigned int i = 0; i < tx->op_count && rc == 0; i++) {
		rc = apply(&work, NULL, &tx->ops[i], domid, &changed);
	}
	if (rc == 0) {
		now = work;
	}
	return rc == -EACCES || rc == -ENOENT ? -EAGAIN : rc;
}

/* ---- The real thing beside it ------------------------------------------------ */

static size_t print_perms(char *text, const struct vl_perm *perms, unsigned int count)
{
	size_t size = 0;

	for (unsigned int i = 0; i < count; i++) {
		perm_print(&perms[i], text + size);
		size += strlen(text + size) + 1;
	}
	return size;
}

static size_t print_names(char *text, const struct tree *tree, int path)
{
	size_t size = 0;

	for (int i = path + 1; i < PATHS; i++) {
		if (tree->node[i].there && parent_of[i] == path) {
			size += (size_t)sprintf(text + size, "%s", strrchr(paths[i], '/') + 1) + 1;
		}
	}
	return size;
}

static int check_look(struct conn *conn, struct mtx *tx, const struct op *op, uint16_t domid)
{
	static const uint32_t types[] = { XS_READ, XS_DIRECTORY, XS_GET_PERMS };
	const struct tree *tree = tx ? &tx->own : &now;
	const struct mnode *node = &tree->node[op->path];
	struct answer answer;
	char text[64];
	size_t size;
	int rc = client_text(conn, types[op->kind], tx ? tx->id : 0, paths[op->path], &answer);

	if (tx) {
		(op->kind == LIST ? tx->listed : tx->touched)[op->path] = true;
	}
	if (rc == 0) {
		size = op->kind == READ ? (size_t)sprintf(text, "%s", node->value) :
		       op->kind == LIST ? print_names(text, tree, op->path) :
					  print_perms(text, node->perms, node->perm_count);
		CU_ASSERT(size == answer.size && memcmp(text, answer.data, size) == 0);
	}
	return rc == look(tree, op->path, domid) ? 0 : -1;
}

static int send_change(struct conn *conn, uint32_t tx, const struct op *op)
{
	static const uint32_t types[] = {
		[WRITE] = XS_WRITE, [MKDIR] = XS_MKDIR, [RM] = XS_RM, [SET] = XS_SET_PERMS
	};
	char data[64];
	size_t size = (size_t)sprintf(data, "%s", paths[op->path]) + 1;

	if (op->kind == WRITE) {
		size += (size_t)sprintf(data + size, "%s", op->value);
	} else if (op->kind == SET) {
		size += print_perms(data + size, op->perms, op->perm_count);
	}
	return client_call(conn, types[op->kind], tx, data, size, NULL);
}

static int check_change(struct conn *conn, struct mtx *tx, const struct op *op, uint16_t domid)
{
	int rc = send_change(conn, tx ? tx->id : 0, op), want, up;
	bool changed;

	if (tx) {
		tx->touched[op->path] = true;
		tx->whole[op->path] |= op->kind == RM;
		up = nearest(&tx->own, op->path);
		tx->existed[up] |= up != op->path;
	}
	want = apply(tx ? &tx->own : &now, tx, op, domid, &changed);
	if (tx && want == 0 && changed) {
		tx->ops[tx->op_count++] = *op;
	}
	return rc == want ? 0 : -1;
}

static struct op random_op(void)
{
	struct op op = { .kind = rand() % KINDS, .path = rand() % PATHS };

	snprintf(op.value, sizeof(op.value), "%d", rand() % 1000);
	op.perm_count = 1 + (unsigned int)rand() % 3;
	for (unsigned int i = 0; i < op.perm_count; i++) {
		op.perms[i].domid = (uint16_t)(rand() % CLIENTS);
		op.perms[i].access = (uint16_t)(rand() % 4);
	}
	return op;
}

static int check_tx(struct conn *conn, struct mtx *tx, uint16_t domid)
{
	uint32_t id = tx->id;
	bool commit = rand() % 4 != 0;
	int rc;

	if (id) {
		rc = client_end(conn, id, commit);
		return rc == finish(tx, domid, commit) ? 0 : -1;
	}
	memset(tx, 0, sizeof(*tx));
	tx->id = client_begin(conn);
	tx->base = tx->own = now;
	return tx->id ? 0 : -1;
}

static void random_requests(void)
{
	struct engine *engine;
	struct conn *conns[CLIENTS];
	unsigned int commits = 0;

	make_paths();
	for (unsigned int seed = 1; seed <= 30; seed++) {
		srand(seed);
		memset(txs, 0, sizeof(txs));
		memset(&now, 0, sizeof(now));
		now.node[0].there = true;
		now.node[0].perm_count = 1;
		engine = client_engine();
		engine->quotas.limit[QUOTA_NODES] = NODES_MAX;
		for (uint16_t i = 0; i < CLIENTS; i++) {
			conns[i] = client_new(engine, i);
		}
		for (int round = 0; round < 4000; round++) {
			uint16_t domid = (uint16_t)(rand() % CLIENTS);
			struct mtx *tx = &txs[domid];
			struct op op = random_op();
			int rc;

			if (rand() % 12 == 0 || tx->op_count > 60) {
				rc = check_tx(conns[domid], tx, domid);
			} else {
				tx = tx->id && rand() % 2 ? tx : NULL;
				rc = op.kind < WRITE ? check_look(conns[domid], tx, &op, domid) :
						       check_change(conns[domid], tx, &op, domid);
			}
			CU_ASSERT_EQUAL(rc, 0);
			if (rc) {
				printf("seed %u round %d: domain %u kind %d path %s\n", seed, round,
				       domid, op.kind, paths[op.path]);
				break;
			}
		}
		for (uint16_t i = 0; i < CLIENTS; i++) {
			CU_ASSERT_EQUAL(engine->owned[i], owned(&now, i));
		}
		commits += (unsigned int)engine->stats.commits;
		CU_ASSERT(engine->stats.conflicts > 10);
		engine_free(engine);
	}
	CU_ASSERT(commits > 500);
}

CU_TestInfo model_tests[] = {
	{ "random requests", random_requests },
	CU_TEST_INFO_NULL,
};

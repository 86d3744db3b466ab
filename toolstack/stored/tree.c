/* SPDX-License-Identifier: MIT */
/*
 * Versions of the tree of nodes; see tree.h. Called by change.c, tx.c, state.c
 * and watch.c.
 *
 * The children of a node form an AVL tree of nodes by name. A change walks down
 * from the root through slots, which are the pointers to nodes, and makes each
 * node on the way its own: a node with one reference, below nodes with one
 * reference, belongs to this version alone and is changed in place; any other
 * is copied, and its slot then points to the copy. Nothing but copies is made
 * before the last allocation has succeeded, so no change is left half done.
 *
 * Balancing after a removal may want to copy one node more. If there is no
 * memory for it, that tree stays a little lopsided, which is only slower.
 */
#include "stored/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

/* An AVL tree of 2^32 nodes is not higher than this. */
#define HEIGHT_MAX 48

struct trail {
	struct node **slot[HEIGHT_MAX + 1];
	unsigned int depth; /* slots that hold nodes */
};

/* ---- Content and nodes ------------------------------------------------------- */

struct content *content_new(const struct vl_perm *perms, size_t perm_count, const void *value,
			    size_t size)
{
	size_t perm_size = perm_count * sizeof(struct vl_perm);
	struct content *content = malloc(sizeof(*content) + perm_size + size);

	if (!content) {
		return NULL;
	}
	content->refs = 1;
	content->size = (uint32_t)size;
	content->perm_count = (uint32_t)perm_count;
	memcpy(content->perms, perms, perm_size);
	if (size) {
		memcpy((char *)content->perms + perm_size, value, size);
	}
	return content;
}

struct content *content_ref(struct content *content)
{
	if (content) {
		content->refs++;
	}
	return content;
}

void content_unref(struct content *content)
{
	if (content && --content->refs == 0) {
		free(content);
	}
}

const char *content_value(const struct content *content)
{
	return (const char *)(content->perms + content->perm_count);
}

struct node *node_ref(struct node *node)
{
	if (node) {
		node->refs++;
	}
	return node;
}

void node_unref(struct node *node)
{
	struct node *next;

	/* Deep only as paths are, or as high as a balanced tree: right siblings are a loop. */
	/* No node is its own child, which the analyzer does not know.
	 * NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	for (; node && --node->refs == 0; node = next) {
		next = node->right;
		node_unref(node->left);
		node_unref(node->child);
		content_unref(node->content);
		free(node);
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

static uint8_t height(const struct node *node)
{
	return node ? node->height : 0;
}

static uint32_t list_size(const struct node *node)
{
	return node ? node->list_size : 0;
}

static void update(struct node *node)
{
	uint8_t left = height(node->left), right = height(node->right);

	node->height = (uint8_t)((left > right ? left : right) + 1);
	node->list_size = list_size(node->left) + list_size(node->right) + node->name_size + 1u;
}

static struct node *node_new(const char *name, size_t size, struct content *content, uint64_t gen)
{
	struct node *node = calloc(1, sizeof(*node) + size + 1);

	if (!node) {
		return NULL;
	}
	node->refs = 1;
	node->name_size = (uint16_t)size;
	memcpy(node->name, name, size);
	node->gen = node->list_gen = gen;
	node->content = content_ref(content);
	update(node);
	return node;
}

/* Makes the node in a slot one that only this version refers to. */
static int own(struct node **slot)
{
	struct node *old = *slot, *copy;
	/* Heights say that it is there, which the analyzer cannot follow.
	 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	size_t size = sizeof(*old) + old->name_size + 1u;

	if (old->refs == 1) {
		return 0;
	}
	copy = malloc(size);
	if (!copy) {
		return -ENOMEM;
	}
	memcpy(copy, old, size);
	copy->refs = 1;
	node_ref(copy->left);
	node_ref(copy->right);
	node_ref(copy->child);
	content_ref(copy->content);
	old->refs--;
	*slot = copy;
	return 0;
}

/* ---- One tree of siblings ---------------------------------------------------- */

static int compare(const char *name, size_t size, const struct node *node)
{
	size_t least = size < node->name_size ? size : node->name_size;
	int order = memcmp(name, node->name, least);

	return order ? order : (size > node->name_size) - (size < node->name_size);
}

/* Walks to a name and owns what is on the way: 1 it is there, in the last slot; 0 it is not, and
 * slot[depth] is where it belongs. */
static int descend(struct node **top, const char *name, size_t size, struct trail *trail)
{
	struct node **slot = top;
	int order;

	trail->depth = 0;
	while (*slot) {
		if (trail->depth == HEIGHT_MAX || own(slot)) {
			return -ENOMEM;
		}
		trail->slot[trail->depth++] = slot;
		order = compare(name, size, *slot);
		if (order == 0) {
			return 1;
		}
		slot = order < 0 ? &(*slot)->left : &(*slot)->right;
	}
	trail->slot[trail->depth] = slot;
	return 0;
}

static void rotate_left(struct node **slot)
{
	struct node *node = *slot, *up = node->right;

	node->right = up->left;
	up->left = node;
	*slot = up;
	update(node);
	update(up);
}

static void rotate_right(struct node **slot)
{
	struct node *node = *slot, *up = node->left;

	node->left = up->right;
	up->right = node;
	*slot = up;
	update(node);
	update(up);
}

static void balance(struct node **slot)
{
	struct node *node = *slot;
	int tilt = height(node->left) - height(node->right);

	update(node);
	if (tilt > 1) {
		if (own(&node->left)) {
			return;
		}
		if (height(node->left->left) < height(node->left->right)) {
			if (own(&node->left->right)) {
				return;
			}
			rotate_left(&node->left);
		}
		rotate_right(slot);
	} else if (tilt < -1) {
		if (own(&node->right)) {
			return;
		}
		if (height(node->right->right) < height(node->right->left)) {
			if (own(&node->right->left)) {
				return;
			}
			rotate_right(&node->right);
		}
		rotate_left(slot);
	}
}

static void settle(struct trail *trail)
{
	while (trail->depth) {
		trail->depth--;
		if (*trail->slot[trail->depth]) {
			balance(trail->slot[trail->depth]);
		}
	}
}

/* Takes out the node in the last slot of a trail. */
static int unlink_last(struct trail *trail)
{
	unsigned int at = trail->depth - 1;
	struct node **slot = trail->slot[at], *node = *slot, *next;

	if (!node->left || !node->right) {
		*slot = node->left ? node->left : node->right;
		trail->depth--;
	} else {
		/* The next greater one takes its place. */
		for (struct node **s = &node->right; *s; s = &(*s)->left) {
			if (trail->depth == HEIGHT_MAX || own(s)) {
				return -ENOMEM;
			}
			trail->slot[trail->depth++] = s;
		}
		trail->depth--;
		next = *trail->slot[trail->depth];
		*trail->slot[trail->depth] = next->right;
		next->left = node->left;
		next->right = node->right;
		*slot = next;
		if (trail->depth > at + 1) {
			trail->slot[at + 1] = &next->right;
		}
	}
	node->left = node->right = NULL;
	update(node);
	settle(trail);
	return 0;
}

/* ---- Paths ------------------------------------------------------------------- */

/* Steps to the next name of a path: false at its end. */
static bool next_name(const char **path, const char **name, size_t *size)
{
	if ((*path)[0] != '/' || (*path)[1] == '\0') {
		return false;
	}
	*name = *path + 1;
	*size = strcspn(*name, "/");
	*path = *name + *size;
	return true;
}

struct node *tree_new(struct content *content, uint64_t gen)
{
	return node_new("", 0, content, gen);
}

const struct node *tree_child(const struct node *dir, const char *name, size_t size)
{
	const struct node *node = dir->child;
	int order;

	while (node && (order = compare(name, size, node)) != 0) {
		node = order < 0 ? node->left : node->right;
	}
	return node;
}

const struct node *tree_nearest(const struct node *root, const char *path, unsigned int *missing)
{
	const struct node *node = root, *child;
	const char *name;
	size_t size;

	*missing = 0;
	while (next_name(&path, &name, &size)) {
		child = *missing ? NULL : tree_child(node, name, size);
		if (child) {
			node = child;
		} else {
			(*missing)++;
		}
	}
	return node;
}

const struct node *tree_find(const struct node *root, const char *path)
{
	const struct node *node = root;
	const char *name;
	size_t size;

	while (node && next_name(&path, &name, &size)) {
		node = tree_child(node, name, size);
	}
	return node;
}

/* A node and one chain of nodes below it, to the end of path. */
static struct node *chain_new(const char *name, size_t size, const char *path,
			      struct content *content, struct content *parents, uint64_t gen)
{
	struct node *top = NULL, **slot = &top;

	do {
		*slot = node_new(name, size, *path ? parents : content, gen);
		if (!*slot) {
			node_unref(top);
			return NULL;
		}
		slot = &(*slot)->child;
	} while (next_name(&path, &name, &size));
	return top;
}

int tree_set(struct node **root, const char *path, struct content *content, struct content *parents,
	     uint64_t gen)
{
	struct node **slot = root, *chain;
	struct trail trail;
	const char *name;
	size_t size;
	int found;

	if (own(slot)) {
		return -ENOMEM;
	}
	while (next_name(&path, &name, &size)) {
		found = descend(&(*slot)->child, name, size, &trail);
		if (found < 0) {
			return -ENOMEM;
		}
		if (!found) {
			chain = chain_new(name, size, path, content, parents, gen);
			if (!chain) {
				return -ENOMEM;
			}
			*trail.slot[trail.depth] = chain;
			settle(&trail);
			(*slot)->list_gen = gen;
			return 0;
		}
		slot = trail.slot[trail.depth - 1];
	}
	content_ref(content);
	content_unref((*slot)->content);
	(*slot)->content = content;
	(*slot)->gen = gen;
	return 0;
}

int tree_remove(struct node **root, const char *path, uint64_t gen, struct node **removed)
{
	struct node **slot = root, **dir = root;
	struct trail trail = { .depth = 0 };
	const char *name;
	size_t size;
	int rc;

	if (own(slot)) {
		return -ENOMEM;
	}
	while (next_name(&path, &name, &size)) {
		dir = slot;
		if (descend(&(*dir)->child, name, size, &trail) != 1) {
			return -ENOMEM;
		}
		slot = trail.slot[trail.depth - 1];
	}
	if (trail.depth == 0) {
		return -EINVAL;
	}
	*removed = *slot;
	rc = unlink_last(&trail);
	if (rc == 0) {
		(*dir)->list_gen = gen;
	}
	return rc;
}

/* ---- Lists and walks --------------------------------------------------------- */

size_t tree_list_size(const struct node *dir)
{
	return list_size(dir->child);
}

struct list_cursor {
	size_t skip; /* bytes of the list before what is wanted */
	char *at, *end;
	bool full;
};

static void list_part(const struct node *node, struct list_cursor *c)
{
	size_t own_size;

	for (; node && !c->full; node = node->right) {
		if (c->skip >= list_size(node->left)) {
			c->skip -= list_size(node->left);
		} else {
			list_part(node->left, c);
		}
		if (c->full) {
			return;
		}
		own_size = node->name_size + 1u;
		if (c->skip >= own_size) {
			c->skip -= own_size;
			continue;
		}
		/* An offset inside a name is the client's own; it gets the rest of it. */
		own_size -= c->skip;
		if ((size_t)(c->end - c->at) < own_size) {
			c->full = true;
			return;
		}
		memcpy(c->at, node->name + c->skip, own_size);
		c->at += own_size;
		c->skip = 0;
	}
}

size_t tree_list(const struct node *dir, size_t offset, char *buffer, size_t size)
{
	struct list_cursor c = { .skip = offset, .at = buffer, .end = buffer + size };

	list_part(dir->child, &c);
	return (size_t)(c.at - buffer);
}

struct walk {
	int (*visit)(void *arg, const char *path, const struct node *node);
	void *arg;
	char path[XENSTORE_ABS_PATH_MAX + 2];
};

static int walk_siblings(struct walk *walk, const struct node *node, size_t size)
{
	int rc = 0;

	for (; node && rc == 0; node = node->right) {
		rc = walk_siblings(walk, node->left, size);
		if (rc) {
			return rc;
		}
		walk->path[size] = '/';
		memcpy(walk->path + size + 1, node->name, node->name_size + 1u);
		rc = walk->visit(walk->arg, walk->path, node);
		if (rc == 0) {
			rc = walk_siblings(walk, node->child, size + 1 + node->name_size);
		}
	}
	return rc;
}

int tree_walk(const struct node *node, const char *path,
	      int (*visit)(void *arg, const char *path, const struct node *node), void *arg)
{
	struct walk walk = { .visit = visit, .arg = arg };
	size_t size = strlen(path);
	int rc = visit(arg, path, node);

	if (rc || size >= sizeof(walk.path) - 1) {
		return rc;
	}
	memcpy(walk.path, path, size + 1);
	/* The root's own slash is the first of every name below it. */
	return walk_siblings(&walk, node->child, size == 1 ? 0 : size);
}

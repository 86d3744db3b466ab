/* SPDX-License-Identifier: MIT */
/*
 * The tree of nodes: versions of it share all that is the same in both. Taking
 * a version costs one reference to its root; whoever changes a version copies
 * only the nodes on the way to the change, and those that nobody else refers to
 * are changed in place. The children of a node are a balanced tree by name, so
 * that a change below a directory of many thousand entries copies about as many
 * nodes as that number has binary digits.
 *
 * Paths are absolute and valid here (path.h); permissions are the caller's
 * matter. Functions that change return 0 or -ENOMEM, and then nothing has
 * changed but copies have been made.
 */
#ifndef STORED_TREE_H
#define STORED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/store.h"

/** Permissions and value of a node; never changed, shared by versions. */
struct content {
	uint32_t refs;
	uint32_t size;		/* of the value */
	uint32_t perm_count;	/* at least 1; the first names the owner */
	struct vl_perm perms[]; /* the value lies behind them */
};

struct node {
	uint32_t refs;
	uint32_t list_size; /* bytes of all names of this subtree of siblings, each with a zero */
	uint16_t name_size;
	uint8_t height;		   /* of this subtree of siblings */
	uint64_t gen;		   /* changes with value and permissions */
	uint64_t list_gen;	   /* changes with the names of the children */
	struct node *left, *right; /* siblings with smaller and greater names */
	struct node *child;	   /* the children's tree */
	struct content *content;
	char name[]; /* with a zero behind it */
};

/** value may be null if size is 0. Null: no memory. */
struct content *content_new(const struct vl_perm *perms, size_t perm_count, const void *value,
			    size_t size);
struct content *content_ref(struct content *content);
/** Null is fine, for all of these. */
void content_unref(struct content *content);
const char *content_value(const struct content *content);

struct node *node_ref(struct node *node);
void node_unref(struct node *node);

/** A tree of only a root; takes its own reference to content. Null: no memory. */
struct node *tree_new(struct content *content, uint64_t gen);
/** The node of a path, or null. */
const struct node *tree_find(const struct node *root, const char *path);
/** The child of that name, or null. */
const struct node *tree_child(const struct node *dir, const char *name, size_t size);
/** The deepest node on the way to path that exists; *missing: how many names are not there. */
const struct node *tree_nearest(const struct node *root, const char *path, unsigned int *missing);
/**
 * Gives the node of a path this content. If it is not there it is made, and what
 * is missing above it with the content `parents`.
 */
int tree_set(struct node **root, const char *path, struct content *content, struct content *parents,
	     uint64_t gen);
/** Takes a node that is there, and not the root, out of the tree; the caller unrefs it. */
int tree_remove(struct node **root, const char *path, uint64_t gen, struct node **removed);

/** Bytes of all names of the children, each with its zero. */
size_t tree_list_size(const struct node *dir);
/** Copies whole names from byte `offset` of that list on; returns how many bytes. */
size_t tree_list(const struct node *dir, size_t offset, char *buffer, size_t size);

/** Calls visit for the node and all below, parents before children, names in order; path is the
 *  node's own. Stops at the first result that is not 0, and returns it. */
int tree_walk(const struct node *node, const char *path,
	      int (*visit)(void *arg, const char *path, const struct node *node), void *arg);

#endif

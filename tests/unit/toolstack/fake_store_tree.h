/* SPDX-License-Identifier: MIT */
/* Trees of nodes for fake_store.c alone. */
#ifndef TESTS_FAKE_STORE_TREE_H
#define TESTS_FAKE_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "libvellum/store.h"

#define TREE_NODES 4096

struct node {
	char *path, *value; /* value has a zero behind it */
	size_t size;
	struct vl_perm perms[8];
	size_t perm_count;
};

struct tree {
	struct node nodes[TREE_NODES];
	size_t count;
};

void *fake_tree_alloc(size_t count, size_t size);
char *fake_tree_text(const char *text);
struct node *fake_tree_find(const struct tree *tree, const char *path);
void fake_tree_free(struct tree *tree);
void fake_tree_set(struct node *node, const void *value, size_t size);
struct tree *fake_tree_copy(const struct tree *tree);
struct node *fake_tree_make(struct tree *tree, const char *path);
bool fake_tree_below(const char *path, const char *top);
bool fake_tree_drop(struct tree *tree, const char *path);

#endif

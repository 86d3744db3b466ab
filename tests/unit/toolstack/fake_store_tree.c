/* SPDX-License-Identifier: MIT */
/* The fake store's trees; a table of paths, looked through from its beginning. */
#include "fake_store_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the fake itself allocates must not be the allocation that fails. */
void *__real_calloc(size_t count, size_t size);

void *fake_tree_alloc(size_t count, size_t size)
{
	void *memory = __real_calloc(count, size);

	if (!memory) {
		abort();
	}
	return memory;
}

char *fake_tree_text(const char *text)
{
	char *copy = fake_tree_alloc(1, strlen(text) + 1);

	return strcpy(copy, text);
}

struct node *fake_tree_find(const struct tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++) {
		if (!strcmp(tree->nodes[i].path, path)) {
			return (struct node *)&tree->nodes[i];
		}
	}
	return NULL;
}

void fake_tree_free(struct tree *tree)
{
	for (size_t i = 0; tree && i < tree->count; i++) {
		free(tree->nodes[i].path);
		free(tree->nodes[i].value);
	}
	free(tree);
}

void fake_tree_set(struct node *node, const void *value, size_t size)
{
	free(node->value);
	node->value = fake_tree_alloc(1, size + 1);
	memcpy(node->value, value, size);
	node->size = size;
}

struct tree *fake_tree_copy(const struct tree *tree)
{
	struct tree *copy = fake_tree_alloc(1, sizeof(*copy));

	for (size_t i = 0; i < tree->count; i++) {
		copy->nodes[i] = tree->nodes[i];
		copy->nodes[i].path = fake_tree_text(tree->nodes[i].path);
		copy->nodes[i].value = NULL;
		fake_tree_set(&copy->nodes[i], tree->nodes[i].value, tree->nodes[i].size);
	}
	copy->count = tree->count;
	return copy;
}

/* Makes the node and those above it, which pass their permissions on. */
struct node *fake_tree_make(struct tree *tree, const char *path)
{
	struct node *node = fake_tree_find(tree, path), *parent;
	char above[VL_STORE_PATH_MAX];
	char *slash;

	if (node) {
		return node;
	}
	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	slash[slash == above] = '\0';
	parent = fake_tree_make(tree, above);
	if (tree->count == TREE_NODES) {
		abort();
	}
	node = &tree->nodes[tree->count++];
	*node = (struct node){ .path = fake_tree_text(path), .perm_count = parent->perm_count };
	memcpy(node->perms, parent->perms, sizeof(node->perms));
	fake_tree_set(node, "", 0);
	return node;
}

bool fake_tree_below(const char *path, const char *top)
{
	size_t size = strlen(top);

	return !strcmp(top, "/") ||
	       (!strncmp(path, top, size) && (path[size] == '\0' || path[size] == '/'));
}

bool fake_tree_drop(struct tree *tree, const char *path)
{
	size_t kept = 0;
	bool found = false;

	for (size_t i = 0; i < tree->count; i++) {
		if (fake_tree_below(tree->nodes[i].path, path)) {
			free(tree->nodes[i].path);
			free(tree->nodes[i].value);
			found = true;
		} else {
			tree->nodes[kept++] = tree->nodes[i];
		}
	}
	tree->count = kept;
	return found;
}

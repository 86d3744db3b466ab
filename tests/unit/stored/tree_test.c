/* SPDX-License-Identifier: MIT */
/*
 * Versions of the tree: what one changes, another that shares with it does not
 * see; siblings stay sorted, balanced and counted; paths and permissions as text.
 */
#include "stored/tree.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stored/path.h"
#include "stored/perm.h"
#include "stored/quota.h"

static const struct vl_perm control = { 0, VL_PERM_NONE };

static struct content *text_content(const char *text)
{
	return content_new(&control, 1, text, strlen(text));
}

static void set(struct node **root, const char *path, const char *value, uint64_t gen)
{
	struct content *content = text_content(value), *parents = text_content("");

	CU_ASSERT_EQUAL(tree_set(root, path, content, parents, gen), 0);
	content_unref(content);
	content_unref(parents);
}

static void drop(struct node **root, const char *path, uint64_t gen)
{
	struct node *removed = NULL;

	CU_ASSERT_EQUAL(tree_remove(root, path, gen, &removed), 0);
	node_unref(removed);
}

static const char *get(const struct node *root, const char *path)
{
	static char text[64];
	const struct node *node = tree_find(root, path);

	if (!node) {
		return NULL;
	}
	snprintf(text, sizeof(text), "%.*s", (int)node->content->size,
		 content_value(node->content));
	return text;
}

static struct node *new_root(void)
{
	struct content *content = text_content("");
	struct node *root = tree_new(content, 1);

	content_unref(content);
	return root;
}

/* Height, order and sizes of a tree of siblings, from scratch. */
static unsigned int audit(const struct node *node, const char **last, uint32_t *size)
{
	unsigned int left, right;
	uint32_t below = 0, children = 0;
	const char *child_last = NULL;

	*size = 0;
	if (!node) {
		return 0;
	}
	left = audit(node->left, last, &below);
	*size += below;
	CU_ASSERT(*last == NULL || strcmp(*last, node->name) < 0);
	*last = node->name;
	right = audit(node->right, last, &below);
	*size += below + node->name_size + 1;
	CU_ASSERT(left <= right + 1 && right <= left + 1);
	CU_ASSERT_EQUAL(node->height, (left > right ? left : right) + 1);
	CU_ASSERT_EQUAL(node->list_size, *size);
	audit(node->child, &child_last, &children);
	return node->height;
}

static void check(const struct node *root)
{
	const char *last = NULL;
	uint32_t size;

	audit(root, &last, &size);
}

static void versions(void)
{
	struct node *one = new_root(), *two, *three;

	set(&one, "/a/b/c", "1", 2);
	set(&one, "/a/d", "2", 3);
	two = node_ref(one);
	set(&two, "/a/b/c", "x", 4);
	three = node_ref(two);
	drop(&three, "/a/b", 5);
	CU_ASSERT_STRING_EQUAL(get(one, "/a/b/c"), "1");
	CU_ASSERT_STRING_EQUAL(get(two, "/a/b/c"), "x");
	CU_ASSERT_PTR_NULL(get(three, "/a/b/c"));
	CU_ASSERT_STRING_EQUAL(get(three, "/a/d"), "2");
	/* What nobody changed is the same node in all. */
	CU_ASSERT_PTR_EQUAL(tree_find(one, "/a/d")->content, tree_find(three, "/a/d")->content);
	CU_ASSERT_EQUAL(tree_find(two, "/a")->list_gen, 3);
	CU_ASSERT_EQUAL(tree_find(three, "/a")->list_gen, 5);
	CU_ASSERT_EQUAL(tree_find(three, "/a")->gen, 2);
	check(one);
	check(three);
	node_unref(one);
	node_unref(two);
	node_unref(three);
}

/* Thousands of siblings come and go, under a version that stays as it was. */
static void siblings(void)
{
	struct node *root = new_root(), *old;
	char path[32], *names;
	bool there[3000] = { false };
	size_t count, size;

	srand(1);
	for (int round = 0; round < 12000; round++) {
		unsigned int i = (unsigned int)rand() % 3000;

		snprintf(path, sizeof(path), "/d/%u", i);
		if (there[i] && rand() % 2) {
			drop(&root, path, (uint64_t)round + 10);
		} else {
			set(&root, path, "v", (uint64_t)round + 10);
		}
		there[i] = tree_find(root, path) != NULL;
		if (round % 1000 == 500) {
			check(root);
			old = node_ref(root);
			size = tree_list_size(tree_find(old, "/d"));
			drop(&root, "/d", 5);
			set(&root, "/d/9999", "", 6);
			CU_ASSERT_EQUAL(tree_list_size(tree_find(old, "/d")), size);
			check(old);
			node_unref(root);
			root = old;
		}
	}
	size = tree_list_size(tree_find(root, "/d"));
	names = malloc(size);
	/* Any offset gives the rest of the list; in parts it is the same list. */
	CU_ASSERT_EQUAL(tree_list(tree_find(root, "/d"), 0, names, size), size);
	for (size_t at = 0; at < size; at += 97) {
		char part[64];
		size_t got = tree_list(tree_find(root, "/d"), at, part, sizeof(part));

		CU_ASSERT(memcmp(part, names + at, got) == 0);
		CU_ASSERT(got + at == size || got > sizeof(part) - 6);
	}
	count = 0;
	for (size_t at = 0; at < size; at += strlen(names + at) + 1) {
		CU_ASSERT(there[atoi(names + at)]);
		count++;
	}
	for (int i = 0; i < 3000; i++) {
		count -= there[i];
	}
	CU_ASSERT_EQUAL(count, 0);
	free(names);
	node_unref(root);
}

static int visit(void *arg, const char *path, const struct node *node)
{
	(void)node;
	strcat(arg, path);
	strcat(arg, " ");
	return 0;
}

static void walks(void)
{
	struct node *root = new_root();
	char text[256] = "", deep[PATH_ROOM] = "";
	unsigned int missing;

	set(&root, "/b", "", 2);
	set(&root, "/a/y", "", 3);
	set(&root, "/a/x/z", "", 4);
	tree_walk(root, "/", visit, text);
	CU_ASSERT_STRING_EQUAL(text, "/ /a /a/x /a/x/z /a/y /b ");
	text[0] = '\0';
	tree_walk(tree_find(root, "/a"), "/a", visit, text);
	CU_ASSERT_STRING_EQUAL(text, "/a /a/x /a/x/z /a/y ");
	CU_ASSERT_PTR_EQUAL(tree_nearest(root, "/a/q/r", &missing), tree_find(root, "/a"));
	CU_ASSERT_EQUAL(missing, 2);
	/* As deep as a path can be. */
	for (int i = 0; i < XENSTORE_ABS_PATH_MAX / 2; i++) {
		strcat(deep, "/d");
	}
	set(&root, deep, "x", 5);
	CU_ASSERT_STRING_EQUAL(get(root, deep), "x");
	check(root);
	node_unref(root);
}

static void paths(void)
{
	static const char *const good[] = { "/", "/a", "/a/b", "/A-_@9/x", "/@" };
	static const char *const bad[] = { "",	   "a",	  "//",	  "/a/",       "/a//b",
					   "/a b", "/a.", "/a\n", "/\xc3\xa4", "/a/ " };
	char out[PATH_ROOM], text[PATH_ROOM + 8];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CU_ASSERT(path_valid(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CU_ASSERT_FALSE(path_valid(bad[i]));
	}
	CU_ASSERT_EQUAL(path_resolve(out, 7, "x/y"), 0);
	CU_ASSERT_STRING_EQUAL(out, "/local/domain/7/x/y");
	CU_ASSERT_EQUAL(path_home_size(7), strlen("/local/domain/7/"));
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[XENSTORE_ABS_PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(path_resolve(out, 1, text), 0);
	text[XENSTORE_ABS_PATH_MAX] = 'a';
	text[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_resolve(out, 1, text), -EINVAL);
	text[0] = 'a';
	text[XENSTORE_REL_PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(path_resolve(out, 1, text), 0);
	text[XENSTORE_REL_PATH_MAX] = 'a';
	text[XENSTORE_REL_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_resolve(out, 1, text), -EINVAL);
}

static void perms(void)
{
	static const char *const bad[] = { "",	     "r",      "x5",	  "r-1", "r5x",
					   "r32752", "r99999", "r123456", "5r",	 "r 5" };
	static const struct vl_perm list[] = { { 3, VL_PERM_READ },
					       { 4, VL_PERM_NONE },
					       { 5, VL_PERM_WRITE } };
	struct content *content = content_new(list, 3, NULL, 0);
	struct who who = { 3, 3, false };
	struct vl_perm perm;
	char text[PERM_ROOM];

	CU_ASSERT(perm_parse("b32751", &perm));
	CU_ASSERT(perm.domid == 32751 && perm.access == (VL_PERM_READ | VL_PERM_WRITE));
	perm_print(&perm, text);
	CU_ASSERT_STRING_EQUAL(text, "b32751");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CU_ASSERT_FALSE(perm_parse(bad[i], &perm));
	}
	CU_ASSERT(perm_allows(content, &who, VL_PERM_READ | VL_PERM_WRITE));
	who = (struct who){ 4, 4, false };
	CU_ASSERT_FALSE(perm_allows(content, &who, VL_PERM_READ));
	who = (struct who){ 5, 5, false };
	CU_ASSERT(perm_allows(content, &who, VL_PERM_WRITE));
	CU_ASSERT_FALSE(perm_allows(content, &who, VL_PERM_READ));
	who = (struct who){ 6, 6, false };
	CU_ASSERT(perm_allows(content, &who, VL_PERM_READ));
	CU_ASSERT_FALSE(perm_is_owner(content, &who));
	/* A domain has the rights of its target as well. */
	who = (struct who){ 6, 3, false };
	CU_ASSERT(perm_is_owner(content, &who));
	content_unref(content);
}

static void quotas(void)
{
	struct quotas quotas = quota_defaults;

	CU_ASSERT_EQUAL(quota_set(&quotas, "nodes", "12"), 0);
	CU_ASSERT_EQUAL(quotas.limit[QUOTA_NODES], 12);
	CU_ASSERT_EQUAL(quota_set(&quotas, "nodes", "0"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&quotas, "nodes", "-1"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&quotas, "nodes", "1x"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&quotas, "nodes", "99999999999999999999"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&quotas, "node", "1"), -EINVAL);
	for (int i = 0; i < QUOTA_COUNT; i++) {
		CU_ASSERT(quota_name((enum quota)i) && quota_meaning((enum quota)i) &&
			  quota_errno((enum quota)i) < 0 && quota_defaults.limit[i] > 0);
	}
}

CU_TestInfo tree_tests[] = {
	{ "versions", versions }, { "siblings", siblings }, { "walks", walks }, { "paths", paths },
	{ "permissions", perms }, { "quotas", quotas },	    CU_TEST_INFO_NULL,
};

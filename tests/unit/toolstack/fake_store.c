/* SPDX-License-Identifier: MIT */
/* The store in memory; see fake_store.h.  Small and slow, which tests do not mind. */
#include "fake_store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store_calls.h"
#include "fake_store_tree.h"
#include "libvellum/store.h"

#define WATCHES 256
#define EVENTS 1024
#define TRANSACTIONS 8
#define DOMAINS 65536

struct change {
	char *path;
};

struct transaction {
	bool open;
	struct tree *tree;
	uint64_t generation;
	struct change changes[TREE_NODES];
	size_t change_count;
};

struct event {
	struct vl_store *store;
	char *path, *token;
};

struct vl_store {
	bool open;
};

static struct tree *root;
static uint64_t generation;
static struct transaction transactions[TRANSACTIONS];
static struct event watches[WATCHES], events[EVENTS];
static size_t watch_count, event_count, handles;
static void (*hook)(const char *path);
static unsigned int conflicts;
static bool introduced[DOMAINS], in_place, failed;
static unsigned int fail_at;

static bool fails(void)
{
	if (fail_at > 0 && --fail_at == 0) {
		failed = true;
		return true;
	}
	return false;
}

static struct tree *the_root(void)
{
	if (!root) {
		root = fake_tree_alloc(1, sizeof(*root));
		root->nodes[0] = (struct node){ .path = fake_tree_text("/"), .perm_count = 1 };
		fake_tree_set(&root->nodes[0], "", 0);
		root->count = 1;
	}
	return root;
}

/* ---- Watches ----------------------------------------------------------------------- */

static void fire(const char *path)
{
	/* A node that goes takes along what is watched below it. */
	for (size_t i = 0; i < watch_count; i++) {
		if ((fake_tree_below(path, watches[i].path) ||
		     fake_tree_below(watches[i].path, path)) &&
		    event_count < EVENTS) {
			events[event_count++] = (struct event){
				.store = watches[i].store,
				.path = fake_tree_text(path),
				.token = fake_tree_text(watches[i].token),
			};
		}
	}
}

static void changed(vl_tx tx, const char *path)
{
	struct transaction *transaction;
	char copy[VL_STORE_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	if (tx) {
		transaction = &transactions[tx - 1];
		if (transaction->change_count < TREE_NODES) {
			transaction->changes[transaction->change_count++].path =
				fake_tree_text(copy);
		}
		return;
	}
	generation++;
	fire(copy);
	if (hook) {
		hook(copy);
	}
}

static struct tree *tree_of(vl_tx tx)
{
	return tx ? transactions[tx - 1].tree : the_root();
}

/* ---- For tests ----------------------------------------------------------------------- */

static void close_transaction(struct transaction *transaction)
{
	fake_tree_free(transaction->tree);
	for (size_t i = 0; i < transaction->change_count; i++) {
		free(transaction->changes[i].path);
	}
	*transaction = (struct transaction){ 0 };
}

static void free_event(struct event *event)
{
	free(event->path);
	free(event->token);
}

void fake_store_reset(void)
{
	fake_tree_free(root);
	root = NULL;
	for (size_t i = 0; i < TRANSACTIONS; i++) {
		close_transaction(&transactions[i]);
	}
	for (size_t i = 0; i < watch_count; i++) {
		free_event(&watches[i]);
	}
	for (size_t i = 0; i < event_count; i++) {
		free_event(&events[i]);
	}
	watch_count = event_count = 0;
	conflicts = fail_at = 0;
	hook = NULL;
	memset(introduced, 0, sizeof(introduced));
}

const char *fake_store_get(const char *path)
{
	struct node *node = fake_tree_find(the_root(), path);

	return node ? node->value : NULL;
}

void fake_store_set(const char *path, const char *value)
{
	fake_tree_set(fake_tree_make(the_root(), path), value, strlen(value));
	changed(0, path);
}

void fake_store_remove(const char *path)
{
	if (fake_tree_drop(the_root(), path)) {
		changed(0, path);
	}
}

const char *fake_store_perms(const char *path)
{
	static const char letters[] = "nrwb";
	static char text[128];
	struct node *node = fake_tree_find(the_root(), path);

	*text = '\0';
	for (size_t i = 0; node && i < node->perm_count; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%c%u",
			 letters[node->perms[i].access & 3], node->perms[i].domid);
	}
	return text;
}

size_t fake_store_count(void)
{
	return the_root()->count;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *fake_store_dump(void)
{
	struct tree *tree = the_root();
	char **lines = fake_tree_alloc(tree->count, sizeof(*lines)), *text;
	size_t size = 1;

	for (size_t i = 0; i < tree->count; i++) {
		if (asprintf(&lines[i], "%s = %s\n", tree->nodes[i].path, tree->nodes[i].value) <
		    0) {
			abort();
		}
		size += strlen(lines[i]);
	}
	qsort(lines, tree->count, sizeof(*lines), compare);
	text = fake_tree_alloc(1, size);
	for (size_t i = 0; i < tree->count; i++) {
		strcat(text, lines[i]);
		free(lines[i]);
	}
	free(lines);
	return text;
}

size_t fake_store_open(void)
{
	size_t open = handles + watch_count;

	for (size_t i = 0; i < TRANSACTIONS; i++) {
		open += transactions[i].open;
	}
	return open;
}

void fake_store_hook(void (*new_hook)(const char *path))
{
	hook = new_hook;
}

void fake_store_conflict(unsigned int times)
{
	conflicts = times;
}

void fake_store_install(bool install)
{
	in_place = install;
}

bool fake_store_installed(void)
{
	return in_place;
}

void fake_store_fail_at(unsigned int n)
{
	fail_at = n;
	failed = false;
}

bool fake_store_failed(void)
{
	fail_at = 0;
	return failed;
}

bool fake_store_introduced(uint16_t domid)
{
	return introduced[domid];
}

/* ---- The calls of libvellum/store.h ------------------------------------------------------------------ */

static int call(struct vl_store *store, struct vl_error *error)
{
	if (!store || !store->open) {
		abort();
	}
	return fails() ? vl_error_set(error, -EIO, "the store fails by order") : 0;
}

static int missing(const char *path, struct vl_error *error)
{
	return vl_error_set(error, -ENOENT, "%s: no such node", path);
}

int fake_call_open(struct vl_store **store, const char *path, struct vl_error *error)
{
	(void)path;
	if (fails()) {
		return vl_error_set(error, -ECONNREFUSED, "the store fails by order");
	}
	*store = fake_tree_alloc(1, sizeof(**store));
	(*store)->open = true;
	handles++;
	return 0;
}

void fake_call_close(struct vl_store *store)
{
	size_t kept = 0;

	if (!store) {
		return;
	}
	for (size_t i = 0; i < watch_count; i++) {
		if (watches[i].store == store) {
			free_event(&watches[i]);
		} else {
			watches[kept++] = watches[i];
		}
	}
	watch_count = kept;
	kept = 0;
	for (size_t i = 0; i < event_count; i++) {
		if (events[i].store == store) {
			free_event(&events[i]);
		} else {
			events[kept++] = events[i];
		}
	}
	event_count = kept;
	free(store);
	handles--;
}

int fake_call_read(struct vl_store *store, vl_tx tx, const char *path, char **value, size_t *size,
		   struct vl_error *error)
{
	struct node *node;
	int rc = call(store, error);

	if (rc) {
		return rc;
	}
	node = fake_tree_find(tree_of(tx), path);
	if (!node) {
		return missing(path, error);
	}
	*value = fake_tree_alloc(1, node->size + 1);
	memcpy(*value, node->value, node->size);
	if (size) {
		*size = node->size;
	}
	return 0;
}

int fake_call_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
		    size_t size, struct vl_error *error)
{
	int rc = call(store, error);

	if (rc) {
		return rc;
	}
	if (*path != '/' || size > VL_STORE_VALUE_MAX) {
		return vl_error_set(error, -EINVAL, "%s: cannot be written", path);
	}
	fake_tree_set(fake_tree_make(tree_of(tx), path), value, size);
	changed(tx, path);
	return 0;
}

int fake_call_mkdir(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error)
{
	int rc = call(store, error);

	if (!rc && !fake_tree_find(tree_of(tx), path)) {
		fake_tree_make(tree_of(tx), path);
		changed(tx, path);
	}
	return rc;
}

int fake_call_remove(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error)
{
	int rc = call(store, error);

	if (!rc && fake_tree_drop(tree_of(tx), path)) {
		changed(tx, path);
	}
	return rc;
}

/* The name of a child, or null: it is none. */
static const char *child_of(const struct node *node, const char *path)
{
	const char *name;

	if (!strcmp(node->path, path) || !fake_tree_below(node->path, path)) {
		return NULL;
	}
	name = node->path + strlen(path) + (strcmp(path, "/") != 0);
	return strchr(name, '/') ? NULL : name;
}

int fake_call_list(struct vl_store *store, vl_tx tx, const char *path, char ***names,
		   struct vl_error *error)
{
	struct tree *tree = tree_of(tx);
	size_t size = sizeof(char *), count = 0;
	char **list, *text;
	int rc = call(store, error);

	if (rc || !fake_tree_find(tree, path)) {
		return rc ? rc : missing(path, error);
	}
	for (size_t i = 0; i < tree->count; i++) {
		const char *name = child_of(&tree->nodes[i], path);

		size += name ? sizeof(char *) + strlen(name) + 1 : 0;
		count += name != NULL;
	}
	list = fake_tree_alloc(1, size);
	text = (char *)(list + count + 1);
	count = 0;
	for (size_t i = 0; i < tree->count; i++) {
		const char *name = child_of(&tree->nodes[i], path);

		if (name) {
			list[count++] = strcpy(text, name);
			text += strlen(name) + 1;
		}
	}
	*names = list;
	return (int)count;
}

int fake_call_get_perms(struct vl_store *store, vl_tx tx, const char *path, struct vl_perm **perms,
			struct vl_error *error)
{
	struct node *node;
	int rc = call(store, error);

	node = fake_tree_find(tree_of(tx), path);
	if (rc || !node) {
		return rc ? rc : missing(path, error);
	}
	*perms = fake_tree_alloc(node->perm_count, sizeof(**perms));
	memcpy(*perms, node->perms, node->perm_count * sizeof(**perms));
	return (int)node->perm_count;
}

int fake_call_set_perms(struct vl_store *store, vl_tx tx, const char *path,
			const struct vl_perm *perms, size_t count, struct vl_error *error)
{
	struct node *node;
	int rc = call(store, error);

	node = fake_tree_find(tree_of(tx), path);
	if (rc || !node || count > 8) {
		return rc ? rc : missing(path, error);
	}
	memcpy(node->perms, perms, count * sizeof(*perms));
	node->perm_count = count;
	changed(tx, path);
	return 0;
}

int fake_call_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error)
{
	int rc = call(store, error);

	for (vl_tx i = 0; !rc && i < TRANSACTIONS; i++) {
		if (!transactions[i].open) {
			transactions[i] = (struct transaction){
				.open = true,
				.tree = fake_tree_copy(the_root()),
				.generation = generation,
			};
			*tx = i + 1;
			return 0;
		}
	}
	return rc ? rc : vl_error_set(error, -EDQUOT, "too many transactions");
}

int fake_call_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error)
{
	struct transaction *transaction = &transactions[tx - 1], done;
	int rc = call(store, error);

	if (!transaction->open) {
		abort();
	}
	if (!rc && commit && (conflicts || transaction->generation != generation)) {
		conflicts -= conflicts > 0;
		rc = vl_error_set(error, -EAGAIN, "the transaction met another");
	}
	if (rc || !commit) {
		close_transaction(transaction);
		return rc;
	}
	done = *transaction;
	*transaction = (struct transaction){ 0 };
	fake_tree_free(root);
	root = done.tree;
	done.tree = NULL;
	for (size_t i = 0; i < done.change_count; i++) {
		changed(0, done.changes[i].path);
	}
	close_transaction(&done);
	return 0;
}

int fake_call_watch(struct vl_store *store, const char *path, const char *token,
		    struct vl_error *error)
{
	int rc = call(store, error);

	if (rc || watch_count == WATCHES) {
		return rc ? rc : vl_error_set(error, -EDQUOT, "too many watches");
	}
	watches[watch_count++] = (struct event){
		.store = store,
		.path = fake_tree_text(path),
		.token = fake_tree_text(token),
	};
	if (event_count < EVENTS) {
		events[event_count++] = (struct event){
			.store = store,
			.path = fake_tree_text(path),
			.token = fake_tree_text(token),
		};
	}
	return 0;
}

int fake_call_unwatch(struct vl_store *store, const char *path, const char *token,
		      struct vl_error *error)
{
	int rc = call(store, error);

	for (size_t i = 0; !rc && i < watch_count; i++) {
		if (watches[i].store == store && !strcmp(watches[i].path, path) &&
		    !strcmp(watches[i].token, token)) {
			free_event(&watches[i]);
			watches[i] = watches[--watch_count];
			return 0;
		}
	}
	return rc ? rc : missing(path, error);
}

/* Nothing can come while we wait: one thread. */
int fake_call_event(struct vl_store *store, int timeout_ms, char **path, char **token,
		    struct vl_error *error)
{
	int rc = call(store, error);

	for (size_t i = 0; !rc && i < event_count; i++) {
		if (events[i].store == store) {
			*path = events[i].path;
			*token = events[i].token;
			memmove(&events[i], &events[i + 1],
				(--event_count - i) * sizeof(events[0]));
			return 1;
		}
	}
	if (!rc && timeout_ms > 0) {
		poll(NULL, 0, timeout_ms);
	}
	return rc;
}

int fake_call_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
			struct vl_error *error)
{
	int rc = call(store, error);

	(void)frame;
	(void)port;
	if (!rc) {
		introduced[domid] = true;
	}
	return rc;
}

int fake_call_release(struct vl_store *store, uint16_t domid, struct vl_error *error)
{
	int rc = call(store, error);

	if (!rc && !introduced[domid]) {
		return vl_error_set(error, -ENOENT, "domain %u is unknown", domid);
	}
	introduced[domid] = rc ? introduced[domid] : false;
	return rc;
}

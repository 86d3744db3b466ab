/* SPDX-License-Identifier: MIT */
/*
 * Writing whole directories of the store, for guest_nodes.c and device*.c.  A
 * transaction that met another is done again here and nowhere else.
 */
#include "libvellum/nodes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each round another transaction got its way, so there is progress without end
 * only if somebody writes there on and on. */
#define ATTEMPTS 100

void nodes_dir(struct nodes *nodes, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(nodes->dir, sizeof(nodes->dir), format, args);
	va_end(args);
	if (!nodes->rc && (size < 0 || (size_t)size >= sizeof(nodes->dir))) {
		nodes->rc = vl_error_set(nodes->error, -EINVAL, "a path of the store is too long");
	}
}

/* False: too long, which is noted. */
static bool join(struct nodes *nodes, const char *name, char path[2 * NODE_PATH_SIZE])
{
	int size = snprintf(path, (size_t)2 * NODE_PATH_SIZE, "%s%s%s", nodes->dir,
			    *name ? "/" : "", name);

	if (size < 0 || size >= 2 * NODE_PATH_SIZE) {
		nodes->rc = vl_error_set(nodes->error, -EINVAL, "a path of the store is too long");
		return false;
	}
	return true;
}

void nodes_make(struct nodes *nodes, const char *name, uint16_t owner, uint16_t reader)
{
	struct vl_perm perms[2] = { { owner, VL_PERM_NONE }, { reader, VL_PERM_READ } };
	char path[2 * NODE_PATH_SIZE];

	if (nodes->rc || !join(nodes, name, path)) {
		return;
	}
	nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	if (!nodes->rc) {
		nodes->rc = vl_store_mkdir(nodes->store, nodes->tx, path, nodes->error);
	}
	if (!nodes->rc) {
		nodes->rc =
			vl_store_set_perms(nodes->store, nodes->tx, path, perms, 2, nodes->error);
	}
}

void nodes_own(struct nodes *nodes, const char *name, uint16_t owner)
{
	struct vl_perm perm = { owner, VL_PERM_NONE };
	char path[2 * NODE_PATH_SIZE];

	nodes_put_text(nodes, name, "");
	if (!nodes->rc && join(nodes, name, path)) {
		nodes->rc =
			vl_store_set_perms(nodes->store, nodes->tx, path, &perm, 1, nodes->error);
	}
}

void nodes_put_text(struct nodes *nodes, const char *name, const char *text)
{
	char path[2 * NODE_PATH_SIZE];

	if (!nodes->rc && join(nodes, name, path)) {
		nodes->rc = vl_store_write(nodes->store, nodes->tx, path, text, strlen(text),
					   nodes->error);
	}
}

void nodes_put(struct nodes *nodes, const char *name, const char *format, ...)
{
	char value[2 * NODE_PATH_SIZE];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (!nodes->rc && (size < 0 || (size_t)size >= sizeof(value))) {
		nodes->rc = vl_error_set(nodes->error, -EINVAL, "the value of %s/%s is too long",
					 nodes->dir, name);
	}
	nodes_put_text(nodes, name, value);
}

int nodes_transact(struct vl_store *store, void (*fill)(struct nodes *nodes, void *arg), void *arg,
		   struct vl_error *error)
{
	struct nodes nodes;
	int rc = -EAGAIN;

	for (unsigned int i = 0; i < ATTEMPTS && rc == -EAGAIN; i++) {
		nodes = (struct nodes){ .store = store, .error = error };
		rc = vl_store_begin(store, &nodes.tx, error);
		if (rc) {
			continue;
		}
		vl_store_queue(store);
		fill(&nodes, arg);
		rc = vl_store_flush(store, nodes.rc ? NULL : error);
		nodes.rc = nodes.rc ? nodes.rc : rc;
		if (nodes.rc) {
			vl_store_end(store, nodes.tx, false, NULL);
			rc = nodes.rc;
		} else {
			rc = vl_store_end(store, nodes.tx, true, error);
		}
	}
	return rc;
}

int nodes_number(struct vl_store *store, const char *dir, const char *name, unsigned int *number,
		 struct vl_error *error)
{
	unsigned long value;
	char *text = NULL, *end;
	int rc = vl_store_readf(store, 0, &text, error, "%s/%s", dir, name);

	*number = 0;
	if (rc || !text) {
		return rc;
	}
	errno = 0;
	value = strtoul(text, &end, 10);
	if (!errno && !*end && end != text && value <= UINT32_MAX) {
		*number = (unsigned int)value;
	}
	free(text);
	return 0;
}

int nodes_wait(struct vl_store *store, int timeout_ms, struct vl_error *error)
{
	char *path = NULL, *token = NULL;
	int rc = vl_store_event(store, timeout_ms, &path, &token, error);

	if (rc > 0) {
		free(path);
		free(token);
	}
	return rc < 0 ? rc : 0;
}

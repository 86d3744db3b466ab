/* SPDX-License-Identifier: MIT */
/*
 * The operations of store.h, each as the wire protocol wants it. Called by
 * programs of the toolstack and by other parts of libvellum; the bytes are
 * store_wire.c's matter.
 */
#include "libvellum/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/store_wire.h"

#define PERMS_MAX 256
#define PERM_ROOM 8

/* ---- Nodes ------------------------------------------------------------------- */

int vl_store_read(struct vl_store *store, vl_tx tx, const char *path, char **value, size_t *size,
		  struct vl_error *error)
{
	struct store_request request = store_path_request(XS_READ, tx, "reading", path);
	const char *data;
	size_t data_size;
	int rc = store_talk(store, &request, &data, &data_size, error);

	if (rc) {
		return rc;
	}
	*value = malloc(data_size + 1);
	if (!*value) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	memcpy(*value, data, data_size);
	(*value)[data_size] = '\0';
	if (size) {
		*size = data_size;
	}
	return 0;
}

/* Prints into a buffer of VL_STORE_VALUE_MAX. */
__attribute__((format(printf, 2, 0))) static int print(char *text, const char *format, va_list args,
						       struct vl_error *error)
{
	int size = vsnprintf(text, VL_STORE_VALUE_MAX, format, args);

	if (size < 0 || size >= VL_STORE_VALUE_MAX) {
		return vl_error_set(error, -E2BIG, "%.60s...: too long for the store", text);
	}
	return 0;
}

int vl_store_readf(struct vl_store *store, vl_tx tx, char **value, struct vl_error *error,
		   const char *path, ...)
{
	char text[VL_STORE_VALUE_MAX];
	va_list args;
	int rc;

	va_start(args, path);
	rc = print(text, path, args, error);
	va_end(args);
	rc = rc ? rc : vl_store_read(store, tx, text, value, NULL, error);
	if (rc == -ENOENT) {
		*value = NULL;
		return 0;
	}
	return rc;
}

int vl_store_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
		   size_t size, struct vl_error *error)
{
	struct store_request request = store_path_request(XS_WRITE, tx, "writing", path);

	store_add(&request, value, size);
	return store_talk_only(store, &request, error);
}

int vl_store_writef(struct vl_store *store, vl_tx tx, const char *dir, const char *name,
		    struct vl_error *error, const char *value, ...)
{
	char text[VL_STORE_VALUE_MAX], path[VL_STORE_PATH_MAX + 1];
	va_list args;
	int size, rc;

	va_start(args, value);
	rc = print(text, value, args, error);
	va_end(args);
	if (rc) {
		return rc;
	}
	size = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (size < 0 || (size_t)size >= sizeof(path)) {
		return vl_error_set(error, -EINVAL, "%.100s.../%.60s: too long a path", dir, name);
	}
	return vl_store_write(store, tx, path, text, strlen(text), error);
}

int vl_store_mkdir(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error)
{
	struct store_request request = store_path_request(XS_MKDIR, tx, "making", path);

	return store_talk_only(store, &request, error);
}

int vl_store_remove(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error)
{
	struct store_request request = store_path_request(XS_RM, tx, "removing", path);

	/* The daemon says so where not even its parent is there. */
	request.may_be_absent = true;
	return store_talk_only(store, &request, error);
}

/* A list that grows by parts, of names that each end in a zero. */
struct names {
	char *data;
	size_t size;
};

static int names_add(struct names *names, const char *data, size_t size, struct vl_error *error)
{
	char *grown = realloc(names->data, names->size + size + 1);

	if (!grown) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	names->data = grown;
	memcpy(grown + names->size, data, size);
	names->size += size;
	return 0;
}

/* For a list longer than a message: in parts, from the start again if it changes meanwhile. */
static int list_parts(struct vl_store *store, vl_tx tx, const char *path, struct names *names,
		      struct vl_error *error)
{
	char offset[24], generation[64] = "";
	const char *data;
	size_t size, skip;
	int rc;

	for (;;) {
		struct store_request request =
			store_path_request(XS_DIRECTORY_PART, tx, "listing", path);

		snprintf(offset, sizeof(offset), "%zu", names->size);
		store_add_text(&request, offset);
		rc = store_talk(store, &request, &data, &size, error);
		if (rc) {
			return rc;
		}
		skip = strlen(data) + 1;
		if (skip > size || skip > sizeof(generation)) {
			return store_lost(store, error);
		}
		if (names->size && strcmp(generation, data) != 0) {
			names->size = 0;
			continue;
		}
		memcpy(generation, data, skip);
		rc = names_add(names, data + skip, size - skip, error);
		if (rc) {
			return rc;
		}
		/* An empty name is behind the last one. */
		if (size == skip || (names->size == 1) ||
		    (names->size > 1 && !names->data[names->size - 1] &&
		     !names->data[names->size - 2])) {
			names->size -= size > skip;
			return 0;
		}
	}
}

/* One piece: pointers to the names, a null pointer, the names. */
static int names_split(struct names *names, char ***out, struct vl_error *error)
{
	size_t count = 0, bytes;
	char **list, *at;

	for (size_t i = 0; i < names->size; i++) {
		count += names->data[i] == '\0';
	}
	bytes = (count + 1) * sizeof(char *);
	list = malloc(bytes + names->size + 1);
	if (!list) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	at = (char *)list + bytes;
	if (names->size) {
		memcpy(at, names->data, names->size);
	}
	for (size_t i = 0; i < count; i++) {
		list[i] = at;
		at += strlen(at) + 1;
	}
	list[count] = NULL;
	*out = list;
	return (int)count;
}

int vl_store_list(struct vl_store *store, vl_tx tx, const char *path, char ***out,
		  struct vl_error *error)
{
	struct store_request request = store_path_request(XS_DIRECTORY, tx, "listing", path);
	struct names names = { NULL, 0 };
	const char *data;
	size_t size;
	int rc = store_talk(store, &request, &data, &size, error);

	if (rc == 0) {
		rc = names_add(&names, data, size, error);
	} else if (rc == -E2BIG) {
		rc = list_parts(store, tx, path, &names, error);
	}
	rc = rc ? rc : names_split(&names, out, error);
	free(names.data);
	return rc;
}

/* ---- Permissions ------------------------------------------------------------- */

static const char perm_letters[] = "nrwb"; /* by VL_PERM_* */

static int parse_perm(const char *text, struct vl_perm *perm)
{
	const char *letter = text[0] ? strchr(perm_letters, text[0]) : NULL;
	unsigned long domid;
	char *end;

	if (!letter || text[1] < '0' || text[1] > '9') {
		return -EIO;
	}
	domid = strtoul(text + 1, &end, 10);
	if (*end || domid > UINT16_MAX) {
		return -EIO;
	}
	*perm = (struct vl_perm){ (uint16_t)domid, (uint16_t)(letter - perm_letters) };
	return 0;
}

int vl_store_get_perms(struct vl_store *store, vl_tx tx, const char *path, struct vl_perm **out,
		       struct vl_error *error)
{
	struct store_request request = store_path_request(XS_GET_PERMS, tx, "permissions of", path);
	const char *data, *at;
	struct vl_perm *perms;
	size_t size;
	int count = 0, rc = store_talk(store, &request, &data, &size, error);

	if (rc) {
		return rc;
	}
	perms = malloc((size / 2 + 1) * sizeof(*perms));
	if (!perms) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	for (at = data; at < data + size; at += strlen(at) + 1) {
		if (parse_perm(at, &perms[count++])) {
			free(perms);
			return vl_error_set(error, -EIO, "permissions of %.160s: '%.16s'", path,
					    at);
		}
	}
	*out = perms;
	return count;
}

int vl_store_set_perms(struct vl_store *store, vl_tx tx, const char *path,
		       const struct vl_perm *perms, size_t count, struct vl_error *error)
{
	struct store_request request =
		store_path_request(XS_SET_PERMS, tx, "setting permissions of", path);
	char text[PERMS_MAX * PERM_ROOM];
	size_t size = 0;

	if (count == 0 || count > PERMS_MAX) {
		return vl_error_set(error, -EINVAL, "%.160s: %zu permissions", path, count);
	}
	for (size_t i = 0; i < count; i++) {
		size += (size_t)snprintf(text + size, PERM_ROOM, "%c%u",
					 perm_letters[perms[i].access & 3], perms[i].domid) +
			1;
	}
	store_add(&request, text, size);
	return store_talk_only(store, &request, error);
}

/* ---- Transactions ------------------------------------------------------------ */

int vl_store_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error)
{
	struct store_request request =
		store_request(XS_TRANSACTION_START, 0, "beginning", "a transaction");
	const char *data;
	unsigned long id;
	size_t size;
	char *end;
	int rc;

	store_add_text(&request, "");
	rc = store_talk(store, &request, &data, &size, error);
	if (rc) {
		return rc;
	}
	id = strtoul(data, &end, 10);
	if (*end || id == 0 || id > UINT32_MAX) {
		return store_lost(store, error);
	}
	*tx = (vl_tx)id;
	return 0;
}

int vl_store_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error)
{
	struct store_request request =
		store_request(XS_TRANSACTION_END, tx, "ending", "a transaction");

	store_add_text(&request, commit ? "T" : "F");
	return store_talk_only(store, &request, error);
}

/* ---- Watches ----------------------------------------------------------------- */

int vl_store_watch(struct vl_store *store, const char *path, const char *token,
		   struct vl_error *error)
{
	struct store_request request = store_path_request(XS_WATCH, 0, "watching", path);

	store_add_text(&request, token);
	return store_talk_only(store, &request, error);
}

int vl_store_unwatch(struct vl_store *store, const char *path, const char *token,
		     struct vl_error *error)
{
	struct store_request request =
		store_path_request(XS_UNWATCH, 0, "no longer watching", path);

	store_add_text(&request, token);
	return store_talk_only(store, &request, error);
}

/* ---- Domains ----------------------------------------------------------------- */

int vl_store_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
		       struct vl_error *error)
{
	struct store_request request;
	char name[16], text[64];
	int size;

	snprintf(name, sizeof(name), "domain %u", domid);
	request = store_request(XS_INTRODUCE, 0, "introducing", name);
	size = snprintf(text, sizeof(text), "%u%c%" PRIu64 "%c%u", domid, 0, frame, 0, port);
	store_add(&request, text, (size_t)size + 1);
	return store_talk_only(store, &request, error);
}

int vl_store_release(struct vl_store *store, uint16_t domid, struct vl_error *error)
{
	struct store_request request;
	char name[16], text[8];

	snprintf(name, sizeof(name), "domain %u", domid);
	request = store_request(XS_RELEASE, 0, "releasing", name);
	snprintf(text, sizeof(text), "%u", domid);
	store_add_text(&request, text);
	return store_talk_only(store, &request, error);
}

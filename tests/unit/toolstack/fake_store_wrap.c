/* SPDX-License-Identifier: MIT */
/*
 * What the linker puts in front of libvellum's store client (--wrap): the fake
 * where a test has installed it, else the real one.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fake_store.h"
#include "fake_store_calls.h"

__attribute__((weak)) int __real_vl_store_open(struct vl_store **store, const char *path,
					       struct vl_error *error);
int __wrap_vl_store_open(struct vl_store **store, const char *path, struct vl_error *error);
__attribute__((weak)) void __real_vl_store_close(struct vl_store *store);
void __wrap_vl_store_close(struct vl_store *store);
__attribute__((weak)) int __real_vl_store_read(struct vl_store *store, vl_tx tx, const char *path,
					       char **value, size_t *size, struct vl_error *error);
int __wrap_vl_store_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			 size_t *size, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_write(struct vl_store *store, vl_tx tx, const char *path,
						const void *value, size_t size,
						struct vl_error *error);
int __wrap_vl_store_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
			  size_t size, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_mkdir(struct vl_store *store, vl_tx tx, const char *path,
						struct vl_error *error);
int __wrap_vl_store_mkdir(struct vl_store *store, vl_tx tx, const char *path,
			  struct vl_error *error);
__attribute__((weak)) int __real_vl_store_remove(struct vl_store *store, vl_tx tx, const char *path,
						 struct vl_error *error);
int __wrap_vl_store_remove(struct vl_store *store, vl_tx tx, const char *path,
			   struct vl_error *error);
__attribute__((weak)) int __real_vl_store_list(struct vl_store *store, vl_tx tx, const char *path,
					       char ***names, struct vl_error *error);
int __wrap_vl_store_list(struct vl_store *store, vl_tx tx, const char *path, char ***names,
			 struct vl_error *error);
__attribute__((weak)) int __real_vl_store_get_perms(struct vl_store *store, vl_tx tx,
						    const char *path, struct vl_perm **perms,
						    struct vl_error *error);
int __wrap_vl_store_get_perms(struct vl_store *store, vl_tx tx, const char *path,
			      struct vl_perm **perms, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_set_perms(struct vl_store *store, vl_tx tx,
						    const char *path, const struct vl_perm *perms,
						    size_t count, struct vl_error *error);
int __wrap_vl_store_set_perms(struct vl_store *store, vl_tx tx, const char *path,
			      const struct vl_perm *perms, size_t count, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_begin(struct vl_store *store, vl_tx *tx,
						struct vl_error *error);
int __wrap_vl_store_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_end(struct vl_store *store, vl_tx tx, bool commit,
					      struct vl_error *error);
int __wrap_vl_store_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error);
__attribute__((weak)) int __real_vl_store_watch(struct vl_store *store, const char *path,
						const char *token, struct vl_error *error);
int __wrap_vl_store_watch(struct vl_store *store, const char *path, const char *token,
			  struct vl_error *error);
__attribute__((weak)) int __real_vl_store_unwatch(struct vl_store *store, const char *path,
						  const char *token, struct vl_error *error);
int __wrap_vl_store_unwatch(struct vl_store *store, const char *path, const char *token,
			    struct vl_error *error);
__attribute__((weak)) int __real_vl_store_event(struct vl_store *store, int timeout_ms, char **path,
						char **token, struct vl_error *error);
int __wrap_vl_store_event(struct vl_store *store, int timeout_ms, char **path, char **token,
			  struct vl_error *error);
__attribute__((weak)) int __real_vl_store_introduce(struct vl_store *store, uint16_t domid,
						    uint64_t frame, uint32_t port,
						    struct vl_error *error);
int __wrap_vl_store_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
			      struct vl_error *error);
__attribute__((weak)) int __real_vl_store_release(struct vl_store *store, uint16_t domid,
						  struct vl_error *error);
int __wrap_vl_store_release(struct vl_store *store, uint16_t domid, struct vl_error *error);
__attribute__((weak)) void __real_vl_store_queue(struct vl_store *store);
void __wrap_vl_store_queue(struct vl_store *store);
__attribute__((weak)) int __real_vl_store_queue_read(struct vl_store *store, vl_tx tx,
						     const char *path, char **value,
						     struct vl_error *error);
int __wrap_vl_store_queue_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			       struct vl_error *error);
__attribute__((weak)) int __real_vl_store_flush(struct vl_store *store, struct vl_error *error);
int __wrap_vl_store_flush(struct vl_store *store, struct vl_error *error);
int __wrap_vl_store_readf(struct vl_store *store, vl_tx tx, char **value, struct vl_error *error,
			  const char *path, ...);
int __wrap_vl_store_writef(struct vl_store *store, vl_tx tx, const char *dir, const char *name,
			   struct vl_error *error, const char *value, ...);

int __wrap_vl_store_open(struct vl_store **store, const char *path, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_open(store, path, error) :
					__real_vl_store_open(store, path, error);
}

void __wrap_vl_store_close(struct vl_store *store)
{
	if (fake_store_installed()) {
		fake_call_close(store);
	} else {
		__real_vl_store_close(store);
	}
}

int __wrap_vl_store_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			 size_t *size, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_read(store, tx, path, value, size, error) :
					__real_vl_store_read(store, tx, path, value, size, error);
}

int __wrap_vl_store_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
			  size_t size, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_write(store, tx, path, value, size, error) :
					__real_vl_store_write(store, tx, path, value, size, error);
}

int __wrap_vl_store_mkdir(struct vl_store *store, vl_tx tx, const char *path,
			  struct vl_error *error)
{
	return fake_store_installed() ? fake_call_mkdir(store, tx, path, error) :
					__real_vl_store_mkdir(store, tx, path, error);
}

int __wrap_vl_store_remove(struct vl_store *store, vl_tx tx, const char *path,
			   struct vl_error *error)
{
	return fake_store_installed() ? fake_call_remove(store, tx, path, error) :
					__real_vl_store_remove(store, tx, path, error);
}

int __wrap_vl_store_list(struct vl_store *store, vl_tx tx, const char *path, char ***names,
			 struct vl_error *error)
{
	return fake_store_installed() ? fake_call_list(store, tx, path, names, error) :
					__real_vl_store_list(store, tx, path, names, error);
}

int __wrap_vl_store_get_perms(struct vl_store *store, vl_tx tx, const char *path,
			      struct vl_perm **perms, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_get_perms(store, tx, path, perms, error) :
					__real_vl_store_get_perms(store, tx, path, perms, error);
}

int __wrap_vl_store_set_perms(struct vl_store *store, vl_tx tx, const char *path,
			      const struct vl_perm *perms, size_t count, struct vl_error *error)
{
	return fake_store_installed() ?
		       fake_call_set_perms(store, tx, path, perms, count, error) :
		       __real_vl_store_set_perms(store, tx, path, perms, count, error);
}

int __wrap_vl_store_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_begin(store, tx, error) :
					__real_vl_store_begin(store, tx, error);
}

int __wrap_vl_store_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_end(store, tx, commit, error) :
					__real_vl_store_end(store, tx, commit, error);
}

int __wrap_vl_store_watch(struct vl_store *store, const char *path, const char *token,
			  struct vl_error *error)
{
	return fake_store_installed() ? fake_call_watch(store, path, token, error) :
					__real_vl_store_watch(store, path, token, error);
}

int __wrap_vl_store_unwatch(struct vl_store *store, const char *path, const char *token,
			    struct vl_error *error)
{
	return fake_store_installed() ? fake_call_unwatch(store, path, token, error) :
					__real_vl_store_unwatch(store, path, token, error);
}

int __wrap_vl_store_event(struct vl_store *store, int timeout_ms, char **path, char **token,
			  struct vl_error *error)
{
	return fake_store_installed() ?
		       fake_call_event(store, timeout_ms, path, token, error) :
		       __real_vl_store_event(store, timeout_ms, path, token, error);
}

int __wrap_vl_store_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
			      struct vl_error *error)
{
	return fake_store_installed() ? fake_call_introduce(store, domid, frame, port, error) :
					__real_vl_store_introduce(store, domid, frame, port, error);
}

int __wrap_vl_store_release(struct vl_store *store, uint16_t domid, struct vl_error *error)
{
	return fake_store_installed() ? fake_call_release(store, domid, error) :
					__real_vl_store_release(store, domid, error);
}

/* The fake answers at once. */
void __wrap_vl_store_queue(struct vl_store *store)
{
	if (!fake_store_installed()) {
		__real_vl_store_queue(store);
	}
}

int __wrap_vl_store_queue_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			       struct vl_error *error)
{
	int rc;

	if (!fake_store_installed()) {
		return __real_vl_store_queue_read(store, tx, path, value, error);
	}
	*value = NULL;
	rc = fake_call_read(store, tx, path, value, NULL, error);
	return rc == -ENOENT ? 0 : rc;
}

int __wrap_vl_store_flush(struct vl_store *store, struct vl_error *error)
{
	return fake_store_installed() ? 0 : __real_vl_store_flush(store, error);
}

int __wrap_vl_store_readf(struct vl_store *store, vl_tx tx, char **value, struct vl_error *error,
			  const char *path, ...)
{
	char text[VL_STORE_PATH_MAX];
	va_list args;
	int rc;

	va_start(args, path);
	vsnprintf(text, sizeof(text), path, args);
	va_end(args);
	*value = NULL;
	rc = __wrap_vl_store_read(store, tx, text, value, NULL, error);
	return rc == -ENOENT ? 0 : rc;
}

int __wrap_vl_store_writef(struct vl_store *store, vl_tx tx, const char *dir, const char *name,
			   struct vl_error *error, const char *value, ...)
{
	char path[VL_STORE_PATH_MAX], text[VL_STORE_VALUE_MAX + 1];
	va_list args;

	va_start(args, value);
	vsnprintf(text, sizeof(text), value, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return __wrap_vl_store_write(store, tx, path, text, strlen(text), error);
}

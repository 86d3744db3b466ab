/* SPDX-License-Identifier: MIT */
/* The fake store's calls, for fake_store_wrap.c alone: see libvellum/store.h. */
#ifndef TESTS_FAKE_STORE_CALLS_H
#define TESTS_FAKE_STORE_CALLS_H

#include "libvellum/store.h"

int fake_call_open(struct vl_store **store, const char *path, struct vl_error *error);
void fake_call_close(struct vl_store *store);
int fake_call_read(struct vl_store *store, vl_tx tx, const char *path, char **value, size_t *size,
		   struct vl_error *error);
int fake_call_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
		    size_t size, struct vl_error *error);
int fake_call_mkdir(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error);
int fake_call_remove(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error);
int fake_call_list(struct vl_store *store, vl_tx tx, const char *path, char ***names,
		   struct vl_error *error);
int fake_call_get_perms(struct vl_store *store, vl_tx tx, const char *path, struct vl_perm **perms,
			struct vl_error *error);
int fake_call_set_perms(struct vl_store *store, vl_tx tx, const char *path,
			const struct vl_perm *perms, size_t count, struct vl_error *error);
int fake_call_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error);
int fake_call_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error);
int fake_call_watch(struct vl_store *store, const char *path, const char *token,
		    struct vl_error *error);
int fake_call_unwatch(struct vl_store *store, const char *path, const char *token,
		      struct vl_error *error);
int fake_call_event(struct vl_store *store, int timeout_ms, char **path, char **token,
		    struct vl_error *error);
int fake_call_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
			struct vl_error *error);
int fake_call_release(struct vl_store *store, uint16_t domid, struct vl_error *error);

#endif

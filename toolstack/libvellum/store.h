/* SPDX-License-Identifier: MIT */
/*
 * A client of the store, over its socket, in the published wire protocol
 * (xen/io/xs_wire.h), so that it works with any daemon that speaks it.
 *
 * All functions return 0 or what is said with them, or a negative errno with a
 * sentence that names the path (error.h): -ENOENT, -EACCES, -EEXIST, -EINVAL,
 * -ENOSPC and -EDQUOT (a quota; the sentence says which), -EAGAIN (a transaction
 * met another), -ECONNRESET (the daemon went away; the handle is of no more
 * use).  A handle belongs to one thread at a time.  Values are bytes; those that
 * are read have a zero behind them that is not counted.
 */
#ifndef LIBVELLUM_STORE_H
#define LIBVELLUM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/error.h"

struct vl_store;
typedef uint32_t vl_tx; /* a transaction; 0: none */

#define VL_STORE_SOCKET "/run/xenstored/socket"
#define VL_STORE_PATH_MAX 3072
#define VL_STORE_VALUE_MAX 4096

enum {
	VL_PERM_NONE = 0,
	VL_PERM_READ = 1,
	VL_PERM_WRITE = 2
};
struct vl_perm {
	uint16_t domid;
	uint16_t access; /* VL_PERM_*; the first entry: owner, and what others may */
};

/** Connects; path null: $XENSTORED_PATH or VL_STORE_SOCKET.  -ECONNREFUSED, -ENOENT:
 *  no daemon runs. */
int vl_store_open(struct vl_store **store, const char *path, struct vl_error *error);
/** Null is fine. */
void vl_store_close(struct vl_store *store);
/** Readable when something has come: all of it is taken by vl_store_event(), until 0. */
int vl_store_fd(const struct vl_store *store);

/** *value is malloc'd, of *size bytes; size may be null. */
int vl_store_read(struct vl_store *store, vl_tx tx, const char *path, char **value, size_t *size,
		  struct vl_error *error);
/** As vl_store_read() for a path that is printed; *value is null if there is no
 *  such node, which is no error. */
__attribute__((format(printf, 5, 6))) int vl_store_readf(struct vl_store *store, vl_tx tx,
							 char **value, struct vl_error *error,
							 const char *path, ...);
int vl_store_write(struct vl_store *store, vl_tx tx, const char *path, const void *value,
		   size_t size, struct vl_error *error);
/** Writes the string dir "/" name := printed value. */
__attribute__((format(printf, 6, 7))) int vl_store_writef(struct vl_store *store, vl_tx tx,
							  const char *dir, const char *name,
							  struct vl_error *error, const char *value,
							  ...);
int vl_store_mkdir(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error);
/** Removes a node and all below; none there is success. */
int vl_store_remove(struct vl_store *store, vl_tx tx, const char *path, struct vl_error *error);
/** Names in a directory, malloc'd as one piece and ended by a null pointer; returns how many. */
int vl_store_list(struct vl_store *store, vl_tx tx, const char *path, char ***names,
		  struct vl_error *error);
/** *perms is malloc'd; returns how many. */
int vl_store_get_perms(struct vl_store *store, vl_tx tx, const char *path, struct vl_perm **perms,
		       struct vl_error *error);
int vl_store_set_perms(struct vl_store *store, vl_tx tx, const char *path,
		       const struct vl_perm *perms, size_t count, struct vl_error *error);

/**
 * From here on what has nothing to read - write, mkdir, remove, set_perms - waits, to be sent in
 * one piece: each request that is waited for alone costs two changes between processes.  The
 * first that fails is reported by a later call, at the latest by vl_store_flush(); those behind
 * it may have been done nevertheless, so this belongs into transactions.
 */
void vl_store_queue(struct vl_store *store);
/** As vl_store_read(), but *value is there after vl_store_flush(); null: there is no such node.
 *  The caller frees it, also after a failure. */
int vl_store_queue_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			struct vl_error *error);
/** Sends what waits and takes all replies; nothing waits any more. */
int vl_store_flush(struct vl_store *store, struct vl_error *error);

/** Begins a transaction: *tx is not 0. */
int vl_store_begin(struct vl_store *store, vl_tx *tx, struct vl_error *error);
/** Ends one.  -EAGAIN: nothing of it was done, begin again. */
int vl_store_end(struct vl_store *store, vl_tx tx, bool commit, struct vl_error *error);

/** Watches a path and all below; fires once at once. */
int vl_store_watch(struct vl_store *store, const char *path, const char *token,
		   struct vl_error *error);
int vl_store_unwatch(struct vl_store *store, const char *path, const char *token,
		     struct vl_error *error);
/**
 * The next event of a watch: path and token, malloc'd.  Waits timeout_ms (0: not at all, -1: for
 * ever); returns 1, or 0: nothing came.
 */
int vl_store_event(struct vl_store *store, int timeout_ms, char **path, char **token,
		   struct vl_error *error);

/** Tells the daemon of a domain whose ring is at that frame, with that port of the domain. */
int vl_store_introduce(struct vl_store *store, uint16_t domid, uint64_t frame, uint32_t port,
		       struct vl_error *error);
/** The domain is gone. */
int vl_store_release(struct vl_store *store, uint16_t domid, struct vl_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Many nodes of one directory of the store, written one after the other: the
 * first failure is kept and what follows it is not tried.  Private to libvellum.
 */
#ifndef LIBVELLUM_NODES_H
#define LIBVELLUM_NODES_H

#include "libvellum/store.h"

/** A path that is made of numbers and fixed words is never longer. */
#define NODE_PATH_SIZE 128

struct nodes {
	struct vl_store *store;
	vl_tx tx;
	struct vl_error *error;
	int rc; /* 0, or the first failure; its sentence is in error */
	char dir[NODE_PATH_SIZE];
};

/** What follows goes below this directory. */
__attribute__((format(printf, 2, 3))) void nodes_dir(struct nodes *nodes, const char *format, ...);
/** Makes a directory below it, or itself ("") anew, owned by `owner` and readable by `reader`. */
void nodes_make(struct nodes *nodes, const char *name, uint16_t owner, uint16_t reader);
/** Makes an empty node below it that `owner` may write, and nobody else but us. */
void nodes_own(struct nodes *nodes, const char *name, uint16_t owner);
__attribute__((format(printf, 3, 4))) void nodes_put(struct nodes *nodes, const char *name,
						     const char *format, ...);
/** A value of any length. */
void nodes_put_text(struct nodes *nodes, const char *name, const char *text);

/**
 * Runs `fill` in a transaction, again if that met another, and commits it.
 * Returns what fill has left in rc, or the failure of the transaction.
 */
int nodes_transact(struct vl_store *store, void (*fill)(struct nodes *nodes, void *arg), void *arg,
		   struct vl_error *error);

/** Reads a number in decimal; 0 if there is none that fits. */
int nodes_number(struct vl_store *store, const char *dir, const char *name, unsigned int *number,
		 struct vl_error *error);
/** Waits for an event of a watch, or so long; 0, or a failure. */
int nodes_wait(struct vl_store *store, int timeout_ms, struct vl_error *error);

#endif

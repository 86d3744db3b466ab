/* SPDX-License-Identifier: MIT */
/*
 * A file that grows at its end by whole entries: what has been committed when
 * the process is killed is there for the next one, what has not is not. It
 * knows nothing of what is in it; state.c does.
 *
 * The file is mapped, and lies on a tmpfs: to commit is one store, and a kill
 * loses no store. Power may go: so do the guests. All its pages are reserved
 * before they are written, so that a full file system is an error here and
 * never a signal.
 */
#ifndef STORED_JOURNAL_H
#define STORED_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libvellum/error.h"

struct journal {
	char *base;  /* null: none is kept; everything is accepted and forgotten */
	size_t size; /* mapped and reserved */
	size_t at;   /* behind what has been put, committed or not */
	int fd;
	bool failed; /* no room: what was put since the last commit is incomplete */
};

/** Makes an empty file, or opens one to go on with it. -EBADMSG: the file is none of ours. */
int journal_create(struct journal *journal, const char *path, struct vl_error *error);
int journal_open(struct journal *journal, const char *path, struct vl_error *error);
/** Nothing of it is removed. */
void journal_close(struct journal *journal);

/** Adds bytes to the entry; after a failure the whole entry counts for nothing. */
void journal_put(struct journal *journal, const void *data, size_t size);
/** Ends the entry. -ENOSPC: it is not in the file, and the file is invalid from now on. */
int journal_commit(struct journal *journal);
/** Forgets the entry. */
void journal_abort(struct journal *journal);

/** All that has been committed. */
const char *journal_data(const struct journal *journal, size_t *size);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Whole files: read one into memory, write one so that a reader sees either
 * the old content or all of the new. Errors: see error.h; each sentence names
 * the file.
 */
#ifndef LIBVELLUM_FILE_IO_H
#define LIBVELLUM_FILE_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "libvellum/error.h"

/**
 * Read a file, pipe or device up to its end. More than limit bytes is -EFBIG.
 * *data is malloc'd (never null on success) and has *size bytes.
 */
int file_read(const char *path, size_t limit, void **data, size_t *size, struct vl_error *error);

/** The same from where a descriptor stands; path is for messages. */
int file_read_fd(int fd, const char *path, size_t limit, void **data, size_t *size,
		 struct vl_error *error);

/**
 * Write a file under a temporary name beside it, flush it to the disk, then
 * rename it into place. On failure an old file of that name is untouched and
 * the temporary one is removed. The mode is less by the process' umask.
 */
int file_write(const char *path, const void *data, size_t size, mode_t mode,
	       struct vl_error *error);

/**
 * The same in two steps, for what has to succeed together with something else:
 * all that needs room is done in the first. *temporary is malloc'd and null
 * after a failure, after file_commit() and after file_discard().
 */
int file_prepare(const char *path, const void *data, size_t size, mode_t mode, char **temporary,
		 struct vl_error *error);
int file_commit(const char *path, char **temporary, struct vl_error *error);
/** Null in *temporary is fine. */
void file_discard(char **temporary);

/** Removes the temporary files of a folder whose writers were killed. */
void file_sweep(const char *folder);

#endif

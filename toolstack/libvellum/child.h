/* SPDX-License-Identifier: MIT */
/*
 * Other programs that libvellum runs: scripts of the user, and vl-xml.  Each is in a
 * process group of its own, so that all it started can be ended.
 */
#ifndef LIBVELLUM_CHILD_H
#define LIBVELLUM_CHILD_H

#include <sys/types.h>

/**
 * Starts argv[0], a path.  `io` becomes its standard input and output, -1 stands for
 * /dev/null, which its standard error always is; no other descriptor is passed on.
 * Returns 0 or a negative errno; after 0 child_wait() has to be called.
 */
int child_start(char *const *argv, char *const *environment, int io, pid_t *pid);
/** Returns its status as of waitpid(); after `limit_ms` it is killed: -ETIMEDOUT. */
int child_wait(pid_t pid, int limit_ms);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Other programs that libvellum runs: scripts of the user, and vl-xml.  Each is in a
 * process group of its own, so that all it started can be ended.
 */
#ifndef LIBVELLUM_CHILD_H
#define LIBVELLUM_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/**
 * Starts argv[0], a path.  `io` becomes its standard input and output, -1 stands for
 * /dev/null, which its standard error always is; no other descriptor is passed on.
 * Returns 0 or a negative errno; after 0 child_wait() has to be called.
 */
int child_start(char *const *argv, char *const *environment, int io, pid_t *pid);
/** Returns its status as of waitpid(); after `limit_ms` it is killed: -ETIMEDOUT. */
int child_wait(pid_t pid, int limit_ms);

/** A line of a program, cut to this, with the zero. */
#define CHILD_LINE_SIZE 200

/** The last line of a text that comes in pieces. */
struct child_line {
	char last[CHILD_LINE_SIZE]; /* that is complete and not empty; "": none yet */
	char next[CHILD_LINE_SIZE];
	size_t size; /* of the next one */
};

/** One piece more.  Whatever is not printable ASCII becomes a question mark. */
void child_line_add(struct child_line *line, const char *text, size_t size);
/** What has come last is a line, too, though nothing has ended it. */
void child_line_end(struct child_line *line);

/**
 * Both of the above for a program without input and output.  `said` becomes the last line
 * that it wrote to its standard error, or "".  Processes that it leaves behind are not
 * waited for, and do no harm to themselves by writing there.
 */
int child_run(char *const *argv, char *const *environment, int limit_ms,
	      char said[CHILD_LINE_SIZE]);

#endif

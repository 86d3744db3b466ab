/* SPDX-License-Identifier: MIT */
/*
 * Scripts of the user, which expect an administrator's rights.  vld, which restarts
 * guests, has a sandbox; where VL_SCRIPT_SOCKET in the environment names a socket (the
 * unit vld.service does), scripts are run by who listens there: vl-script, which systemd
 * starts for each, outside of the sandbox.  Everybody else runs them as his children.
 *
 * The request: strings, each with its zero: the limit in milliseconds, the arguments, an
 * empty one, the environment; the end.  The answer: what script_run() returns, a blank,
 * what the script has said; the end.
 */
#ifndef LIBVELLUM_SCRIPT_RUN_H
#define LIBVELLUM_SCRIPT_RUN_H

#include "libvellum/child.h"

/** As child_run().  -ECOMM: nobody has run it, `said` tells why. */
int script_run(char *const *argv, char *const *environment, int limit_ms,
	       char said[CHILD_LINE_SIZE]);

/**
 * The other side: answers the one request of a connection.  Only a process of our own
 * user gets one.  Returns 0 or a negative errno: there was no valid request.
 */
int script_serve(int fd);

#endif

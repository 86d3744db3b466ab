/* SPDX-License-Identifier: MIT */
/* Connections to daemons by the names of their sockets. */
#ifndef LIBVELLUM_UNIX_SOCKET_H
#define LIBVELLUM_UNIX_SOCKET_H

/** A descriptor, or a negative errno; -ENAMETOOLONG: no socket can have that name. */
int unix_connect(const char *path);

#endif

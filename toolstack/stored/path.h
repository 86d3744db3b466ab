/* SPDX-License-Identifier: MIT */
/* Which paths are valid, and what a client's spelling of one means. */
#ifndef STORED_PATH_H
#define STORED_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

/** Room for any path with its zero. */
#define PATH_ROOM (XENSTORE_ABS_PATH_MAX + 1)

/** Watches on these are told of domains, not of nodes. */
#define PATH_INTRODUCE "@introduceDomain"
#define PATH_RELEASE "@releaseDomain"

/** An absolute path that names a node. */
bool path_valid(const char *path);
/**
 * Writes the absolute path that a client of this domain means; text is
 * relative to the domain's own path unless it begins with a slash. -EINVAL: it is no path.
 */
int path_resolve(char out[PATH_ROOM], uint16_t domid, const char *text);
/** Length of the domain's own path and the slash behind it. */
size_t path_home_size(uint16_t domid);

#endif

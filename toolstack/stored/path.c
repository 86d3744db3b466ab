/* SPDX-License-Identifier: MIT */
/* Pure functions on paths; see path.h. Called by request.c and state.c. */
#include "stored/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool valid_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '@' || c == '/';
}

bool path_valid(const char *path)
{
	size_t size = strnlen(path, PATH_ROOM);

	if (path[0] != '/' || size >= PATH_ROOM) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		/* No empty name: not between slashes, nor behind the last one. */
		if (!valid_byte(path[i]) ||
		    (path[i] == '/' && size > 1 && (path[i + 1] == '/' || path[i + 1] == '\0'))) {
			return false;
		}
	}
	return true;
}

int path_resolve(char out[PATH_ROOM], uint16_t domid, const char *text)
{
	size_t size = strnlen(text, PATH_ROOM);
	int home = 0;

	if (size == 0 || size > (text[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX)) {
		return -EINVAL;
	}
	if (text[0] != '/') {
		home = snprintf(out, PATH_ROOM, "/local/domain/%u/", domid);
	}
	memcpy(out + home, text, size + 1);
	return path_valid(out) ? 0 : -EINVAL;
}

size_t path_home_size(uint16_t domid)
{
	return (size_t)snprintf(NULL, 0, "/local/domain/%u/", domid);
}

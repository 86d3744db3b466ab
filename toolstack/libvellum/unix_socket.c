/* SPDX-License-Identifier: MIT */
/*
 * Connections to daemons.  Called by the clients of the store, of vld and of
 * vl-script, which say what an error means to them.
 */
#include "libvellum/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int unix_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		rc = -errno;
		if (fd >= 0) {
			close(fd);
		}
		return rc;
	}
	return fd;
}

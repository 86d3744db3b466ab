/* SPDX-License-Identifier: MIT */
/*
 * Loop devices, configured in one step with autoclear, so that there is no
 * moment at which a device would outlive its maker.  Called by device_disk.c.
 */
#include "libvellum/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Somebody else may take a free device before it is configured. */
#define ATTEMPTS 64

static int failed(struct vl_error *error, int code, const char *path, const char *what)
{
	return vl_error_set(error, -code, "%s: %s: %s", path, what, strerror(code));
}

/* 0, or an errno value. */
static int configure(int device, int file, const char *path, bool readonly, bool direct)
{
	struct loop_config config = { .fd = (unsigned int)file };

	config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (readonly ? LO_FLAGS_READ_ONLY : 0u) |
			       (direct ? LO_FLAGS_DIRECT_IO : 0u);
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", path);
	return ioctl(device, LOOP_CONFIGURE, &config) < 0 ? errno : 0;
}

/* Returns the descriptor, or a negative errno value; -EBUSY: try again. */
static int attach_to(int number, int file, const char *path, bool readonly, dev_t *device)
{
	char name[32];
	struct stat info;
	int fd, code;

	snprintf(name, sizeof(name), "/dev/loop%d", number);
	fd = open(name, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0) {
		return errno == ENXIO ? -EBUSY : -errno;
	}
	/* Some kernels and file systems refuse direct I/O, others ignore the wish. */
	code = configure(fd, file, path, readonly, true);
	if (code == EINVAL) {
		code = configure(fd, file, path, readonly, false);
	}
	if (!code && fstat(fd, &info) < 0) {
		code = errno;
	}
	if (code) {
		close(fd);
		return -code;
	}
	*device = info.st_rdev;
	return fd;
}

int loop_attach(int file, const char *path, bool readonly, dev_t *device, struct vl_error *error)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, fd = -EBUSY;

	if (control < 0) {
		return failed(error, errno, path,
			      errno == ENOENT || errno == ENODEV ?
				      "no loop devices (module loop is not loaded)" :
				      "cannot get a loop device");
	}
	for (unsigned int i = 0; i < ATTEMPTS && fd == -EBUSY; i++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		fd = number < 0 ? -errno : attach_to(number, file, path, readonly, device);
	}
	close(control);
	return fd < 0 ? failed(error, -fd, path, "cannot make a loop device of it") : fd;
}

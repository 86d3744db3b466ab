/* SPDX-License-Identifier: MIT */
/*
 * What a guest boots: kernel and ramdisk as its configuration names them, or
 * GRUB's PV image where it asks for a boot loader.  No guest's disk is ever read
 * in the control domain: pygrub's configurations get GRUB inside the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvellum/guest_part.h"
#include "libvellum/paths.h"

/* Kernels are no larger than this, ramdisks neither. */
#define RAMDISK_MAX ((off_t)4 << 30)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The file to boot. */
static int choose(const struct vl_config *config, const char **path, struct vl_error *error)
{
	const char *loader = config->firmware ? config->firmware : config->bootloader;

	if (!loader) {
		*path = config->kernel;
		return *path ? 0 :
			       vl_error_set(error, -EINVAL, "no kernel is named for guest %s",
					    config->name);
	}
	loader = base_name(loader);
	if (strcmp(loader, "pvgrub64") != 0 && strcmp(loader, "pvgrub") != 0 &&
	    strcmp(loader, "pygrub") != 0) {
		return vl_error_set(error, -EOPNOTSUPP,
				    "guest %s asks for the boot loader %s: there is only pvgrub64",
				    config->name, loader);
	}
	if (access(VL_PVGRUB, R_OK) < 0) {
		return vl_error_set(error, -ENOENT,
				    "guest %s boots by GRUB, but %s is not there: install "
				    "grub-xen-host",
				    config->name, VL_PVGRUB);
	}
	*path = VL_PVGRUB;
	return 0;
}

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a folder";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	default:
		return "a device";
	}
}

/* A device may do anything when it is opened, and a pipe waits for a writer. */
static int check_file(const char *what, const char *path, struct vl_error *error)
{
	struct stat info;

	if (stat(path, &info) < 0) {
		return vl_error_set(error, -errno, "cannot read the %s %s: %s", what, path,
				    strerror(errno));
	}
	return S_ISREG(info.st_mode) ? 0 :
				       vl_error_set(error, -EINVAL, "the %s %s is %s, not a file",
						    what, path, kind_of(info.st_mode));
}

/* The builder reads it straight into the guest's memory. */
static int open_ramdisk(const char *path, struct guest_boot *boot, struct vl_error *error)
{
	int rc = check_file("ramdisk", path, error), fd;
	struct stat info = { .st_size = 0 };

	if (rc) {
		return rc;
	}
	/* What has taken its place since does not make us wait either. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &info) < 0) {
		rc = -errno;
	} else if (!S_ISREG(info.st_mode) || info.st_size == 0 || info.st_size > RAMDISK_MAX) {
		rc = -EINVAL;
	}
	if (!rc) {
		boot->ramdisk_fd = fd;
		boot->ramdisk_size = (size_t)info.st_size;
		return 0;
	}
	if (fd >= 0) {
		close(fd);
	}
	if (rc == -EINVAL) {
		return vl_error_set(error, rc, "the ramdisk %s is empty or too large", path);
	}
	return vl_error_set(error, rc, "cannot read the ramdisk %s: %s", path, strerror(-rc));
}

int guest_boot_open(const struct vl_host *host, const struct vl_config *config,
		    struct guest_boot *boot, struct vl_error *error)
{
	char cache[PATH_MAX];
	const char *path = NULL;
	int rc;

	*boot = (struct guest_boot){ .ends_soon = host->ends_soon };
	rc = choose(config, &path, error);
	if (rc || !path) {
		return rc;
	}
	rc = check_file("kernel", path, error);
	if (rc) {
		return rc;
	}
	snprintf(cache, sizeof(cache), "%s%s", host->root ? host->root : "", VL_CACHE_DIR);
	rc = vl_kernel_open(path, cache, &boot->kernel, error);
	if (!rc && config->ramdisk && path == config->kernel) {
		rc = open_ramdisk(config->ramdisk, boot, error);
	}
	return rc;
}

void guest_boot_close(struct guest_boot *boot)
{
	if (boot->kernel && boot->ends_soon) {
		vl_kernel_leave(boot->kernel);
	} else if (boot->kernel) {
		vl_kernel_close(boot->kernel);
	}
	if (boot->ramdisk_size) {
		close(boot->ramdisk_fd);
	}
	*boot = (struct guest_boot){ 0 };
}

/* SPDX-License-Identifier: MIT */
/*
 * Disks for the kernel's xen-blkback: a block device as it is, or a raw file
 * through a loop device.  The backend's physical-device node is what makes the
 * driver open the block device; that it has is seen in sysfs, and until then
 * our own descriptor keeps a loop device alive.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>

#include "libvellum/device_part.h"
#include "libvellum/loop.h"

#define BUILTIN_SCRIPT "block"

/* "disk xvda: FILE: WHAT: No such file or directory" */
static int failed(struct vl_error *error, int code, const struct vl_disk *disk, const char *what)
{
	return vl_error_set(error, -code, "disk %s: cannot %s %s: %s", disk->vdev, what,
			    disk->target, strerror(code));
}

static int refused(struct vl_error *error, const struct vl_disk *disk, const char *why)
{
	return vl_error_set(error, -EINVAL, "disk %s: %s %s", disk->vdev, disk->target, why);
}

/* Opens what the disk is to be.  A block device that others write (a mounted
 * file system) is refused by O_EXCL. */
static int open_image(const struct vl_disk *disk, struct stat *info, struct vl_error *error)
{
	int flags = (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC, fd;
	uint64_t size = 0;

	/* Opening a pipe would wait for its other end. */
	if (stat(disk->target, info) < 0) {
		return failed(error, errno, disk, "open");
	}
	if (!S_ISREG(info->st_mode) && !S_ISBLK(info->st_mode)) {
		return refused(error, disk, "is neither a file nor a block device");
	}
	if (S_ISBLK(info->st_mode) && !disk->readonly && !disk->shared) {
		flags |= O_EXCL;
	}
	fd = open(disk->target, flags);
	if (fd < 0 && errno == EBUSY) {
		return vl_error_set(error, -EBUSY,
				    "disk %s: the control domain itself uses %s (is it mounted?)",
				    disk->vdev, disk->target);
	}
	if (fd < 0 || fstat(fd, info) < 0) {
		int rc = failed(error, errno, disk, "open");

		if (fd >= 0) {
			close(fd);
		}
		return rc;
	}
	if (S_ISREG(info->st_mode)) {
		size = (uint64_t)info->st_size;
	} else if (S_ISBLK(info->st_mode)) {
		ioctl(fd, BLKGETSIZE64, &size);
	}
	if (size < 512) {
		close(fd);
		return refused(error, disk, "has not even one sector");
	}
	return fd;
}

int disk_check(const struct vl_disk *disk, struct vl_error *error)
{
	char script[DEVICE_SCRIPT_SIZE], name[32];
	struct stat info;
	uint32_t number;
	int fd, rc;

	if (!disk->vdev || vl_vdev_number(disk->vdev, &number)) {
		return vl_error_set(error, -EINVAL, "disk %s: there is no device of that name",
				    disk->vdev ? disk->vdev : "without a name");
	}
	if (disk->backend && !device_backend_is_ours(disk->backend)) {
		return vl_error_set(error, -EOPNOTSUPP,
				    "disk %s: only the control domain can be its backend, not %s",
				    disk->vdev, disk->backend);
	}
	snprintf(name, sizeof(name), "disk %s", disk->vdev);
	rc = device_script_path(disk->script, BUILTIN_SCRIPT, name, script, error);
	/* With a script the target is the script's business. */
	if (rc || *script || disk->format == VL_DISK_EMPTY) {
		return rc;
	}
	if (!disk->target || !*disk->target) {
		return vl_error_set(error, -EINVAL, "disk %s: no file or block device is named",
				    disk->vdev);
	}
	fd = open_image(disk, &info, error);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	return 0;
}

int disk_prepare(struct vl_host *host, struct device *device, struct vl_error *error)
{
	const struct vl_disk *disk = device->disk;
	struct stat info;
	int fd, rc;

	rc = device_script_path(disk->script, BUILTIN_SCRIPT, device->name, device->script, error);
	if (rc || *device->script) {
		return rc;
	}
	fd = open_image(disk, &info, error);
	if (fd < 0) {
		return fd;
	}
	image_find(host, &info, &device->image);
	if (S_ISBLK(info.st_mode)) {
		device->node = info.st_rdev;
		device->fd = fd;
		return 0;
	}
	device->fd = loop_attach(fd, disk->target, disk->readonly, &device->node, error);
	close(fd);
	return device->fd < 0 ? device->fd : 0;
}

void disk_nodes(struct nodes *nodes, const struct device *device)
{
	const struct vl_disk *disk = device->disk;
	const char *type = disk->cdrom ? "cdrom" : "disk";

	nodes_dir(nodes, "%s", device->frontend);
	nodes_make(nodes, "", device->domid, 0);
	nodes_put(nodes, "backend", "%s", device->backend);
	nodes_put(nodes, "backend-id", "0");
	nodes_put(nodes, "virtual-device", "%u", device->number);
	nodes_put(nodes, "device-type", "%s", type);
	nodes_put(nodes, "state", "%d", DEVICE_INITIALISING);

	nodes_dir(nodes, "%s", device->backend);
	nodes_make(nodes, "", 0, device->domid);
	nodes_put(nodes, "frontend", "%s", device->frontend);
	nodes_put(nodes, "frontend-id", "%u", device->domid);
	nodes_put(nodes, "online", "1");
	nodes_put(nodes, "bootable", "1");
	nodes_put(nodes, "removable", "%d", disk->cdrom);
	nodes_put_text(nodes, "params", disk->target ? disk->target : "");
	nodes_put(nodes, "type", "phy");
	nodes_put(nodes, "dev", "%s", disk->vdev);
	nodes_put(nodes, "mode", "%s", disk->readonly ? "r" : "w");
	nodes_put(nodes, "device-type", "%s", type);
	nodes_put(nodes, "discard-enable", "%d", disk->discard);
	nodes_put(nodes, "direct-io-safe", "%d", disk->direct_io_safe);
	if (*device->script) {
		nodes_put_text(nodes, "script", device->script);
	} else {
		nodes_put(nodes, "physical-device", "%x:%x", major(device->node),
			  minor(device->node));
	}
	nodes_put(nodes, "state", "%d", DEVICE_INITIALISING);
	image_claim(nodes, device);
}

int disk_start(struct vl_host *host, struct device *device, struct vl_error *error)
{
	char path[PATH_MAX];
	int rc;

	/* The first time only: the script writes physical-device. */
	if (*device->script && device->stage == DEVICE_WAITS) {
		rc = device_script_run(host, device->script, "vbd", device->domid, device->number,
				       NULL, "add", device->name, error);
		if (rc) {
			return rc;
		}
	}
	/* The driver makes this file as soon as it has opened the device. */
	snprintf(path, sizeof(path), "%s/sys/bus/xen-backend/devices/vbd-%u-%u/physical_device",
		 host->root ? host->root : "", device->domid, device->number);
	return access(path, F_OK) == 0;
}

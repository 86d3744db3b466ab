/* SPDX-License-Identifier: MIT */
/*
 * Where the data of an image lie, so that two names of the same data meet: a
 * file, a loop device of it and a partition of that; a disk, a partition, and a
 * logical volume or an array that lies there.  What the kernel says in sysfs,
 * and of a loop device itself, is followed down to files and devices that lie
 * on nothing else.  Called by device_image.c.
 *
 * A place is a root and the way from it: "b-8-0" and "/8-1/253-0" for the volume
 * 253:0 on the partition 8:1 of the disk 8:0.  A volume may lie on several
 * disks, and what it lies on may change, so it has a place of its own besides.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libvellum/device_part.h"

/* So many devices one upon another are followed; what is below is not looked at. */
#define DEPTH_MAX 6

struct walk {
	const char *root; /* of the file system */
	struct image *image;
	unsigned int depth;
};

static void walk_device(struct walk *walk, dev_t device, const char *way);

static void add(struct walk *walk, const char *way, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void add(struct walk *walk, const char *way, const char *format, ...)
{
	struct image *image = walk->image;
	struct place *place = &image->places[image->count];
	va_list args;

	if (image->count == IMAGE_PLACES) {
		return;
	}
	va_start(args, format);
	vsnprintf(place->root, sizeof(place->root), format, args);
	va_end(args);
	snprintf(place->way, sizeof(place->way), "%s", way);
	image->count++;
}

/* The way through a device that lies on another one. */
static void through(const char *way, dev_t device, char longer[IMAGE_WAY_SIZE])
{
	snprintf(longer, IMAGE_WAY_SIZE, "/%u-%u%.*s", major(device), minor(device),
		 IMAGE_WAY_SIZE - 32, way);
}

/* The number in a file of sysfs: 8:1; false: there is none. */
static bool read_number(const char *path, dev_t *device)
{
	char text[32] = "", *colon, *end;
	FILE *file = fopen(path, "re");
	unsigned long first, second;

	if (file) {
		if (!fgets(text, sizeof(text), file)) {
			text[0] = '\0';
		}
		fclose(file);
	}
	first = strtoul(text, &colon, 10);
	if (colon == text || *colon != ':') {
		return false;
	}
	second = strtoul(colon + 1, &end, 10);
	*device = makedev((unsigned int)first, (unsigned int)second);
	return end > colon + 1;
}

static void sysfs_path(const struct walk *walk, dev_t device, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/sys/dev/block/%u:%u/%s", walk->root, major(device),
		 minor(device), name);
}

static bool is_partition(const struct walk *walk, dev_t device, dev_t *disk)
{
	char path[PATH_MAX];

	sysfs_path(walk, device, "partition", path);
	if (access(path, F_OK) < 0) {
		return false;
	}
	sysfs_path(walk, device, "../dev", path);
	return read_number(path, disk);
}

/* What a loop device is made of.  Its number is not its minor where loop devices
 * have partitions, so sysfs is asked for its name. */
static bool loop_status(const struct walk *walk, dev_t device, struct loop_info64 *status)
{
	char path[PATH_MAX], link[PATH_MAX], name[64];
	struct stat info;
	ssize_t size;
	int fd;
	bool good;

	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", walk->root, major(device),
		 minor(device));
	size = readlink(path, link, sizeof(link) - 1);
	link[size > 0 ? size : 0] = '\0';
	if (strrchr(link, '/')) {
		snprintf(name, sizeof(name), "/dev/%.40s", strrchr(link, '/') + 1);
	} else {
		snprintf(name, sizeof(name), "/dev/loop%u", minor(device));
	}
	fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	good = fstat(fd, &info) == 0 && S_ISBLK(info.st_mode) && info.st_rdev == device &&
	       ioctl(fd, LOOP_GET_STATUS64, status) == 0;
	close(fd);
	return good;
}

/* True: that is all that there is of it. */
static bool walk_loop(struct walk *walk, dev_t device, const char *way)
{
	struct loop_info64 status;
	char part[IMAGE_WAY_SIZE];

	if (major(device) != LOOP_MAJOR || !loop_status(walk, device, &status)) {
		return false;
	}
	if (status.lo_offset || status.lo_sizelimit) {
		snprintf(part, sizeof(part), "/%ju+%ju%.*s", (uintmax_t)status.lo_offset,
			 (uintmax_t)status.lo_sizelimit, IMAGE_WAY_SIZE - 64, way);
		way = part;
	}
	if (status.lo_rdevice) {
		walk_device(walk, (dev_t)status.lo_rdevice, way);
	} else {
		add(walk, way, "f-%u-%u-%ju", major((dev_t)status.lo_device),
		    minor((dev_t)status.lo_device), (uintmax_t)status.lo_inode);
	}
	return true;
}

/* The devices on which a volume of device-mapper or an array lies. */
static void walk_slaves(struct walk *walk, dev_t device, const char *way)
{
	char path[PATH_MAX], number[PATH_MAX + NAME_MAX + 8], longer[IMAGE_WAY_SIZE];
	const struct dirent *entry;
	dev_t slave;
	DIR *folder;

	sysfs_path(walk, device, "slaves", path);
	folder = opendir(path);
	if (!folder) {
		return;
	}
	through(way, device, longer);
	while ((entry = readdir(folder))) {
		snprintf(number, sizeof(number), "%s/%s/dev", path, entry->d_name);
		if (entry->d_name[0] != '.' && read_number(number, &slave)) {
			walk_device(walk, slave, longer);
		}
	}
	closedir(folder);
}

static void walk_device(struct walk *walk, dev_t device, const char *way)
{
	char longer[IMAGE_WAY_SIZE];
	dev_t disk;

	if (walk->depth == DEPTH_MAX) {
		return;
	}
	walk->depth++;
	if (is_partition(walk, device, &disk)) {
		through(way, device, longer);
		walk_device(walk, disk, longer);
	} else if (!walk_loop(walk, device, way)) {
		add(walk, way, "b-%u-%u", major(device), minor(device));
		walk_slaves(walk, device, way);
	}
	walk->depth--;
}

void image_find(const struct vl_host *host, const struct stat *info, struct image *image)
{
	struct walk walk = { .root = host->root ? host->root : "", .image = image };

	image->count = 0;
	if (S_ISBLK(info->st_mode)) {
		walk_device(&walk, info->st_rdev, "");
	} else {
		add(&walk, "", "f-%u-%u-%ju", major(info->st_dev), minor(info->st_dev),
		    (uintmax_t)info->st_ino);
	}
}

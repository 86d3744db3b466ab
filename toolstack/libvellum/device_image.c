/* SPDX-License-Identifier: MIT */
/*
 * Which disks use which image, so that no two guests write the same one unless
 * their configurations say so.  In the store, in the transaction that makes a
 * disk's nodes: two creations at once cannot both win.
 *
 *     /vellum/image/IMAGE/DOMID-NUMBER   "r", "w" or "w!"
 *     BACKEND/image                      IMAGE
 *
 * A file is known by its inode, a block device by its number.  The name of a
 * partition begins with that of its disk, "b-8-0" and "b-8-0-8-1": who writes one
 * of them writes the other.
 *
 * An entry counts only while its backend directory names the image, so one that
 * was left behind does no harm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "libvellum/device_part.h"

#define INDEX "/vellum/image"

/* The number of the disk that a partition is a part of, as "8-0"; false: it is none. */
static bool partition_of(const struct vl_host *host, dev_t device, char disk[32])
{
	const char *root = host->root ? host->root : "";
	char path[PATH_MAX], *colon;
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/partition", root, major(device),
		 minor(device));
	if (access(path, F_OK) < 0) {
		return false;
	}
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/../dev", root, major(device),
		 minor(device));
	file = fopen(path, "re");
	if (!file) {
		return false;
	}
	colon = fgets(disk, 32, file) ? strchr(disk, ':') : NULL;
	fclose(file);
	if (colon) {
		*colon = '-';
		disk[strspn(disk, "0123456789-")] = '\0';
	}
	return colon;
}

void image_name(const struct vl_host *host, const struct stat *info, char name[64])
{
	unsigned int number[2] = { major(info->st_rdev), minor(info->st_rdev) };
	char disk[32];

	if (S_ISBLK(info->st_mode) && partition_of(host, info->st_rdev, disk)) {
		snprintf(name, 64, "b-%s-%u-%u", disk, number[0], number[1]);
	} else if (S_ISBLK(info->st_mode)) {
		snprintf(name, 64, "b-%u-%u", number[0], number[1]);
	} else {
		snprintf(name, 64, "f-%u-%u-%ju", major(info->st_dev), minor(info->st_dev),
			 (uintmax_t)info->st_ino);
	}
}

/* How much of a block device's name is its disk's; 0: it is a file. */
static size_t disk_length(const char *image)
{
	const char *dash = strncmp(image, "b-", 2) == 0 ? strchr(image + 2, '-') : NULL;
	const char *end = dash ? strchr(dash + 1, '-') : NULL;

	return !dash ? 0 : end ? (size_t)(end - image) : strlen(image);
}

static const char *mode_of(const struct vl_disk *disk)
{
	return disk->readonly ? "r" : disk->shared ? "w!" : "w";
}

/* An entry's disk still has the image. */
static bool alive(struct nodes *nodes, const char *image, unsigned long domid, unsigned long number)
{
	char *named = NULL;
	bool same;

	nodes->rc = vl_store_readf(nodes->store, nodes->tx, &named, nodes->error,
				   "/local/domain/0/backend/vbd/%lu/%lu/image", domid, number);
	same = !nodes->rc && named && !strcmp(named, image);
	free(named);
	return same;
}

static void refuse(struct nodes *nodes, const struct device *device, const char *image,
		   unsigned long domid, bool writes)
{
	size_t own = strlen(device->image), other = strlen(image);
	char *name = NULL, user[160] = "another disk of the guest";

	if (domid != device->domid) {
		vl_store_readf(nodes->store, nodes->tx, &name, NULL, "/local/domain/%lu/name",
			       domid);
		snprintf(user, sizeof(user), "guest %s", name ? name : "without a name");
		free(name);
	}
	nodes->rc =
		vl_error_set(nodes->error, -EBUSY, "%s: %s is %s%s %s (mode w! would allow both)",
			     device->name, device->disk->target,
			     own > other ? "on a disk " :
			     own < other ? "a disk with a partition " :
					   "",
			     writes ? "written by" : "in use by", user);
}

/* An entry is "DOMID-NUMBER". */
static void check_entry(struct nodes *nodes, const struct device *device, const char *image,
			const char *entry)
{
	unsigned long domid, number = 0;
	char *mode = NULL, *end;
	bool writes;

	domid = strtoul(entry, &end, 10);
	if (*end == '-') {
		number = strtoul(end + 1, &end, 10);
	}
	if (*end || !alive(nodes, image, domid, number)) {
		return;
	}
	nodes->rc = vl_store_readf(nodes->store, nodes->tx, &mode, nodes->error, INDEX "/%s/%s",
				   image, entry);
	writes = mode && *mode == 'w';
	free(mode);
	if (!nodes->rc && (writes || !device->disk->readonly)) {
		refuse(nodes, device, image, domid, writes);
	}
}

/* The names in a folder of the index; none if that is not there. */
static int list(struct nodes *nodes, const char *path, char ***names)
{
	int count = vl_store_list(nodes->store, nodes->tx, path, names, nodes->error);

	if (count < 0 && count != -ENOENT) {
		nodes->rc = count;
	}
	return count;
}

static void check_users(struct nodes *nodes, const struct device *device, const char *image)
{
	char **entries = NULL, path[NODE_PATH_SIZE];
	int count;

	if (nodes->rc) {
		return;
	}
	snprintf(path, sizeof(path), INDEX "/%.64s", image);
	count = list(nodes, path, &entries);
	for (int i = 0; i < count && !nodes->rc; i++) {
		check_entry(nodes, device, image, entries[i]);
	}
	free(entries);
}

/* Of a partition also its disk, of a disk also its partitions. */
static void check_related(struct nodes *nodes, const struct device *device)
{
	size_t length = disk_length(device->image);
	char **images = NULL, disk[64];
	int count;

	if (device->image[length] == '-') {
		snprintf(disk, sizeof(disk), "%.*s", (int)length, device->image);
		check_users(nodes, device, disk);
	} else if (length) {
		count = list(nodes, INDEX, &images);
		for (int i = 0; i < count; i++) {
			if (!strncmp(images[i], device->image, length) &&
			    images[i][length] == '-') {
				check_users(nodes, device, images[i]);
			}
		}
		free(images);
	}
}

static void check_entries(struct nodes *nodes, const struct device *device)
{
	if (!device->disk->shared && !nodes->rc) {
		check_users(nodes, device, device->image);
		check_related(nodes, device);
	}
}

int image_check(struct vl_host *host, const struct vl_disk *disk, struct vl_error *error)
{
	struct device device = { .disk = disk, .domid = VL_DOMID_ANY };
	struct nodes nodes = { .store = host->store, .error = error };
	struct stat info;

	/* What is no file here is a script's business. */
	if (disk->target && stat(disk->target, &info) == 0) {
		snprintf(device.name, sizeof(device.name), "disk %s", disk->vdev);
		image_name(host, &info, device.image);
		check_entries(&nodes, &device);
	}
	return nodes.rc;
}

void image_claim(struct nodes *nodes, const struct device *device)
{
	char entry[32];

	if (nodes->rc || !*device->image) {
		return;
	}
	check_entries(nodes, device);
	nodes_dir(nodes, INDEX "/%s", device->image);
	snprintf(entry, sizeof(entry), "%u-%u", device->domid, device->number);
	nodes_put_text(nodes, entry, mode_of(device->disk));
	nodes_dir(nodes, "%s", device->backend);
	nodes_put_text(nodes, "image", device->image);
}

void image_release(struct nodes *nodes, uint16_t domid, uint32_t number, const char *backend)
{
	char *image = NULL, **left = NULL, path[2 * NODE_PATH_SIZE];

	if (nodes->rc) {
		return;
	}
	nodes->rc =
		vl_store_readf(nodes->store, nodes->tx, &image, nodes->error, "%s/image", backend);
	if (!nodes->rc && image && strlen(image) < NODE_PATH_SIZE && !strchr(image, '/')) {
		snprintf(path, sizeof(path), INDEX "/%s/%u-%u", image, domid, number);
		nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
		snprintf(path, sizeof(path), INDEX "/%s", image);
		if (!nodes->rc && vl_store_list(nodes->store, nodes->tx, path, &left, NULL) == 0) {
			nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
		}
		free(left);
	}
	free(image);
}

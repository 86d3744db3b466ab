/* SPDX-License-Identifier: MIT */
/*
 * Which disks use which image, so that no two guests write the same one unless
 * their configurations say so.  In the store, in the transaction that makes a
 * disk's nodes: two creations at once cannot both win.
 *
 *     /vellum/image/ROOT/DOMID-NUMBER   "r", "w" or "w!", then ways, or none for all of it
 *     BACKEND/image                     the roots, with blanks between them
 *
 * Roots and ways are told in device_place.c.  Two disks have data in common if for
 * one root a way of one begins with one of the other.
 *
 * An entry counts only while its backend directory names the root, so one that
 * was left behind does no harm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libvellum/device_part.h"

#define INDEX "/vellum/image"

static const char *mode_of(const struct vl_disk *disk)
{
	return disk->readonly ? "r" : disk->shared ? "w!" : "w";
}

/* Whether one of the words is this one. */
static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words) {
		size_t size = strcspn(words, " ");

		if (size == length && !strncmp(words, word, size)) {
			return true;
		}
		words += size + (words[size] == ' ');
	}
	return false;
}

/* An entry's disk still has the image. */
static bool alive(struct nodes *nodes, const char *root, unsigned long domid, unsigned long number)
{
	char *named = NULL;
	bool same;

	nodes->rc = vl_store_readf(nodes->store, nodes->tx, &named, nodes->error,
				   "/local/domain/0/backend/vbd/%lu/%lu/image", domid, number);
	same = !nodes->rc && named && has_word(named, root);
	free(named);
	return same;
}

/* Whether it begins with the other way. */
static bool is_below(const char *way, const char *other)
{
	size_t length = strlen(other);

	return !strncmp(way, other, length) && (way[length] == '/' || !way[length]);
}

static void refuse(struct nodes *nodes, const struct device *device, const char *relation,
		   unsigned long domid, bool writes)
{
	char *name = NULL, user[160] = "another disk of the guest";

	if (domid != device->domid) {
		vl_store_readf(nodes->store, nodes->tx, &name, NULL, "/local/domain/%lu/name",
			       domid);
		snprintf(user, sizeof(user), "guest %s", name ? name : "without a name");
		free(name);
	}
	nodes->rc =
		vl_error_set(nodes->error, -EBUSY, "%s: %s is %s%s %s (mode w! would allow both)",
			     device->name, device->disk->target, relation,
			     writes ? "written by" : "in use by", user);
}

/* Its ways, with blanks between them, and the one of ours: what is said of them. */
static const char *relation(const char *ways, const char *way)
{
	char other[IMAGE_WAY_SIZE];
	size_t size;

	do {
		ways += strspn(ways, " ");
		size = strcspn(ways, " ");
		snprintf(other, sizeof(other), "%.*s", (int)size, ways);
		if (is_below(way, other)) {
			return way[size] ? "on a disk " : "";
		}
		if (is_below(other, way)) {
			return "a disk with a part ";
		}
		ways += size;
	} while (*ways);
	return NULL;
}

/* An entry is "DOMID-NUMBER". */
static void check_entry(struct nodes *nodes, const struct device *device, const struct place *place,
			const char *entry)
{
	unsigned long domid, number = 0;
	char *text = NULL, *end;
	const char *found;

	domid = strtoul(entry, &end, 10);
	if (*end == '-') {
		number = strtoul(end + 1, &end, 10);
	}
	if (*end || !alive(nodes, place->root, domid, number)) {
		return;
	}
	nodes->rc = vl_store_readf(nodes->store, nodes->tx, &text, nodes->error, INDEX "/%s/%s",
				   place->root, entry);
	if (!nodes->rc && text && (*text == 'w' || !device->disk->readonly)) {
		found = relation(text + strcspn(text, " "), place->way);
		if (found) {
			refuse(nodes, device, found, domid, *text == 'w');
		}
	}
	free(text);
}

static void check_users(struct nodes *nodes, const struct device *device, const struct place *place)
{
	char **entries = NULL, path[NODE_PATH_SIZE];
	int count;

	snprintf(path, sizeof(path), INDEX "/%s", place->root);
	count = vl_store_list(nodes->store, nodes->tx, path, &entries, nodes->error);
	if (count < 0 && count != -ENOENT) {
		nodes->rc = count;
	}
	for (int i = 0; i < count && !nodes->rc; i++) {
		check_entry(nodes, device, place, entries[i]);
	}
	free(entries);
}

static void check_entries(struct nodes *nodes, const struct device *device)
{
	const struct image *image = &device->image;

	for (unsigned int i = 0; i < image->count && !device->disk->shared && !nodes->rc; i++) {
		check_users(nodes, device, &image->places[i]);
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
		image_find(host, &info, &device.image);
		check_entries(&nodes, &device);
	}
	return nodes.rc;
}

/* Whether one of the places before it has its root. */
static bool came_before(const struct image *image, unsigned int index)
{
	for (unsigned int i = 0; i < index; i++) {
		if (!strcmp(image->places[i].root, image->places[index].root)) {
			return true;
		}
	}
	return false;
}

/* A volume may lie on several parts of one disk. */
static void claim_root(struct nodes *nodes, const struct device *device, const char *root)
{
	const struct image *image = &device->image;
	char entry[32], value[IMAGE_PLACES * (IMAGE_WAY_SIZE + 1) + 8];
	size_t size = (size_t)snprintf(value, sizeof(value), "%s", mode_of(device->disk));

	for (unsigned int i = 0; i < image->count; i++) {
		const struct place *place = &image->places[i];

		if (!strcmp(place->root, root) && *place->way) {
			size += (size_t)snprintf(value + size, sizeof(value) - size, " %s",
						 place->way);
		}
	}
	nodes_dir(nodes, INDEX "/%s", root);
	snprintf(entry, sizeof(entry), "%u-%u", device->domid, device->number);
	nodes_put_text(nodes, entry, value);
}

void image_claim(struct nodes *nodes, const struct device *device)
{
	const struct image *image = &device->image;
	char roots[IMAGE_PLACES * (IMAGE_ROOT_SIZE + 1)] = "";
	size_t size = 0;

	if (nodes->rc || !image->count) {
		return;
	}
	check_entries(nodes, device);
	for (unsigned int i = 0; i < image->count; i++) {
		if (!came_before(image, i)) {
			claim_root(nodes, device, image->places[i].root);
			size += (size_t)snprintf(roots + size, sizeof(roots) - size, "%s%s",
						 i ? " " : "", image->places[i].root);
		}
	}
	nodes_dir(nodes, "%s", device->backend);
	nodes_put_text(nodes, "image", roots);
}

static void release_root(struct nodes *nodes, const char *root, uint16_t domid, uint32_t number)
{
	char **left = NULL, path[NODE_PATH_SIZE];

	snprintf(path, sizeof(path), INDEX "/%s/%u-%u", root, domid, number);
	nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	snprintf(path, sizeof(path), INDEX "/%s", root);
	if (!nodes->rc && vl_store_list(nodes->store, nodes->tx, path, &left, NULL) == 0) {
		nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	}
	free(left);
}

void image_release(struct nodes *nodes, uint16_t domid, uint32_t number, const char *backend)
{
	char *roots = NULL, *root, *rest;

	if (nodes->rc) {
		return;
	}
	nodes->rc =
		vl_store_readf(nodes->store, nodes->tx, &roots, nodes->error, "%s/image", backend);
	root = !nodes->rc && roots ? strtok_r(roots, " ", &rest) : NULL;
	while (root && !nodes->rc) {
		if (strlen(root) < IMAGE_ROOT_SIZE && !strchr(root, '/')) {
			release_root(nodes, root, domid, number);
		}
		root = strtok_r(NULL, " ", &rest);
	}
	free(roots);
}

/* SPDX-License-Identifier: MIT */
/*
 * Names of virtual devices as the published block interface numbers them.
 * Called by config_finish.c, config_disk.c and by whoever attaches a disk.
 * Never allocates.
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Disks and partitions have 20 and 8 bits in the extended form, the largest. */
#define DISKS (1u << 20)
#define PARTITIONS 256u
#define EXTENDED (1u << 28)
/* From here on numbers are reserved. */
#define RESERVED (1u << 29)

/* A number without needless zeros, below limit, at *text, which moves on. */
static bool take_number(const char **text, uint32_t limit, uint32_t *number)
{
	const char *at = *text;

	*number = 0;
	if (!isdigit((unsigned char)*at) || (at[0] == '0' && isdigit((unsigned char)at[1]))) {
		return false;
	}
	for (; isdigit((unsigned char)*at); at++) {
		*number = *number * 10 + (uint32_t)(*at - '0');
		if (*number >= limit) {
			return false;
		}
	}
	*text = at;
	return true;
}

/* a is 0, z 25, aa 26 and so on. */
static bool take_letters(const char **text, uint32_t *disk)
{
	const char *at = *text;
	uint32_t value = 0;

	for (; *at >= 'a' && *at <= 'z'; at++) {
		value = value * 26 + (uint32_t)(*at - 'a') + 1;
		if (value > DISKS) {
			return false;
		}
	}
	if (at == *text) {
		return false;
	}
	*disk = value - 1;
	*text = at;
	return true;
}

/* d0, d0p1 */
static bool parse_plain(const char *text, uint32_t *disk, uint32_t *partition)
{
	*partition = 0;
	if (*text++ != 'd' || !take_number(&text, DISKS, disk)) {
		return false;
	}
	if (*text == 'p') {
		text++;
		if (!take_number(&text, PARTITIONS, partition)) {
			return false;
		}
	}
	return *text == '\0';
}

/* xvda, xvda1, with any prefix */
static bool parse_lettered(const char *text, const char *prefix, uint32_t *disk,
			   uint32_t *partition)
{
	size_t size = strlen(prefix);

	*partition = 0;
	if (strncmp(text, prefix, size) != 0) {
		return false;
	}
	text += size;
	return take_letters(&text, disk) &&
	       (*text == '\0' || (take_number(&text, PARTITIONS, partition) && *text == '\0'));
}

/* The number itself, as very old guests wanted it. */
static int parse_raw(const char *text, uint32_t *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 0);
	if (errno || *end || value >= RESERVED) {
		return -EINVAL;
	}
	*number = (uint32_t)value;
	return 0;
}

int vl_vdev_number(const char *vdev, uint32_t *number)
{
	uint32_t disk, partition;

	if (isdigit((unsigned char)vdev[0])) {
		return parse_raw(vdev, number);
	}
	if (parse_plain(vdev, &disk, &partition) ||
	    parse_lettered(vdev, "xvd", &disk, &partition)) {
		*number = disk < 16 && partition < 16 ? 202u << 8 | disk << 4 | partition :
							EXTENDED | disk << 8 | partition;
		return 0;
	}
	if (parse_lettered(vdev, "sd", &disk, &partition) && disk < 16 && partition < 16) {
		*number = 8u << 8 | disk << 4 | partition;
		return 0;
	}
	if (parse_lettered(vdev, "hd", &disk, &partition) && disk < 4 && partition < 64) {
		*number = (disk < 2 ? 3u : 22u) << 8 | (disk & 1) << 6 | partition;
		return 0;
	}
	return -EINVAL;
}

/* SPDX-License-Identifier: MIT */
/* See config_help.h. */
#include "config_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

struct vl_config *config_good(const char *text)
{
	struct vl_error error = { "" };
	struct vl_config *config = NULL;

	if (vl_config_parse(text, strlen(text), "x.cfg", NULL, 0, &config, NULL, &error)) {
		printf("\n  refused: %s\n", error.text);
		CU_FAIL("a good configuration is refused");
		return NULL;
	}
	return config;
}

struct vl_config *config_warned(const char *text, const char *warnings)
{
	struct vl_warnings list;
	struct vl_error error = { "" };
	struct vl_config *config = NULL;
	char all[4096] = "";

	if (vl_config_parse(text, strlen(text), "x.cfg", NULL, 0, &config, &list, &error)) {
		printf("\n  refused: %s\n", error.text);
		CU_FAIL("a good configuration is refused");
		return NULL;
	}
	for (size_t i = 0; i < list.count; i++) {
		size_t used = strlen(all);

		snprintf(all + used, sizeof(all) - used, "%s%s", i ? "\n" : "", list.text[i]);
	}
	if (strcmp(all, warnings)) {
		printf("\n  warnings: %s\n  expected: %s\n", all, warnings);
	}
	CU_ASSERT_STRING_EQUAL(all, warnings);
	vl_warnings_free(&list);
	return config;
}

size_t config_other_warnings(const struct vl_warnings *warnings)
{
	size_t count = 0;

	for (size_t i = 0; i < warnings->count; i++) {
		if (!strstr(warnings->text[i], " has no effect here")) {
			printf("\n  warning: %s\n", warnings->text[i]);
			count++;
		}
	}
	return count;
}

void config_refused(const char *text, const char *sentence)
{
	struct vl_error error = { "" };
	struct vl_config *config = NULL;
	int rc = vl_config_parse(text, strlen(text), "x.cfg", NULL, 0, &config, NULL, &error);

	if (rc != -22 || strcmp(error.text, sentence)) {
		printf("\n  %d, says: %s\n  expected: %s\n", rc, error.text, sentence);
	}
	CU_ASSERT_EQUAL(rc, -22);
	CU_ASSERT_STRING_EQUAL(error.text, sentence);
	if (!rc) {
		vl_config_free(config);
	}
}

static int same(const char *one, const char *two)
{
	return one && two ? !strcmp(one, two) : one == two;
}

#define DIFFER_STRING(a, b, field)           \
	if (!same((a)->field, (b)->field)) { \
		return #field;               \
	}
#define DIFFER(a, b, field)             \
	if ((a)->field != (b)->field) { \
		return #field;          \
	}

static const char *disk_difference(const struct vl_disk *a, const struct vl_disk *b)
{
	DIFFER_STRING(a, b, target)
	DIFFER_STRING(a, b, vdev)
	DIFFER_STRING(a, b, backend)
	DIFFER_STRING(a, b, script)
	DIFFER(a, b, format)
	DIFFER(a, b, readonly)
	DIFFER(a, b, direct_io_safe)
	DIFFER(a, b, discard)
	DIFFER(a, b, cdrom)
	DIFFER(a, b, shared)
	return NULL;
}

static const char *vif_difference(const struct vl_vif *a, const struct vl_vif *b)
{
	DIFFER_STRING(a, b, bridge)
	DIFFER_STRING(a, b, ip)
	DIFFER_STRING(a, b, vifname)
	DIFFER_STRING(a, b, script)
	DIFFER_STRING(a, b, backend)
	DIFFER_STRING(a, b, gatewaydev)
	DIFFER(a, b, rate)
	DIFFER(a, b, rate_interval)
	DIFFER(a, b, mtu)
	DIFFER(a, b, devid)
	return memcmp(a->mac, b->mac, 6) ? "mac" : NULL;
}

static const char *range_difference(const struct vl_range_config *a,
				    const struct vl_range_config *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		DIFFER(&a[i], &b[i], first)
		DIFFER(&a[i], &b[i], count)
		DIFFER(&a[i], &b[i], gfn)
	}
	return NULL;
}

static const char *list_difference(const struct vl_config *a, const struct vl_config *b)
{
	const char *text = NULL;

	DIFFER(a, b, cpus_count)
	DIFFER(a, b, disk_count)
	DIFFER(a, b, vif_count)
	DIFFER(a, b, iomem_count)
	DIFFER(a, b, ioport_count)
	for (size_t i = 0; i < a->cpus_count; i++) {
		DIFFER(a, b, cpus[i])
	}
	for (size_t i = 0; i < a->disk_count && !text; i++) {
		text = disk_difference(&a->disks[i], &b->disks[i]);
	}
	for (size_t i = 0; i < a->vif_count && !text; i++) {
		text = vif_difference(&a->vifs[i], &b->vifs[i]);
	}
	if (!text) {
		text = range_difference(a->iomem, b->iomem, a->iomem_count);
	}
	return text ? text : range_difference(a->ioports, b->ioports, a->ioport_count);
}

const char *config_difference(const struct vl_config *a, const struct vl_config *b)
{
	DIFFER_STRING(a, b, name)
	DIFFER_STRING(a, b, kernel)
	DIFFER_STRING(a, b, ramdisk)
	DIFFER_STRING(a, b, cmdline)
	DIFFER_STRING(a, b, bootloader)
	DIFFER_STRING(a, b, bootloader_args)
	DIFFER_STRING(a, b, firmware)
	DIFFER(a, b, has_uuid)
	if (memcmp(a->uuid, b->uuid, 16)) {
		return "uuid";
	}
	DIFFER(a, b, memory_kib)
	DIFFER(a, b, maxmem_kib)
	DIFFER(a, b, vcpus)
	DIFFER(a, b, maxvcpus)
	DIFFER(a, b, weight)
	DIFFER(a, b, cap)
	DIFFER(a, b, on_poweroff)
	DIFFER(a, b, on_reboot)
	DIFFER(a, b, on_crash)
	DIFFER(a, b, on_watchdog)
	DIFFER(a, b, on_soft_reset)
	DIFFER(a, b, max_grant_frames)
	DIFFER(a, b, max_maptrack_frames)
	DIFFER(a, b, max_event_channels)
	DIFFER(a, b, nomigrate)
	DIFFER(a, b, driver_domain)
	DIFFER(a, b, e820_host)
	return list_difference(a, b);
}

/* ---- Random ones ---- */

static uint64_t random_state;

static uint64_t number(uint64_t limit)
{
	/* xorshift64*, so that a seed means the same everywhere. */
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * UINT64_C(2685821657736338717)) % limit;
}

/* Of characters that mean something to one of the forms, and others. */
static char *string(bool lines)
{
	static const char *const pieces[] = { "a",  "Z0",  " ",	       "\"",	"'",
					      "<",  ">",   "&",	       ",",	"=",
					      "\\", "]]>", "\xc3\xa9", "&amp;", "\xf0\x9f\x90\xa7",
					      "{",  "}",   "%s",       "/",	"\t",
					      "\n" };
	size_t count = number(12), limit = sizeof(pieces) / sizeof(*pieces) - (lines ? 0 : 2);
	char *text = calloc(1, 100);

	strcpy(text, "s");
	for (size_t i = 0; i < count; i++) {
		strcat(text, pieces[number(limit)]);
	}
	return text;
}

static char *maybe_string(bool lines)
{
	return number(2) ? string(lines) : NULL;
}

static char *format_string(const char *format, unsigned int value)
{
	char *text = malloc(40);

	snprintf(text, 40, format, value);
	return text;
}

static void random_disks(struct vl_config *config)
{
	config->disk_count = number(5);
	config->disks = calloc(config->disk_count + 1, sizeof(*config->disks));
	for (size_t i = 0; i < config->disk_count; i++) {
		struct vl_disk *disk = &config->disks[i];

		disk->vdev = number(2) ?
				     format_string("xvd%c", 'a' + (unsigned int)i) :
				     format_string("d%up3", (unsigned int)(i + number(900) * 5));
		disk->script = maybe_string(false);
		disk->cdrom = number(4) == 0;
		disk->readonly = disk->cdrom || number(2);
		disk->direct_io_safe = number(2);
		disk->shared = number(2);
		disk->discard = number(2);
		disk->backend = maybe_string(false);
		if (!disk->cdrom || number(2)) {
			disk->target = disk->script ? string(false) :
						      format_string("/dev/x/%u", (unsigned int)i);
		}
		disk->format = disk->target ? VL_DISK_RAW : VL_DISK_EMPTY;
	}
}

static void random_vifs(struct vl_config *config)
{
	config->vif_count = number(5);
	config->vifs = calloc(config->vif_count + 1, sizeof(*config->vifs));
	for (size_t i = 0; i < config->vif_count; i++) {
		struct vl_vif *vif = &config->vifs[i];

		vif->devid = (uint32_t)(i + number(2) * 7);
		for (size_t j = 0; j < 6 && number(6); j++) {
			vif->mac[j] = (uint8_t)number(128) & 0xfe;
		}
		vif->bridge = maybe_string(false);
		vif->vifname = maybe_string(false);
		vif->script = maybe_string(false);
		vif->backend = maybe_string(false);
		vif->gatewaydev = maybe_string(false);
		vif->ip =
			number(2) ? strdup(number(2) ? "10.0.0.1" : "10.0.0.1/24 fe80::1 x") : NULL;
		vif->rate = number(2) ? number(UINT32_MAX) : 0;
		vif->rate_interval = number(2) ? (uint32_t)number(UINT32_MAX) : 0;
		vif->mtu = number(2) ? (uint32_t)number(9000) + 68 : 0;
	}
}

static void random_lists(struct vl_config *config)
{
	if (number(2)) {
		config->cpus_count = number(2) ? 1 : config->maxvcpus;
		config->cpus = calloc(config->cpus_count, sizeof(*config->cpus));
		for (size_t i = 0; i < config->cpus_count; i++) {
			/* All different: equal ones would be one for all. */
			config->cpus[i] = UINT64_C(1) << i | number(UINT64_MAX) << i << 1;
			config->cpus[i] |= number(3) ? 0 : UINT64_C(3) << 62;
		}
	}
	config->iomem_count = number(3);
	config->iomem = calloc(config->iomem_count + 1, sizeof(*config->iomem));
	for (size_t i = 0; i < config->iomem_count; i++) {
		config->iomem[i] =
			(struct vl_range_config){ number(UINT64_C(1) << 39), number(1000) + 1,
						  number(UINT64_C(1) << 40) };
	}
	config->ioport_count = number(3);
	config->ioports = calloc(config->ioport_count + 1, sizeof(*config->ioports));
	for (size_t i = 0; i < config->ioport_count; i++) {
		config->ioports[i] = (struct vl_range_config){ number(65000), number(500) + 1, 0 };
	}
}

struct vl_config *config_random(uint64_t seed)
{
	struct vl_config *config = calloc(1, sizeof(*config));

	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	config->name = format_string("guest-%u", (unsigned int)number(1000));
	config->has_uuid = number(2);
	for (size_t i = 0; config->has_uuid && i < 16; i++) {
		config->uuid[i] = (uint8_t)number(256);
	}
	config->kernel = maybe_string(false);
	config->ramdisk = maybe_string(false);
	config->cmdline = maybe_string(true);
	config->bootloader = config->kernel ? maybe_string(false) : string(false);
	config->bootloader_args = maybe_string(true);
	config->firmware = number(2) ? strdup("pvgrub64") : NULL;
	config->maxmem_kib = 1024 + number(UINT64_C(1) << 34);
	config->memory_kib =
		number(2) ? config->maxmem_kib : 1024 + number(config->maxmem_kib - 1023);
	config->maxvcpus = (uint32_t)number(64) + 1;
	config->vcpus = (uint32_t)number(config->maxvcpus) + 1;
	config->weight = (uint32_t)number(65535) + 1;
	config->cap = number(2) ? (uint32_t)number(6400) : 0;
	config->on_poweroff = (enum vl_action)number(7);
	config->on_reboot = (enum vl_action)number(7);
	config->on_crash = (enum vl_action)number(7);
	config->on_watchdog = (enum vl_action)number(7);
	config->on_soft_reset = (enum vl_action)number(7);
	config->max_grant_frames = number(2) ? (uint32_t)number(513) : 0;
	config->max_maptrack_frames = number(2) ? (uint32_t)number(1025) : 0;
	config->max_event_channels = number(2) ? (uint32_t)number(131072) : 0;
	config->nomigrate = number(2);
	config->driver_domain = number(2);
	config->e820_host = number(2);
	random_disks(config);
	random_vifs(config);
	random_lists(config);
	return config;
}

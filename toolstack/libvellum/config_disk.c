/* SPDX-License-Identifier: MIT */
/*
 * One disk: an entry of "disk=", in every form that xl takes, positional and
 * named, with the prefixes that were needed long ago.  Called by
 * config_schema.c, and by the readers of the other forms for the checks.
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The parts of an entry, in the order of the positions. */
enum part {
	PART_TARGET,
	PART_FORMAT,
	PART_VDEV,
	PART_ACCESS,
	PART_COUNT
};

struct disk_spec {
	char *parts[PART_COUNT]; /* within the copy that is taken apart */
	bool cdrom;
	bool prefixed; /* "phy:" and such: there is no position of a format */
	bool discard_given;
};

void vl_disk_clear(struct vl_disk *disk)
{
	free(disk->target);
	free(disk->vdev);
	free(disk->backend);
	free(disk->script);
	memset(disk, 0, sizeof(*disk));
}

int config_disk_add(struct config_ctx *ctx, struct vl_config *config, struct vl_disk **disk)
{
	struct vl_disk *disks;

	if (config->disk_count >= CONFIG_MAX_DEVICES) {
		return config_fail(ctx, "there are more than %d disks", CONFIG_MAX_DEVICES);
	}
	disks = realloc(config->disks, (config->disk_count + 1) * sizeof(*disks));
	if (!disks) {
		return config_no_memory(ctx);
	}
	config->disks = disks;
	*disk = &disks[config->disk_count++];
	memset(*disk, 0, sizeof(**disk));
	(*disk)->discard = true;
	return 0;
}

int config_disk_format(struct config_ctx *ctx, const char *text, enum vl_disk_format *format)
{
	static const char *const others[] = { "qcow", "qcow2", "vhd", "qed", "vmdk" };

	if (!strcmp(text, "raw")) {
		*format = VL_DISK_RAW;
		return 0;
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (!strcmp(text, others[i])) {
			return config_fail(
				ctx,
				"disks of format %s are not supported: convert the image "
				"with \"qemu-img convert -O raw\"",
				text);
		}
	}
	return config_fail(ctx, "\"%.40s\" is no format of a disk: \"raw\" is, or an empty one",
			   config_text_shown(text));
}

/* A path that is not absolute lies in /dev. */
static int complete_target(struct config_ctx *ctx, struct vl_disk *disk)
{
	size_t size;
	char *path;

	if (!disk->target || disk->target[0] == '/' || disk->script) {
		return 0;
	}
	size = strlen(disk->target) + sizeof("/dev/");
	path = malloc(size);
	if (!path) {
		return config_no_memory(ctx);
	}
	snprintf(path, size, "/dev/%s", disk->target);
	free(disk->target);
	disk->target = path;
	return 0;
}

int config_disk_finish(struct config_ctx *ctx, struct vl_disk *disk)
{
	uint32_t number;

	if (!disk->vdev) {
		return config_fail(ctx, "a disk has no virtual device (vdev)");
	}
	if (vl_vdev_number(disk->vdev, &number)) {
		return config_fail(ctx, "\"%.40s\" is no virtual device, as \"xvda\" is",
				   config_text_shown(disk->vdev));
	}
	if (!disk->target && !disk->cdrom) {
		return config_fail(ctx, "the disk %.40s has no target", disk->vdev);
	}
	disk->format = disk->target ? VL_DISK_RAW : VL_DISK_EMPTY;
	disk->readonly |= disk->cdrom;
	return complete_target(ctx, disk);
}

static int set_access(struct config_ctx *ctx, struct vl_disk *disk, const char *text)
{
	if (!strcmp(text, "r") || !strcmp(text, "ro")) {
		disk->readonly = true;
	} else if (!strcmp(text, "w!")) {
		disk->shared = true;
	} else if (strcmp(text, "w") != 0 && strcmp(text, "rw") != 0) {
		return config_fail(ctx, "\"%.40s\" is no access to a disk: \"r\" and \"w\" are",
				   config_text_shown(text));
	}
	return 0;
}

static int set_devtype(struct config_ctx *ctx, struct disk_spec *spec, const char *text)
{
	if (!strcmp(text, "cdrom")) {
		spec->cdrom = true;
	} else if (*text && strcmp(text, "disk") != 0) {
		return config_fail(ctx, "\"%.40s\" is no type of a disk: \"cdrom\" is",
				   config_text_shown(text));
	}
	return 0;
}

/* Each may be given once, an empty one again. */
static int set_part(struct config_ctx *ctx, struct disk_spec *spec, enum part part, char *text)
{
	static const char *const names[] = { "target", "format", "vdev", "access" };

	if (spec->parts[part] && *spec->parts[part]) {
		return config_fail(ctx, "the %s of a disk is given twice", names[part]);
	}
	spec->parts[part] = text;
	return 0;
}

/* Strips the old prefixes of a target; returns what follows them. */
static char *strip_prefixes(struct disk_spec *spec, char *text, char **format, char **script)
{
	static const char *const ignored[] = { "phy:",	   "file:", "tap:",  "tap2:",
					       "tapdisk:", "aio:",  "ioemu:" };
	static char *const formats[][2] = {
		{ "raw:", "raw" }, { "qcow:", "qcow" }, { "qcow2:", "qcow2" }, { "vhd:", "vhd" }
	};
	static char *const scripts[][2] = { { "iscsi:", "block-iscsi" },
					    { "nbd:", "block-nbd" },
					    { "enbd:", "block-enbd" },
					    { "drbd:", "block-drbd" } };
	bool found;

	do {
		found = false;
		for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
			if (!strncmp(text, ignored[i], strlen(ignored[i]))) {
				text += strlen(ignored[i]);
				found = true;
			}
		}
		for (size_t i = 0; i < 4; i++) {
			if (!strncmp(text, formats[i][0], strlen(formats[i][0]))) {
				text += strlen(formats[i][0]);
				*format = formats[i][1];
				found = true;
			}
			if (!strncmp(text, scripts[i][0], strlen(scripts[i][0]))) {
				text += strlen(scripts[i][0]);
				*script = scripts[i][1];
				found = true;
			}
		}
		spec->prefixed |= found;
	} while (found);
	return text;
}

/* "hdc:cdrom" */
static int set_vdev(struct config_ctx *ctx, struct disk_spec *spec, char *text)
{
	char *colon = strchr(text, ':');
	int rc;

	if (colon) {
		*colon = '\0';
		/* The old form: what follows is the access. */
		spec->prefixed = true;
		rc = set_devtype(ctx, spec, colon + 1);
		if (rc) {
			return rc;
		}
	}
	return set_part(ctx, spec, PART_VDEV, text);
}

static int set_target(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
		      char *text)
{
	char *format = NULL, *script = NULL;
	int rc;

	text = strip_prefixes(spec, text, &format, &script);
	rc = set_part(ctx, spec, PART_TARGET, text);
	if (!rc && format) {
		rc = set_part(ctx, spec, PART_FORMAT, format);
	}
	if (!rc && script) {
		rc = config_set_string(ctx, "script", &disk->script, script, false);
	}
	return rc;
}

/* The next position that nothing is known of. */
static int set_positional(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
			  char *text)
{
	if (!spec->parts[PART_TARGET]) {
		return set_target(ctx, spec, disk, text);
	}
	if (!spec->parts[PART_FORMAT] && !strchr(text, ':') &&
	    (!spec->prefixed || !*text || !strcmp(text, "raw"))) {
		return set_part(ctx, spec, PART_FORMAT, text);
	}
	if (!spec->parts[PART_VDEV]) {
		return set_vdev(ctx, spec, text);
	}
	if (!spec->parts[PART_ACCESS]) {
		return set_part(ctx, spec, PART_ACCESS, text);
	}
	return config_fail(ctx, "\"%.40s\" is one value too many for a disk",
			   config_text_shown(text));
}

/* Words without a value; 1: it is none of them. */
static int set_flag(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
		    const char *text)
{
	if (!strcmp(text, "cdrom")) {
		spec->cdrom = true;
	} else if (!strcmp(text, "direct-io-safe")) {
		disk->direct_io_safe = true;
	} else if (!strcmp(text, "discard") || !strcmp(text, "no-discard")) {
		if (spec->discard_given) {
			return config_fail(ctx, "discard of a disk is given twice");
		}
		spec->discard_given = true;
		disk->discard = *text == 'd';
	} else if (!strcmp(text, "untrusted")) {
		return config_warn(ctx, "untrusted has no effect on a disk");
	} else if (strcmp(text, "trusted") != 0) {
		return 1;
	}
	return 0;
}

static int set_backendtype(struct config_ctx *ctx, const char *text)
{
	if (!strcmp(text, "qdisk") || !strcmp(text, "tap")) {
		return config_warn(ctx,
				   "backendtype=%s has no effect: the control domain's kernel "
				   "serves the disk",
				   text);
	}
	return !*text || !strcmp(text, "phy") ?
		       0 :
		       config_fail(ctx, "backendtype=%.40s is not supported",
				   config_text_shown(text));
}

static int set_named(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
		     const char *name, char *value)
{
	const struct config_key *key = config_key_find(config_disk_keys, name);

	if (!strcmp(name, "format")) {
		return set_part(ctx, spec, PART_FORMAT, value);
	}
	if (!strcmp(name, "vdev")) {
		return set_vdev(ctx, spec, value);
	}
	if (!strcmp(name, "access")) {
		return set_part(ctx, spec, PART_ACCESS, value);
	}
	if (!strcmp(name, "devtype")) {
		return set_devtype(ctx, spec, value);
	}
	if (!strcmp(name, "backendtype")) {
		return set_backendtype(ctx, value);
	}
	if (!strcmp(name, "specification")) {
		return !*value || !strcmp(value, "xen") ?
			       0 :
			       config_fail(ctx, "specification=%.40s is not supported, only xen is",
					   config_text_shown(value));
	}
	if (key && key->type == CONFIG_STRING) {
		return *config_string_field(disk, key) ?
			       config_fail(ctx, "the %s of a disk is given twice", key->name) :
			       config_set_text(ctx, disk, key, value);
	}
	return config_fail(ctx, "%.40s= is not known for a disk", name);
}

/* The length of "name" in "name=value"; 0: it has not that form. */
static size_t name_length(const char *text)
{
	size_t size = 0;

	if (!isalpha((unsigned char)text[0])) {
		return 0;
	}
	while (isalnum((unsigned char)text[size]) || text[size] == '-' || text[size] == '_') {
		size++;
	}
	return text[size] == '=' ? size : 0;
}

/* One part between commas. */
static int parse_part(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
		      char *text)
{
	size_t size = strlen(text);
	int rc;

	while (size && isspace((unsigned char)text[size - 1])) {
		text[--size] = '\0';
	}
	size = name_length(text);
	if (size) {
		text[size] = '\0';
		return set_named(ctx, spec, disk, text, text + size + 1);
	}
	rc = set_flag(ctx, spec, disk, text);
	return rc == 1 ? set_positional(ctx, spec, disk, text) : rc;
}

static int parse_parts(struct config_ctx *ctx, struct disk_spec *spec, struct vl_disk *disk,
		       char *text)
{
	char *comma;
	int rc;

	do {
		text += strspn(text, " \t\n");
		/* This one takes all the rest, commas and blanks included. */
		if (!strncmp(text, "target=", 7)) {
			return set_part(ctx, spec, PART_TARGET, text + 7);
		}
		comma = strchr(text, ',');
		if (comma) {
			*comma = '\0';
		} else if (!*text) {
			return 0;
		}
		rc = parse_part(ctx, spec, disk, text);
		text = comma ? comma + 1 : NULL;
	} while (!rc && text);
	return rc;
}

/* What the parts mean together. */
static int use_parts(struct config_ctx *ctx, const struct disk_spec *spec, struct vl_disk *disk)
{
	char *const *parts = spec->parts;
	int rc = 0;

	if (parts[PART_TARGET]) {
		rc = config_set_string(ctx, "target", &disk->target, parts[PART_TARGET], false);
	}
	if (!rc && parts[PART_FORMAT] && *parts[PART_FORMAT]) {
		rc = config_disk_format(ctx, parts[PART_FORMAT], &disk->format);
	}
	if (!rc && parts[PART_VDEV]) {
		rc = config_set_string(ctx, "vdev", &disk->vdev, parts[PART_VDEV], false);
	}
	if (!rc && parts[PART_ACCESS] && *parts[PART_ACCESS]) {
		rc = set_access(ctx, disk, parts[PART_ACCESS]);
	}
	disk->cdrom = spec->cdrom;
	return rc ? rc : config_disk_finish(ctx, disk);
}

int config_disk_parse(struct config_ctx *ctx, const char *text, struct vl_disk *disk)
{
	struct disk_spec spec = { .cdrom = false };
	char *copy = strdup(text);
	int rc;

	if (!copy) {
		return config_no_memory(ctx);
	}
	disk->discard = true;
	rc = parse_parts(ctx, &spec, disk, copy);
	if (!rc) {
		rc = use_parts(ctx, &spec, disk);
	}
	free(copy);
	return rc;
}

int vl_disk_parse(const char *spec, const char *what, struct vl_disk *disk,
		  struct vl_warnings *warnings, struct vl_error *error)
{
	struct config_ctx ctx = { .file = what, .warnings = warnings, .error = error };
	int rc;

	memset(disk, 0, sizeof(*disk));
	rc = config_text_valid(spec, true) ? config_disk_parse(&ctx, spec, disk) :
					     config_fail(&ctx, "it has control characters or is "
							       "not UTF-8");
	if (rc) {
		vl_disk_clear(disk);
	}
	return rc;
}

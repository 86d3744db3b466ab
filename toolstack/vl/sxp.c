/* SPDX-License-Identifier: MIT */
/*
 * A domain as lists "(key value)" in a list "(domain ...)".  Called by "list -l"
 * and by the dry run of "create", where vl.conf asks for this form.
 *
 * Readers of it know no quotes: they see words that end at white space and
 * parentheses.  So no value may hold a parenthesis, whoever chose it, nor a name
 * a blank.  Lists that hold lists end on a line of their own: a reader that tries
 * and goes back then need not read any of them twice.
 */
#include "sxp.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <xen/sched.h>

#include "output.h"

#define STATE_SIZE 7
#define INDENT 4

/* A key, and what the value is called in the object that it is taken from. */
struct field {
	const char *key, *from;
};

static const struct field actions[] = {
	{ "on_poweroff", "on_poweroff" },
	{ "on_reboot", "on_reboot" },
	{ "on_crash", "on_crash" },
	{ NULL, NULL },
};
static const struct field image_fields[] = {
	{ "kernel", "kernel" },
	{ "ramdisk", "ramdisk" },
	{ "args", "cmdline" },
	{ NULL, NULL },
};
static const struct field loader_fields[] = {
	{ "bootloader", "bootloader" },
	{ "bootloader_args", "bootloader_args" },
	{ NULL, NULL },
};
static const struct field vif_fields[] = {
	{ "mac", "mac" },
	{ "bridge", "bridge" },
	{ "ip", "ip" },
	{ "vifname", "ifname" },
	{ "script", "script" },
	{ "mtu", "mtu" },
	{ "backend", "backend_domname" },
	{ NULL, NULL },
};
static const struct field vbd_fields[] = {
	{ "uname", "pdev_path" },
	{ "script", "script" },
	{ "backend", "backend_domname" },
	{ NULL, NULL },
};

/* ---- Values ---------------------------------------------------------------------- */

/*
 * Beyond ASCII, too, every byte is escaped: some of its characters are white space
 * to a reader, and one without a locale can take none of them.
 */
static void put_text(FILE *out, const char *text, size_t size, bool quotes)
{
	bool quoted = size == 0 || (quotes && memchr(text, ' ', size));

	if (quoted) {
		putc('\'', out);
	}
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c == ' ' && quoted) || (c > ' ' && c < 0x7f && !strchr("()'\"\\", c))) {
			putc(c, out);
		} else {
			fprintf(out, "\\%03o", c);
		}
	}
	if (quoted) {
		putc('\'', out);
	}
}

static void put_value(FILE *out, const json_t *value)
{
	if (json_is_string(value)) {
		put_text(out, json_string_value(value), json_string_length(value), true);
	} else {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	}
}

/* ---- Lists ----------------------------------------------------------------------- */

static void begin(FILE *out, int depth, const char *key)
{
	fprintf(out, "%*s(%s\n", depth * INDENT, "", key);
}

static void end(FILE *out, int depth)
{
	fprintf(out, "%*s)\n", depth * INDENT, "");
}

static void put_word(FILE *out, int depth, const char *key, const char *word)
{
	fprintf(out, "%*s(%s ", depth * INDENT, "", key);
	/* A blank would make it two words. */
	put_text(out, word, strlen(word), false);
	fputs(")\n", out);
}

static void put_number(FILE *out, const char *key, uint64_t number)
{
	fprintf(out, "%*s(%s %" PRIu64 ")\n", INDENT, "", key, number);
}

/* Strings, numbers, and arrays of them; others are not asked for. */
static void put_field(FILE *out, int depth, const char *key, const json_t *value)
{
	const json_t *item;
	size_t i;

	if (!json_is_string(value) && !json_is_integer(value) && !json_is_array(value)) {
		return;
	}
	fprintf(out, "%*s(%s", depth * INDENT, "", key);
	if (!json_is_array(value)) {
		putc(' ', out);
		put_value(out, value);
	}
	json_array_foreach(value, i, item)
	{
		putc(' ', out);
		put_value(out, item);
	}
	fputs(")\n", out);
}

static void put_fields(FILE *out, int depth, const struct field *fields, const json_t *object)
{
	for (; fields->key; fields++) {
		put_field(out, depth, fields->key, json_object_get(object, fields->from));
	}
}

/* ---- The parts of a domain --------------------------------------------------------- */

/* One letter at most, in its place: readers compare all six characters. */
static void state_of(const struct vl_domain_info *info, char state[STATE_SIZE])
{
	bool shutdown = info->flags & VL_DOMAIN_shutdown;

	memcpy(state, "------", STATE_SIZE);
	if (info->flags & VL_DOMAIN_dying) {
		state[5] = 'd';
	} else if (shutdown && info->shutdown_reason == SHUTDOWN_crash) {
		state[4] = 'c';
	} else if (shutdown) {
		state[3] = 's';
	} else if (info->flags & VL_DOMAIN_paused) {
		state[2] = 'p';
	} else if (info->flags & VL_DOMAIN_running) {
		state[0] = 'r';
	} else if (info->flags & VL_DOMAIN_blocked) {
		state[1] = 'b';
	}
}

/* To the nanosecond: readers take a guest for hung whose time did not change. */
static void put_info(FILE *out, const struct vl_domain_info *info)
{
	char state[STATE_SIZE];

	put_number(out, "vcpus", info->vcpus_max);
	put_number(out, "online_vcpus", info->vcpus_up);
	put_number(out, "memory", info->frames / 256);
	put_number(out, "maxmem", info->max_frames / 256);
	put_number(out, "cpu_weight", info->weight);
	put_number(out, "cpu_cap", info->cap);
	state_of(info, state);
	put_word(out, 1, "state", state);
	fprintf(out, "%*s(cpu_time %" PRIu64 ".%09" PRIu64 ")\n", INDENT, "",
		info->cpu_time / 1000000000, info->cpu_time % 1000000000);
}

/* What is wanted of the core, where it was not asked. */
static void put_wanted(FILE *out, const json_t *b_info)
{
	const json_t *most = json_object_get(b_info, "max_vcpus");
	const json_t *up = json_object_get(b_info, "avail_vcpus");
	const json_t *memory = json_object_get(b_info, "target_memkb");
	const json_t *limit = json_object_get(b_info, "max_memkb");

	put_field(out, 1, "vcpus", most);
	if (up) {
		put_number(out, "online_vcpus", json_array_size(up));
	}
	if (memory) {
		put_number(out, "memory", (uint64_t)json_integer_value(memory) / 1024);
	}
	if (limit) {
		put_number(out, "maxmem", (uint64_t)json_integer_value(limit) / 1024);
	}
}

/* "rename-restart", where JSON has "rename_restart". */
static void put_actions(FILE *out, const json_t *config)
{
	char text[32];

	for (const struct field *field = actions; field->key; field++) {
		const char *name = json_string_value(json_object_get(config, field->from));

		if (!name) {
			continue;
		}
		snprintf(text, sizeof(text), "%s", name);
		for (char *c = text; *c; c++) {
			if (*c == '_') {
				*c = '-';
			}
		}
		put_word(out, 1, field->key, text);
	}
}

static void put_image(FILE *out, const json_t *b_info)
{
	bool any = false;

	put_fields(out, 1, loader_fields, json_object_get(b_info, "type.pv"));
	for (const struct field *field = image_fields; field->key; field++) {
		any = any || json_object_get(b_info, field->from);
	}
	if (!any) {
		return;
	}
	begin(out, 1, "image");
	begin(out, 2, "linux");
	put_fields(out, 3, image_fields, b_info);
	end(out, 2);
	end(out, 1);
}

static void put_vif(FILE *out, const json_t *vif)
{
	begin(out, 1, "device");
	begin(out, 2, "vif");
	put_fields(out, 3, vif_fields, vif);
	end(out, 2);
	end(out, 1);
}

static void put_vbd(FILE *out, const json_t *disk)
{
	const char *vdev = json_string_value(json_object_get(disk, "vdev"));
	const char *shared = json_string_value(json_object_get(disk, "shared"));
	bool cdrom = json_integer_value(json_object_get(disk, "is_cdrom"));
	bool writable = json_integer_value(json_object_get(disk, "readwrite"));

	begin(out, 1, "device");
	begin(out, 2, "vbd");
	if (vdev) {
		fprintf(out, "%*s(dev ", 3 * INDENT, "");
		put_text(out, vdev, strlen(vdev), false);
		fprintf(out, ":%s)\n", cdrom ? "cdrom" : "disk");
	}
	put_word(out, 3, "mode", !writable ? "r" : shared && !strcmp(shared, "True") ? "w!" : "w");
	put_fields(out, 3, vbd_fields, disk);
	end(out, 2);
	end(out, 1);
}

/* ---- A domain ---------------------------------------------------------------------- */

void sxp_print(FILE *out, const char *name, const struct vl_domain_info *info, const json_t *config)
{
	const json_t *c_info = json_object_get(config, "c_info");
	const json_t *b_info = json_object_get(config, "b_info");
	const json_t *device;
	char uuid[OUTPUT_UUID_SIZE];
	size_t i;

	if (!name) {
		name = json_string_value(json_object_get(c_info, "name"));
	}
	begin(out, 0, "domain");
	if (info) {
		put_number(out, "domid", info->domid);
	}
	if (name) {
		put_word(out, 1, "name", name);
	}
	if (info) {
		output_uuid(info->handle, uuid);
		put_word(out, 1, "uuid", uuid);
		put_info(out, info);
	} else {
		put_field(out, 1, "uuid", json_object_get(c_info, "uuid"));
		put_wanted(out, b_info);
	}
	put_actions(out, config);
	put_image(out, b_info);
	json_array_foreach(json_object_get(config, "nics"), i, device)
	{
		put_vif(out, device);
	}
	json_array_foreach(json_object_get(config, "disks"), i, device)
	{
		put_vbd(out, device);
	}
	end(out, 0);
}

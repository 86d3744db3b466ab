/* SPDX-License-Identifier: MIT */
/*
 * A configuration as JSON, by jansson: the structure that scripts know of "xl
 * list -l".  Called by vl and vld, through vl_config_json().  Whatever has a row
 * with a path in the tables is written by it; the rest is done by hand here.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Takes the value over, as json_object_set_new() does, null being a failure. */
static bool put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) == 0;
}

/* The object that a path like "b_info/type.pv/x" leads to, made where it is
 * missing, and the last part of the path. */
static json_t *open_path(json_t *object, const char *path, const char **last)
{
	const char *slash;

	while (object && (slash = strchr(path, '/'))) {
		char name[32];
		size_t size = (size_t)(slash - path);
		json_t *child;

		memcpy(name, path, size);
		name[size] = '\0';
		child = json_object_get(object, name);
		if (!child && put(object, name, json_object())) {
			child = json_object_get(object, name);
		}
		object = child;
		path = slash + 1;
	}
	*last = path;
	return object;
}

/* Arguments are a list there: ours has one entry. */
static json_t *arguments(const char *text)
{
	json_t *list = json_array();

	if (list && json_array_append_new(list, json_string(text))) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* An action's name has _ for -. */
static json_t *action(const char *name)
{
	char text[32];
	size_t i = 0;

	for (; name[i]; i++) {
		text[i] = name[i];
		if (text[i] == '-') {
			text[i] = '_';
		}
	}
	return json_stringn(text, i);
}

/* The field that a row describes; null with *nothing set: it says nothing. */
static json_t *field_value(const void *base, const struct config_key *key, bool *nothing)
{
	char buffer[CONFIG_TEXT_SIZE];
	const char *text = config_get_text(base, key, buffer);

	*nothing = !text && key->type != CONFIG_BOOL;
	if (*nothing) {
		return NULL;
	}
	switch (key->type) {
	case CONFIG_BOOL:
		return json_string(text ? "True" : "False");
	case CONFIG_U32:
	case CONFIG_U64:
	case CONFIG_MIB:
		return json_integer((json_int_t)config_get_number(base, key));
	case CONFIG_ACTION:
		return action(text);
	case CONFIG_ARGS:
		return arguments(text);
	default:
		return json_string(text);
	}
}

static bool put_fields(json_t *object, const struct config_key *keys, const void *base)
{
	for (; keys->name; keys++) {
		const char *last;
		json_t *parent, *value;
		bool nothing;

		if (!keys->json) {
			continue;
		}
		value = field_value(base, keys, &nothing);
		if (nothing) {
			continue;
		}
		parent = open_path(object, keys->json, &last);
		if (!parent || !value) {
			json_decref(value);
			return false;
		}
		if (!put(parent, last, value)) {
			return false;
		}
	}
	return true;
}

/* The numbers of the bits that are set. */
static json_t *bits(uint64_t mask)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < 64; i++) {
		if ((mask >> i & 1) && json_array_append_new(list, json_integer(i))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static bool put_vcpus(json_t *info, const struct vl_config *config)
{
	size_t count =
		config->maxvcpus > config->cpus_count ? config->maxvcpus : config->cpus_count;
	uint64_t up = config->vcpus >= 64 ? CONFIG_ALL_CPUS : (UINT64_C(1) << config->vcpus) - 1;
	json_t *list;

	/* A draft may not know yet. */
	if (config->vcpus && !put(info, "avail_vcpus", bits(up))) {
		return false;
	}
	if (!config->cpus_count) {
		return true;
	}
	list = json_array();
	if (!put(info, "vcpu_hard_affinity", list)) {
		return false;
	}
	/* One for each, as it is written there, also where one is for all. */
	for (size_t i = 0; i < count; i++) {
		size_t index = i < config->cpus_count ? i : config->cpus_count - 1;

		if (json_array_append_new(list, bits(config->cpus[index]))) {
			return false;
		}
	}
	return true;
}

static bool put_ranges(json_t *info, const char *name, const struct vl_range_config *ranges,
		       size_t count, bool memory)
{
	json_t *list;

	if (!count) {
		return true;
	}
	list = json_array();
	if (!put(info, name, list)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		json_t *range = json_object();

		if (json_array_append_new(list, range) ||
		    !put(range, memory ? "start" : "first",
			 json_integer((json_int_t)ranges[i].first)) ||
		    !put(range, "number", json_integer((json_int_t)ranges[i].count)) ||
		    (memory && !put(range, "gfn", json_integer((json_int_t)ranges[i].gfn)))) {
			return false;
		}
	}
	return true;
}

static bool put_disks(json_t *root, const struct vl_config *config)
{
	json_t *list = json_array();

	if (!put(root, "disks", list)) {
		return false;
	}
	for (size_t i = 0; i < config->disk_count; i++) {
		const struct vl_disk *from = &config->disks[i];
		json_t *disk = json_object();

		if (json_array_append_new(list, disk) ||
		    !put_fields(disk, config_disk_keys, from) ||
		    !put(disk, "format", json_string(from->target ? "raw" : "empty")) ||
		    !put(disk, "readwrite", json_integer(from->readonly ? 0 : 1)) ||
		    !put(disk, "removable", json_integer(from->cdrom ? 1 : 0)) ||
		    !put(disk, "is_cdrom", json_integer(from->cdrom ? 1 : 0))) {
			return false;
		}
	}
	return true;
}

/* Of number 0 its field says nothing, and in a draft there may be none. */
static bool put_devid(json_t *vif, uint32_t devid)
{
	return devid == CONFIG_NO_DEVID ? json_object_del(vif, "devid") == 0 :
					  put(vif, "devid", json_integer(devid));
}

static bool put_vifs(json_t *root, const struct vl_config *config)
{
	json_t *list = json_array();

	if (!put(root, "nics", list)) {
		return false;
	}
	for (size_t i = 0; i < config->vif_count; i++) {
		json_t *vif = json_object();

		if (json_array_append_new(list, vif) ||
		    !put_fields(vif, config_vif_keys, &config->vifs[i]) ||
		    !put_devid(vif, config->vifs[i].devid) ||
		    !put(vif, "nictype", json_string("vif"))) {
			return false;
		}
	}
	return true;
}

static bool put_config(json_t *root, const struct vl_config *config)
{
	const char *last;
	json_t *c_info = open_path(root, "c_info/", &last);
	json_t *b_info = open_path(root, "b_info/", &last);

	return c_info && b_info && put(c_info, "type", json_string("pv")) &&
	       put_fields(root, config_keys, config) && put_vcpus(b_info, config) &&
	       put_ranges(b_info, "iomem", config->iomem, config->iomem_count, true) &&
	       put_ranges(b_info, "ioports", config->ioports, config->ioport_count, false) &&
	       put_disks(root, config) && put_vifs(root, config);
}

/* The text as it grows.  Once it could not, it never does: jansson goes on after a
 * name that it could not write. */
struct output {
	char *text;
	size_t size, room;
	bool failed;
};

static int append(const char *bytes, size_t size, void *data)
{
	struct output *output = data;
	size_t room = output->room ? output->room : 1024;
	char *text;

	if (output->failed || size > SIZE_MAX / 4 - output->size) {
		output->failed = true;
		return -1;
	}
	while (room <= output->size + size) {
		room *= 2;
	}
	if (room != output->room) {
		text = realloc(output->text, room);
		if (!text) {
			output->failed = true;
			return -1;
		}
		output->text = text;
		output->room = room;
	}
	memcpy(output->text + output->size, bytes, size);
	output->size += size;
	output->text[output->size] = '\0';
	return 0;
}

int vl_config_json(const struct vl_config *config, char **text, struct vl_error *error)
{
	struct output output = { .text = NULL };
	json_t *root = json_object();
	bool good = root && put_config(root, config) &&
		    json_dump_callback(root, append, &output, JSON_INDENT(4)) == 0 &&
		    !output.failed;

	json_decref(root);
	*text = output.text;
	if (good) {
		return 0;
	}
	free(output.text);
	*text = NULL;
	return vl_error_set(error, -ENOMEM, "not enough memory to write a configuration as JSON");
}

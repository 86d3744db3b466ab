/* SPDX-License-Identifier: MIT */
/*
 * A configuration from JSON, as config_json_write.c gives it and as "xl list
 * -l" shows it.  Called by config.c.  A client may have written it: every member
 * is checked for its type and by the same functions as in the other forms.
 * Members that are not known are warned about by their path; jansson keeps no
 * line numbers.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* What others write and means nothing here. */
static const char *const ignored[] = { "c_info/run_hotplug_scripts",
				       "b_info/claim_mode",
				       "b_info/shadow_memkb",
				       "b_info/type",
				       "b_info/localtime",
				       "b_info/rtc_timeoffset",
				       NULL };
static const char *const disk_handled[] = { "format",	"readwrite", "removable",
					    "is_cdrom", "backend",   NULL };
static const char *const vif_handled[] = { "nictype", "model", NULL };

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (!strcmp(*names, name)) {
			return true;
		}
	}
	return false;
}

static int wrong_type(struct config_ctx *ctx, const char *name, const char *type)
{
	return config_fail(ctx, "%s is to be %s", name, type);
}

/* A boolean, of any kind in use. */
static int get_bool(struct config_ctx *ctx, const char *name, const json_t *value, bool *result)
{
	const char *text = json_string_value(value);

	if (json_is_boolean(value)) {
		*result = json_is_true(value);
	} else if (json_is_integer(value)) {
		*result = json_integer_value(value) != 0;
	} else if (text && (!strcmp(text, "True") || !strcmp(text, "False"))) {
		*result = *text == 'T';
	} else if (!text || strcmp(text, "<default>") != 0) {
		return wrong_type(ctx, name, "true or false");
	}
	return 0;
}

/* A list of strings, joined with blanks. */
static int get_arguments(struct config_ctx *ctx, void *base, const struct config_key *key,
			 const json_t *list)
{
	size_t size = 1, used = 0, i;
	json_t *entry;
	char *text;
	int rc;

	json_array_foreach(list, i, entry)
	{
		if (!json_is_string(entry)) {
			return wrong_type(ctx, key->json, "a list of strings");
		}
		size += json_string_length(entry) + 1;
	}
	text = malloc(size);
	if (!text) {
		return config_no_memory(ctx);
	}
	text[0] = '\0';
	json_array_foreach(list, i, entry)
	{
		used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
					 json_string_value(entry));
	}
	rc = config_set_text(ctx, base, key, text);
	free(text);
	return rc;
}

static int get_number(struct config_ctx *ctx, const char *name, const json_t *value,
		      uint64_t *number)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		return wrong_type(ctx, name, "a number");
	}
	*number = (uint64_t)json_integer_value(value);
	return 0;
}

static int get_field(struct config_ctx *ctx, void *base, const struct config_key *key,
		     const json_t *value)
{
	uint64_t number = 0;
	bool flag;
	int rc;

	switch (key->type) {
	case CONFIG_BOOL:
		flag = config_get_number(base, key) != 0;
		rc = get_bool(ctx, key->json, value, &flag);
		if (!rc) {
			*(bool *)((char *)base + key->offset) = flag;
			rc = config_warn_idle(ctx, base, key);
		}
		return rc;
	case CONFIG_U32:
	case CONFIG_U64:
	case CONFIG_MIB:
		rc = get_number(ctx, key->json, value, &number);
		return rc ? rc : config_set_number(ctx, base, key, number);
	case CONFIG_TYPE:
		return json_is_string(value) && !strcmp(json_string_value(value), "pv") ?
			       0 :
			       config_fail(ctx, "only guests of type \"pv\" are supported");
	case CONFIG_ARGS:
		if (json_is_array(value)) {
			return get_arguments(ctx, base, key, value);
		}
		break;
	default:
		break;
	}
	return json_is_string(value) ? config_set_text(ctx, base, key, json_string_value(value)) :
				       wrong_type(ctx, key->json, "a string");
}

/* Every member of an object whose path is prefix; what is an object on the way to
 * a known path comes next, so that nothing calls itself. */
static int get_members(struct config_ctx *ctx, const char *prefix, json_t *object, void *base,
		       const struct config_key *keys, const char *const *by_hand)
{
	const char *name;
	json_t *value;
	int rc = 0;

	json_object_foreach(object, name, value)
	{
		const struct config_key *key;
		char path[128];
		int size = snprintf(path, sizeof(path), "%s%s", prefix, name);

		key = size > 0 && (size_t)size < sizeof(path) ? config_key_find_json(keys, path) :
								NULL;
		if (key) {
			rc = get_field(ctx, base, key, value);
		} else if (!listed(by_hand, path) && !listed(ignored, path)) {
			rc = config_warn(ctx, "%.60s is not known", config_text_shown(path));
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

/* A set of numbers below 64. */
static int get_bits(struct config_ctx *ctx, const char *name, const json_t *list, uint64_t *mask)
{
	json_t *entry;
	size_t i;

	*mask = 0;
	if (!json_is_array(list)) {
		return wrong_type(ctx, name, "a list of numbers");
	}
	json_array_foreach(list, i, entry)
	{
		json_int_t number = json_is_integer(entry) ? json_integer_value(entry) : -1;

		if (number < 0 || number > 63) {
			return wrong_type(ctx, name, "a list of numbers from 0 to 63");
		}
		*mask |= UINT64_C(1) << number;
	}
	return 0;
}

static int get_vcpus(struct config_ctx *ctx, const json_t *info, struct config_draft *draft)
{
	const json_t *list = json_object_get(info, "avail_vcpus");
	struct vl_config *config = draft->config;
	uint64_t mask;
	size_t count;
	int rc;

	if (list) {
		rc = get_bits(ctx, "b_info/avail_vcpus", list, &mask);
		if (rc) {
			return rc;
		}
		if (!mask || (mask & (mask + 1))) {
			return config_fail(ctx, "b_info/avail_vcpus is to have all numbers from 0 "
						"to its highest");
		}
		config->vcpus = (uint32_t)__builtin_popcountll(mask);
	}
	list = json_object_get(info, "vcpu_hard_affinity");
	count = json_array_size(list);
	if (list && (!json_is_array(list) || count > CONFIG_MAX_VCPUS)) {
		return wrong_type(ctx, "b_info/vcpu_hard_affinity", "a list of at most 64 lists");
	}
	if (!count) {
		return 0;
	}
	config->cpus = calloc(count, sizeof(*config->cpus));
	if (!config->cpus) {
		return config_no_memory(ctx);
	}
	config->cpus_count = count;
	draft->cpus_each = true;
	for (size_t i = 0; i < count; i++) {
		rc = get_bits(ctx, "b_info/vcpu_hard_affinity", json_array_get(list, i),
			      &config->cpus[i]);
		if (rc) {
			return rc;
		}
		/* An empty set is nowhere; there it says that nothing was given. */
		if (!config->cpus[i]) {
			config->cpus[i] = CONFIG_ALL_CPUS;
		}
	}
	return 0;
}

static int get_range(struct config_ctx *ctx, const json_t *entry, struct vl_range_config *range,
		     bool memory)
{
	const json_t *gfn = json_object_get(entry, "gfn");
	uint64_t limit = memory ? UINT64_C(1) << 40 : 1 << 16;
	const char *name = memory ? "b_info/iomem" : "b_info/ioports";
	int rc = get_number(ctx, name, json_object_get(entry, memory ? "start" : "first"),
			    &range->first);

	if (!rc) {
		rc = get_number(ctx, name, json_object_get(entry, "number"), &range->count);
	}
	range->gfn = memory ? range->first : 0;
	if (!rc && memory && gfn) {
		rc = get_number(ctx, name, gfn, &range->gfn);
	}
	if (!rc && (range->first >= limit || !range->count || range->count > limit - range->first ||
		    range->gfn >= UINT64_C(1) << 40)) {
		rc = config_fail(ctx, "%s has a range that cannot be", name);
	}
	return rc || !memory ? rc : config_warn_gfn(ctx, range);
}

static int get_ranges(struct config_ctx *ctx, const json_t *info, struct vl_config *config,
		      bool memory)
{
	const json_t *list = json_object_get(info, memory ? "iomem" : "ioports");
	struct vl_range_config *range;
	json_t *entry;
	size_t i;
	int rc;

	if (list && !json_is_array(list)) {
		return wrong_type(ctx, memory ? "b_info/iomem" : "b_info/ioports", "a list");
	}
	json_array_foreach(list, i, entry)
	{
		rc = config_range_add(ctx, config, memory, &range);
		if (!rc) {
			rc = get_range(ctx, entry, range, memory);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int get_disk(struct config_ctx *ctx, json_t *entry, struct vl_disk *disk)
{
	const json_t *format = json_object_get(entry, "format");
	const json_t *value = json_object_get(entry, "readwrite");
	const char *text = json_string_value(format);
	bool writable = true;
	int rc;

	if (!json_is_object(entry)) {
		return wrong_type(ctx, "disks", "a list of objects");
	}
	rc = get_members(ctx, "", entry, disk, config_disk_keys, disk_handled);
	if (!rc && value) {
		rc = get_bool(ctx, "readwrite", value, &writable);
	}
	value = json_object_get(entry, "is_cdrom");
	if (!rc && value) {
		rc = get_bool(ctx, "is_cdrom", value, &disk->cdrom);
	}
	if (!rc && format && !text) {
		rc = wrong_type(ctx, "format", "a string");
	}
	if (!rc && text && strcmp(text, "empty") != 0 && strcmp(text, "unknown") != 0) {
		rc = config_disk_format(ctx, text, &disk->format);
	}
	disk->readonly = !writable;
	return rc ? rc : config_disk_finish(ctx, disk);
}

static int get_devices(struct config_ctx *ctx, const json_t *root, struct vl_config *config)
{
	json_t *disks = json_object_get(root, "disks"), *vifs = json_object_get(root, "nics");
	struct vl_disk *disk;
	struct vl_vif *vif;
	json_t *entry;
	size_t i;
	int rc = 0;

	if ((disks && !json_is_array(disks)) || (vifs && !json_is_array(vifs))) {
		return config_fail(ctx, "disks and nics are to be lists");
	}
	json_array_foreach(disks, i, entry)
	{
		rc = config_disk_add(ctx, config, &disk);
		if (!rc) {
			rc = get_disk(ctx, entry, disk);
		}
		if (rc) {
			return rc;
		}
	}
	json_array_foreach(vifs, i, entry)
	{
		if (!json_is_object(entry)) {
			return wrong_type(ctx, "nics", "a list of objects");
		}
		rc = config_vif_add(ctx, config, &vif);
		if (!rc) {
			rc = get_members(ctx, "", entry, vif, config_vif_keys, vif_handled);
		}
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int get_config(struct config_ctx *ctx, json_t *root, struct config_draft *draft)
{
	/* The objects on the way to the paths of the table. */
	static const char *const objects[] = { "c_info", "b_info", "b_info/type.pv",
					       "b_info/sched_params" };
	static const char *const top[] = { "c_info", "b_info", "disks", "nics", NULL };
	static const char *const none[] = { NULL };
	static const char *const build[] = { "b_info/type.pv",
					     "b_info/sched_params",
					     "b_info/avail_vcpus",
					     "b_info/vcpu_hard_affinity",
					     "b_info/iomem",
					     "b_info/ioports",
					     NULL };
	json_t *info = json_object_get(root, "b_info");
	int rc = get_members(ctx, "", root, draft->config, config_keys, top);

	for (size_t i = 0; !rc && i < sizeof(objects) / sizeof(*objects); i++) {
		const char *slash = strchr(objects[i], '/');
		json_t *object = slash ? json_object_get(info, slash + 1) :
					 json_object_get(root, objects[i]);
		char prefix[64];

		snprintf(prefix, sizeof(prefix), "%s/", objects[i]);
		if (object && !json_is_object(object)) {
			return wrong_type(ctx, objects[i], "an object");
		}
		rc = get_members(ctx, prefix, object, draft->config, config_keys,
				 slash ? none : build);
	}
	if (!rc) {
		rc = get_vcpus(ctx, info, draft);
	}
	if (!rc) {
		rc = get_ranges(ctx, info, draft->config, true);
	}
	if (!rc) {
		rc = get_ranges(ctx, info, draft->config, false);
	}
	return rc ? rc : get_devices(ctx, root, draft->config);
}

int config_json_take(struct config_ctx *ctx, json_t *root, struct config_draft *draft)
{
	ctx->line = 0;
	return json_is_object(root) ? get_config(ctx, root, draft) :
				      wrong_type(ctx, "a configuration", "an object");
}

int config_json_read(struct config_ctx *ctx, const char *text, size_t size,
		     struct config_draft *draft)
{
	json_error_t problem;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
	int rc;

	ctx->line = 0;
	if (!root) {
		/* Where jansson has no memory it often has no words either. */
		if (json_error_code(&problem) == json_error_out_of_memory || !problem.text[0]) {
			return config_no_memory(ctx);
		}
		ctx->line = problem.line > 0 ? (unsigned int)problem.line : 0;
		return config_fail(ctx, "this is no JSON: %.100s", config_text_shown(problem.text));
	}
	rc = config_json_take(ctx, root, draft);
	json_decref(root);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * Configurations as a whole: reading one whatever its form, with overrides;
 * copies, and their end.  Called by vl and vld; the forms themselves are in the
 * other config_*.c files.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/file_io.h"

/* ---- Ends and copies ---- */

static bool is_string(const struct config_key *key)
{
	return key->type == CONFIG_STRING || key->type == CONFIG_LINES ||
	       key->type == CONFIG_ARGS || key->type == CONFIG_ADDRESSES ||
	       key->type == CONFIG_FIRMWARE;
}

void vl_config_free(struct vl_config *config)
{
	if (!config) {
		return;
	}
	for (const struct config_key *key = config_keys; key->name; key++) {
		if (is_string(key)) {
			free(*config_string_field(config, key));
		}
	}
	for (size_t i = 0; i < config->disk_count; i++) {
		vl_disk_clear(&config->disks[i]);
	}
	for (size_t i = 0; i < config->vif_count; i++) {
		vl_vif_clear(&config->vifs[i]);
	}
	free(config->disks);
	free(config->vifs);
	free(config->cpus);
	free(config->iomem);
	free(config->ioports);
	free(config);
}

int config_range_add(struct config_ctx *ctx, struct vl_config *config, bool memory,
		     struct vl_range_config **range)
{
	struct vl_range_config **ranges = memory ? &config->iomem : &config->ioports;
	size_t *count = memory ? &config->iomem_count : &config->ioport_count;
	size_t most = memory ? CONFIG_MAX_IOMEM : CONFIG_MAX_DEVICES;
	struct vl_range_config *grown;

	if (*count >= most) {
		return config_fail(ctx, "%s has more than %zu ranges", memory ? "iomem" : "ioports",
				   most);
	}
	grown = realloc(*ranges, (*count + 1) * sizeof(*grown));
	if (!grown) {
		return config_no_memory(ctx);
	}
	*ranges = grown;
	*range = &grown[(*count)++];
	memset(*range, 0, sizeof(**range));
	return 0;
}

/* Copies of all the strings that keys name; those of the copy are overwritten, so
 * that no string is ever in two structures. */
static bool copy_strings(const struct config_key *keys, const void *from, void *to)
{
	bool good = true;

	for (; keys->name; keys++) {
		char *text;

		if (!is_string(keys)) {
			continue;
		}
		text = *config_string_field(from, keys);
		*config_string_field(to, keys) = text ? strdup(text) : NULL;
		good = good && (!text || *config_string_field(to, keys));
	}
	return good;
}

static bool copy_array(void **to, const void *from, size_t count, size_t size)
{
	*to = count ? malloc(count * size) : NULL;
	if (*to) {
		memcpy(*to, from, count * size);
	}
	return !count || *to;
}

static bool copy_lists(const struct vl_config *config, struct vl_config *new)
{
	bool good = copy_array((void **)&new->cpus, config->cpus, config->cpus_count,
			       sizeof(*config->cpus));

	good &= copy_array((void **)&new->iomem, config->iomem, config->iomem_count,
			   sizeof(*config->iomem));
	good &= copy_array((void **)&new->ioports, config->ioports, config->ioport_count,
			   sizeof(*config->ioports));
	new->disk_count = 0;
	new->vif_count = 0;
	if (copy_array((void **)&new->disks, config->disks, config->disk_count,
		       sizeof(*config->disks))) {
		new->disk_count = config->disk_count;
	}
	if (copy_array((void **)&new->vifs, config->vifs, config->vif_count,
		       sizeof(*config->vifs))) {
		new->vif_count = config->vif_count;
	}
	for (size_t i = 0; i < new->disk_count; i++) {
		good &= copy_strings(config_disk_keys, &config->disks[i], &new->disks[i]);
	}
	for (size_t i = 0; i < new->vif_count; i++) {
		good &= copy_strings(config_vif_keys, &config->vifs[i], &new->vifs[i]);
	}
	return good && new->disk_count == config->disk_count &&new->vif_count == config->vif_count;
}

int vl_config_copy(const struct vl_config *config, struct vl_config **copy, struct vl_error *error)
{
	struct vl_config *new = malloc(sizeof(*new));
	bool good;

	if (new) {
		*new = *config;
		/* Both are done whatever comes of them: then nothing in it is shared. */
		good = copy_strings(config_keys, config, new);
		good &= copy_lists(config, new);
		if (good) {
			*copy = new;
			return 0;
		}
		vl_config_free(new);
	}
	return vl_error_set(error, -ENOMEM, "not enough memory to copy a configuration");
}

/* ---- Reading ---- */

static int read_form(struct config_ctx *ctx, const char *text, size_t size,
		     struct config_draft *draft, struct config_settings *settings)
{
	size_t first = 0;

	if (size > VL_CONFIG_MAX_SIZE) {
		return config_fail(ctx, "it is larger than %zu KiB", VL_CONFIG_MAX_SIZE >> 10);
	}
	while (first < size && strchr(" \t\r\n", text[first]) && text[first]) {
		first++;
	}
	if (first < size && text[first] == '<') {
		return config_xml_read(ctx, text, size, draft);
	}
	if (first < size && text[first] == '{') {
		return config_json_read(ctx, text, size, draft);
	}
	ctx->line = 1;
	return config_parse_text(ctx, text, size, settings);
}

static int read_all(struct config_ctx *ctx, const char *text, size_t size,
		    const char *const *overrides, size_t override_count, struct config_draft *draft)
{
	struct config_settings settings = { .count = 0 };
	const char *file = ctx->file;
	int rc = read_form(ctx, text, size, draft, &settings);

	/* Equal ones were not told apart: an override of the one is for both. */
	if (draft->config->maxmem_kib == draft->config->memory_kib) {
		draft->config->maxmem_kib = 0;
	}
	if (draft->config->maxvcpus == draft->config->vcpus) {
		draft->config->maxvcpus = 0;
	}
	for (size_t i = 0; !rc && i < override_count; i++) {
		ctx->file = "argument";
		ctx->line = (unsigned int)i + 1;
		rc = config_parse_override(ctx, overrides[i], &settings);
	}
	if (!rc) {
		rc = config_apply(ctx, draft, &settings);
	}
	ctx->file = file;
	if (!rc) {
		rc = config_warn_unused(ctx, draft->config, &settings);
	}
	config_settings_free(&settings);
	return rc ? rc : config_finish(ctx, draft);
}

int vl_config_parse(const char *text, size_t size, const char *file, const char *const *overrides,
		    size_t override_count, struct vl_config **config, struct vl_warnings *warnings,
		    struct vl_error *error)
{
	struct config_ctx ctx = { .file = file, .warnings = warnings, .error = error };
	struct config_draft draft = { .config = config_new() };
	int rc;

	if (warnings) {
		warnings->text = NULL;
		warnings->count = 0;
	}
	if (!draft.config) {
		return config_no_memory(&ctx);
	}
	rc = read_all(&ctx, text, size, overrides, override_count, &draft);
	free(draft.root);
	free(draft.extra);
	if (rc) {
		vl_config_free(draft.config);
		if (warnings) {
			vl_warnings_free(warnings);
		}
		return rc;
	}
	*config = draft.config;
	return 0;
}

int vl_config_read(const char *path, const char *const *overrides, size_t override_count,
		   struct vl_config **config, struct vl_warnings *warnings, struct vl_error *error)
{
	void *text;
	size_t size;
	int rc = file_read(path, VL_CONFIG_MAX_SIZE, &text, &size, error);

	if (warnings) {
		warnings->text = NULL;
		warnings->count = 0;
	}
	if (rc) {
		return rc;
	}
	rc = vl_config_parse(text, size, path, overrides, override_count, config, warnings, error);
	free(text);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * vl.conf: the settings of vl itself.  Called by vl, for the verbs that look at
 * one of them.  Text becomes settings in config_parse.c; here is what they mean.
 */
#include "libvellum/config_tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/config_internal.h"
#include "libvellum/file_io.h"

static int set_output_format(struct config_ctx *ctx, const char *text,
			     struct vl_tool_config *config)
{
	if (!strcmp(text, "json")) {
		config->output_format = VL_OUTPUT_JSON;
	} else if (!strcmp(text, "sxp")) {
		config->output_format = VL_OUTPUT_SXP;
	} else {
		return config_fail(ctx, "output_format: \"%.40s\" is neither \"json\" nor \"sxp\"",
				   config_text_shown(text));
	}
	return 0;
}

/* tests/check/t-docs compares the names with docs/vl.conf.md. */
static const struct {
	const char *name;
	int (*set)(struct config_ctx *ctx, const char *text, struct vl_tool_config *config);
} keys[] = {
	{ "output_format", set_output_format },
};

static int apply(struct config_ctx *ctx, const struct config_setting *setting,
		 struct vl_tool_config *config)
{
	ctx->line = setting->line;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strcmp(keys[i].name, setting->key) != 0) {
			continue;
		}
		if (setting->list) {
			return config_fail(ctx, "%s is to be a single value, not a list",
					   setting->key);
		}
		return keys[i].set(ctx, setting->atoms[0].text, config);
	}
	return config_warn(ctx, "%.60s is not known", setting->key);
}

static int parse(struct config_ctx *ctx, const char *text, size_t size,
		 struct vl_tool_config *config)
{
	struct config_settings settings = { .count = 0 };
	int rc;

	ctx->line = 1;
	rc = config_parse_text(ctx, text, size, &settings);
	for (size_t i = 0; !rc && i < settings.count; i++) {
		rc = apply(ctx, &settings.settings[i], config);
	}
	config_settings_free(&settings);
	return rc;
}

int vl_tool_config_read(const char *path, struct vl_tool_config *config,
			struct vl_warnings *warnings, struct vl_error *error)
{
	struct config_ctx ctx = { .file = path, .warnings = warnings, .error = error };
	void *text;
	size_t size;
	int rc;

	*config = (struct vl_tool_config){ .output_format = VL_OUTPUT_JSON };
	if (warnings) {
		*warnings = (struct vl_warnings){ .count = 0 };
	}
	rc = file_read(path, VL_CONFIG_MAX_SIZE, &text, &size, error);
	if (rc) {
		return rc == -ENOENT ? 0 : rc;
	}
	rc = parse(&ctx, text, size, config);
	free(text);
	if (rc && warnings) {
		vl_warnings_free(warnings);
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * Configurations with little in them: "name=NAME", "on_reboot=restart", of which
 * all else warns, and "bad" fails.  vl only hands them on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/config.h"

static void warn(struct vl_warnings *warnings, const char *file, const char *line)
{
	if (!warnings) {
		return;
	}
	warnings->text = realloc(warnings->text, (warnings->count + 1) * sizeof(char *));
	if (asprintf(&warnings->text[warnings->count], "%s: unknown key %s", file, line) >= 0) {
		warnings->count++;
	}
}

static int take(struct vl_config *config, const char *line, const char *file,
		struct vl_warnings *warnings, struct vl_error *error)
{
	if (!strncmp(line, "name=", 5)) {
		free(config->name);
		config->name = strdup(line + 5);
	} else if (!strncmp(line, "bad", 3)) {
		return vl_error_set(error, -EINVAL, "%s: line 1: this is no value", file);
	} else if (!strcmp(line, "on_reboot=restart")) {
		config->on_reboot = VL_ACTION_RESTART;
	} else if (*line) {
		warn(warnings, file, line);
	}
	return 0;
}

int vl_config_parse(const char *text, size_t size, const char *file, const char *const *overrides,
		    size_t override_count, struct vl_config **config, struct vl_warnings *warnings,
		    struct vl_error *error)
{
	char *copy = strndup(text, size), *rest = copy;
	int rc = 0;

	*config = calloc(1, sizeof(**config));
	while (rc == 0 && rest) {
		rc = take(*config, strsep(&rest, "\n"), file, warnings, error);
	}
	for (size_t i = 0; rc == 0 && i < override_count; i++) {
		rc = take(*config, overrides[i], file, warnings, error);
	}
	free(copy);
	if (rc == 0 && !(*config)->name) {
		rc = vl_error_set(error, -EINVAL, "%s: there is no name", file);
	}
	if (rc) {
		vl_config_free(*config);
	}
	return rc;
}

int vl_config_read(const char *path, const char *const *overrides, size_t override_count,
		   struct vl_config **config, struct vl_warnings *warnings, struct vl_error *error)
{
	char text[1024];
	FILE *file = fopen(path, "r");
	size_t size;

	if (!file) {
		return vl_error_set(error, -errno, "%s cannot be read: %s", path, strerror(errno));
	}
	size = fread(text, 1, sizeof(text), file);
	fclose(file);
	return vl_config_parse(text, size, path, overrides, override_count, config, warnings,
			       error);
}

void vl_config_free(struct vl_config *config)
{
	if (config) {
		free(config->name);
	}
	free(config);
}

int vl_config_json(const struct vl_config *config, char **text, struct vl_error *error)
{
	(void)error;
	return asprintf(text, "{\"c_info\":{\"type\":\"pv\",\"name\":\"%s\"}}", config->name) < 0 ?
		       -ENOMEM :
		       0;
}

int vl_config_xml(const struct vl_config *config, char **text, struct vl_error *error)
{
	(void)error;
	return asprintf(text, "<domain type='xen'><name>%s</name></domain>\n", config->name) < 0 ?
		       -ENOMEM :
		       0;
}

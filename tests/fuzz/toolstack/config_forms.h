/* SPDX-License-Identifier: MIT */
/*
 * For the fuzzers of configurations: what is accepted comes back the same from
 * JSON and from XML; what is refused has a sentence.
 */
#ifndef TESTS_FUZZ_CONFIG_FORMS_H
#define TESTS_FUZZ_CONFIG_FORMS_H

#include "libvellum/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The JSON of a text that was written by vl_config_json() or vl_config_xml(). */
static inline char *json_of(const char *text)
{
	struct vl_config *config;
	struct vl_warnings warnings;
	char *json;

	if (vl_config_parse(text, strlen(text), "again", NULL, 0, &config, &warnings, NULL)) {
		abort();
	}
	if (vl_config_json(config, &json, NULL)) {
		abort();
	}
	vl_warnings_free(&warnings);
	vl_config_free(config);
	return json;
}

static inline void check_forms(const struct vl_config *config)
{
	char *json, *xml, *again;

	if (vl_config_json(config, &json, NULL) || vl_config_xml(config, &xml, NULL)) {
		abort();
	}
	again = json_of(json);
	if (strcmp(json, again)) {
		abort();
	}
	free(again);
	again = json_of(xml);
	if (strcmp(json, again)) {
		abort();
	}
	free(again);
	free(json);
	free(xml);
}

static inline void check_text(const char *text, size_t size, const char *override)
{
	struct vl_error error = { "" };
	struct vl_warnings warnings;
	struct vl_config *config, *copy;

	if (vl_config_parse(text, size, "f", &override, override ? 1 : 0, &config, &warnings,
			    &error)) {
		/* More than the file's name. */
		if (strlen(error.text) < 6) {
			abort();
		}
		return;
	}
	check_forms(config);
	if (vl_config_copy(config, &copy, &error)) {
		abort();
	}
	vl_config_free(config);
	vl_config_free(copy);
	vl_warnings_free(&warnings);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The two answers of vl-xml: a document as JSON with its warnings, and JSON as a
 * document.  Called by main.c.  Nothing is opened here, and no default is filled in:
 * settings that come later, of a command line, must not meet them.
 */
#include "xml/answer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/config_internal.h"

/* Sentences may be cut within a character, which JSON cannot say. */
static json_t *sentence(const char *text)
{
	json_t *value = json_string(text);
	char *plain = value ? NULL : strdup(text);

	if (plain) {
		for (char *c = plain; *c; c++) {
			if ((unsigned char)*c >= 0x80) {
				*c = '?';
			}
		}
		value = json_string(plain);
		free(plain);
	}
	return value;
}

/* Of ":LINE: sentence" or ": sentence", as messages about a file without a name are. */
static json_t *message(const char *text)
{
	const char *blank = strchr(text, ' ');
	json_int_t line = *text == ':' ? (json_int_t)strtoul(text + 1, NULL, 10) : 0;

	return json_pack("{s:I, s:o}", "line", line, "text",
			 sentence(blank && *text == ':' ? blank + 1 : text));
}

static json_t *messages(const struct vl_warnings *warnings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < warnings->count && list; i++) {
		if (json_array_append_new(list, message(warnings->text[i]))) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static json_t *config_object(const struct vl_config *config)
{
	json_t *object = NULL;
	char *text;

	if (!vl_config_json(config, &text, NULL)) {
		object = json_loads(text, 0, NULL);
		free(text);
	}
	return object;
}

static bool fill(json_t *root, const struct config_draft *draft, int rc,
		 const struct vl_warnings *warnings, const struct vl_error *error)
{
	json_t *problem;

	if (json_object_set_new(root, "warnings", messages(warnings))) {
		return false;
	}
	if (!rc) {
		return !json_object_set_new(root, "config", config_object(draft->config)) &&
		       !json_object_set_new(root, "cpus_each", json_boolean(draft->cpus_each));
	}
	problem = message(error->text);
	return !json_object_set_new(root, "error", problem) &&
	       !json_object_set_new(problem, "errno", json_integer(-rc));
}

char *xml_answer_read(const char *text, size_t size)
{
	struct config_draft draft = { .config = config_new() };
	struct vl_warnings warnings = { NULL, 0 };
	struct vl_error error = { "" };
	struct config_ctx ctx = { .file = "", .warnings = &warnings, .error = &error };
	json_t *root = json_object();
	char *answer = NULL;
	int rc;

	if (!draft.config) {
		rc = config_no_memory(&ctx);
	} else if (size > VL_CONFIG_MAX_SIZE) {
		rc = config_fail(&ctx, "it is larger than %zu KiB", VL_CONFIG_MAX_SIZE >> 10);
	} else {
		rc = config_xml_read(&ctx, text, size, &draft);
	}
	if (root && fill(root, &draft, rc, &warnings, &error)) {
		answer = json_dumps(root, JSON_COMPACT);
	}
	json_decref(root);
	vl_warnings_free(&warnings);
	vl_config_free(draft.config);
	return answer;
}

int xml_answer_write(const char *text, size_t size, char **document, struct vl_error *error)
{
	struct config_ctx ctx = { .file = "a configuration", .error = error };
	struct config_draft draft = { .config = config_new() };
	int rc;

	*document = NULL;
	if (!draft.config) {
		return config_no_memory(&ctx);
	}
	rc = config_json_read(&ctx, text, size, &draft);
	if (!rc) {
		rc = config_finish(&ctx, &draft);
	}
	if (!rc) {
		rc = vl_config_xml(draft.config, document, error);
	}
	vl_config_free(draft.config);
	return rc;
}

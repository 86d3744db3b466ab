/* SPDX-License-Identifier: MIT */
/*
 * The record of a guest: its configuration as JSON, and whether it was ever
 * complete, in VL_GUESTS_DIR/DOMID.json.  Others see either the old file or all
 * of the new one.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/file_io.h"
#include "libvellum/guest_part.h"
#include "libvellum/paths.h"

#define RECORD_MAX ((size_t)1 << 20)
/* Beside what vl_config_json() writes: {"state": "creating" or "ready"}. */
#define OWN_KEY "vellum"

static int record_path(const struct vl_host *host, uint16_t domid, char path[PATH_MAX],
		       struct vl_error *error)
{
	int rc = guest_folder(host, VL_GUESTS_DIR, path, error);

	if (!rc) {
		snprintf(path + strlen(path), 16, "/%u.json", domid);
	}
	return rc;
}

static int no_memory(struct vl_error *error)
{
	return vl_error_set(error, -ENOMEM, "no memory for the record of a guest");
}

int guest_record_prepare(struct vl_host *host, uint16_t domid, const struct vl_config *config,
			 bool ready, char **temporary, struct vl_error *error)
{
	char path[PATH_MAX], *text = NULL, *whole = NULL;
	json_t *json = NULL;
	int rc = record_path(host, domid, path, error);

	rc = rc ? rc : vl_config_json(config, &text, error);
	if (rc) {
		return rc;
	}
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!json ||
	    json_object_set_new(json, OWN_KEY,
				json_pack("{s:s}", "state", ready ? "ready" : "creating")) < 0) {
		json_decref(json);
		return no_memory(error);
	}
	whole = json_dumps(json, JSON_INDENT(1));
	json_decref(json);
	rc = whole ? file_prepare(path, whole, strlen(whole), 0600, temporary, error) :
		     no_memory(error);
	free(whole);
	return rc;
}

int guest_record_commit(struct vl_host *host, uint16_t domid, char **temporary,
			struct vl_error *error)
{
	char path[PATH_MAX];
	int rc = record_path(host, domid, path, error);

	if (rc) {
		file_discard(temporary);
		return rc;
	}
	return file_commit(path, temporary, error);
}

int guest_record_write(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		       bool ready, struct vl_error *error)
{
	char *temporary = NULL;
	int rc = guest_record_prepare(host, domid, config, ready, &temporary, error);

	return rc ? rc : guest_record_commit(host, domid, &temporary, error);
}

int guest_record_read(struct vl_host *host, uint16_t domid, struct vl_config **config, bool *ready,
		      struct vl_error *error)
{
	char path[PATH_MAX], *text = NULL;
	const char *state;
	void *data = NULL;
	size_t size = 0;
	json_t *json;
	int rc = record_path(host, domid, path, error);

	if (!rc && access(path, F_OK) < 0 && errno == ENOENT) {
		rc = vl_error_set(error, -ENOENT, "there is no record of domain %u", domid);
	}
	rc = rc ? rc : file_read(path, RECORD_MAX, &data, &size, error);
	if (rc) {
		return rc;
	}
	json = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
	free(data);
	if (!json_is_object(json)) {
		json_decref(json);
		return vl_error_set(error, -EINVAL, "the record %s cannot be read", path);
	}
	state = json_string_value(json_object_get(json_object_get(json, OWN_KEY), "state"));
	if (ready) {
		*ready = state && !strcmp(state, "ready");
	}
	if (config) {
		json_object_del(json, OWN_KEY);
		text = json_dumps(json, 0);
		rc = text ? vl_config_parse(text, strlen(text), path, NULL, 0, config, NULL,
					    error) :
			    no_memory(error);
		free(text);
	}
	json_decref(json);
	return rc;
}

void guest_record_remove(struct vl_host *host, uint16_t domid)
{
	char path[PATH_MAX];

	if (!record_path(host, domid, path, NULL)) {
		unlink(path);
	}
}

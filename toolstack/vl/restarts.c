/* SPDX-License-Identifier: MIT */
/* Restarts that vld is to do: asked for, cancelled, kept from beginning. */
#include "restarts.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* vld may be started anew at any moment. */
#define TRIES 3

int restarts_forget(const char *name, struct vl_error *error)
{
	struct vl_vld *vld;
	int rc = -ECONNRESET;

	for (int i = 0; i < TRIES && rc == -ECONNRESET; i++) {
		if (vl_vld_open(&vld, NULL, NULL)) {
			return 0;
		}
		rc = vl_vld_forget(vld, name, error);
		vl_vld_close(vld);
	}
	return rc == -ESRCH ? 0 : rc ? rc : 1;
}

/* The restarts of vld's status; null: there is no vld, or no memory. */
static json_t *restarts_list(void)
{
	json_t *status, *list;
	struct vl_vld *vld;
	char *text = NULL;
	int rc = -ECONNRESET;

	for (int i = 0; i < TRIES && rc == -ECONNRESET; i++) {
		if (vl_vld_open(&vld, NULL, NULL)) {
			return NULL;
		}
		rc = vl_vld_status(vld, &text, NULL);
		vl_vld_close(vld);
	}
	if (rc) {
		return NULL;
	}
	status = json_loads(text, 0, NULL);
	free(text);
	list = json_incref(json_object_get(status, "restarts"));
	json_decref(status);
	return list;
}

static const char *restart_name(const json_t *restart)
{
	return json_string_value(json_object_get(restart, "name"));
}

int restarts_forget_all(struct cli *cli)
{
	json_t *list = restarts_list(), *one;
	int rc = CLI_OK;
	size_t i;

	json_array_foreach(list, i, one)
	{
		struct vl_error error;
		const char *name = restart_name(one);
		int forgotten = name ? restarts_forget(name, &error) : 0;

		if (forgotten > 0) {
			cli_say(cli, "Guest %s is not started anew", name);
		} else if (forgotten < 0) {
			rc = cli_fail("%s", error.text);
		}
	}
	json_decref(list);
	return rc;
}

bool restarts_has(const char *name)
{
	json_t *list = restarts_list(), *one;
	bool found = false;
	size_t i;

	json_array_foreach(list, i, one)
	{
		found = found || (restart_name(one) && strcmp(restart_name(one), name) == 0);
	}
	json_decref(list);
	return found;
}

bool restarts_end(uint16_t domid, int timeout_ms, struct vl_end *end)
{
	struct vl_vld *vld;
	int rc = -ECONNRESET;

	for (int i = 0; i < TRIES && rc == -ECONNRESET; i++) {
		if (vl_vld_open(&vld, NULL, NULL)) {
			return false;
		}
		rc = vl_vld_wait(vld, domid, timeout_ms, end, NULL);
		vl_vld_close(vld);
	}
	return rc == 0;
}

int restarts_destroy(struct cli *cli, uint16_t domid)
{
	struct vl_error error;
	char *name = NULL;
	int rc;

	/* Its name goes with it. */
	if (vl_guest_name(&cli->host, domid, &name, NULL)) {
		name = NULL;
	}
	rc = vl_guest_destroy(&cli->host, domid, &error);
	if (rc == 0 && name) {
		/* It may have ended by itself a moment ago. */
		rc = restarts_forget(name, &error);
	}
	free(name);
	return rc < 0 ? cli_fail("%s", error.text) : CLI_OK;
}

/* SPDX-License-Identifier: MIT */
/* Restarts that vld is to do: asked for, cancelled, kept from beginning. */
#include "restarts.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* vld may be started anew at any moment. */
#define TRIES 3

int restarts_forget(struct cli *cli, const char *name, struct vl_error *error)
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
	if (rc) {
		return rc == -ESRCH ? 0 : rc;
	}
	cli_say(cli, "Guest %s is not started anew", name);
	return 1;
}

typedef int (*question)(struct vl_vld *vld, char **json, struct vl_error *error);

/* A list of one of vld's answers; null: there is no vld, or no memory. */
static json_t *list_of(question ask, const char *key)
{
	json_t *answer, *list;
	struct vl_vld *vld;
	char *text = NULL;
	int rc = -ECONNRESET;

	for (int i = 0; i < TRIES && rc == -ECONNRESET; i++) {
		if (vl_vld_open(&vld, NULL, NULL)) {
			return NULL;
		}
		rc = ask(vld, &text, NULL);
		vl_vld_close(vld);
	}
	if (rc) {
		return NULL;
	}
	answer = json_loads(text, 0, NULL);
	free(text);
	list = json_incref(json_object_get(answer, key));
	json_decref(answer);
	return list;
}

static json_t *restarts_list(void)
{
	return list_of(vl_vld_status, "restarts");
}

json_t *restarts_ended(void)
{
	return list_of(vl_vld_ended, "ended");
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

		if (name && restarts_forget(cli, name, &error) < 0) {
			rc = cli_fail("%s", error.text);
		}
	}
	json_decref(list);
	return rc;
}

int restarts_due(const char *name)
{
	json_t *list = restarts_list(), *one;
	int due = list ? 0 : -1;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (restart_name(one) && strcmp(restart_name(one), name) == 0) {
			due = 1;
		}
	}
	json_decref(list);
	return due;
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

/* No domain has that name.  1: the guest is between two lives, and so on. */
static int between_lives(struct cli *cli, const char *name, bool for_off, struct vl_error *error)
{
	if (for_off) {
		return restarts_forget(cli, name, error);
	}
	if (restarts_due(name) <= 0) {
		return 0;
	}
	cli_say(cli, "Guest %s is to be started anew already", name);
	return 1;
}

int restarts_find(struct cli *cli, const char *name, bool for_off, uint16_t *domid,
		  struct vl_error *error)
{
	struct vl_error why;
	int rc, between;

	/* Its new life may begin between the two looks: so twice. */
	for (int i = 0; i < 2; i++) {
		*domid = 0;
		rc = vl_guest_find(&cli->host, name, domid, error);
		if (rc != -ESRCH) {
			return rc ? rc : 1;
		}
		between = between_lives(cli, name, for_off, &why);
		if (between < 0) {
			*error = why;
			return between;
		}
		if (between > 0) {
			return 0;
		}
	}
	return rc;
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
	/* One that went by itself meanwhile may live again. */
	do {
		rc = vl_guest_destroy(&cli->host, domid, &error);
		if (name && rc == -ESRCH) {
			rc = restarts_find(cli, name, true, &domid, &error);
			rc = rc == -ESRCH ? 0 : rc;
		} else if (name && rc == 0) {
			rc = restarts_forget(cli, name, &error);
			rc = rc > 0 ? 0 : rc;
		}
	} while (rc > 0);
	free(name);
	return rc < 0 ? cli_fail("%s", error.text) : CLI_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * Restarts.  Planned by ending.c, begun by timers and ends, done in jobs.  Each
 * has one file, replaced as a whole; its name is the guest's, with %XX for what
 * names may hold and file names cannot.
 */
#include "restart.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "guests.h"
#include "job.h"
#include "libvellum/file_io.h"
#include "say.h"

#define FILE_MAX ((size_t)4 << 20)

static int restart_path(const struct vld *vld, const char *name, char *path, size_t size)
{
	char file[8 + 3 * SCROLL_NAME_SIZE + 1] = "restart/";
	char *to = file + 8;
	bool plain;

	if (strlen(name) >= SCROLL_NAME_SIZE) {
		return -ENAMETOOLONG;
	}
	for (; *name; name++) {
		plain = (unsigned char)*name > ' ' && *name != '/' && *name != '%' &&
			*name != 127 && (*name != '.' || to > file + 8);
		to += sprintf(to, plain ? "%c" : "%%%02x", (unsigned char)*name);
	}
	return vld_path(vld, file, path, size);
}

static struct restart *restart_get(struct vld *vld, const char *name)
{
	struct restart *restart = vld->restarts;

	while (restart && strcmp(restart->name, name) != 0) {
		restart = restart->next;
	}
	return restart;
}

static struct restart *restart_new(struct vld *vld, const char *name)
{
	struct restart *restart = calloc(1, sizeof(*restart));

	if (restart) {
		restart->name = strdup(name);
	}
	if (!restart || !restart->name) {
		free(restart);
		return NULL;
	}
	restart->next = vld->restarts;
	vld->restarts = restart;
	return restart;
}

static void restart_remove(struct vld *vld, struct restart *restart)
{
	struct restart **link = &vld->restarts;

	while (*link != restart) {
		link = &(*link)->next;
	}
	*link = restart->next;
	free(restart->name);
	free(restart->config);
	free(restart);
}

static void restart_unlink(const struct vld *vld, const char *name)
{
	char path[4096];

	if (restart_path(vld, name, path, sizeof(path)) == 0) {
		unlink(path);
	}
}

static int restart_save(const struct vld *vld, const struct restart *restart,
			struct vl_error *error)
{
	char path[4096], *text = NULL;
	json_t *root;
	int rc = restart_path(vld, restart->name, path, sizeof(path));

	if (rc) {
		return vl_error_set(error, rc, "the name %s is too long", restart->name);
	}
	root = json_pack("{s:s, s:s?, s:i, s:i, s:I}", "name", restart->name, "config",
			 restart->config, "domid", (int)restart->domid, "count",
			 (int)restart->count, "due", (json_int_t)restart->due);
	text = root ? json_dumps(root, 0) : NULL;
	json_decref(root);
	rc = text ? file_write(path, text, strlen(text), 0600, error) :
		    vl_error_set(error, -ENOMEM, "no memory");
	free(text);
	return rc;
}

/* Reads one file; the parts are not to be freed, root is. */
static json_t *restart_read(const char *path, const char **name, const char **config, int *domid,
			    int *count, json_int_t *due)
{
	json_t *root, *text;
	void *data;
	size_t size;

	if (file_read(path, FILE_MAX, &data, &size, NULL)) {
		return NULL;
	}
	root = json_loadb(data, size, 0, NULL);
	free(data);
	if (json_unpack(root, "{s:s, s:o, s:i, s:i, s:I}", "name", name, "config", &text, "domid",
			domid, "count", count, "due", due)) {
		json_decref(root);
		return NULL;
	}
	*config = json_string_value(text); /* or null, as the file may say */
	return root;
}

/* A file that was not renamed yet to its place says what another says, or no longer does. */
static bool is_in_place(const struct vld *vld, const char *path, const char *name)
{
	char place[4096];

	return restart_path(vld, name, place, sizeof(place)) == 0 && strcmp(path, place) == 0;
}

void restart_load(struct vld *vld)
{
	char folder_path[4096], path[4096 + 300];
	struct dirent *entry;
	DIR *folder;

	if (vld_path(vld, "restart", folder_path, sizeof(folder_path))) {
		return;
	}
	folder = opendir(folder_path);
	while (folder && (entry = readdir(folder)) != NULL) {
		const char *name, *config;
		struct restart *restart;
		int domid, count;
		json_int_t due;
		json_t *root;

		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
		root = restart_read(path, &name, &config, &domid, &count, &due);
		if (root && !is_in_place(vld, path, name)) {
			json_decref(root);
			root = NULL;
		}
		restart = root ? restart_new(vld, name) : NULL;
		if (restart) {
			restart->config = config ? strdup(config) : NULL;
			restart->domid = (uint16_t)domid;
			restart->count = (uint32_t)count;
			restart->due = (uint64_t)due;
		} else {
			say("%s is damaged and taken away", path);
			unlink(path);
		}
		json_decref(root);
	}
	if (folder) {
		closedir(folder);
	}
}

/* Doubles with each end in a row: 1, 2, 4, ... seconds. */
static uint64_t restart_delay(const struct vld *vld, uint32_t count)
{
	uint64_t delay =
		count == 0 ? 0 : (uint64_t)vld->options.delay_min << (count < 30 ? count - 1 : 29);

	return delay < vld->options.delay_max ? delay : vld->options.delay_max;
}

void restart_plan(struct vld *vld, const char *name, uint16_t domid, const char *config,
		  uint64_t uptime, const char *reason)
{
	struct restart *restart = restart_get(vld, name);
	struct vl_error error;
	uint64_t delay;

	if (restart && (restart->cancelled || (restart->config && restart->domid == domid))) {
		return; /* planned already, or unwanted */
	}
	if (!restart) {
		restart = restart_new(vld, name);
	}
	if (!restart) {
		say("%s is not started again: no memory", name);
		return;
	}
	free(restart->config);
	restart->config = strdup(config);
	restart->domid = domid;
	restart->count = uptime < vld->options.min_uptime ? restart->count + 1 : 0;
	delay = restart_delay(vld, restart->count);
	restart->due = vld_seconds() + delay;
	if (delay > 0) {
		say("%s: %s after %llu s, for the %u. time in a row: started again in %llu s", name,
		    reason, (unsigned long long)uptime, restart->count, (unsigned long long)delay);
	}
	if (restart_save(vld, restart, &error)) {
		say("%s", error.text);
	}
}

/* All is undone, or cannot be: whoever cancelled it is told. */
static void cancel_done(struct vld *vld, const struct job *job, int rc, const char *text)
{
	struct restart *restart = restart_get(vld, job->text);

	restart_unlink(vld, job->text); /* its child may have written it anew */
	client_forgotten(vld, job->text, rc < 0 ? rc : 0, text);
	if (restart) {
		restart_remove(vld, restart);
	}
	guests_scan_soon(vld, 0);
}

/*
 * The child of a restart that was cancelled meanwhile has ended.  It may have let
 * the guest run a moment before that, or been killed a moment after it did.
 */
static void cancel_work(struct vld *vld, const struct job *job, int rc)
{
	struct job_spec spec = { .kind = JOB_END, .text = job->text, .done = cancel_done };

	if (rc >= 0) {
		spec.domid = (uint16_t)rc;
	} else if (rc == -EEXIST || vld->host->find(vld->host, job->text, &spec.domid, NULL)) {
		cancel_done(vld, job, 0, "");
		return;
	}
	if (job_start(vld, &spec)) {
		cancel_done(vld, job, -ENOMEM, "there is no memory to end the guest");
	}
}

static void restart_done(struct vld *vld, const struct job *job, int rc, const char *text)
{
	struct restart *restart = restart_get(vld, job->text);
	uint64_t delay;

	if (!restart) {
		return;
	}
	if (restart->cancelled) {
		cancel_work(vld, job, rc);
		return;
	}
	restart->job = false;
	if (rc >= 0 || rc == -EEXIST || rc == -ECANCELED) {
		if (rc >= 0) {
			say("%s is started again as domain %d", restart->name, rc);
		} else {
			say("%s is not started again: %s", restart->name, text);
		}
		free(restart->config);
		restart->config = NULL;
		guests_scan_soon(vld, 0);
		if (restart->count == 0) {
			restart_forget(vld, job->text);
			return;
		}
	} else {
		restart->count++;
		delay = restart_delay(vld, restart->count);
		restart->due = vld_seconds() + delay;
		say("%s could not be started again: %s; tried again in %llu s", restart->name, text,
		    (unsigned long long)delay);
	}
	if (restart_save(vld, restart, NULL)) {
		say("the restart of %s could not be written down", restart->name);
	}
}

/* The old domain has its name and its devices until it is gone or renamed. */
static bool old_in_the_way(struct vld *vld, const struct restart *restart)
{
	struct guest *old = guests_get(vld, restart->domid);

	return old && (old->state == GUEST_RUNNING || old->state == GUEST_ENDING) &&
	       strcmp(guest_name(old), restart->name) == 0;
}

void restart_due(struct vld *vld)
{
	uint64_t now = vld_seconds();
	struct restart *next;

	for (struct restart *restart = vld->restarts; restart; restart = next) {
		struct job_spec spec = { .kind = JOB_START,
					 .text = restart->name,
					 .done = restart_done };

		next = restart->next;
		if (!restart->config || restart->job || now < restart->due ||
		    old_in_the_way(vld, restart)) {
			continue;
		}
		restart->job = true;
		if (job_start(vld, &spec)) {
			restart->job = false;
		}
	}
}

/* The file is there: nobody has cancelled it. */
static bool restart_wanted(void *path)
{
	return access(path, F_OK) == 0;
}

int restart_work(struct vld *vld, const char *name, struct vl_error *error)
{
	const char *file_name, *config;
	int domid, count, rc;
	char path[4096];
	json_int_t due;
	json_t *root;

	rc = restart_path(vld, name, path, sizeof(path));
	if (rc) {
		return vl_error_set(error, rc, "the name is too long");
	}
	root = restart_read(path, &file_name, &config, &domid, &count, &due);
	if (!root || !config) {
		json_decref(root);
		return vl_error_set(error, -ECANCELED, "that was cancelled, or is done");
	}
	rc = vld->host->guest_start(vld->host, config, restart_wanted, path, error);
	if (rc >= 0) {
		struct restart done = { .name = (char *)name,
					.domid = (uint16_t)rc,
					.count = (uint32_t)count };

		restart_save(vld, &done, NULL);
	}
	json_decref(root);
	return rc;
}

int restart_forget(struct vld *vld, const char *name)
{
	struct restart *restart = restart_get(vld, name);
	bool was_due;

	if (!restart) {
		return -ESRCH;
	}
	restart_unlink(vld, name);
	if (restart->job) {
		restart->cancelled = true;
		return -EINPROGRESS;
	}
	was_due = restart->config != NULL;
	restart_remove(vld, restart);
	return was_due ? 0 : -ESRCH;
}

void restart_free(struct vld *vld)
{
	while (vld->restarts) {
		restart_remove(vld, vld->restarts);
	}
}

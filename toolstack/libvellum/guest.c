/* SPDX-License-Identifier: MIT */
/*
 * Guests that are there: found, named, asked.  Making them is in guest_create.c,
 * ending them in guest_destroy.c.  Called by vl and vld; keeps nothing between
 * two calls: what there is stands in the core, in the store and in the records.
 */
#include "libvellum/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libvellum/config_internal.h"
#include "libvellum/device.h"
#include "libvellum/file_io.h"
#include "libvellum/guest_part.h"
#include "libvellum/nodes.h"

int vl_host_open(struct vl_host *host, struct vl_error *error)
{
	int rc;

	*host = (struct vl_host){ 0 };
	rc = vl_ctl_open(&host->ctl, error);
	if (!rc) {
		rc = vl_store_open(&host->store, NULL, error);
	}
	if (rc) {
		vl_host_close(host);
	}
	return rc;
}

void vl_host_close(struct vl_host *host)
{
	vl_store_close(host->store);
	vl_ctl_close(host->ctl);
	host->store = NULL;
	host->ctl = NULL;
}

static int no_guest(const char *name, struct vl_error *error)
{
	return vl_error_set(error, -ESRCH, "there is no guest %s", name);
}

static int find_number(struct vl_host *host, const char *text, uint16_t *domid,
		       struct vl_error *error)
{
	struct vl_domain_info info;
	unsigned long number;
	int rc;

	errno = 0;
	number = strtoul(text, NULL, 10);
	if (errno || number >= VL_DOMID_END) {
		return no_guest(text, error);
	}
	rc = vl_ctl_info(host->ctl, (uint16_t)number, &info, error);
	if (rc == -ESRCH) {
		return no_guest(text, error);
	}
	*domid = (uint16_t)number;
	return rc;
}

static int find_name(struct vl_host *host, const char *name, uint16_t *domid,
		     struct vl_error *error)
{
	struct vl_domain_info *list = NULL;
	char **names = NULL;
	size_t count = 0;
	bool found = false;
	int rc = vl_ctl_list(host->ctl, 0, &list, &count, error);

	rc = rc ? rc : vl_guest_names(host, list, count, &names, error);
	for (size_t i = 0; names && i < count && !rc && !found; i++) {
		if (list[i].flags & (VL_DOMAIN_dying | VL_DOMAIN_control)) {
			continue;
		}
		found = names[i] && !strcmp(names[i], name);
		*domid = found ? list[i].domid : *domid;
	}
	vl_guest_names_free(names, count);
	free(list);
	return rc || found ? rc : no_guest(name, error);
}

int vl_guest_find(struct vl_host *host, const char *name, uint16_t *domid, struct vl_error *error)
{
	uint16_t found = 0;
	int rc;

	if (!strcmp(name, "Domain-0")) {
		rc = 0;
	} else if (config_name_is_number(name)) {
		rc = find_number(host, name, &found, error);
	} else {
		rc = find_name(host, name, &found, error);
	}
	if (!rc) {
		*domid = found;
	}
	return rc;
}

int vl_guest_find_uuid(struct vl_host *host, const uint8_t uuid[16], uint16_t *domid,
		       struct vl_error *error)
{
	struct vl_domain_info *list = NULL;
	size_t count = 0;
	int rc = vl_ctl_list(host->ctl, 1, &list, &count, error);

	if (rc) {
		return rc;
	}
	rc = vl_error_set(error, -ESRCH, "there is no guest of that UUID");
	for (size_t i = 0; i < count && rc; i++) {
		if (!(list[i].flags & VL_DOMAIN_dying) && !memcmp(list[i].handle, uuid, 16)) {
			*domid = list[i].domid;
			rc = 0;
		}
	}
	free(list);
	return rc;
}

int vl_guest_name(struct vl_host *host, uint16_t domid, char **name, struct vl_error *error)
{
	struct vl_domain_info info;
	int rc;

	if (domid == 0) {
		*name = strdup("Domain-0");
		return *name ? 0 : vl_error_set(error, -ENOMEM, "no memory for a name");
	}
	rc = vl_ctl_info(host->ctl, domid, &info, error);
	if (!rc) {
		rc = vl_store_readf(host->store, 0, name, error, "/local/domain/%u/name", domid);
	}
	if (!rc && !*name) {
		rc = vl_error_set(error, -ESRCH, "domain %u has no name", domid);
	}
	return rc;
}

void vl_guest_names_free(char **names, size_t count)
{
	for (size_t i = 0; names && i < count; i++) {
		free(names[i]);
	}
	free(names);
}

int vl_guest_names(struct vl_host *host, const struct vl_domain_info *list, size_t count,
		   char ***out, struct vl_error *error)
{
	char path[NODE_PATH_SIZE], **names = calloc(count ? count : 1, sizeof(*names));
	int rc = 0, flushed;

	if (!names) {
		return vl_error_set(error, -ENOMEM, "no memory for the names of guests");
	}
	vl_store_queue(host->store);
	for (size_t i = 0; i < count && !rc; i++) {
		if (list[i].domid == 0) {
			names[i] = strdup("Domain-0");
			rc = names[i] ? 0 : vl_error_set(error, -ENOMEM, "no memory for a name");
			continue;
		}
		snprintf(path, sizeof(path), "/local/domain/%u/name", list[i].domid);
		rc = vl_store_queue_read(host->store, 0, path, &names[i], error);
	}
	flushed = vl_store_flush(host->store, rc ? NULL : error);
	rc = rc ? rc : flushed;
	if (rc) {
		vl_guest_names_free(names, count);
		return rc;
	}
	*out = names;
	return 0;
}

int vl_guest_ask(struct vl_host *host, uint16_t domid, const char *what, struct vl_error *error)
{
	static const char *const known[] = { "poweroff", "halt", "reboot", "suspend", "crash" };
	struct vl_domain_info info;
	char path[NODE_PATH_SIZE];
	bool valid = false;
	int rc;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		valid = valid || !strcmp(what, known[i]);
	}
	if (!valid) {
		return vl_error_set(error, -EINVAL, "a guest cannot be asked for \"%s\"", what);
	}
	rc = vl_ctl_info(host->ctl, domid, &info, error);
	if (rc) {
		return rc;
	}
	if (info.flags & (VL_DOMAIN_control | VL_DOMAIN_shutdown | VL_DOMAIN_dying)) {
		return vl_error_set(error, -EINVAL,
				    info.flags & VL_DOMAIN_control ?
					    "the control domain is not asked from outside" :
					    "domain %u has ended already",
				    domid);
	}
	snprintf(path, sizeof(path), "/local/domain/%u/control", domid);
	return vl_store_writef(host->store, 0, path, "shutdown", error, "%s", what);
}

/* The record with the new name, beside the old one. */
static int prepare_record(struct vl_host *host, uint16_t domid, const char *name, char **temporary,
			  struct vl_error *error)
{
	struct vl_config *config = NULL;
	int rc = vl_guest_config(host, domid, &config, error);

	if (rc) {
		/* A domain that somebody else has made has no record. */
		return rc == -ENOENT ? 0 : rc;
	}
	free(config->name);
	config->name = strdup(name);
	rc = config->name ? guest_record_prepare(host, domid, config, true, temporary, error) :
			    vl_error_set(error, -ENOMEM, "no memory for a name");
	vl_config_free(config);
	return rc;
}

/*
 * All or nothing: what needs room is done first, then the store, which is the
 * name that counts, in one transaction.  A kill behind that leaves a record with
 * the old name, which vl_guest_config() corrects.
 */
static int rename_all(struct vl_host *host, const struct vl_domain_info *info, const char *name,
		      struct vl_error *error)
{
	uint16_t domid = (uint16_t)info->domid;
	char *temporary = NULL, *old = NULL;
	int rc = prepare_record(host, domid, name, &temporary, error);

	rc = rc ? rc : vl_store_readf(host->store, 0, &old, error, "/local/domain/%u/name", domid);
	rc = rc ? rc : guest_nodes_rename(host, domid, info->handle, name, error);
	if (rc) {
		file_discard(&temporary);
	} else if (temporary) {
		rc = guest_record_commit(host, domid, &temporary, error);
		if (rc && old) {
			guest_nodes_rename(host, domid, info->handle, old, NULL);
		}
	}
	free(old);
	return rc;
}

int vl_guest_rename(struct vl_host *host, uint16_t domid, const char *name, struct vl_error *error)
{
	struct guest_lock lock = { .fd = -1 };
	struct vl_domain_info info;
	uint16_t other;
	int rc = config_name_check(name, error);

	rc = rc ? rc : vl_ctl_info(host->ctl, domid, &info, error);
	if (!rc && (info.flags & VL_DOMAIN_control)) {
		rc = vl_error_set(error, -EINVAL, "the control domain keeps its name");
	}
	rc = rc ? rc : guest_lock_take(host, name, &lock, error);
	if (rc) {
		return rc;
	}
	rc = vl_guest_find(host, name, &other, error);
	if (!rc && other != domid) {
		rc = vl_error_set(error, -EEXIST, "a guest named %s is there already", name);
	}
	if (rc == -ESRCH) {
		rc = rename_all(host, &info, name, error);
	}
	guest_lock_drop(&lock);
	return rc;
}

int vl_guest_preserve(struct vl_host *host, uint16_t domid, const char *name,
		      struct vl_error *error)
{
	int rc = vl_guest_rename(host, domid, name, error);

	return rc ? rc : vl_devices_detach(host, domid, error);
}

/* The store's name counts, if it can be one; without it the record's does. */
static void take_name(struct vl_host *host, uint16_t domid, struct vl_config *config)
{
	char *name = NULL;

	if (host->store) {
		vl_store_readf(host->store, 0, &name, NULL, "/local/domain/%u/name", domid);
	}
	if (name && !config_name_check(name, NULL)) {
		free(config->name);
		config->name = name;
	} else {
		free(name);
	}
}

int vl_guest_config(struct vl_host *host, uint16_t domid, struct vl_config **config,
		    struct vl_error *error)
{
	struct vl_config *found = NULL;
	struct vl_domain_info info;
	int rc = guest_record_read(host, domid, &found, NULL, error);

	/* A record that was left of another domain of that number is none. */
	if (!rc && !vl_ctl_info(host->ctl, domid, &info, NULL) &&
	    memcmp(info.handle, found->uuid, sizeof(found->uuid)) != 0) {
		rc = vl_error_set(error, -ENOENT, "there is no record of domain %u", domid);
	}
	if (rc) {
		vl_config_free(found);
		return rc;
	}
	take_name(host, domid, found);
	*config = found;
	return 0;
}

/* "/run/vellum" and "/run/vellum/guests" of the latter. */
static int make_folders(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			return -errno;
		}
		*slash = '/';
	}
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int guest_folder(const struct vl_host *host, const char *dir, char path[PATH_MAX],
		 struct vl_error *error)
{
	int size = snprintf(path, PATH_MAX, "%s%s", host->root ? host->root : "", dir), rc;

	/* There is a file name to come. */
	if (size < 0 || size >= PATH_MAX - GUEST_NAME_MAX - 8) {
		return vl_error_set(error, -ENAMETOOLONG, "%s: the path is too long", dir);
	}
	rc = make_folders(path);
	return rc ? vl_error_set(error, rc, "cannot make the folder %s: %s", path, strerror(-rc)) :
		    0;
}

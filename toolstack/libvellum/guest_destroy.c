/* SPDX-License-Identifier: MIT */
/*
 * The end of a guest: stopped, its devices taken away while its memory is still
 * there, then the domain, its nodes and its record.  Whatever fails on the way,
 * the rest is done nevertheless, and the first failure is reported.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libvellum/device.h"
#include "libvellum/file_io.h"
#include "libvellum/guest_part.h"
#include "libvellum/paths.h"

/* Daemons let go of console and store ring when they hear of the end. */
#define LET_GO_US 5000000u
/* That takes them a fraction of a millisecond where there is nothing else to do. */
#define FIRST_STEP_US 50u
#define LAST_STEP_US 10000u

struct removal {
	int rc;
	struct vl_error *error;
};

static void note(struct removal *removal, int rc, const struct vl_error *why)
{
	if (rc && !removal->rc) {
		removal->rc = vl_error_set(removal->error, rc, "%s", why->text);
	}
}

/* Until nobody maps a frame of it any more. */
static int destroy_domain(struct vl_host *host, uint16_t domid, struct vl_error *why)
{
	struct timespec pause = { 0 };
	unsigned int step = FIRST_STEP_US;
	int rc = vl_ctl_destroy(host->ctl, domid, why);

	for (unsigned int us = 0; rc == -EBUSY && us < LET_GO_US; us += step) {
		step = us < LAST_STEP_US ? us + FIRST_STEP_US : LAST_STEP_US;
		pause.tv_nsec = step * 1000L;
		nanosleep(&pause, NULL);
		rc = vl_ctl_destroy(host->ctl, domid, why);
	}
	if (rc == -EBUSY) {
		return vl_error_set(why, rc,
				    "domain %u has ended, but other domains still use memory of it",
				    domid);
	}
	return rc == -ESRCH ? 0 : rc;
}

int guest_remove(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		 struct vl_error *error)
{
	struct removal removal = { .error = error };
	struct vl_error why = { "" };
	int rc;

	vl_ctl_pause(host->ctl, domid, NULL);
	note(&removal, vl_devices_detach(host, domid, &why), &why);
	/* Ended first, so that whoever hears of it finds it dying. */
	rc = vl_ctl_destroy(host->ctl, domid, &why);
	note(&removal, rc == -EBUSY || rc == -ESRCH ? 0 : rc, &why);
	vl_store_release(host->store, domid, NULL);
	note(&removal, guest_nodes_remove(host, domid, uuid, &why), &why);
	/* Last of all: as long as it is there the rest is found again. */
	if (!removal.rc) {
		guest_record_remove(host, domid);
	}
	if (rc == -EBUSY) {
		note(&removal, destroy_domain(host, domid, &why), &why);
	}
	return removal.rc;
}

/* "/vm/00112233-4455-..." */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	char digits[3] = "", *end;

	if (strncmp(text, "/vm/", 4) != 0) {
		return false;
	}
	text += 4;
	for (unsigned int i = 0; i < 16; i++) {
		text += *text == '-';
		if (strnlen(text, 2) < 2) {
			return false;
		}
		memcpy(digits, text, 2);
		uuid[i] = (uint8_t)strtoul(digits, &end, 16);
		if (end != digits + 2) {
			return false;
		}
		text += 2;
	}
	return *text == '\0';
}

/* The identifier of a domain that the core no longer knows, from its nodes or its record. */
static bool left_behind(struct vl_host *host, uint16_t domid, uint8_t uuid[16])
{
	struct vl_config *config = NULL;
	char *vm = NULL;
	bool left;
	int rc;

	memset(uuid, 0, 16);
	vl_store_readf(host->store, 0, &vm, NULL, "/local/domain/%u/vm", domid);
	left = vm && parse_uuid(vm, uuid);
	free(vm);
	if (!left) {
		rc = guest_record_read(host, domid, &config, NULL, NULL);
		if (!rc) {
			memcpy(uuid, config->uuid, 16);
			vl_config_free(config);
		}
		left = rc != -ENOENT;
	}
	/* Started anew meanwhile: what belongs to the identifier is the new one's. */
	if (left && !vl_guest_find_uuid(host, uuid, &(uint16_t){ 0 }, NULL)) {
		memset(uuid, 0, 16);
	}
	return left;
}

int vl_guest_destroy(struct vl_host *host, uint16_t domid, struct vl_error *error)
{
	struct vl_domain_info info;
	int rc = vl_ctl_info(host->ctl, domid, &info, error);

	if (rc == -ESRCH && left_behind(host, domid, info.handle)) {
		info.flags = 0;
		rc = 0;
	}
	if (rc) {
		return rc;
	}
	if (info.flags & VL_DOMAIN_control) {
		return vl_error_set(error, -EINVAL, "the control domain cannot be destroyed");
	}
	return guest_remove(host, domid, info.handle, error);
}

static bool is_listed(const struct vl_domain_info *list, size_t count, unsigned long domid)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].domid == domid) {
			return true;
		}
	}
	return false;
}

/* "DOMID.json": of whom; 0: none of our records. */
static unsigned long record_of(const char *file)
{
	char *end;
	unsigned long domid = strtoul(file, &end, 10);

	return *file >= '1' && *file <= '9' && domid < VL_DOMID_END && !strcmp(end, ".json") ?
		       domid :
		       0;
}

/* A domain is made before its record: one that is not there now has been. */
static int sweep_records(struct vl_host *host, DIR *folder, struct vl_error *error)
{
	struct vl_domain_info *list = NULL;
	unsigned long *domids = NULL, *larger;
	struct dirent *entry;
	size_t count = 0, records = 0;
	uint8_t uuid[16];
	int rc = 0;

	while (!rc && (entry = readdir(folder)) != NULL) {
		if (record_of(entry->d_name)) {
			larger = reallocarray(domids, records + 1, sizeof(*domids));
			if (!larger) {
				rc = vl_error_set(error, -ENOMEM, "no memory for a list of guests");
				break;
			}
			domids = larger;
			domids[records++] = record_of(entry->d_name);
		}
	}
	rc = rc || !records ? rc : vl_ctl_list(host->ctl, 0, &list, &count, error);
	for (size_t i = 0; i < records && !rc; i++) {
		if (!is_listed(list, count, domids[i]) &&
		    left_behind(host, (uint16_t)domids[i], uuid)) {
			/* What fails here is another guest's affair: the next one tries. */
			guest_remove(host, (uint16_t)domids[i], uuid, NULL);
		}
	}
	free(list);
	free(domids);
	return rc;
}

int guest_sweep(struct vl_host *host, struct vl_error *error)
{
	char dir[PATH_MAX];
	DIR *folder;
	int rc = guest_folder(host, VL_GUESTS_DIR, dir, error);

	if (rc) {
		return rc;
	}
	file_sweep(dir);
	folder = opendir(dir);
	if (!folder) {
		return vl_error_set(error, -errno, "cannot read %s: %s", dir, strerror(errno));
	}
	rc = sweep_records(host, folder, error);
	closedir(folder);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * The end of a guest: stopped, its devices taken away while its memory is still
 * there, then the domain, its nodes and its record.  Whatever fails on the way,
 * the rest is done nevertheless, and the first failure is reported.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libvellum/device.h"
#include "libvellum/guest_part.h"

/* Daemons let go of console and store ring when they hear of the end. */
#define LET_GO_MS 5000
#define STEP_MS 10

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
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	int rc = -EBUSY;

	for (unsigned int ms = 0; rc == -EBUSY && ms <= LET_GO_MS; ms += STEP_MS) {
		if (ms) {
			nanosleep(&step, NULL);
		}
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
	guest_record_remove(host, domid);
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

/* The identifier of a domain that the core no longer knows, from its nodes. */
static bool left_behind(struct vl_host *host, uint16_t domid, uint8_t uuid[16])
{
	char *vm = NULL;
	bool left;

	vl_store_readf(host->store, 0, &vm, NULL, "/local/domain/%u/vm", domid);
	left = vm && parse_uuid(vm, uuid);
	free(vm);
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

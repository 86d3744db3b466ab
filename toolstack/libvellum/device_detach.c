/* SPDX-License-Identifier: MIT */
/*
 * Takes all devices of a domain away: the backends are told to close, awaited
 * for a while, and their nodes removed.  Only the backends' folders, which no
 * guest can write, say what there is.  Goes on after a failure and reports the
 * first, so that as much as possible is gone in the end.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/common.h"
#include "libvellum/device.h"
#include "libvellum/device_part.h"

#define TOKEN "detach"

static const char *const kinds[] = { "vbd", "vif" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* One device, as the store knows it. */
struct gone {
	const char *kind;
	uint32_t number;
	char backend[NODE_PATH_SIZE];
	unsigned int state; /* as it was when we came */
	char *vifname;	    /* where the interface has a name of its own */
};

struct detach {
	struct vl_host *host;
	struct vl_store *watches;
	uint16_t domid;
	struct gone *devices;
	size_t count;
	int rc; /* the first failure; its sentence is in error */
	struct vl_error *error;
};

static void note(struct detach *detach, int rc, const struct vl_error *why)
{
	if (rc && !detach->rc) {
		detach->rc = vl_error_set(detach->error, rc, "%s", why->text);
	}
}

static bool number_of(const char *text, uint32_t *number)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || value > UINT32_MAX) {
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

static int collect(struct detach *detach, const char *kind, struct vl_error *why)
{
	char path[NODE_PATH_SIZE], **names = NULL;
	struct gone *larger;
	int count, rc = 0;

	snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", kind, detach->domid);
	count = vl_store_list(detach->host->store, 0, path, &names, why);
	if (count <= 0) {
		free(names);
		return count == -ENOENT ? 0 : count;
	}
	larger = reallocarray(detach->devices, detach->count + (size_t)count, sizeof(*larger));
	if (!larger) {
		free(names);
		return vl_error_set(why, -ENOMEM, "no memory for %d devices", count);
	}
	detach->devices = larger;
	for (int i = 0; i < count && !rc; i++) {
		struct gone *device = &detach->devices[detach->count];

		*device = (struct gone){ .kind = kind };
		if (number_of(names[i], &device->number)) {
			snprintf(device->backend, sizeof(device->backend),
				 "/local/domain/0/backend/%s/%u/%u", kind, detach->domid,
				 device->number);
			detach->count++;
			rc = nodes_number(detach->host->store, device->backend, "state",
					  &device->state, why);
			if (!strcmp(kind, "vif")) {
				vl_store_readf(detach->host->store, 0, &device->vifname, NULL,
					       "%s/vifname", device->backend);
			}
		}
	}
	free(names);
	return rc;
}

/* The frontend's folder goes, too: a backend then waits for nobody. */
static void tell(struct nodes *nodes, void *arg)
{
	const struct detach *detach = arg;
	char path[NODE_PATH_SIZE];

	for (size_t i = 0; i < detach->count; i++) {
		const struct gone *device = &detach->devices[i];

		nodes_dir(nodes, "%s", device->backend);
		if (device->state != DEVICE_CLOSED) {
			nodes_put(nodes, "online", "0");
			nodes_put(nodes, "state", "%d", DEVICE_CLOSING);
		}
		snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%u", detach->domid,
			 device->kind, device->number);
		if (!nodes->rc) {
			nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
		}
	}
}

/* A device without a driver is never closed by one. */
static bool has_driver(const struct gone *device)
{
	return device->state > DEVICE_INITIALISING && device->state < DEVICE_CLOSED;
}

/* 1 and the first that is not closed, 0: all are. */
static int still_open(struct detach *detach, const struct gone **open, unsigned int *state,
		      struct vl_error *why)
{
	int rc = 0;

	for (size_t i = 0; i < detach->count && !rc; i++) {
		*open = &detach->devices[i];
		if (has_driver(*open)) {
			rc = nodes_number(detach->host->store, (*open)->backend, "state", state,
					  why);
			if (!rc && *state != DEVICE_CLOSED && *state != DEVICE_UNKNOWN) {
				return 1;
			}
		}
	}
	return rc;
}

static int await(struct detach *detach, int limit_ms, struct vl_error *why)
{
	int64_t end = vl_now_ms() + limit_ms, left;
	const struct gone *device = NULL;
	char path[NODE_PATH_SIZE + 8];
	unsigned int state = 0;
	int rc = 0;

	for (size_t i = 0; i < detach->count && !rc; i++) {
		snprintf(path, sizeof(path), "%s/state", detach->devices[i].backend);
		if (has_driver(&detach->devices[i])) {
			rc = vl_store_watch(detach->watches, path, TOKEN, why);
		}
	}
	while (!rc) {
		rc = still_open(detach, &device, &state, why);
		if (rc <= 0) {
			return rc;
		}
		left = end - vl_now_ms();
		if (left <= 0) {
			return vl_error_set(why, -ETIMEDOUT,
					    "%s %u of domain %u: its backend did not close within "
					    "%d s (state %u)",
					    device->kind, device->number, detach->domid,
					    (limit_ms + 999) / 1000, state);
		}
		rc = nodes_wait(detach->watches, (int)left, why);
	}
	return rc;
}

/* Scripts look at the nodes, so they come before these go. */
static void scripts(struct detach *detach)
{
	char name[32], vif[IF_NAMESIZE], *script;
	struct vl_error why;
	bool is_vif;

	for (size_t i = 0; i < detach->count; i++) {
		const struct gone *device = &detach->devices[i];

		is_vif = !strcmp(device->kind, "vif");
		script = NULL;
		vl_store_readf(detach->host->store, 0, &script, NULL, "%s/script", device->backend);
		if (script && *script == '/') {
			snprintf(name, sizeof(name), "%s %u", device->kind, device->number);
			snprintf(vif, sizeof(vif), "vif%u.%u", detach->domid, device->number);
			note(detach,
			     device_script_run(detach->host, script, device->kind, detach->domid,
					       device->number, is_vif ? vif : NULL,
					       is_vif ? "offline" : "remove", name, &why),
			     &why);
		}
		free(script);
	}
}

static void clear(struct nodes *nodes, void *arg)
{
	const struct detach *detach = arg;
	char path[NODE_PATH_SIZE];

	for (size_t i = 0; i < detach->count; i++) {
		if (!strcmp(detach->devices[i].kind, "vbd")) {
			image_release(nodes, detach->domid, detach->devices[i].number,
				      detach->devices[i].backend);
		}
	}
	for (size_t i = 0; i < 2 * KINDS && !nodes->rc; i++) {
		snprintf(path, sizeof(path), "/local/domain/0/%sbackend/%s/%u",
			 i < KINDS ? "" : "error/", kinds[i % KINDS], detach->domid);
		nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	}
}

/* Without a device nothing has to go together: one round trip, where a transaction is three. */
static int clear_folders(struct detach *detach, struct vl_error *why)
{
	struct nodes nodes = { .store = detach->host->store, .error = why };
	int rc;

	vl_store_queue(nodes.store);
	clear(&nodes, detach);
	rc = vl_store_flush(nodes.store, nodes.rc ? NULL : why);
	return nodes.rc ? nodes.rc : rc;
}

/*
 * The kernel takes interfaces away some time after their nodes.  Until then a guest
 * that is made anew could not have one of the same name.
 */
static void await_interfaces(const struct detach *detach, int limit_ms)
{
	int64_t end = vl_now_ms() + limit_ms;
	char vif[IF_NAMESIZE];

	for (size_t i = 0; i < detach->count; i++) {
		const struct gone *device = &detach->devices[i];

		snprintf(vif, sizeof(vif), "vif%u.%u", detach->domid, device->number);
		while (!strcmp(device->kind, "vif") && vl_now_ms() < end &&
		       if_nametoindex(device->vifname ? device->vifname : vif)) {
			poll(NULL, 0, DEVICE_POLL_MS);
		}
	}
}

int device_detach_all(struct vl_host *host, uint16_t domid, int limit_ms, struct vl_error *error)
{
	struct detach detach = { .host = host, .domid = domid, .error = error };
	struct vl_error why = { "" };
	int rc;

	for (size_t i = 0; i < KINDS; i++) {
		note(&detach, collect(&detach, kinds[i], &why), &why);
	}
	if (detach.count) {
		rc = nodes_transact(host->store, tell, &detach, &why);
		note(&detach, rc, &why);
		rc = rc ? rc : vl_store_open(&detach.watches, NULL, &why);
		note(&detach, rc, &why);
		if (!rc) {
			note(&detach, await(&detach, limit_ms, &why), &why);
		}
		scripts(&detach);
	}
	rc = detach.count ? nodes_transact(host->store, clear, &detach, &why) :
			    clear_folders(&detach, &why);
	note(&detach, rc, &why);
	await_interfaces(&detach, limit_ms);
	vl_store_close(detach.watches);
	for (size_t i = 0; i < detach.count; i++) {
		free(detach.devices[i].vifname);
	}
	free(detach.devices);
	return detach.rc;
}

int vl_devices_detach(struct vl_host *host, uint16_t domid, struct vl_error *error)
{
	return device_detach_all(host, domid, DEVICE_LIMIT_MS, error);
}

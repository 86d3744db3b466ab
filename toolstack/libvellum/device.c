/* SPDX-License-Identifier: MIT */
/*
 * All devices of a guest at once: checked before anything is made, written in
 * one transaction, then awaited together, so that the backends start side by
 * side.  Taking them away is in device_detach.c; the kinds are in device_disk.c
 * and device_vif.c.  Backend drivers are only ever spoken to through the store.
 */
#include "libvellum/device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/common.h"
#include "libvellum/device_part.h"

/* So many times longer are backends waited for whose driver is there. */
#define BUSY_LIMITS 12
#define TOKEN "device"

struct attach {
	struct vl_host *host;
	struct vl_store *watches; /* a connection of our own: the caller may watch, too */
	struct netlink netlink;
	struct device *devices;
	size_t count;
	struct vl_error *error;
};

/* ---- Checking ------------------------------------------------------------------- */

static int check_twice(const struct vl_config *config, size_t index, struct vl_error *error)
{
	uint32_t number, other;

	vl_vdev_number(config->disks[index].vdev, &number);
	for (size_t i = 0; i < index; i++) {
		vl_vdev_number(config->disks[i].vdev, &other);
		if (number == other) {
			return vl_error_set(error, -EEXIST, "disk %s is configured twice",
					    config->disks[index].vdev);
		}
	}
	return 0;
}

int vl_devices_check(const struct vl_config *config, struct vl_error *error)
{
	struct netlink netlink = { 0 };
	int rc = 0;

	for (size_t i = 0; i < config->disk_count && !rc; i++) {
		rc = disk_check(&config->disks[i], error);
		rc = rc ? rc : check_twice(config, i, error);
	}
	if (!rc && config->vif_count) {
		rc = netlink_open(&netlink, error);
	}
	for (size_t i = 0; i < config->vif_count && !rc; i++) {
		const struct vl_vif *vif = &config->vifs[i];

		rc = vif_check(&netlink, vif, vif->devid, error);
		for (size_t j = 0; j < i && !rc; j++) {
			if (config->vifs[j].devid == vif->devid) {
				rc = vl_error_set(error, -EEXIST,
						  "network interface %u is configured twice",
						  vif->devid);
			}
		}
	}
	netlink_close(&netlink);
	return rc;
}

int device_check_users(struct vl_host *host, const struct vl_config *config, struct vl_error *error)
{
	int rc = 0;

	for (size_t i = 0; i < config->disk_count && !rc; i++) {
		rc = image_check(host, &config->disks[i], error);
	}
	return rc;
}

/* ---- Attaching ------------------------------------------------------------------ */

static int prepare(struct attach *attach, struct device *device)
{
	const char *kind = device->disk ? "vbd" : "vif";

	if (device->disk) {
		if (!device->disk->vdev || vl_vdev_number(device->disk->vdev, &device->number)) {
			return vl_error_set(
				attach->error, -EINVAL, "disk %s: there is no device of that name",
				device->disk->vdev ? device->disk->vdev : "without a name");
		}
		snprintf(device->name, sizeof(device->name), "disk %s", device->disk->vdev);
	} else {
		device->number = device->vif->devid;
		snprintf(device->name, sizeof(device->name), "network interface %u",
			 device->number);
	}
	snprintf(device->backend, sizeof(device->backend), "/local/domain/0/backend/%s/%u/%u", kind,
		 device->domid, device->number);
	snprintf(device->frontend, sizeof(device->frontend), "/local/domain/%u/device/%s/%u",
		 device->domid, kind, device->number);
	return device->disk ? disk_prepare(attach->host, device, attach->error) :
			      vif_prepare(&attach->netlink, device, attach->error);
}

static void fill(struct nodes *nodes, void *arg)
{
	struct attach *attach = arg;

	for (size_t i = 0; i < attach->count; i++) {
		if (attach->devices[i].disk) {
			disk_nodes(nodes, &attach->devices[i]);
		} else {
			vif_nodes(nodes, &attach->devices[i]);
		}
	}
}

static int watch(struct attach *attach)
{
	char path[NODE_PATH_SIZE + 8];
	int rc = 0;

	for (size_t i = 0; i < attach->count && !rc; i++) {
		snprintf(path, sizeof(path), "%s/state", attach->devices[i].backend);
		rc = vl_store_watch(attach->watches, path, TOKEN, attach->error);
	}
	return rc;
}

/* The driver has given up: what it says about that stands in its own folder. */
static int report(struct attach *attach, const struct device *device, unsigned int state)
{
	char *text = NULL;
	int rc;

	vl_store_readf(attach->host->store, 0, &text, NULL, "/local/domain/0/error%s/error",
		       device->backend + strlen("/local/domain/0"));
	rc = vl_error_set(attach->error, -EIO, "%s: its backend has failed (state %u): %s",
			  device->name, state, text ? text : "it does not say why");
	free(text);
	return rc;
}

static int start(struct attach *attach, struct device *device)
{
	return device->disk ? disk_start(attach->host, device, attach->error) :
			      vif_start(attach->host, &attach->netlink, device, attach->error);
}

/* One look at a device that is not done; 0, or a negative errno. */
static int step(struct attach *attach, struct device *device)
{
	unsigned int state;
	int rc = nodes_number(attach->host->store, device->backend, "state", &state, attach->error);

	if (rc) {
		return rc;
	}
	if (state == DEVICE_CLOSING || state == DEVICE_CLOSED) {
		return report(attach, device, state);
	}
	if (state == DEVICE_UNKNOWN || state == DEVICE_INITIALISING) {
		return 0;
	}
	rc = start(attach, device);
	if (rc < 0) {
		return rc;
	}
	device->stage = rc ? DEVICE_DONE : DEVICE_STARTS;
	return 0;
}

/* Is there a backend at all?  It has no other work than ours and others' devices then. */
static bool has_driver(const struct device *device)
{
	return access(device->disk ? "/sys/bus/xen-backend/drivers/vbd" :
				     "/sys/bus/xen-backend/drivers/vif",
		      F_OK) == 0;
}

static int late(struct attach *attach, const struct device *device, int limit_ms)
{
	unsigned int state;

	nodes_number(attach->host->store, device->backend, "state", &state, NULL);
	return vl_error_set(attach->error, -ETIMEDOUT,
			    state == DEVICE_INITIALISING ?
				    "%s: no backend took it within %d s (state %u): is the "
				    "module %s loaded?" :
				    "%s: its backend was not ready within %d s (state %u, %s)",
			    device->name, (limit_ms + 999) / 1000, state,
			    device->disk ? "xen-blkback" : "xen-netback");
}

static int await(struct attach *attach, int limit_ms)
{
	int64_t begin = vl_now_ms(), left;
	struct device *pending;
	bool more = false;
	bool poll;
	int rc;

	for (;;) {
		pending = NULL;
		poll = false;
		for (size_t i = 0; i < attach->count; i++) {
			struct device *device = &attach->devices[i];

			rc = device->stage == DEVICE_DONE ? 0 : step(attach, device);
			if (rc) {
				return rc;
			}
			poll = poll || device->stage == DEVICE_STARTS;
			pending = device->stage == DEVICE_DONE ? pending : device;
		}
		left = begin + limit_ms - vl_now_ms();
		if (pending && left <= 0 && !more && has_driver(pending)) {
			/* One thread of the kernel starts all backends, those of dozens of
			 * guests that are created at once. */
			more = true;
			limit_ms *= BUSY_LIMITS;
			left = begin + limit_ms - vl_now_ms();
		}
		if (!pending || left <= 0) {
			return pending ? late(attach, pending, limit_ms) : 0;
		}
		rc = nodes_wait(attach->watches,
				poll && left > DEVICE_POLL_MS ? DEVICE_POLL_MS : (int)left,
				attach->error);
		if (rc < 0) {
			return rc;
		}
	}
}

static int collect(struct attach *attach, uint16_t domid, const struct vl_config *config)
{
	size_t count = config->disk_count + config->vif_count;

	attach->devices = calloc(count, sizeof(*attach->devices));
	if (!attach->devices) {
		return vl_error_set(attach->error, -ENOMEM, "no memory for %zu devices", count);
	}
	for (size_t i = 0; i < count; i++) {
		struct device *device = &attach->devices[attach->count];

		*device = (struct device){ .domid = domid, .fd = -1 };
		if (i >= config->disk_count) {
			device->vif = &config->vifs[i - config->disk_count];
		} else if (config->disks[i].format == VL_DISK_EMPTY && !config->disks[i].script) {
			/* A drive without a medium: blkback would wait for one for ever. */
			continue;
		} else {
			device->disk = &config->disks[i];
		}
		attach->count++;
	}
	return 0;
}

static int attach_steps(struct attach *attach, const struct vl_config *config, int limit_ms)
{
	int rc = vl_store_open(&attach->watches, NULL, attach->error);

	if (!rc && config->vif_count) {
		rc = netlink_open(&attach->netlink, attach->error);
	}
	for (size_t i = 0; i < attach->count && !rc; i++) {
		rc = prepare(attach, &attach->devices[i]);
	}
	if (!rc) {
		rc = nodes_transact(attach->host->store, fill, attach, attach->error);
	}
	if (!rc) {
		rc = watch(attach);
	}
	return rc ? rc : await(attach, limit_ms);
}

int device_attach_all(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      int limit_ms, struct vl_error *error)
{
	struct attach attach = { .host = host, .error = error };
	int rc;

	if (!config->disk_count && !config->vif_count) {
		return 0;
	}
	rc = collect(&attach, domid, config);
	if (!rc) {
		rc = attach_steps(&attach, config, limit_ms);
	}
	/* Whatever of it is in the store by now; nothing if the transaction failed. */
	if (rc) {
		vl_devices_detach(host, domid, NULL);
	}
	for (size_t i = 0; i < attach.count; i++) {
		if (attach.devices[i].fd >= 0) {
			close(attach.devices[i].fd);
		}
	}
	free(attach.devices);
	netlink_close(&attach.netlink);
	vl_store_close(attach.watches);
	return rc;
}

int vl_devices_attach(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      struct vl_error *error)
{
	return device_attach_all(host, domid, config, DEVICE_LIMIT_MS, error);
}

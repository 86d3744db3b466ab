/* SPDX-License-Identifier: MIT */
/*
 * What device.c and the kinds of devices share: one device on its way to the
 * state in which a frontend can connect to it.  Private to libvellum.
 *
 * Errors: see error.h; each sentence begins with the device's name.
 */
#ifndef LIBVELLUM_DEVICE_PART_H
#define LIBVELLUM_DEVICE_PART_H

#include <linux/limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "libvellum/config.h"
#include "libvellum/device.h"
#include "libvellum/netlink.h"
#include "libvellum/nodes.h"

/* XenbusState of the published interface (xen/io/xenbus.h). */
enum device_state {
	DEVICE_UNKNOWN = 0,
	DEVICE_INITIALISING = 1,
	DEVICE_INIT_WAIT = 2,
	DEVICE_INITIALISED = 3,
	DEVICE_CONNECTED = 4,
	DEVICE_CLOSING = 5,
	DEVICE_CLOSED = 6
};

enum device_stage {
	DEVICE_WAITS,  /* for the backend's driver to take it */
	DEVICE_STARTS, /* the driver has it; what follows is not seen in the store */
	DEVICE_DONE
};

#define DEVICE_SCRIPT_SIZE 256

/* Where the data of a disk lie: see device_place.c. */
#define IMAGE_PLACES 8
#define IMAGE_ROOT_SIZE 64
#define IMAGE_WAY_SIZE 128
struct place {
	char root[IMAGE_ROOT_SIZE];
	char way[IMAGE_WAY_SIZE];
};
struct image {
	unsigned int count; /* 0: unknown */
	struct place places[IMAGE_PLACES];
};

/* What the store does not tell (sysfs, interfaces) is looked at so often. */
#define DEVICE_POLL_MS 5
/* For all backends of a guest together, to become ready and to close: the control
 * domain may be busy with the start or the end of others. */
#define DEVICE_LIMIT_MS 10000

struct device {
	const struct vl_disk *disk; /* one of these two, the other is null */
	const struct vl_vif *vif;
	uint16_t domid;
	uint32_t number; /* in the paths of the store */
	enum device_stage stage;
	char name[48]; /* for sentences: "disk xvda" */
	char backend[NODE_PATH_SIZE], frontend[NODE_PATH_SIZE];
	char script[DEVICE_SCRIPT_SIZE]; /* "": none */

	/* disk */
	int fd;	    /* keeps the block device, and a loop device at all; -1: none */
	dev_t node; /* the block device */
	struct image image;

	/* vif */
	char bridge[IF_NAMESIZE];
};

/** Only the control domain can serve devices so far. */
static inline bool device_backend_is_ours(const char *domain)
{
	return !strcmp(domain, "0") || !strcmp(domain, "Domain-0");
}

/** A script without a folder is one of these. */
#define DEVICE_SCRIPT_DIR "/etc/xen/scripts/"
/**
 * The path of the user's script, "" if there is none or it is `builtin`, which xl
 * ships and whose work we do ourselves.  -ENOENT: it cannot be executed.
 */
int device_script_path(const char *script, const char *builtin, const char *name,
		       char path[DEVICE_SCRIPT_SIZE], struct vl_error *error);
/**
 * Runs a hotplug script as xl does: XENBUS_TYPE, XENBUS_PATH and so on in its
 * environment, `action` as its argument; vif: name of the interface, or null.  The
 * sentence has what the script gave as its reason.
 */
int device_script_run(struct vl_host *host, const char *script, const char *type, uint16_t domid,
		      uint32_t number, const char *vif, const char *action, const char *name,
		      struct vl_error *error);

/* ---- Disks (device_disk.c) ------------------------------------------------------ */

int disk_check(const struct vl_disk *disk, struct vl_error *error);
/** Fills in all about it, opens image and block device. */
int disk_prepare(struct vl_host *host, struct device *device, struct vl_error *error);
void disk_nodes(struct nodes *nodes, const struct device *device);
/** The driver has it: 1 when it has opened the block device, 0 if not yet. */
int disk_start(struct vl_host *host, struct device *device, struct vl_error *error);

/* ---- Who uses which image (device_image.c) --------------------------------------- */

struct stat;
/** Where the data of this file or block device lie (device_place.c). */
void image_find(const struct vl_host *host, const struct stat *info, struct image *image);
/** Enters the disk as a user; -EBUSY in nodes->rc: it cannot be one beside those there are. */
void image_claim(struct nodes *nodes, const struct device *device);
/** Looks, before anything is made, whether that could succeed. */
int image_check(struct vl_host *host, const struct vl_disk *disk, struct vl_error *error);
/** Takes the entry away of the disk with that backend directory. */
void image_release(struct nodes *nodes, uint16_t domid, uint32_t number, const char *backend);

/* ---- Networks (device_vif.c) ------------------------------------------------------ */

int vif_check(struct netlink *netlink, const struct vl_vif *vif, uint32_t number,
	      struct vl_error *error);
int vif_prepare(struct netlink *netlink, struct device *device, struct vl_error *error);
void vif_nodes(struct nodes *nodes, const struct device *device);
/** The driver has it: 1 when its interface is in the bridge, 0 if there is none yet. */
int vif_start(struct vl_host *host, struct netlink *netlink, struct device *device,
	      struct vl_error *error);

/* ---- device.c --------------------------------------------------------------------------- */

/** Refuses disks whose images others use; early, it is checked again as they are attached. */
int device_check_users(struct vl_host *host, const struct vl_config *config,
		       struct vl_error *error);

/* ---- device.c, for tests ------------------------------------------------------------ */

/** As vl_devices_attach() and vl_devices_detach() with other time limits. */
int device_attach_all(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      int limit_ms, struct vl_error *error);
int device_detach_all(struct vl_host *host, uint16_t domid, int limit_ms, struct vl_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Makes a guest, step by step; after a failure everything is undone by
 * guest_remove(), which asks what there is and not how far we came.  What can be
 * checked is checked before the domain exists, so that a wrong configuration
 * costs nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libvellum/device.h"
#include "libvellum/device_part.h"
#include "libvellum/guest_part.h"

#define FRAME_KIB 4u
#define FRAMES_PER_MIB 256u
/* Beside its memory the core needs this much for a domain: tables, vCPUs, ports. */
#define OVERHEAD_FRAMES FRAMES_PER_MIB
/* xl's default. */
#define EVENT_PORTS 1023u
#define WEIGHT 256u

struct creation {
	struct vl_host *host;
	struct vl_config *config; /* ours: with identifier and MAC addresses */
	struct guest_lock lock, uuid_lock;
	struct guest_boot boot;
	uint16_t domid; /* 0: none yet */
	bool starts;
	bool (*wanted)(void *arg);
	void (*progress)(void *arg, const char *step);
	void *arg;
	struct vl_error *error;
};

static void tell(const struct creation *creation, const char *step)
{
	if (creation->progress) {
		creation->progress(creation->arg, step);
	}
}

/* ---- Before there is a domain --------------------------------------------------- */

/* What the configuration leaves open and the record has to keep. */
static int complete(struct creation *creation)
{
	struct vl_config *config = creation->config;
	int rc = 0;

	config->maxmem_kib = config->maxmem_kib ? config->maxmem_kib : config->memory_kib;
	config->maxvcpus = config->maxvcpus ? config->maxvcpus : config->vcpus;
	if (!config->has_uuid) {
		if (getrandom(config->uuid, sizeof(config->uuid), 0) != sizeof(config->uuid)) {
			return vl_error_set(creation->error, -errno,
					    "no random numbers for an identifier: %s",
					    strerror(errno));
		}
		/* RFC 4122: random, variant 1. */
		config->uuid[6] = (uint8_t)((config->uuid[6] & 0x0f) | 0x40);
		config->uuid[8] = (uint8_t)((config->uuid[8] & 0x3f) | 0x80);
		config->has_uuid = true;
	}
	for (size_t i = 0; i < config->vif_count && !rc; i++) {
		static const uint8_t none[6];

		if (!memcmp(config->vifs[i].mac, none, sizeof(none))) {
			rc = vl_vif_make_mac(config->vifs[i].mac, creation->error);
		}
	}
	return rc;
}

static int check_config(const struct creation *creation)
{
	const struct vl_config *config = creation->config;

	if (config->memory_kib < FRAME_KIB || config->maxmem_kib < config->memory_kib) {
		return vl_error_set(creation->error, -EINVAL,
				    "guest %s: memory of %ju KiB and at most %ju KiB do not fit",
				    config->name, (uintmax_t)config->memory_kib,
				    (uintmax_t)config->maxmem_kib);
	}
	if (config->vcpus == 0 || config->maxvcpus < config->vcpus ||
	    config->maxvcpus > VL_VCPUS_MAX) {
		return vl_error_set(creation->error, -EINVAL,
				    "guest %s: %u vCPUs of %u; a guest has 1 to %u", config->name,
				    config->vcpus, config->maxvcpus, VL_VCPUS_MAX);
	}
	return 0;
}

/* Neither its name nor its identifier may be there twice. */
static int check_unique(const struct creation *creation)
{
	const struct vl_config *config = creation->config;
	char *name = NULL;
	uint16_t domid;
	int rc = vl_guest_find(creation->host, config->name, &domid, creation->error);

	if (!rc) {
		return vl_error_set(creation->error, -EEXIST, "a guest named %s is there already",
				    config->name);
	}
	if (rc != -ESRCH) {
		return rc;
	}
	rc = vl_guest_find_uuid(creation->host, config->uuid, &domid, creation->error);
	if (!rc) {
		vl_guest_name(creation->host, domid, &name, NULL);
		rc = vl_error_set(creation->error, -EEXIST, "guest %s has the UUID of guest %s",
				  config->name, name ? name : "without a name");
		free(name);
	}
	return rc == -ESRCH ? 0 : rc;
}

static int check_memory(const struct creation *creation)
{
	uint64_t need = creation->config->memory_kib / FRAME_KIB + OVERHEAD_FRAMES;
	struct vl_host_info info;
	int rc = vl_ctl_host(creation->host->ctl, &info, creation->error);

	if (!rc && info.free_frames < need) {
		rc = vl_error_set(creation->error, -ENOMEM,
				  "not enough memory for guest %s: it needs %ju MiB, %ju MiB are "
				  "free",
				  creation->config->name,
				  (uintmax_t)((need + FRAMES_PER_MIB - 1) / FRAMES_PER_MIB),
				  (uintmax_t)(info.free_frames / FRAMES_PER_MIB));
	}
	return rc;
}

/* One that is made up is nobody else's. */
static int lock_uuid(struct creation *creation)
{
	char name[VL_UUID_SIZE + 1] = ".";

	if (!creation->config->has_uuid) {
		return 0;
	}
	vl_uuid_text(creation->config->uuid, name + 1);
	return guest_lock_take(creation->host, name, &creation->uuid_lock, creation->error);
}

static int prepare(struct creation *creation)
{
	struct vl_config *config = creation->config;
	int rc = config_name_check(config->name, creation->error);

	rc = rc ? rc : lock_uuid(creation);
	rc = rc ? rc : complete(creation);
	rc = rc ? rc : check_config(creation);
	rc = rc ? rc : vl_guest_sweep(creation->host, creation->error);
	rc = rc ? rc :
		  guest_lock_take(creation->host, config->name, &creation->lock, creation->error);
	rc = rc ? rc : check_unique(creation);
	rc = rc ? rc : vl_devices_check(config, creation->error);
	rc = rc ? rc : device_check_users(creation->host, config, creation->error);
	if (!rc) {
		tell(creation, "kernel");
		rc = guest_boot_open(creation->host, config, &creation->boot, creation->error);
	}
	return rc ? rc : check_memory(creation);
}

/* ---- The domain ------------------------------------------------------------------ */

static int make_domain(struct creation *creation)
{
	const struct vl_config *config = creation->config;
	struct vl_create spec = {
		.vcpus = config->maxvcpus,
		.max_frames = config->maxmem_kib / FRAME_KIB,
		.grant_frames = config->max_grant_frames,
		.maptrack_frames = config->max_maptrack_frames,
		.event_ports =
			config->max_event_channels ? config->max_event_channels : EVENT_PORTS,
	};
	uint16_t domid = VL_DOMID_ANY;
	int rc = guest_lock_note(&creation->lock, config->uuid, creation->starts, creation->error);

	memcpy(spec.handle, config->uuid, sizeof(spec.handle));
	rc = rc ? rc : vl_ctl_create(creation->host->ctl, &spec, &domid, creation->error);
	if (!rc) {
		creation->domid = domid;
		rc = guest_record_write(creation->host, domid, config, false, creation->error);
	}
	return rc;
}

static int set_cpus(struct creation *creation)
{
	const struct vl_config *config = creation->config;
	struct vl_ctl *ctl = creation->host->ctl;
	struct vl_sched sched = { config->weight ? config->weight : WEIGHT, config->cap };
	uint64_t cpus;
	int rc = 0;

	if (config->weight || config->cap) {
		rc = vl_ctl_set_sched(ctl, creation->domid, &sched, creation->error);
	}
	for (unsigned int i = 0; i < config->maxvcpus && config->cpus_count && !rc; i++) {
		if (config->cpus_count > 1 && i >= config->cpus_count) {
			break;
		}
		cpus = config->cpus[config->cpus_count == 1 ? 0 : i];
		if (cpus != UINT64_MAX) {
			rc = vl_ctl_set_affinity(ctl, creation->domid, i, cpus, creation->error);
		}
	}
	return rc;
}

static int set_io(struct creation *creation)
{
	const struct vl_config *config = creation->config;
	struct vl_range range = { .allow = 1 };
	int rc = 0;

	for (size_t i = 0; i < config->ioport_count && !rc; i++) {
		range.first = config->ioports[i].first;
		range.count = config->ioports[i].count;
		rc = vl_ctl_set_ioports(creation->host->ctl, creation->domid, &range,
					creation->error);
	}
	for (size_t i = 0; i < config->iomem_count && !rc; i++) {
		range.first = config->iomem[i].first;
		range.count = config->iomem[i].count;
		rc = vl_ctl_set_iomem(creation->host->ctl, creation->domid, &range,
				      creation->error);
	}
	return rc;
}

static int fill_domain(struct creation *creation)
{
	const struct vl_config *config = creation->config;
	struct vl_build build = {
		.kernel = creation->boot.kernel->data,
		.kernel_size = creation->boot.kernel->size,
		.ramdisk_fd = creation->boot.ramdisk_fd,
		.ramdisk_size = creation->boot.ramdisk_size,
		.cmdline = config->cmdline,
		.memory_frames = config->memory_kib / FRAME_KIB,
		.max_frames = config->maxmem_kib / FRAME_KIB,
		.vcpus = config->maxvcpus,
	};
	struct vl_host *host = creation->host;
	int rc;

	tell(creation, "memory");
	rc = vl_build(host->ctl, creation->domid, &build, creation->error);
	/* Its memory has been filled. */
	guest_boot_close(&creation->boot);
	rc = rc ? rc : guest_nodes_write(host, creation->domid, config, &build, creation->error);
	rc = rc ? rc :
		  vl_store_introduce(host->store, creation->domid, build.store_frame,
				     build.store_port, creation->error);
	if (!rc) {
		tell(creation, "devices");
		rc = vl_devices_attach(host, creation->domid, config, creation->error);
	}
	return rc;
}

static int start(struct creation *creation)
{
	if (creation->wanted && !creation->wanted(creation->arg)) {
		return vl_error_set(creation->error, -ECANCELED, "that was cancelled meanwhile");
	}
	return vl_ctl_unpause(creation->host->ctl, creation->domid, creation->error);
}

static int create(struct creation *creation)
{
	int rc = prepare(creation);

	rc = rc ? rc : make_domain(creation);
	rc = rc ? rc : set_cpus(creation);
	rc = rc ? rc : set_io(creation);
	rc = rc ? rc : fill_domain(creation);
	rc = rc ? rc :
		  guest_record_write(creation->host, creation->domid, creation->config, true,
				     creation->error);
	return rc || !creation->starts ? rc : start(creation);
}

/* All or nothing. */
static int make(struct creation *creation, const struct vl_config *config, uint16_t *domid)
{
	int rc = vl_config_copy(config, &creation->config, creation->error), left;

	if (rc) {
		return rc;
	}
	creation->lock.fd = creation->uuid_lock.fd = -1;
	rc = create(creation);
	if (rc && creation->domid) {
		left = guest_remove(creation->host, creation->domid, creation->config->uuid, NULL);
		/* Busy: it is ended, and vld gives back its frames. */
		if (left && left != -EBUSY) {
			guest_lock_leave(&creation->lock);
		}
	}
	if (!rc) {
		*domid = creation->domid;
	}
	guest_boot_close(&creation->boot);
	guest_lock_drop(&creation->lock);
	guest_lock_drop(&creation->uuid_lock);
	vl_config_free(creation->config);
	return rc;
}

int vl_guest_create(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		    void (*progress)(void *arg, const char *step), void *arg,
		    struct vl_error *error)
{
	struct creation creation = {
		.host = host, .progress = progress, .arg = arg, .error = error
	};

	return make(&creation, config, domid);
}

int vl_guest_start(struct vl_host *host, const struct vl_config *config, uint16_t *domid,
		   bool (*wanted)(void *arg), void (*progress)(void *arg, const char *step),
		   void *arg, struct vl_error *error)
{
	struct creation creation = {
		.host = host,
		.starts = true,
		.wanted = wanted,
		.progress = progress,
		.arg = arg,
		.error = error,
	};

	return make(&creation, config, domid);
}

int vl_guest_sweep(struct vl_host *host, struct vl_error *error)
{
	int rc = guest_lock_sweep(host, error);

	return rc ? rc : guest_sweep(host, error);
}

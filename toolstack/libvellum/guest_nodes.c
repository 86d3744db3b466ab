/* SPDX-License-Identifier: MIT */
/*
 * A guest's own nodes in the store: those that its kernel reads as it starts,
 * those that it may write, and what tools look for.  The guest owns only what it
 * has to write; everything that we trust later belongs to the control domain.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libvellum/guest_part.h"
#include "libvellum/nodes.h"

/* Bytes of output that a console may keep. */
#define CONSOLE_LIMIT 1048576

struct guest_nodes {
	uint16_t domid;
	const struct vl_config *config;
	const struct vl_build *build;
	char uuid[VL_UUID_SIZE];
	const char *name; /* rename */
};

static void put_machine(struct nodes *nodes, const struct guest_nodes *guest)
{
	const struct vl_config *config = guest->config;
	char name[48];

	nodes_put_text(nodes, "name", config->name);
	nodes_put(nodes, "domid", "%u", guest->domid);
	nodes_put(nodes, "vm", "/vm/%s", guest->uuid);
	nodes_put(nodes, "memory/static-max", "%ju", (uintmax_t)config->maxmem_kib);
	nodes_put(nodes, "memory/target", "%ju", (uintmax_t)config->memory_kib);
	for (unsigned int i = 0; i < config->maxvcpus; i++) {
		snprintf(name, sizeof(name), "cpu/%u/availability", i);
		nodes_put(nodes, name, i < config->vcpus ? "online" : "offline");
	}
}

static void put_rings(struct nodes *nodes, const struct vl_build *build)
{
	nodes_put(nodes, "store/ring-ref", "%ju", (uintmax_t)build->store_frame);
	nodes_put(nodes, "store/port", "%u", build->store_port);
	nodes_put(nodes, "console/ring-ref", "%ju", (uintmax_t)build->console_frame);
	nodes_put(nodes, "console/port", "%u", build->console_port);
	nodes_put(nodes, "console/limit", "%d", CONSOLE_LIMIT);
	nodes_put(nodes, "console/type", "vld");
	nodes_put(nodes, "console/output", "pty");
}

/* What the guest writes: requests answered, features offered, errors reported. */
static void put_writable(struct nodes *nodes, const struct guest_nodes *guest)
{
	static const char *const own[] = {
		"control/shutdown",
		"control/sysrq",
		"control/feature-poweroff",
		"control/feature-reboot",
		"control/feature-suspend",
		"device/suspend/event-channel",
		"data",
		"drivers",
		"feature",
		"attr",
		"error",
	};

	nodes_put(nodes, "control/platform-feature-multiprocessor-suspend", "1");
	nodes_put(nodes, "control/platform-feature-xs_reset_watches", "1");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		nodes_own(nodes, own[i], guest->domid);
	}
	if (guest->config->driver_domain) {
		nodes_own(nodes, "backend", guest->domid);
	}
}

static void put_vm(struct nodes *nodes, const struct guest_nodes *guest)
{
	const struct vl_config *config = guest->config;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	nodes_dir(nodes, "/vm/%s", guest->uuid);
	nodes_make(nodes, "", 0, guest->domid);
	nodes_put_text(nodes, "name", config->name);
	nodes_put(nodes, "uuid", "%s", guest->uuid);
	nodes_put(nodes, "start_time", "%jd.%02ld", (intmax_t)now.tv_sec, now.tv_nsec / 10000000);
	nodes_put(nodes, "image/ostype", "linux");
	if (config->kernel) {
		nodes_put_text(nodes, "image/kernel", config->kernel);
	}
	if (config->ramdisk) {
		nodes_put_text(nodes, "image/ramdisk", config->ramdisk);
	}
	if (config->cmdline) {
		nodes_put_text(nodes, "image/cmdline", config->cmdline);
	}
}

static void fill(struct nodes *nodes, void *arg)
{
	const struct guest_nodes *guest = arg;

	nodes_dir(nodes, "/local/domain/%u", guest->domid);
	nodes_make(nodes, "", 0, guest->domid);
	nodes_make(nodes, "device", 0, guest->domid);
	nodes_make(nodes, "control", 0, guest->domid);
	put_machine(nodes, guest);
	put_rings(nodes, guest->build);
	put_writable(nodes, guest);
	put_vm(nodes, guest);
}

int guest_nodes_write(struct vl_host *host, uint16_t domid, const struct vl_config *config,
		      const struct vl_build *build, struct vl_error *error)
{
	struct guest_nodes guest = { .domid = domid, .config = config, .build = build };

	vl_uuid_text(config->uuid, guest.uuid);
	return nodes_transact(host->store, fill, &guest, error);
}

static void fill_name(struct nodes *nodes, void *arg)
{
	const struct guest_nodes *guest = arg;

	nodes_dir(nodes, "/local/domain/%u", guest->domid);
	nodes_put_text(nodes, "name", guest->name);
	nodes_dir(nodes, "/vm/%s", guest->uuid);
	nodes_put_text(nodes, "name", guest->name);
}

int guest_nodes_rename(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		       const char *name, struct vl_error *error)
{
	struct guest_nodes guest = { .domid = domid, .name = name };

	vl_uuid_text(uuid, guest.uuid);
	return nodes_transact(host->store, fill_name, &guest, error);
}

static void clear(struct nodes *nodes, void *arg)
{
	const struct guest_nodes *guest = arg;
	char path[NODE_PATH_SIZE];

	snprintf(path, sizeof(path), "/local/domain/%u", guest->domid);
	nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	snprintf(path, sizeof(path), "/vm/%s", guest->uuid);
	if (!nodes->rc) {
		nodes->rc = vl_store_remove(nodes->store, nodes->tx, path, nodes->error);
	}
}

int guest_nodes_remove(struct vl_host *host, uint16_t domid, const uint8_t uuid[16],
		       struct vl_error *error)
{
	struct guest_nodes guest = { .domid = domid };

	vl_uuid_text(uuid, guest.uuid);
	return nodes_transact(host->store, clear, &guest, error);
}

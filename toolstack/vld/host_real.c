/* SPDX-License-Identifier: MIT */
/*
 * The machine that vld really runs on, by libvellum and the kernel's devices.
 * Called through struct vld_host alone.  Two connections to the store: events of
 * watches must not be found in the middle of a question.
 */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>

#include "host_device.h"
#include "libvellum/config.h"
#include "libvellum/ctl.h"
#include "libvellum/guest.h"
#include "libvellum/store.h"

/* The published reserved reference of the console page. */
#define CONSOLE_REF 0

struct host_real {
	struct vld_host ops; /* first */
	struct vl_ctl *ctl;
	struct vl_store *store; /* questions */
	struct vl_store *watch; /* events */
	struct host_device device;
};

static struct host_real *real(struct vld_host *host)
{
	return (struct host_real *)host;
}

static struct vl_host guest_host(struct vld_host *host)
{
	return (struct vl_host){ .ctl = real(host)->ctl, .store = real(host)->store };
}

static int no_store(struct vl_error *error)
{
	return vl_error_set(error, -ECONNRESET, "the store daemon is away");
}

static int real_list(struct vld_host *host, struct vl_domain_info **list, size_t *count,
		     struct vl_error *error)
{
	return vl_ctl_list(real(host)->ctl, 1, list, count, error);
}

static int real_time(struct vld_host *host, uint64_t *now, struct vl_error *error)
{
	struct vl_host_info info;
	int rc = vl_ctl_host(real(host)->ctl, &info, error);

	*now = rc ? 0 : info.time;
	return rc;
}

static int real_destroy_again(struct vld_host *host, uint16_t domid, struct vl_error *error)
{
	return vl_ctl_destroy(real(host)->ctl, domid, error);
}

static int real_crash_reason(struct vld_host *host, uint16_t domid, struct vl_crash_reason *reason,
			     struct vl_error *error)
{
	return vl_ctl_crash_reason(real(host)->ctl, domid, reason, error);
}

static int real_name(struct vld_host *host, uint16_t domid, char **name, struct vl_error *error)
{
	struct vl_host guests = guest_host(host);

	return guests.store ? vl_guest_name(&guests, domid, name, error) : no_store(error);
}

static int real_find(struct vld_host *host, const char *name, uint16_t *domid,
		     struct vl_error *error)
{
	struct vl_host guests = guest_host(host);

	return guests.store ? vl_guest_find(&guests, name, domid, error) : no_store(error);
}

static int real_console_port(struct vld_host *host, uint16_t domid, uint32_t *port,
			     struct vl_error *error)
{
	struct vl_store *store = real(host)->store;
	unsigned long value;
	char *text, *end;
	int rc;

	if (!store) {
		return no_store(error);
	}
	rc = vl_store_readf(store, 0, &text, error, "/local/domain/%u/console/port", domid);
	if (rc) {
		return rc;
	}
	if (!text) {
		return vl_error_set(error, -ENOENT, "domain %u has no console yet", domid);
	}
	errno = 0;
	value = strtoul(text, &end, 10);
	if (end == text || *end || errno || value == 0 || value > UINT32_MAX) {
		rc = vl_error_set(error, -EINVAL, "console/port of domain %u is no port", domid);
	}
	free(text);
	*port = (uint32_t)value;
	return rc;
}

static int real_config(struct vld_host *host, uint16_t domid, struct vld_actions *actions,
		       char **json, struct vl_error *error)
{
	struct vl_host guests = guest_host(host);
	struct vl_config *config;
	int rc = vl_guest_config(&guests, domid, &config, error);

	if (rc) {
		return rc;
	}
	*actions = (struct vld_actions){ config->on_poweroff, config->on_reboot, config->on_crash,
					 config->on_watchdog, config->on_soft_reset };
	rc = vl_config_json(config, json, error);
	vl_config_free(config);
	return rc;
}

static int real_watch_fd(struct vld_host *host)
{
	return real(host)->watch ? vl_store_fd(real(host)->watch) : -1;
}

static void stores_close(struct host_real *self)
{
	vl_store_close(self->store);
	vl_store_close(self->watch);
	self->store = self->watch = NULL;
}

static int real_watch_take(struct vld_host *host, struct vl_error *error)
{
	int taken = 0, rc;

	while (real(host)->watch) {
		char *path = NULL, *token = NULL;

		rc = vl_store_event(real(host)->watch, 0, &path, &token, error);
		if (rc == 0) {
			return taken;
		}
		if (rc < 0) {
			stores_close(real(host));
			return -ECONNRESET;
		}
		free(path);
		free(token);
		taken++;
	}
	return no_store(error);
}

static int real_reopen(struct vld_host *host, struct vl_error *error)
{
	struct host_real *self = real(host);
	int rc;

	stores_close(self);
	rc = vl_store_open(&self->store, NULL, error);
	if (!rc) {
		rc = vl_store_open(&self->watch, NULL, error);
	}
	if (!rc) {
		rc = vl_store_watch(self->watch, "@introduceDomain", "introduce", error);
	}
	if (!rc) {
		rc = vl_store_watch(self->watch, "@releaseDomain", "release", error);
	}
	if (rc) {
		stores_close(self);
	}
	return rc;
}

static int real_map(struct vld_host *host, uint16_t domid, struct xencons_interface **page,
		    struct vl_error *error)
{
	void *map;
	int rc = host_device_map(&real(host)->device, domid, CONSOLE_REF, &map, error);

	*page = rc ? NULL : map;
	return rc;
}

static void real_unmap(struct vld_host *host, struct xencons_interface *page)
{
	host_device_unmap(&real(host)->device, page);
}

static int real_bind(struct vld_host *host, uint16_t domid, uint32_t port, struct vl_error *error)
{
	return host_device_bind(&real(host)->device, domid, port, error);
}

static void real_unbind(struct vld_host *host, int port)
{
	host_device_unbind(&real(host)->device, port);
}

static void real_notify(struct vld_host *host, int port)
{
	host_device_notify(&real(host)->device, port);
}

static int real_port_fd(struct vld_host *host)
{
	return real(host)->device.events;
}

static int real_port_take(struct vld_host *host, uint32_t *ports, size_t count)
{
	return host_device_take(&real(host)->device, ports, count);
}

static void real_port_done(struct vld_host *host, uint32_t port)
{
	host_device_done(&real(host)->device, port);
}

/*
 * The four below run in a child of vld: with handles of their own, since two
 * processes cannot share a connection.
 */
static int real_guest_end(struct vld_host *host, uint16_t domid, struct vl_error *error)
{
	struct vl_host guests;
	int rc = vl_host_open(&guests, error);

	(void)host;
	if (rc) {
		return rc;
	}
	rc = vl_guest_destroy(&guests, domid, error);
	vl_host_close(&guests);
	/* Busy: it is ended, and its frames are the scan's affair. */
	return rc == -ESRCH || rc == -EBUSY ? 0 : rc;
}

static int real_guest_rename(struct vld_host *host, uint16_t domid, const char *name,
			     struct vl_error *error)
{
	struct vl_host guests;
	int rc = vl_host_open(&guests, error);

	(void)host;
	if (rc) {
		return rc;
	}
	rc = vl_guest_preserve(&guests, domid, name, error);
	vl_host_close(&guests);
	return rc;
}

static int real_guest_start(struct vld_host *host, const char *json, bool (*wanted)(void *arg),
			    void *arg, struct vl_error *error)
{
	struct vl_host guests;
	struct vl_config *config;
	uint16_t domid;
	int rc = vl_config_parse(json, strlen(json), "record", NULL, 0, &config, NULL, error);

	(void)host;
	if (rc) {
		return rc;
	}
	rc = vl_host_open(&guests, error);
	if (rc) {
		goto out_config;
	}
	/* What a job that was killed has left has this one's identifier. */
	rc = vl_guest_sweep(&guests, error);
	if (!rc && config->has_uuid && !vl_guest_find_uuid(&guests, config->uuid, &domid, NULL)) {
		/* The one before it is preserved, and keeps its identifier. */
		config->has_uuid = false;
	}
	rc = rc ? rc : vl_guest_start(&guests, config, &domid, wanted, NULL, arg, error);
	rc = rc ? rc : domid;
	vl_host_close(&guests);
out_config:
	vl_config_free(config);
	return rc;
}

static int real_sweep(struct vld_host *host, struct vl_error *error)
{
	struct vl_host guests;
	int rc = vl_host_open(&guests, error);

	(void)host;
	if (rc) {
		return rc;
	}
	rc = vl_guest_sweep(&guests, error);
	vl_host_close(&guests);
	return rc;
}

static const struct vld_host real_ops = {
	.list = real_list,
	.time = real_time,
	.destroy_again = real_destroy_again,
	.crash_reason = real_crash_reason,
	.name = real_name,
	.find = real_find,
	.console_port = real_console_port,
	.config = real_config,
	.watch_fd = real_watch_fd,
	.watch_take = real_watch_take,
	.reopen = real_reopen,
	.map = real_map,
	.unmap = real_unmap,
	.bind = real_bind,
	.unbind = real_unbind,
	.notify = real_notify,
	.port_fd = real_port_fd,
	.port_take = real_port_take,
	.port_done = real_port_done,
	.guest_end = real_guest_end,
	.guest_rename = real_guest_rename,
	.guest_start = real_guest_start,
	.sweep = real_sweep,
};

int host_real_open(struct vld_host **host, struct vl_error *error)
{
	struct host_real *self = calloc(1, sizeof(*self));
	int rc;

	if (!self) {
		return vl_error_set(error, -ENOMEM, "no memory");
	}
	self->ops = real_ops;
	rc = vl_ctl_open(&self->ctl, error);
	if (rc) {
		goto err_free;
	}
	rc = host_device_open(&self->device, error);
	if (rc) {
		goto err_ctl;
	}
	rc = real_reopen(&self->ops, error);
	if (rc) {
		goto err_device;
	}
	*host = &self->ops;
	return 0;

err_device:
	host_device_close(&self->device);
err_ctl:
	vl_ctl_close(self->ctl);
err_free:
	free(self);
	return rc;
}

void host_real_close(struct vld_host *host)
{
	struct host_real *self = real(host);

	stores_close(self);
	host_device_close(&self->device);
	vl_ctl_close(self->ctl);
	free(self);
}

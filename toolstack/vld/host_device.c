/* SPDX-License-Identifier: MIT */
/*
 * Pages and ports of guests through the control domain's kernel.  Called by
 * host_real.c.  The kernel unmaps and unbinds all of it when vld ends in
 * whatever way; the guests' ports can be bound again then.
 */
#include "host_device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

/* Of Linux; they use types of the above. */
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#define GRANTS "/dev/xen/gntdev"
#define EVENTS "/dev/xen/evtchn"
#define PAGE 4096

static int device_open(const char *path, int flags, struct vl_error *error)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);
	int rc = -errno;

	if (fd < 0) {
		return vl_error_set(error, rc,
				    "%s: %s (is the kernel's module for it loaded, and does it run "
				    "as the control domain?)",
				    path, strerror(-rc));
	}
	return fd;
}

int host_device_open(struct host_device *device, struct vl_error *error)
{
	device->events = -1;
	device->grants = device_open(GRANTS, 0, error);
	if (device->grants < 0) {
		return device->grants;
	}
	device->events = device_open(EVENTS, O_NONBLOCK, error);
	if (device->events < 0) {
		close(device->grants);
		device->grants = -1;
		return device->events;
	}
	return 0;
}

void host_device_close(struct host_device *device)
{
	if (device->grants >= 0) {
		close(device->grants);
	}
	if (device->events >= 0) {
		close(device->events);
	}
	device->grants = device->events = -1;
}

static void grant_forget(struct host_device *device, uint64_t index)
{
	struct ioctl_gntdev_unmap_grant_ref forget = { .index = index, .count = 1 };

	ioctl(device->grants, IOCTL_GNTDEV_UNMAP_GRANT_REF, &forget);
}

int host_device_map(struct host_device *device, uint16_t domid, uint32_t ref, void **page,
		    struct vl_error *error)
{
	struct ioctl_gntdev_map_grant_ref grant = {
		.count = 1,
		.refs = { { .domid = domid, .ref = ref } },
	};
	int rc;

	if (ioctl(device->grants, IOCTL_GNTDEV_MAP_GRANT_REF, &grant)) {
		rc = -errno;
		return vl_error_set(error, rc, "grant %u of domain %u: %s", ref, domid,
				    strerror(-rc));
	}
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device->grants,
		     (off_t)grant.index);
	if (*page == MAP_FAILED) {
		rc = -errno;
		grant_forget(device, grant.index);
		return vl_error_set(error, rc, "grant %u of domain %u cannot be mapped: %s", ref,
				    domid, strerror(-rc));
	}
	return 0;
}

void host_device_unmap(struct host_device *device, void *page)
{
	struct ioctl_gntdev_get_offset_for_vaddr where = { .vaddr = (uintptr_t)page };
	int rc = ioctl(device->grants, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &where);

	munmap(page, PAGE);
	if (!rc) {
		grant_forget(device, where.offset);
	}
}

int host_device_bind(struct host_device *device, uint16_t domid, uint32_t port,
		     struct vl_error *error)
{
	struct ioctl_evtchn_bind_interdomain bind = { .remote_domain = domid, .remote_port = port };
	int local = ioctl(device->events, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
	int rc = -errno;

	if (local < 0) {
		return vl_error_set(error, rc, "port %u of domain %u: %s", port, domid,
				    strerror(-rc));
	}
	return local;
}

void host_device_unbind(struct host_device *device, int port)
{
	struct ioctl_evtchn_unbind unbind = { .port = (unsigned int)port };

	ioctl(device->events, IOCTL_EVTCHN_UNBIND, &unbind);
}

void host_device_notify(struct host_device *device, int port)
{
	struct ioctl_evtchn_notify notify = { .port = (unsigned int)port };

	ioctl(device->events, IOCTL_EVTCHN_NOTIFY, &notify);
}

int host_device_take(struct host_device *device, uint32_t *ports, size_t count)
{
	ssize_t size = read(device->events, ports, count * sizeof(*ports));

	if (size < 0 && errno == EFBIG) {
		/* More events than the kernel keeps: cannot be with one for each
		 * port, and masked ones come again after this. */
		ioctl(device->events, IOCTL_EVTCHN_RESET);
	}
	return size < 0 ? 0 : (int)((size_t)size / sizeof(*ports));
}

void host_device_done(struct host_device *device, uint32_t port)
{
	/* A write names ports whose next event may come; it fails for none of ours. */
	if (write(device->events, &port, sizeof(port)) != sizeof(port)) {
		return;
	}
}

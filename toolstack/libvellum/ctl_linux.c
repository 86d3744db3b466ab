/* SPDX-License-Identifier: MIT */
/*
 * The layer over Linux's devices: privcmd makes hypercalls and maps frames of
 * other domains, hypercall gives memory that the kernel neither moves nor copies
 * on write, so that the core finds it at any moment.  Called through ctl_layer.h
 * only.  The structures below are those of the kernel's interface.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libvellum/ctl_layer.h"

#define PRIVCMD "/dev/xen/privcmd"
#define HYPERCALL "/dev/xen/hypercall"

/* ioctl 0: one hypercall; the result is that of ioctl(). */
struct privcmd_call {
	uint64_t number;
	uint64_t arguments[5];
};
/* ioctl 4: frames of a domain at an address that privcmd was mapped at. */
struct privcmd_map {
	uint32_t count;
	uint16_t domid;
	uint64_t address;
	const uint64_t *frames;
	int *errors; /* of each frame */
};
#define PRIVCMD_CALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_call))
#define PRIVCMD_MAP _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_map))

struct linux_layer {
	int privcmd, hypercall;
};

static long linux_hypercall(void *layer, uint64_t number, const uint64_t arguments[5])
{
	const struct linux_layer *l = layer;
	struct privcmd_call call = { .number = number };
	int result;

	memcpy(call.arguments, arguments, sizeof(call.arguments));
	result = ioctl(l->privcmd, PRIVCMD_CALL, &call);
	return result < 0 ? -errno : result;
}

static void linux_unmap(void *layer, void *address, size_t count)
{
	(void)layer;
	munmap(address, count << VL_PAGE_SHIFT);
}

static int linux_map(void *layer, uint16_t domid, const uint64_t *frames, size_t count,
		     void **address)
{
	const struct linux_layer *l = layer;
	struct privcmd_map map = { .domid = domid, .frames = frames };
	void *at;
	int rc = 0;

	if (count > UINT32_MAX) {
		return -E2BIG;
	}
	map.count = (uint32_t)count;
	map.errors = calloc(count, sizeof(*map.errors));
	if (!map.errors) {
		return -ENOMEM;
	}
	at = mmap(NULL, count << VL_PAGE_SHIFT, PROT_READ | PROT_WRITE, MAP_SHARED, l->privcmd, 0);
	if (at == MAP_FAILED) {
		rc = -errno;
		free(map.errors);
		return rc;
	}
	map.address = (uint64_t)(uintptr_t)at;
	if (ioctl(l->privcmd, PRIVCMD_MAP, &map) < 0) {
		rc = -errno;
	}
	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = map.errors[i];
	}
	free(map.errors);
	if (rc) {
		linux_unmap(layer, at, count);
		return rc;
	}
	*address = at;
	return 0;
}

static void *linux_buffer(void *layer, size_t size)
{
	const struct linux_layer *l = layer;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, l->hypercall, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void linux_buffer_free(void *layer, void *buffer, size_t size)
{
	(void)layer;
	munmap(buffer, size);
}

static void linux_close(void *layer)
{
	struct linux_layer *l = layer;

	if (l->privcmd >= 0) {
		close(l->privcmd);
	}
	if (l->hypercall >= 0) {
		close(l->hypercall);
	}
	free(l);
}

/* True if the kernel says that it runs on a hypervisor of this interface. */
static bool on_hypervisor(void)
{
	char type[8] = "";
	FILE *file = fopen("/sys/hypervisor/type", "re");

	if (file) {
		if (!fgets(type, sizeof(type), file)) {
			type[0] = '\0';
		}
		fclose(file);
	}
	return strncmp(type, "xen", 3) == 0;
}

static int no_device(const char *path, int code, struct vl_error *error)
{
	if (code == EACCES || code == EPERM) {
		return vl_error_set(error, -EPERM, "only root may use %s", path);
	}
	if (code != ENOENT && code != ENXIO && code != ENODEV) {
		return vl_error_set(error, -code, "cannot open %s: %s", path, strerror(code));
	}
	if (on_hypervisor()) {
		return vl_error_set(error, -ENODEV,
				    "there is no %s: load the module xen-privcmd (modprobe "
				    "xen-privcmd)",
				    path);
	}
	return vl_error_set(error, -ENODEV,
			    "there is no %s: this system does not run on a hypervisor", path);
}

int vl_ctl_open(struct vl_ctl **ctl, struct vl_error *error)
{
	static const struct vl_ctl_layer calls = {
		.hypercall = linux_hypercall,
		.map = linux_map,
		.unmap = linux_unmap,
		.buffer = linux_buffer,
		.buffer_free = linux_buffer_free,
		.close = linux_close,
	};
	struct linux_layer *l = malloc(sizeof(*l));
	int rc = 0;

	if (!l) {
		return vl_error_set(error, -ENOMEM, "not enough memory for a handle of the core");
	}
	l->hypercall = -1;
	l->privcmd = open(PRIVCMD, O_RDWR | O_CLOEXEC);
	if (l->privcmd < 0) {
		rc = no_device(PRIVCMD, errno, error);
	} else {
		l->hypercall = open(HYPERCALL, O_RDWR | O_CLOEXEC);
		if (l->hypercall < 0) {
			rc = no_device(HYPERCALL, errno, error);
		}
	}
	if (rc) {
		linux_close(l);
		return rc;
	}
	return vl_ctl_open_layer(ctl, &calls, l, error);
}

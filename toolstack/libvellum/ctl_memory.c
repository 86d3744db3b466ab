/* SPDX-License-Identifier: MIT */
/*
 * Memory and event channels of another domain, by the published hypercalls.
 * Called by the builder and by what saves, restores or inspects guests.  Never
 * looks into the memory that it maps.
 */
#include <errno.h>
#include <string.h>
#include <xen/event_channel.h>
#include <xen/memory.h>

#include "libvellum/ctl_layer.h"

_Static_assert(sizeof(xen_pfn_t) == sizeof(uint64_t), "lists of frames are copied as they are");

#define EXTENT_ROOM ((CTL_BUFFER_SIZE - sizeof(struct xen_memory_reservation)) / sizeof(xen_pfn_t))

int vl_ctl_populate_some(struct vl_ctl *ctl, uint16_t domid, unsigned int order, uint64_t *frames,
			 size_t count, size_t *done, struct vl_error *error)
{
	xen_pfn_t *list = (void *)(ctl->buffer + sizeof(struct xen_memory_reservation));
	struct xen_memory_reservation arg = { .extent_order = order, .domid = domid };

	for (*done = 0; *done < count;) {
		size_t part = count - *done < EXTENT_ROOM ? count - *done : EXTENT_ROOM;
		long got;

		arg.nr_extents = part;
		set_xen_guest_handle(arg.extent_start, list);
		memcpy(ctl->buffer, &arg, sizeof(arg));
		memcpy(list, frames + *done, part * sizeof(*list));
		got = ctl_hypercall(ctl, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
				    (uint64_t)(uintptr_t)ctl->buffer, 0, 0);
		if (got < 0) {
			return ctl_failed(error, (int)got, "give memory to", domid);
		}
		got = got > (long)part ? (long)part : got;
		memcpy(frames + *done, list, (size_t)got * sizeof(*list));
		*done += (size_t)got;
		if ((size_t)got < part) {
			break;
		}
	}
	return 0;
}

int vl_ctl_populate(struct vl_ctl *ctl, uint16_t domid, unsigned int order, uint64_t *frames,
		    size_t count, struct vl_error *error)
{
	size_t done;
	int rc = vl_ctl_populate_some(ctl, domid, order, frames, count, &done, error);

	if (rc == 0 && done < count) {
		return vl_error_set(error, -ENOMEM,
				    "the host has no memory for domain %u: it got %zu of %zu "
				    "pieces of %zu KiB",
				    domid, done, count, VL_PAGE_SIZE / 1024 << order);
	}
	return rc;
}

int vl_ctl_map(struct vl_ctl *ctl, uint16_t domid, const uint64_t *frames, size_t count,
	       void **address, struct vl_error *error)
{
	int rc = -EINVAL;

	if (count > 0 && count <= SIZE_MAX >> VL_PAGE_SHIFT) {
		rc = ctl->calls->map(ctl->layer, domid, frames, count, address);
	}
	if (rc < 0) {
		return vl_error_set(error, rc, "cannot map %zu pages of domain %u: %s", count,
				    domid, strerror(-rc));
	}
	return 0;
}

void vl_ctl_unmap(struct vl_ctl *ctl, void *address, size_t count)
{
	ctl->calls->unmap(ctl->layer, address, count);
}

int vl_ctl_pin(struct vl_ctl *ctl, uint16_t domid, uint64_t frame, struct vl_error *error)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frame };
	long rc;

	memcpy(ctl->buffer, &op, sizeof(op));
	rc = ctl_hypercall(ctl, __HYPERVISOR_mmuext_op, (uint64_t)(uintptr_t)ctl->buffer, 1, 0,
			   domid);
	return rc < 0 ? ctl_failed(error, (int)rc, "pin the page tables of", domid) : 0;
}

int vl_ctl_alloc_port(struct vl_ctl *ctl, uint16_t domid, uint16_t remote, struct vl_error *error)
{
	struct evtchn_alloc_unbound arg = { .dom = domid, .remote_dom = remote };
	long rc;

	memcpy(ctl->buffer, &arg, sizeof(arg));
	rc = ctl_hypercall(ctl, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
			   (uint64_t)(uintptr_t)ctl->buffer, 0, 0);
	if (rc < 0) {
		return ctl_failed(error, (int)rc, "make an event channel of", domid);
	}
	memcpy(&arg, ctl->buffer, sizeof(arg));
	return (int)arg.port;
}

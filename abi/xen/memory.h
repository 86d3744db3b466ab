/* SPDX-License-Identifier: MIT */
/*
 * memory_op: what a domain may ask about its memory, and how it gives frames
 * away, gets some and swaps some.
 *
 * long memory_op(unsigned int cmd, void *arg). Lists are worked through in
 * order; a long call is interrupted and continued unseen. Unless a command
 * says otherwise, domid is DOMID_SELF or a domain that the caller controls.
 * Errors: -XEN_ESRCH no such domain, -XEN_EPERM not the caller's business,
 * -XEN_EINVAL argument out of range, -XEN_ENOSYS command not offered. The
 * commands without a structure here are named only because they are refused.
 */
#ifndef VL_ABI_XEN_MEMORY_H
#define VL_ABI_XEN_MEMORY_H

#include "xen.h"

/*
 * Give frames to a domain, or take some from it. An extent is 2^extent_order
 * frames, contiguous in machine memory. The result is the number of extents
 * done, which can fall short of nr_extents.
 *
 *   increase_reservation  allocates; writes the mfn of each extent to
 *                         extent_start unless that is null
 *   decrease_reservation  frees the extents whose mfns are in extent_start
 *   populate_physmap      allocates for the gfns in extent_start, records
 *                         them in the machine-to-physical table, and
 *                         replaces each gfn by the mfn found
 */
#define XENMEM_increase_reservation 0
#define XENMEM_decrease_reservation 1
#define XENMEM_populate_physmap 6

/*
 * mem_flags. Bits 0-7: frames must lie below 2^n bytes (0: anywhere); bits
 * 8-15: NUMA node plus one. The flags above are accepted as hints or refused
 * (populate_on_demand is for hardware-virtualised guests).
 */
#define XENMEMF_address_bits(x) (x)
#define XENMEMF_get_address_bits(x) ((x)&0xffu)
#define XENMEMF_node(x) (((x) + 1) << 8)
#define XENMEMF_get_node(x) ((((x) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand (xen_mk_uint(1) << 16)
#define XENMEMF_exact_node_request (xen_mk_uint(1) << 17)
#define XENMEMF_exact_node(n) (XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode (xen_mk_uint(1) << 18)

struct xen_memory_reservation {
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;
	xen_ulong_t nr_extents;
	unsigned int extent_order;
	unsigned int mem_flags; /* XENMEMF_* */
	domid_t domid;
};
typedef struct xen_memory_reservation xen_memory_reservation_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_reservation_t);

/*
 * Swap frames for as many others, usually contiguous or low ones for DMA.
 *
 * in.extent_start lists mfns to give up. out.extent_start lists on entry the
 * gfns that the new extents shall have and on return their mfns. Both sides
 * name the same domain and the same number of frames. All or nothing per
 * chunk of the larger extent size; nr_exchanged (0 on entry) counts the in
 * extents whose exchange is complete and stays right after an error.
 * -XEN_ENOMEM: no such frames to be had.
 */
#define XENMEM_exchange 11
struct xen_memory_exchange {
	struct xen_memory_reservation in;
	struct xen_memory_reservation out;
	xen_ulong_t nr_exchanged;
};
typedef struct xen_memory_exchange xen_memory_exchange_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_exchange_t);

/* The highest machine frame of RAM, as the result; arg is null. */
#define XENMEM_maximum_ram_page 2

/*
 * The result is a number of frames: what the domain has now, or may have at
 * most, or its highest guest frame. arg is a struct xen_memory_domain (older
 * guests pass a bare domid_t, which has the same layout).
 */
#define XENMEM_current_reservation 3
#define XENMEM_maximum_reservation 4
#define XENMEM_maximum_gpfn 14
struct xen_memory_domain {
	domid_t domid;
};

/*
 * The frames of the machine-to-physical table: one mfn per 2 MiB, at most
 * max_extents of them; nr_extents returns how many were written. For the
 * control domain.
 */
#define XENMEM_machphys_mfn_list 5
struct xen_machphys_mfn_list {
	unsigned int max_extents;
	XEN_GUEST_HANDLE(xen_pfn_t) extent_start;
	unsigned int nr_extents; /* out */
};
typedef struct xen_machphys_mfn_list xen_machphys_mfn_list_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mfn_list_t);

/* The same for 32-bit guests; refused. */
#define XENMEM_machphys_compat_mfn_list 25

/* Where that table is mapped in every guest. All fields are results. */
#define XENMEM_machphys_mapping 12
struct xen_machphys_mapping {
	xen_ulong_t v_start, v_end; /* linear addresses, end exclusive */
	xen_ulong_t max_mfn;	    /* highest frame with an entry */
};
typedef struct xen_machphys_mapping xen_machphys_mapping_t;
DEFINE_XEN_GUEST_HANDLE(xen_machphys_mapping_t);

/*
 * Put frames of the core or of another domain into a guest's frame map. That
 * map is the guest's own business in a PV domain, so little of this is of
 * use here; what is not offered gives -XEN_ENOSYS.
 */
#define XENMAPSPACE_shared_info 0  /* the shared_info page */
#define XENMAPSPACE_grant_table 1  /* frame idx of the grant table */
#define XENMAPSPACE_gmfn 2	   /* the caller's own frame idx */
#define XENMAPSPACE_gmfn_range 3   /* size frames from idx */
#define XENMAPSPACE_gmfn_foreign 4 /* another domain's; batch form only */
#define XENMAPSPACE_dev_mmio 5	   /* device memory */

/* Set in idx: the status frames of a version 2 table. */
#define XENMAPIDX_grant_table_status 0x80000000

#define XENMEM_add_to_physmap 7
struct xen_add_to_physmap {
	domid_t domid;
	uint16_t size;	    /* frames; gmfn_range only */
	unsigned int space; /* XENMAPSPACE_* */
	xen_ulong_t idx;    /* place in that space */
	xen_pfn_t gpfn;	    /* where to put it */
};
typedef struct xen_add_to_physmap xen_add_to_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_t);

/* Many at once: element n of each array belongs together, errs[n] returns 0
 * or a negative error. */
#define XENMEM_add_to_physmap_batch 23
struct xen_add_to_physmap_batch {
	domid_t domid;
	uint16_t space; /* XENMAPSPACE_* */
	uint16_t size;	/* elements */
	union xen_add_to_physmap_batch_extra {
		domid_t foreign_domid; /* gmfn_foreign */
		uint16_t res0;	       /* all other spaces: 0 */
	} u;
	XEN_GUEST_HANDLE(xen_ulong_t) idxs;
	XEN_GUEST_HANDLE(xen_pfn_t) gpfns;
	XEN_GUEST_HANDLE(int) errs;
};
typedef struct xen_add_to_physmap_batch xen_add_to_physmap_batch_t;
DEFINE_XEN_GUEST_HANDLE(xen_add_to_physmap_batch_t);

#define XENMEM_remove_from_physmap 15
struct xen_remove_from_physmap {
	domid_t domid;
	xen_pfn_t gpfn;
};
typedef struct xen_remove_from_physmap xen_remove_from_physmap_t;
DEFINE_XEN_GUEST_HANDLE(xen_remove_from_physmap_t);

/*
 * Memory maps in the BIOS E820 format: packed entries of 20 bytes (64-bit
 * address, 64-bit length, 32-bit type). nr_entries is the room on entry and
 * the number written on return.
 *
 *   memory_map          the pseudo-physical map of the caller; -XEN_ENOSYS
 *                       when none was set for it
 *   machine_memory_map  the firmware's map, for the control domain: memory
 *                       of the core stays RAM in it, I/O frames that the
 *                       core refuses to map are shown as reserved
 *   set_memory_map      sets what memory_map returns to a domain
 */
#define XENMEM_memory_map 9
#define XENMEM_machine_memory_map 10
#define XENMEM_set_memory_map 13
struct xen_memory_map {
	unsigned int nr_entries;
	XEN_GUEST_HANDLE(void) buffer;
};
typedef struct xen_memory_map xen_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_memory_map_t);

struct xen_foreign_memory_map {
	domid_t domid;
	struct xen_memory_map map;
};
typedef struct xen_foreign_memory_map xen_foreign_memory_map_t;
DEFINE_XEN_GUEST_HANDLE(xen_foreign_memory_map_t);

/* Populate on demand, claims, virtual NUMA: refused. */
#define XENMEM_set_pod_target 16
#define XENMEM_get_pod_target 17
#define XENMEM_get_vnumainfo 26
/* Frames of a domain's grant table and the like, for the toolstack; refused,
 * abi/vl offers what is needed of it. */
#define XENMEM_acquire_resource 28

#endif

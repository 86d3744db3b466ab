/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: how a domain lets another one map or copy some of
 * its frames, and how the other one does it.
 *
 * int grant_table_op(unsigned int cmd, void *args, unsigned int count): args
 * is an array of count structures of the command; each gets its own GNTST_*
 * in status, and the call returns 0 unless the array is unreadable or the
 * command unknown (-XEN_ENOSYS). Batches continue past a failed element.
 * Version 2 tables, transfers of ownership and transitive or sub-page grants
 * are not offered: each of them was the source of holes elsewhere.
 */
#ifndef VL_ABI_XEN_GRANT_TABLE_H
#define VL_ABI_XEN_GRANT_TABLE_H

#include "xen.h"

/* Index of an entry in the granting domain's table. */
typedef uint32_t grant_ref_t;

/*
 * One entry, 8 bytes, 512 to a frame; written by the granting guest, except
 * for GTF_reading and GTF_writing, which the core sets while the frame is in
 * use. To grant: write frame and domid, then (after a write barrier) flags.
 * To end it: exchange flags for 0 on condition that neither bit is set.
 * The core may be lied to at any time and reads an entry once.
 */
struct grant_entry_v1 {
	uint16_t flags; /* GTF_* */
	domid_t domid;	/* who may use it */
	uint32_t frame; /* the frame; for PV guests machine */
};
typedef struct grant_entry_v1 grant_entry_v1_t;

/* Entries kept free of a guest's own use, two of them with a meaning: the
 * builder grants the rings of console and store there. */
#define GNTTAB_NR_RESERVED_ENTRIES 8
#define GNTTAB_RESERVED_CONSOLE 0
#define GNTTAB_RESERVED_XENSTORE 1

/* Kinds of entry; accept_transfer and transitive are never honoured. */
#define GTF_invalid (xen_mk_uint(0) << 0)
#define GTF_permit_access (xen_mk_uint(1) << 0)
#define GTF_accept_transfer (xen_mk_uint(2) << 0)
#define GTF_transitive (xen_mk_uint(3) << 0)
#define GTF_type_mask (xen_mk_uint(3) << 0)

/* Flags of permit_access: read only; in use for reading, for writing (both
 * set by the core); cache attributes (not looked at); part of a frame
 * (refused). */
#define _GTF_readonly 2
#define GTF_readonly (xen_mk_uint(1) << _GTF_readonly)
#define _GTF_reading 3
#define GTF_reading (xen_mk_uint(1) << _GTF_reading)
#define _GTF_writing 4
#define GTF_writing (xen_mk_uint(1) << _GTF_writing)
#define _GTF_PWT 5
#define GTF_PWT (xen_mk_uint(1) << _GTF_PWT)
#define _GTF_PCD 6
#define GTF_PCD (xen_mk_uint(1) << _GTF_PCD)
#define _GTF_PAT 7
#define GTF_PAT (xen_mk_uint(1) << _GTF_PAT)
#define _GTF_sub_page 8
#define GTF_sub_page (xen_mk_uint(1) << _GTF_sub_page)

/* Flags of accept_transfer. */
#define _GTF_transfer_committed 2
#define GTF_transfer_committed (xen_mk_uint(1) << _GTF_transfer_committed)
#define _GTF_transfer_completed 3
#define GTF_transfer_completed (xen_mk_uint(1) << _GTF_transfer_completed)

#define GNTTABOP_map_grant_ref 0
#define GNTTABOP_unmap_grant_ref 1
#define GNTTABOP_setup_table 2
#define GNTTABOP_dump_table 3 /* refused */
#define GNTTABOP_transfer 4   /* refused */
#define GNTTABOP_copy 5
#define GNTTABOP_query_size 6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version 8
#define GNTTABOP_get_status_frames 9 /* refused: version 2 */
#define GNTTABOP_get_version 10
#define GNTTABOP_swap_grant_ref 11 /* refused */
#define GNTTABOP_cache_flush 12	   /* refused: ARM */

/* Names one mapping to the domain that made it. */
typedef uint32_t grant_handle_t;

/*
 * GNTMAP_*: how to map.
 *
 *   device_map       for I/O: dev_bus_addr returns the machine address
 *   host_map         into the caller's address space, at host_addr
 *   readonly         no writing; needed if the grant is read-only
 *   application_map  guest user mode may use the mapping too
 *   contains_pte     host_addr is the machine address of the L1 entry to
 *                    write, not a linear address
 *   guest_avail0     from here the bits for software in the entry, given in
 *                    bits 16 and up of flags
 */
#define _GNTMAP_device_map 0
#define GNTMAP_device_map (xen_mk_uint(1) << _GNTMAP_device_map)
#define _GNTMAP_host_map 1
#define GNTMAP_host_map (xen_mk_uint(1) << _GNTMAP_host_map)
#define _GNTMAP_readonly 2
#define GNTMAP_readonly (xen_mk_uint(1) << _GNTMAP_readonly)
#define _GNTMAP_application_map 3
#define GNTMAP_application_map (xen_mk_uint(1) << _GNTMAP_application_map)
#define _GNTMAP_contains_pte 4
#define GNTMAP_contains_pte (xen_mk_uint(1) << _GNTMAP_contains_pte)
#define _GNTMAP_guest_avail0 16
#define GNTMAP_guest_avail_mask (~xen_mk_uint(0) << _GNTMAP_guest_avail0)

/*
 * Map entry ref of dom. A mapping at host_addr replaces what was mapped
 * there. GNTST_bad_gntref: no such grant to the caller; bad_domain;
 * bad_virt_addr; permission_denied: read-only; no_space: too many mappings;
 * general_error: the frame cannot be had in that way.
 */
struct gnttab_map_grant_ref {
	uint64_t host_addr;
	uint32_t flags; /* GNTMAP_* */
	grant_ref_t ref;
	domid_t dom;
	int16_t status;	       /* out, GNTST_* */
	grant_handle_t handle; /* out */
	uint64_t dev_bus_addr; /* out */
};
typedef struct gnttab_map_grant_ref gnttab_map_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_map_grant_ref_t);

/* End it: host_addr and dev_bus_addr as they were mapped, 0 for a part that
 * is to stay. GNTST_bad_handle, bad_virt_addr, bad_dev_addr. */
struct gnttab_unmap_grant_ref {
	uint64_t host_addr;
	uint64_t dev_bus_addr;
	grant_handle_t handle;
	int16_t status; /* out */
};
typedef struct gnttab_unmap_grant_ref gnttab_unmap_grant_ref_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_grant_ref_t);

/* Make the table of dom at least nr_frames long and list the frames (mfns).
 * Contents are kept. count must be 1. */
struct gnttab_setup_table {
	domid_t dom;
	uint32_t nr_frames;
	int16_t status; /* out */
	XEN_GUEST_HANDLE(xen_pfn_t) frame_list;
};
typedef struct gnttab_setup_table gnttab_setup_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_setup_table_t);

/* Print the entries in use to the core's log. */
struct gnttab_dump_table {
	domid_t dom;
	int16_t status; /* out */
};
typedef struct gnttab_dump_table gnttab_dump_table_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_dump_table_t);

/* Each side of a copy is a grant reference, or a frame of domid's own. */
#define _GNTCOPY_source_gref 0
#define GNTCOPY_source_gref (xen_mk_uint(1) << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref 1
#define GNTCOPY_dest_gref (xen_mk_uint(1) << _GNTCOPY_dest_gref)

/* Copy len bytes. Neither side may reach past the end of its frame
 * (GNTST_bad_copy_arg). GNTST_bad_page: a frame cannot be used so. */
struct gnttab_copy {
	struct gnttab_copy_ptr {
		union {
			grant_ref_t ref;
			xen_pfn_t gmfn; /* for PV guests a machine frame */
		} u;
		domid_t domid;
		uint16_t offset; /* bytes */
	} source, dest;
	uint16_t len;
	uint16_t flags; /* GNTCOPY_* */
	int16_t status; /* out */
};
typedef struct gnttab_copy gnttab_copy_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_copy_t);

/* Size of the table of dom, in frames, and its limit. */
struct gnttab_query_size {
	domid_t dom;
	uint32_t nr_frames;	/* out */
	uint32_t max_nr_frames; /* out */
	int16_t status;		/* out */
};
typedef struct gnttab_query_size gnttab_query_size_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_query_size_t);

/* End a mapping and move the caller's own one from new_addr into its place;
 * new_addr becomes unmapped. Both are linear addresses. */
struct gnttab_unmap_and_replace {
	uint64_t host_addr;
	uint64_t new_addr;
	grant_handle_t handle;
	int16_t status; /* out */
};
typedef struct gnttab_unmap_and_replace gnttab_unmap_and_replace_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_unmap_and_replace_t);

/* Ask for a version of the table; what is then in force is returned, and 1
 * is the only one. The call itself fails with -XEN_EINVAL or -XEN_ENOSYS. */
struct gnttab_set_version {
	uint32_t version; /* in and out */
};
typedef struct gnttab_set_version gnttab_set_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_set_version_t);

/* The version in force for dom. */
struct gnttab_get_version {
	domid_t dom;
	uint16_t pad;
	uint32_t version; /* out */
};
typedef struct gnttab_get_version gnttab_get_version_t;
DEFINE_XEN_GUEST_HANDLE(gnttab_get_version_t);

/* Results of one element. */
#define GNTST_okay (0)
#define GNTST_general_error (-1)     /* none of the below */
#define GNTST_bad_domain (-2)	     /* no such domain, or not allowed */
#define GNTST_bad_gntref (-3)	     /* no such entry, or not for you */
#define GNTST_bad_handle (-4)	     /* no such mapping */
#define GNTST_bad_virt_addr (-5)     /* host_addr cannot be mapped */
#define GNTST_bad_dev_addr (-6)	     /* dev_bus_addr does not match */
#define GNTST_no_device_space (-7)   /* I/O translation is full */
#define GNTST_permission_denied (-8) /* not allowed so */
#define GNTST_bad_page (-9)	     /* frame cannot be used */
#define GNTST_bad_copy_arg (-10)     /* offset and length cross a frame */
#define GNTST_address_too_big (-11)  /* frame number beyond the format */
#define GNTST_eagain (-12)	     /* try again */
#define GNTST_no_space (-13)	     /* no room for another mapping */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * xen_version: which interface this is, what it is called and what it can do.
 *
 * int xen_version(int cmd, void *arg), open to every domain. Texts are
 * zero-terminated in buffers of fixed size. The level of the published
 * interface that is followed is answered here as a version (4.17), because
 * guests choose their ways by it; Vellum's own name and version are in
 * extraversion and changeset. -XEN_ENOSYS: unknown command.
 */
#ifndef VL_ABI_XEN_VERSION_H
#define VL_ABI_XEN_VERSION_H

#include "features.h"
#include "xen.h"

/* Result: major << 16 | minor. arg is null. */
#define XENVER_version 0

/* What follows the version, as xen_extraversion_t. */
#define XENVER_extraversion 1
typedef char xen_extraversion_t[16];
#define XEN_EXTRAVERSION_LEN (sizeof(xen_extraversion_t))

#define XENVER_compile_info 2
struct xen_compile_info {
	char compiler[64];
	char compile_by[16];
	char compile_domain[32];
	char compile_date[32];
};
typedef struct xen_compile_info xen_compile_info_t;

/* The kinds of guest, separated by blanks: "xen-3.0-x86_64" is the one. */
#define XENVER_capabilities 3
typedef char xen_capabilities_info_t[1024];
#define XEN_CAPABILITIES_INFO_LEN (sizeof(xen_capabilities_info_t))

#define XENVER_changeset 4
typedef char xen_changeset_info_t[64];
#define XEN_CHANGESET_INFO_LEN (sizeof(xen_changeset_info_t))

#define XENVER_platform_parameters 5
struct xen_platform_parameters {
	xen_ulong_t virt_start; /* HYPERVISOR_VIRT_START */
};
typedef struct xen_platform_parameters xen_platform_parameters_t;

/* Word submap_idx of the bitmap of XENFEAT_*; -XEN_EINVAL beyond the last. */
#define XENVER_get_features 6
struct xen_feature_info {
	unsigned int submap_idx;
	uint32_t submap; /* out */
};
typedef struct xen_feature_info xen_feature_info_t;

/* Result: bytes in a page. arg is null. */
#define XENVER_pagesize 7

/* The UUID of the calling domain, as xen_domain_handle_t. */
#define XENVER_guest_handle 8

/* The core's own command line; shown to the control domain only. */
#define XENVER_commandline 9
typedef char xen_commandline_t[1024];

/*
 * The build id of the core. With a null arg the result is its length in
 * bytes; otherwise len is the room, -XEN_ENOBUFS if that is short, and the
 * result the length. -XEN_ENODATA: built without one.
 */
#define XENVER_build_id 10
struct xen_build_id {
	uint32_t len;
	unsigned char buf[XEN_FLEX_ARRAY_DIM];
};
typedef struct xen_build_id xen_build_id_t;

#endif

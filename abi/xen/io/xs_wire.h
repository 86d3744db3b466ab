/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol of the store: what a client and the daemon say to each
 * other on a socket or on a ring.
 *
 * Every message is a struct xsd_sockmsg and len bytes of payload behind it, at
 * most XENSTORE_PAYLOAD_MAX: who sends more is disconnected. A reply carries
 * the type, req_id and tx_id of its request, or the type XS_ERROR and the name
 * of an error as its payload. XS_WATCH_EVENT comes unasked, with both ids 0.
 *
 * The ring is one page: two byte streams with free-running 32-bit indices; mask
 * them with MASK_XENSTORE_IDX. The writer of a stream stores its bytes, then
 * (after a write barrier) prod; the reader reads up to prod, then stores cons.
 * Each side notifies the event channel after it has moved an index, and trusts
 * neither the other's indices nor its lengths.
 */
#ifndef VL_ABI_XEN_IO_XS_WIRE_H
#define VL_ABI_XEN_IO_XS_WIRE_H

#include <stdint.h>

/** xsd_sockmsg.type. The payload of the request, and of its reply, stand beside it: "|" is a zero
 *  byte; a reply that is not named is "OK|". */
enum xsd_sockmsg_type {
	XS_CONTROL, /* command|parameter|...   text */
#define XS_DEBUG XS_CONTROL
	XS_DIRECTORY,		 /* path|                   name|name|... */
	XS_READ,		 /* path|                   value */
	XS_GET_PERMS,		 /* path|                   perm|perm|... */
	XS_WATCH,		 /* path|token| */
	XS_UNWATCH,		 /* path|token| */
	XS_TRANSACTION_START,	 /* |                       id| */
	XS_TRANSACTION_END,	 /* T| or F| */
	XS_INTRODUCE,		 /* domid|frame|port| */
	XS_RELEASE,		 /* domid| */
	XS_GET_DOMAIN_PATH,	 /* domid|                  path| */
	XS_WRITE,		 /* path|value */
	XS_MKDIR,		 /* path| */
	XS_RM,			 /* path| */
	XS_SET_PERMS,		 /* path|perm|perm|... */
	XS_WATCH_EVENT,		 /* never asked             path|token| */
	XS_ERROR,		 /* never asked             name| */
	XS_IS_DOMAIN_INTRODUCED, /* domid|                  T| or F| */
	XS_RESUME,		 /* domid| */
	XS_SET_TARGET,		 /* domid|domid| */
	/* One number is free here: the operation was withdrawn. */
	XS_RESET_WATCHES = XS_SET_TARGET + 2, /* | */
	XS_DIRECTORY_PART,		      /* path|offset|   generation|name|name|... */

	XS_TYPE_COUNT,

	XS_INVALID = 0xffff /* never a type */
};

/* Old spellings of how a write may create; no message carries them any more. */
#define XS_WRITE_NONE "NONE"
#define XS_WRITE_CREATE "CREATE"
#define XS_WRITE_CREATE_EXCL "CREATE|EXCL"

/** Errors travel by name, since their numbers differ between systems. */
struct xsd_errors {
	int errnum;
	const char *errstring;
};
#ifdef EINVAL
#define XSD_ERROR(x)  \
	{             \
		x, #x \
	}
#ifdef __GNUC__
__attribute__((unused))
#endif
static const struct xsd_errors xsd_errors[] = {
	XSD_ERROR(EINVAL),    XSD_ERROR(EACCES),  XSD_ERROR(EEXIST), XSD_ERROR(EISDIR),
	XSD_ERROR(ENOENT),    XSD_ERROR(ENOMEM),  XSD_ERROR(ENOSPC), XSD_ERROR(EIO),
	XSD_ERROR(ENOTEMPTY), XSD_ERROR(ENOSYS),  XSD_ERROR(EROFS),  XSD_ERROR(EBUSY),
	XSD_ERROR(EAGAIN),    XSD_ERROR(EISCONN), XSD_ERROR(E2BIG),  XSD_ERROR(EPERM),
};
#endif

struct xsd_sockmsg {
	uint32_t type;	 /* enum xsd_sockmsg_type */
	uint32_t req_id; /* comes back in the reply */
	uint32_t tx_id;	 /* the transaction, or 0 */
	uint32_t len;	 /* bytes of payload that follow */
};

/** Order of the two strings in the payload of XS_WATCH_EVENT. */
enum xs_watch_type {
	XS_WATCH_PATH = 0,
	XS_WATCH_TOKEN
};

#define XENSTORE_RING_SIZE 1024
typedef uint32_t XENSTORE_RING_IDX;
#define MASK_XENSTORE_IDX(idx) ((idx) & (XENSTORE_RING_SIZE - 1))
struct xenstore_domain_interface {
	char req[XENSTORE_RING_SIZE]; /* to the daemon */
	char rsp[XENSTORE_RING_SIZE]; /* replies and events, to the domain */
	XENSTORE_RING_IDX req_cons, req_prod;
	XENSTORE_RING_IDX rsp_cons, rsp_prod;
	uint32_t server_features; /* XENSTORE_SERVER_FEATURE_*; the daemon sets them */
	uint32_t connection;	  /* XENSTORE_RECONNECT: the domain asks for a fresh ring */
	uint32_t error;		  /* XENSTORE_ERROR_*: why the daemon serves this ring no more */
};

#define XENSTORE_PAYLOAD_MAX 4096

/* Longer paths are refused: absolute ones, and those relative to the domain's own path. */
#define XENSTORE_ABS_PATH_MAX 3072
#define XENSTORE_REL_PATH_MAX 2048

#define XENSTORE_SERVER_FEATURE_RECONNECTION 1 /* the field connection means something */
#define XENSTORE_SERVER_FEATURE_ERROR 2	       /* the field error does */

#define XENSTORE_CONNECTED 0
#define XENSTORE_RECONNECT 1

#define XENSTORE_ERROR_NONE 0
#define XENSTORE_ERROR_COMM 1	 /* the event channel does not work */
#define XENSTORE_ERROR_RINGIDX 2 /* indices that cannot be */
#define XENSTORE_ERROR_PROTO 3	 /* a payload that is too long */

#endif

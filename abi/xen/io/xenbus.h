/* SPDX-License-Identifier: MIT */
/*
 * The states through which the two ends of a device go. Each end writes its own
 * as a decimal number into the node "state" of its directory in the store, and
 * watches the other's.
 */
#ifndef VL_ABI_XEN_IO_XENBUS_H
#define VL_ABI_XEN_IO_XENBUS_H

enum xenbus_state {
	XenbusStateUnknown = 0,	      /* no such node */
	XenbusStateInitialising = 1,  /* just made */
	XenbusStateInitWait = 2,      /* waits for its peer's details, or for the host's set-up */
	XenbusStateInitialised = 3,   /* has given its details, waits for the peer to connect */
	XenbusStateConnected = 4,     /* in use */
	XenbusStateClosing = 5,	      /* to be let go, after an error or an unplug */
	XenbusStateClosed = 6,	      /* has let go */
	XenbusStateReconfiguring = 7, /* its details change */
	XenbusStateReconfigured = 8   /* they have changed */
};
typedef enum xenbus_state XenbusState;

#endif

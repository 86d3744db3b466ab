/* SPDX-License-Identifier: MIT */
/*
 * callback_op: where the core enters the guest for events, failures, system
 * calls and NMIs.
 *
 * long callback_op(int cmd, const void *arg), per vCPU except for the NMI.
 * Errors: -XEN_EINVAL address not canonical or type not offered, -XEN_ENOSYS
 * unknown command.
 */
#ifndef VL_ABI_XEN_CALLBACK_H
#define VL_ABI_XEN_CALLBACK_H

#include "xen.h"

#define CALLBACKTYPE_event 0	/* an event is pending */
#define CALLBACKTYPE_failsafe 1 /* a segment or iret frame could not be loaded */
#define CALLBACKTYPE_syscall 2	/* SYSCALL in 64-bit user mode */
/* Never worked as meant; refused. */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi 4
/* SYSENTER and SYSCALL of 32-bit programs; a refusal makes Linux use INT 80. */
#define CALLBACKTYPE_sysenter 5
#define CALLBACKTYPE_syscall32 7

/* Set the event mask as the callback is made. Always so for events. */
#define _CALLBACKF_mask_events 0
#define CALLBACKF_mask_events (xen_mk_uint(1) << _CALLBACKF_mask_events)

#define CALLBACKOP_register 0
struct callback_register {
	uint16_t type;	/* CALLBACKTYPE_* */
	uint16_t flags; /* CALLBACKF_* */
	xen_callback_t address;
};
typedef struct callback_register callback_register_t;
DEFINE_XEN_GUEST_HANDLE(callback_register_t);

/* Only types without which a guest can live; else -XEN_EINVAL. */
#define CALLBACKOP_unregister 1
struct callback_unregister {
	uint16_t type; /* CALLBACKTYPE_* */
	uint16_t _unused;
};
typedef struct callback_unregister callback_unregister_t;
DEFINE_XEN_GUEST_HANDLE(callback_unregister_t);

#endif

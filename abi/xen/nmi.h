/* SPDX-License-Identifier: MIT */
/*
 * nmi_op: the older way for a guest to be told of non-maskable interrupts, and
 * the reasons for one.  Vellum refuses the call: callback_op is the way.
 *
 * long nmi_op(unsigned int cmd, void *arg). callback_op with
 * CALLBACKTYPE_nmi does the same. Errors: -XEN_EINVAL another vCPU than 0 or
 * address not canonical, -XEN_ENOSYS unknown command.
 */
#ifndef VL_ABI_XEN_NMI_H
#define VL_ABI_XEN_NMI_H

#include "xen.h"

/* Bits of arch_shared_info.nmi_reason. */
#define _XEN_NMIREASON_io_error 0 /* I/O channel check */
#define XEN_NMIREASON_io_error (xen_mk_ulong(1) << _XEN_NMIREASON_io_error)
#define _XEN_NMIREASON_pci_serr 1 /* PCI system error */
#define XEN_NMIREASON_pci_serr (xen_mk_ulong(1) << _XEN_NMIREASON_pci_serr)
#define _XEN_NMIREASON_unknown 2
#define XEN_NMIREASON_unknown (xen_mk_ulong(1) << _XEN_NMIREASON_unknown)

#define XENNMI_register_callback 0
struct xennmi_callback {
	unsigned long handler_address; /* linear */
	unsigned long pad;
};
typedef struct xennmi_callback xennmi_callback_t;
DEFINE_XEN_GUEST_HANDLE(xennmi_callback_t);

/* arg is null. */
#define XENNMI_unregister_callback 1

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The machine-check call (hypercall 48): number, interrupt, commands and the
 * outline of its argument.
 *
 * Linux makes this call at every boot as control domain. The records of
 * machine checks themselves are not described here; a core that does not
 * keep any answers -XEN_ENOSYS. Only the control domain may call
 * (-XEN_EPERM); another interface_version gives -XEN_EACCES.
 */
#ifndef VL_ABI_XEN_ARCH_X86_XEN_MCA_H
#define VL_ABI_XEN_ARCH_X86_XEN_MCA_H

#include "../xen.h"

/* int mca(struct xen_mc *op) - the structure begins with uint32_t cmd and
 * uint32_t interface_version. */
#define __HYPERVISOR_mca __HYPERVISOR_arch_0
#define XEN_MCA_INTERFACE_VERSION 0x01ecc003

/* Raised in the control domain when there is something to fetch. */
#define VIRQ_MCA VIRQ_ARCH_0

/* Commands: take a record, tell a domain, describe the processors, and (for
 * tests) put values into registers or raise a machine check. */
#define XEN_MC_fetch 1
#define XEN_MC_notifydomain 2
#define XEN_MC_physcpuinfo 3
#define XEN_MC_msrinject 4
#define XEN_MC_mceinject 5

/* Which record to fetch, and that it has been read. */
#define XEN_MC_NONURGENT 0x0001
#define XEN_MC_URGENT 0x0002
#define XEN_MC_ACK 0x0004

/* What came of it. */
#define XEN_MC_OK 0x0
#define XEN_MC_FETCHFAILED 0x1
#define XEN_MC_NODATA 0x2
#define XEN_MC_NOMATCH 0x4
#define XEN_MC_CANNOTHANDLE 0x8
#define XEN_MC_NOTDELIVERED 0x10

/* No vCPU was running. */
#define XEN_MC_VCPUID_INVALID 0xffff

#endif

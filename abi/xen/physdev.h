/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: physical interrupts, I/O privilege and the PCI devices that the
 * control domain drives.
 *
 * int physdev_op(int cmd, void *arg). A pirq is a number by which a domain
 * names a physical interrupt; it is mapped here and then bound to a port by
 * EVTCHNOP_bind_pirq. Only set_iopl and set_iobitmap are for every domain,
 * and eoi and irq_status_query for those that have interrupts; the others
 * give -XEN_EPERM to any but the control domain. Further errors: -XEN_EINVAL
 * argument out of range, -XEN_ESRCH no such domain, -XEN_ENODEV no such
 * device, -XEN_ENOSYS not offered.
 */
#ifndef VL_ABI_XEN_PHYSDEV_H
#define VL_ABI_XEN_PHYSDEV_H

#include "xen.h"

/* A device by segment, bus, and device and function (5 and 3 bits). */
struct physdev_pci_device {
	uint16_t seg;
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_pci_device physdev_pci_device_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_t);

/* Obsolete: superseded by eoi; refused. arg was null. */
#define PHYSDEVOP_IRQ_UNMASK_NOTIFY 4

/* The interrupt of a pirq has been served; a level-triggered line may fire
 * again. */
#define PHYSDEVOP_eoi 12
struct physdev_eoi {
	uint32_t irq; /* pirq */
};
typedef struct physdev_eoi physdev_eoi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_eoi_t);

/*
 * Name a frame of the guest in which bit n tells whether pirq n needs eoi,
 * so that the guest can save the call. In version 1 an unmasked port also
 * implied the eoi; version 2 leaves that to the guest. -XEN_EBUSY: set
 * already; -XEN_EINVAL: not a frame of the caller.
 */
#define PHYSDEVOP_pirq_eoi_gmfn_v1 17
#define PHYSDEVOP_pirq_eoi_gmfn_v2 28
#define PHYSDEVOP_pirq_eoi_gmfn PHYSDEVOP_pirq_eoi_gmfn_v2
struct physdev_pirq_eoi_gmfn {
	xen_pfn_t gmfn; /* for PV guests a machine frame */
};
typedef struct physdev_pirq_eoi_gmfn physdev_pirq_eoi_gmfn_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pirq_eoi_gmfn_t);

/* What a pirq needs. */
#define PHYSDEVOP_irq_status_query 5
struct physdev_irq_status_query {
	uint32_t irq;	/* pirq */
	uint32_t flags; /* out, XENIRQSTAT_* */
};
typedef struct physdev_irq_status_query physdev_irq_status_query_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_status_query_t);

#define _XENIRQSTAT_needs_eoi 0 /* eoi must be called */
#define XENIRQSTAT_needs_eoi (xen_mk_uint(1) << _XENIRQSTAT_needs_eoi)
#define _XENIRQSTAT_shared 1 /* other domains have it too */
#define XENIRQSTAT_shared (xen_mk_uint(1) << _XENIRQSTAT_shared)

/*
 * The virtual I/O privilege level of the calling vCPU, 0 to 3. Guest kernel
 * mode counts as ring 1, user mode as ring 3. It does not widen the ports
 * that the core allows the domain.
 */
#define PHYSDEVOP_set_iopl 6
struct physdev_set_iopl {
	uint32_t iopl;
};
typedef struct physdev_set_iopl physdev_set_iopl_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iopl_t);

/* Ports that guest user mode may use besides: a clear bit allows. The core
 * reads the map at each access, or forgets it if nr_ports is 0. */
#define PHYSDEVOP_set_iobitmap 7
struct physdev_set_iobitmap {
	XEN_GUEST_HANDLE(uint8) bitmap;
	uint32_t nr_ports; /* bits, at most 65536 */
};
typedef struct physdev_set_iobitmap physdev_set_iobitmap_t;
DEFINE_XEN_GUEST_HANDLE(physdev_set_iobitmap_t);

/* A register of an IO-APIC. Writes go only as far as the core's routing
 * allows; a refused one is ignored. */
#define PHYSDEVOP_apic_read 8
#define PHYSDEVOP_apic_write 9
struct physdev_apic {
	unsigned long apic_physbase; /* machine address of the IO-APIC */
	uint32_t reg;		     /* register index */
	uint32_t value;		     /* in, or out */
};
typedef struct physdev_apic physdev_apic_t;
DEFINE_XEN_GUEST_HANDLE(physdev_apic_t);

/* From the time when guests programmed IO-APICs themselves: a vector for an
 * interrupt line, 16 to 223. free does nothing. */
#define PHYSDEVOP_alloc_irq_vector 10
#define PHYSDEVOP_free_irq_vector 11
struct physdev_irq {
	uint32_t irq;
	uint32_t vector; /* out */
};
typedef struct physdev_irq physdev_irq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_irq_t);

/*
 * Map an interrupt to a pirq of domid. pirq is the number wanted, or -1 for
 * any, and returns the one found.
 *
 *   GSI        index is the global interrupt number
 *   MSI        bus and devfn, segment 0; entry_nr and table_base for MSI-X
 *   MSI_SEG    the same, with the segment in the upper 16 bits of bus
 *   MULTI_MSI  entry_nr vectors in a row; entry_nr returns how many were
 *              mapped
 *   UNKNOWN    never valid
 *
 * table_base is the machine address of the MSI-X table, 0 for plain MSI. The
 * core finds the capability and writes address and data itself.
 * -XEN_EEXIST, -XEN_EBUSY: in use; -XEN_ENOSPC: no pirq or vector free.
 */
#define MAP_PIRQ_TYPE_MSI 0x0
#define MAP_PIRQ_TYPE_GSI 0x1
#define MAP_PIRQ_TYPE_UNKNOWN 0x2
#define MAP_PIRQ_TYPE_MSI_SEG 0x3
#define MAP_PIRQ_TYPE_MULTI_MSI 0x4

#define PHYSDEVOP_map_pirq 13
struct physdev_map_pirq {
	domid_t domid;
	int type; /* MAP_PIRQ_TYPE_* */
	int index;
	int pirq; /* in and out */
	int bus;
	int devfn;
	int entry_nr; /* MSI-X entry, or number of vectors */
	uint64_t table_base;
};
typedef struct physdev_map_pirq physdev_map_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_map_pirq_t);

#define PHYSDEVOP_unmap_pirq 14
struct physdev_unmap_pirq {
	domid_t domid;
	int pirq;
};
typedef struct physdev_unmap_pirq physdev_unmap_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_unmap_pirq_t);

/* Older ways to announce a device of segment 0; see pci_device_add. */
#define PHYSDEVOP_manage_pci_add 15
#define PHYSDEVOP_manage_pci_remove 16
struct physdev_manage_pci {
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_manage_pci physdev_manage_pci_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_t);

#define PHYSDEVOP_manage_pci_add_ext 20
struct physdev_manage_pci_ext {
	uint8_t bus;
	uint8_t devfn;
	uint32_t is_extfn;  /* an ARI function */
	uint32_t is_virtfn; /* an SR-IOV virtual function */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn; /* whose virtual function it is */
};
typedef struct physdev_manage_pci_ext physdev_manage_pci_ext_t;
DEFINE_XEN_GUEST_HANDLE(physdev_manage_pci_ext_t);

/* Write the MSI state of a device again, after it was reset or slept. The
 * second form takes a struct physdev_pci_device. */
#define PHYSDEVOP_restore_msi 19
#define PHYSDEVOP_restore_msi_ext 27
struct physdev_restore_msi {
	uint8_t bus;
	uint8_t devfn;
};
typedef struct physdev_restore_msi physdev_restore_msi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_restore_msi_t);

/* The argument of the superseded call, kept for sources that name it. */
struct physdev_op {
	uint32_t cmd; /* PHYSDEVOP_* */
	union {
		physdev_irq_status_query_t irq_status_query;
		physdev_set_iopl_t set_iopl;
		physdev_set_iobitmap_t set_iobitmap;
		physdev_apic_t apic_op;
		physdev_irq_t irq_op;
	} u;
};
typedef struct physdev_op physdev_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_op_t);

/* How ACPI describes an interrupt line. -XEN_EEXIST: set up before, and in
 * another way. */
#define PHYSDEVOP_setup_gsi 21
struct physdev_setup_gsi {
	int gsi;
	uint8_t triggering; /* 0 edge, 1 level */
	uint8_t polarity;   /* 0 active high, 1 active low */
};
typedef struct physdev_setup_gsi physdev_setup_gsi_t;
DEFINE_XEN_GUEST_HANDLE(physdev_setup_gsi_t);

/* 22 is not assigned. */

/* A pirq that nothing uses, reserved for the caller. */
#define PHYSDEVOP_get_free_pirq 23
struct physdev_get_free_pirq {
	int type;      /* MAP_PIRQ_TYPE_GSI or _MSI */
	uint32_t pirq; /* out */
};
typedef struct physdev_get_free_pirq physdev_get_free_pirq_t;
DEFINE_XEN_GUEST_HANDLE(physdev_get_free_pirq_t);

/* A window of memory-mapped PCI configuration space, and whether ACPI has
 * reserved it. */
#define XEN_PCI_MMCFG_RESERVED 0x1

#define PHYSDEVOP_pci_mmcfg_reserved 24
struct physdev_pci_mmcfg_reserved {
	uint64_t address; /* machine address of bus 0 */
	uint16_t segment;
	uint8_t start_bus;
	uint8_t end_bus; /* inclusive */
	uint32_t flags;	 /* XEN_PCI_MMCFG_* */
};
typedef struct physdev_pci_mmcfg_reserved physdev_pci_mmcfg_reserved_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_mmcfg_reserved_t);

/*
 * The control domain has found a device, or lost one (remove takes a struct
 * physdev_pci_device). physfn counts with VIRTFN, optarr[0], the ACPI
 * proximity domain, with PXM.
 */
#define XEN_PCI_DEV_EXTFN 0x1
#define XEN_PCI_DEV_VIRTFN 0x2
#define XEN_PCI_DEV_PXM 0x4

#define PHYSDEVOP_pci_device_add 25
#define PHYSDEVOP_pci_device_remove 26
struct physdev_pci_device_add {
	uint16_t seg;
	uint8_t bus;
	uint8_t devfn;
	uint32_t flags; /* XEN_PCI_DEV_* */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;
	uint32_t optarr[XEN_FLEX_ARRAY_DIM];
};
typedef struct physdev_pci_device_add physdev_pci_device_add_t;
DEFINE_XEN_GUEST_HANDLE(physdev_pci_device_add_t);

/* The address of a device's MSI-X table is settled (prepare), or may change
 * again (release). struct physdev_pci_device. */
#define PHYSDEVOP_prepare_msix 30
#define PHYSDEVOP_release_msix 31

/* The USB controller that carries the core's debug port is about to be
 * reset, or has been. */
#define PHYSDEVOP_DBGP_RESET_PREPARE 1
#define PHYSDEVOP_DBGP_RESET_DONE 2

#define PHYSDEVOP_DBGP_BUS_UNKNOWN 0
#define PHYSDEVOP_DBGP_BUS_PCI 1

#define PHYSDEVOP_dbgp_op 29
struct physdev_dbgp_op {
	uint8_t op;  /* PHYSDEVOP_DBGP_RESET_* */
	uint8_t bus; /* PHYSDEVOP_DBGP_BUS_* */
	union {
		physdev_pci_device_t pci;
	} u;
};
typedef struct physdev_dbgp_op physdev_dbgp_op_t;
DEFINE_XEN_GUEST_HANDLE(physdev_dbgp_op_t);

#endif

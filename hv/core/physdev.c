/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: the rules by which a domain uses physical interrupts, I/O
 * privilege and PCI devices.  pirq.c does the work on interrupts and locks for
 * itself; here arguments are copied in and checked.  All but set_iopl and eoi are
 * for the control domain.
 *
 * Devices are announced without effect: the core has looked for itself (pci.c).
 * Several messages for one plain MSI are refused, so that Linux takes one.
 */
#include <hv/hypercall.h>

#include <xen/physdev.h>

#include <arch/irq.h>

#include <hv/irq.h>
#include <hv/pci.h>

union physdev_arg {
	struct physdev_eoi eoi;
	struct physdev_irq_status_query status;
	struct physdev_set_iopl iopl;
	struct physdev_apic apic;
	struct physdev_irq irq;
	struct physdev_map_pirq map;
	struct physdev_unmap_pirq unmap;
	struct physdev_setup_gsi gsi;
	struct physdev_pci_device_add device_add;
	struct physdev_pci_device device;
	struct physdev_pci_mmcfg_reserved mmcfg;
};

static int op_eoi(union physdev_arg *op)
{
	return pirq_eoi(current_domain(), op->eoi.irq);
}

static int op_irq_status_query(union physdev_arg *op)
{
	/* Never shared: a pirq has one domain.  One that is mapped to nobody
	 * answers as well. */
	op->status.flags = arch_pirq_needs_eoi(op->status.irq) ? XENIRQSTAT_needs_eoi : 0;
	return 0;
}

static int op_set_iopl(union physdev_arg *op)
{
	if (op->iopl.iopl > 3) {
		return -XEN_EINVAL;
	}
	vcpu_set_iopl(current_vcpu(), op->iopl.iopl);
	return 0;
}

static int op_apic_read(union physdev_arg *op)
{
	return arch_ioapic_read(op->apic.apic_physbase, op->apic.reg, &op->apic.value);
}

/* Devices cannot be given away yet. */
static bool is_caller(domid_t domid)
{
	return domid == DOMID_SELF || domid == current_domain()->id;
}

/* That a table is named says that it is MSI-X; the core knows where it is. */
static int map_msi(struct physdev_map_pirq *map)
{
	unsigned int bus = (unsigned int)map->bus, devfn = (unsigned int)map->devfn;
	unsigned int entry = map->table_base != 0 ? (unsigned int)map->entry_nr : PCI_MSI_PLAIN;

	if (map->type == MAP_PIRQ_TYPE_MULTI_MSI || map->pirq >= 0) {
		return -XEN_ENOSYS;
	}
	/* Above the bus is the segment; all devices that we know are in 0. */
	if (bus > 0xff || devfn > 0xff || entry > PCI_MSI_PLAIN) {
		return -XEN_ENODEV;
	}
	map->pirq = pirq_map_msi(current_domain(), PCI_BDF(bus, devfn), entry);
	return MIN(map->pirq, 0);
}

static int op_map_pirq(union physdev_arg *op)
{
	struct physdev_map_pirq *map = &op->map;
	int gsi = map->index;

	if (!is_caller(map->domid)) {
		return -XEN_ESRCH;
	}
	if (map->type == MAP_PIRQ_TYPE_MSI || map->type == MAP_PIRQ_TYPE_MSI_SEG ||
	    map->type == MAP_PIRQ_TYPE_MULTI_MSI) {
		return map_msi(map);
	}
	/* A line has its own number, and no other may be wanted for it.  A
	 * negative one is beyond all of them. */
	if (map->type != MAP_PIRQ_TYPE_GSI || (map->pirq >= 0 && map->pirq != gsi)) {
		return -XEN_EINVAL;
	}
	map->pirq = gsi;
	return pirq_map_gsi(current_domain(), (unsigned int)gsi);
}

static int op_unmap_pirq(union physdev_arg *op)
{
	if (!is_caller(op->unmap.domid)) {
		return -XEN_ESRCH;
	}
	return pirq_unmap(current_domain(), (unsigned int)op->unmap.pirq);
}

static int op_setup_gsi(union physdev_arg *op)
{
	unsigned int gsi = (unsigned int)op->gsi.gsi;
	int rc;

	if (gsi >= arch_gsi_count || op->gsi.triggering > 1 || op->gsi.polarity > 1) {
		return -XEN_EINVAL;
	}
	rc = arch_gsi_setup(gsi, op->gsi.triggering, op->gsi.polarity);
	return rc == -XEN_EBUSY ? -XEN_EEXIST : rc;
}

/*
 * Readable, and of no consequence: the core has seen the devices, their MSI-X
 * tables and the window for itself; it writes messages whenever they are
 * enabled; and nobody uses the vector of a line.
 */
static int op_noted(union physdev_arg *op UNUSED)
{
	return 0;
}

#define ALL 1u	   /* any domain, not only the control domain */
#define RETURNS 2u /* the structure is copied back */
#define OP(nr, member, flags, run) \
	[PHYSDEVOP_##nr] = { sizeof(((union physdev_arg *)0)->member), flags, run }

/*
 * A number without a line is refused to all: get_free_pirq, for guests that
 * are no PV ones; restore_msi, manage_pci_add and its kin, which have better
 * forms; free_irq_vector; dbgp_op, since the core has no debug port;
 * set_iobitmap, since user programs have no ports; what eoi and its query do.
 */
static const struct {
	uint8_t size, flags;
	int (*run)(union physdev_arg *op);
} table[] = {
	OP(eoi, eoi, ALL, op_eoi),
	OP(irq_status_query, status, RETURNS, op_irq_status_query),
	OP(set_iopl, iopl, ALL, op_set_iopl),
	OP(apic_read, apic, RETURNS, op_apic_read),
	OP(apic_write, apic, 0, op_noted),
	OP(alloc_irq_vector, irq, 0, op_noted),
	OP(map_pirq, map, RETURNS, op_map_pirq),
	OP(unmap_pirq, unmap, 0, op_unmap_pirq),
	OP(setup_gsi, gsi, 0, op_setup_gsi),
	OP(pci_device_add, device_add, 0, op_noted),
	OP(pci_device_remove, device, 0, op_noted),
	OP(pci_mmcfg_reserved, mmcfg, 0, op_noted),
	OP(restore_msi_ext, device, 0, op_noted),
	OP(prepare_msix, device, 0, op_noted),
	OP(release_msix, device, 0, op_noted),
};

long do_physdev_op(uint64_t cmd, uint64_t arg)
{
	guest_ptr_t ptr = guest_ptr(arg);
	union physdev_arg op;
	unsigned int nr;
	int rc;

	nr = (unsigned int)index_nospec((uint32_t)cmd, ARRAY_SIZE(table));
	if (nr != (uint32_t)cmd || table[nr].run == NULL) {
		return -XEN_ENOSYS;
	}
	if (!current_domain()->is_control && !(table[nr].flags & ALL)) {
		return -XEN_EPERM;
	}
	rc = copy_from_guest(&op, ptr, table[nr].size);
	if (rc == 0) {
		rc = table[nr].run(&op);
	}
	if (rc == 0 && (table[nr].flags & RETURNS)) {
		rc = copy_to_guest(ptr, &op, table[nr].size);
	}
	return rc;
}

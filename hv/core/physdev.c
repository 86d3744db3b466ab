/* SPDX-License-Identifier: MIT */
/*
 * physdev_op: the rules by which a domain uses physical interrupts, I/O
 * privilege and PCI devices.  pirq.c does the work on interrupts and locks for
 * itself; here arguments are copied in and checked.  All but set_iopl, eoi and
 * irq_status_query are for the control domain.
 *
 * The core keeps no list of PCI devices and programs no messages: devices are
 * announced to it without effect, and whatever belongs to MSI is refused, so
 * that Linux takes the interrupt lines instead.
 */
#include <hv/hypercall.h>

#include <xen/physdev.h>

#include <arch/irq.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/vcpu.h>

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
	struct domain *d = current_domain();

	if (!pirq_is_mapped(d, op->eoi.irq)) {
		return -XEN_EINVAL;
	}
	pirq_eoi(d, op->eoi.irq);
	return 0;
}

static int op_irq_status_query(union physdev_arg *op)
{
	bool needs_eoi;

	if (!pirq_is_mapped(current_domain(), op->status.irq)) {
		return -XEN_EINVAL;
	}
	/* Never shared: a pirq has one domain. */
	needs_eoi = arch_pirq_needs_eoi(op->status.irq);
	op->status.flags = needs_eoi ? XENIRQSTAT_needs_eoi : 0;
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

/* The vector is a number that the guest hands back and never uses. */
static int op_alloc_irq_vector(union physdev_arg *op)
{
	if (op->irq.irq >= arch_gsi_count()) {
		return -XEN_EINVAL;
	}
	op->irq.vector = op->irq.irq;
	return 0;
}

/* Devices cannot be given away yet. */
static bool is_caller(domid_t domid)
{
	return domid == DOMID_SELF || domid == current_domain()->id;
}

static int op_map_pirq(union physdev_arg *op)
{
	struct physdev_map_pirq *map = &op->map;
	int gsi = map->index;

	if (!is_caller(map->domid)) {
		return -XEN_ESRCH;
	}
	switch (map->type) {
	case MAP_PIRQ_TYPE_GSI:
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		return -XEN_ENOSYS;
	default:
		return -XEN_EINVAL;
	}
	/* A line has its own number, and no other may be wanted for it. */
	if (gsi < 0 || (map->pirq >= 0 && map->pirq != gsi)) {
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
	/* A negative one is beyond all lines. */
	return pirq_unmap(current_domain(), (unsigned int)op->unmap.pirq);
}

static int op_setup_gsi(union physdev_arg *op)
{
	unsigned int gsi = (unsigned int)op->gsi.gsi;
	int rc;

	if (gsi >= arch_gsi_count() || op->gsi.triggering > 1 || op->gsi.polarity > 1) {
		return -XEN_EINVAL;
	}
	rc = arch_gsi_setup(gsi, op->gsi.triggering, op->gsi.polarity);
	return rc == -XEN_EBUSY ? -XEN_EEXIST : rc;
}

/* Readable, and of no consequence: devices are announced, and the core alone
 * programs the IO-APICs. */
static int op_noted(union physdev_arg *op UNUSED)
{
	return 0;
}

static int op_refused(union physdev_arg *op UNUSED)
{
	return -XEN_ENOSYS;
}

#define ALL 1u	   /* any domain, not only the control domain */
#define RETURNS 2u /* the structure is copied back */
#define OP(nr, member, flags, run) \
	[PHYSDEVOP_##nr] = { sizeof(((union physdev_arg *)0)->member), flags, run }

/*
 * A number without a line is refused to the control domain as well: all that
 * is for messages (get_free_pirq, restore_msi, prepare_msix, release_msix),
 * manage_pci_add and its kin, which pci_device_add has replaced,
 * free_irq_vector, and dbgp_op, since the core has no debug port.
 */
static const struct {
	uint8_t size, flags;
	int (*run)(union physdev_arg *op);
} table[] = {
	OP(eoi, eoi, ALL, op_eoi),
	OP(irq_status_query, status, ALL | RETURNS, op_irq_status_query),
	OP(set_iopl, iopl, ALL, op_set_iopl),
	OP(apic_read, apic, RETURNS, op_apic_read),
	OP(apic_write, apic, 0, op_noted),
	OP(alloc_irq_vector, irq, RETURNS, op_alloc_irq_vector),
	OP(map_pirq, map, RETURNS, op_map_pirq),
	OP(unmap_pirq, unmap, 0, op_unmap_pirq),
	OP(setup_gsi, gsi, 0, op_setup_gsi),
	OP(pci_device_add, device_add, 0, op_noted),
	OP(pci_device_remove, device, 0, op_noted),
	OP(pci_mmcfg_reserved, mmcfg, 0, op_noted),
	/* User programs have no ports. */
	[PHYSDEVOP_set_iobitmap] = { 0, ALL, op_refused },
	/* eoi and its query do instead of these. */
	[PHYSDEVOP_pirq_eoi_gmfn_v1] = { 0, ALL, op_refused },
	[PHYSDEVOP_pirq_eoi_gmfn_v2] = { 0, ALL, op_refused },
	[PHYSDEVOP_IRQ_UNMASK_NOTIFY] = { 0, ALL, op_refused },
};

long do_physdev_op(uint64_t cmd, uint64_t arg)
{
	bool control = current_domain()->is_control;
	guest_ptr_t ptr = guest_ptr(arg);
	union physdev_arg op;
	unsigned int nr;
	int rc;

	nr = (unsigned int)index_nospec((uint32_t)cmd, ARRAY_SIZE(table));
	if (nr != (uint32_t)cmd || table[nr].run == NULL) {
		return control ? -XEN_ENOSYS : -XEN_EPERM;
	}
	if (!control && !(table[nr].flags & ALL)) {
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

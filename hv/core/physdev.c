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

#include <xen/errno.h>
#include <xen/physdev.h>

#include <arch/irq.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/vcpu.h>

static long op_eoi(guest_ptr_t arg)
{
	struct domain *d = current_domain();
	struct physdev_eoi op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	if (!pirq_is_mapped(d, op.irq)) {
		return -XEN_EINVAL;
	}
	pirq_eoi(d, op.irq);
	return 0;
}

static long op_irq_status_query(guest_ptr_t arg)
{
	struct physdev_irq_status_query op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	if (!pirq_is_mapped(current_domain(), op.irq)) {
		return -XEN_EINVAL;
	}
	/* Never shared: a pirq has one domain. */
	op.flags = arch_pirq_needs_eoi(op.irq) ? XENIRQSTAT_needs_eoi : 0;
	return copy_to_guest(arg, &op, sizeof(op));
}

static long op_set_iopl(guest_ptr_t arg)
{
	struct physdev_set_iopl op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	if (op.iopl > 3) {
		return -XEN_EINVAL;
	}
	vcpu_set_iopl(current_vcpu(), op.iopl);
	return 0;
}

static long op_apic_read(guest_ptr_t arg)
{
	struct physdev_apic op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	rc = arch_ioapic_read(op.apic_physbase, op.reg, &op.value);
	return rc != 0 ? rc : copy_to_guest(arg, &op, sizeof(op));
}

static long op_apic_write(guest_ptr_t arg)
{
	struct physdev_apic op;

	/* The core alone programs the IO-APICs: ignored, as published. */
	return copy_from_guest(&op, arg, sizeof(op));
}

/* The vector is a number that the guest hands back and never uses. */
static long op_alloc_irq_vector(guest_ptr_t arg)
{
	struct physdev_irq op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	if (op.irq >= arch_gsi_count()) {
		return -XEN_EINVAL;
	}
	op.vector = op.irq;
	return copy_to_guest(arg, &op, sizeof(op));
}

/* 0 if domid names the caller: devices cannot be given away yet. */
static int check_target(domid_t domid)
{
	if (domid == DOMID_SELF || domid == current_domain()->id) {
		return 0;
	}
	return -XEN_ESRCH;
}

static long op_map_pirq(guest_ptr_t arg)
{
	struct physdev_map_pirq op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc == 0) {
		rc = check_target(op.domid);
	}
	if (rc != 0) {
		return rc;
	}
	switch (op.type) {
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
	if (op.index < 0 || (op.pirq >= 0 && op.pirq != op.index)) {
		return -XEN_EINVAL;
	}
	rc = pirq_map_gsi(current_domain(), (unsigned int)op.index);
	if (rc != 0) {
		return rc;
	}
	op.pirq = op.index;
	return copy_to_guest(arg, &op, sizeof(op));
}

static long op_unmap_pirq(guest_ptr_t arg)
{
	struct physdev_unmap_pirq op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc == 0) {
		rc = check_target(op.domid);
	}
	if (rc != 0) {
		return rc;
	}
	if (op.pirq < 0) {
		return -XEN_EINVAL;
	}
	return pirq_unmap(current_domain(), (unsigned int)op.pirq);
}

static long op_setup_gsi(guest_ptr_t arg)
{
	struct physdev_setup_gsi op;
	int rc = copy_from_guest(&op, arg, sizeof(op));

	if (rc != 0) {
		return rc;
	}
	if (op.gsi < 0 || (unsigned int)op.gsi >= arch_gsi_count() ||
	    op.triggering > 1 || op.polarity > 1) {
		return -XEN_EINVAL;
	}
	rc = arch_gsi_setup((unsigned int)op.gsi, op.triggering == 1,
			    op.polarity == 1);
	return rc == -XEN_EBUSY ? -XEN_EEXIST : rc;
}

/* The control domain tells of a device: readable, and of no consequence. */
static long op_noted(guest_ptr_t arg, size_t size)
{
	uint8_t op[sizeof(struct physdev_manage_pci_ext)];

	return copy_from_guest(op, arg, MIN(size, sizeof(op)));
}

static long control_op(int cmd, guest_ptr_t arg)
{
	switch (cmd) {
	case PHYSDEVOP_apic_read:
		return op_apic_read(arg);
	case PHYSDEVOP_apic_write:
		return op_apic_write(arg);
	case PHYSDEVOP_alloc_irq_vector:
		return op_alloc_irq_vector(arg);
	case PHYSDEVOP_free_irq_vector:
		return 0;
	case PHYSDEVOP_map_pirq:
		return op_map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return op_unmap_pirq(arg);
	case PHYSDEVOP_setup_gsi:
		return op_setup_gsi(arg);
	case PHYSDEVOP_pci_device_add:
		return op_noted(arg, sizeof(struct physdev_pci_device_add));
	case PHYSDEVOP_pci_device_remove:
		return op_noted(arg, sizeof(struct physdev_pci_device));
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
		return op_noted(arg, sizeof(struct physdev_manage_pci));
	case PHYSDEVOP_manage_pci_add_ext:
		return op_noted(arg, sizeof(struct physdev_manage_pci_ext));
	case PHYSDEVOP_pci_mmcfg_reserved:
		return op_noted(arg, sizeof(struct physdev_pci_mmcfg_reserved));

	case PHYSDEVOP_get_free_pirq: /* numbers for messages only */
	case PHYSDEVOP_restore_msi:
	case PHYSDEVOP_restore_msi_ext:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
	case PHYSDEVOP_dbgp_op: /* the core has no debug port */
	default:
		return -XEN_ENOSYS;
	}
}

long do_physdev_op(uint64_t cmd, uint64_t arg)
{
	guest_ptr_t ptr = guest_ptr(arg);

	switch ((int)cmd) {
	case PHYSDEVOP_eoi:
		return op_eoi(ptr);
	case PHYSDEVOP_irq_status_query:
		return op_irq_status_query(ptr);
	case PHYSDEVOP_set_iopl:
		return op_set_iopl(ptr);
	case PHYSDEVOP_set_iobitmap:	 /* user programs have no ports */
	case PHYSDEVOP_pirq_eoi_gmfn_v1: /* eoi and its query do instead */
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
	case PHYSDEVOP_IRQ_UNMASK_NOTIFY: /* superseded by eoi */
		return -XEN_ENOSYS;
	default:
		break;
	}
	if (!current_domain()->is_control) {
		return -XEN_EPERM;
	}
	return control_op((int)cmd, ptr);
}

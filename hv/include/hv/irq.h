/* SPDX-License-Identifier: MIT */
/*
 * Hardware interrupts as the core routes them: a pirq is a GSI (below the
 * number of IO-APIC lines) or a message of a PCI device, above; it is bound to
 * one port of one domain.  x86 code owns vectors and controllers behind
 * arch/irq.h; physdev.c owns the rules, pci.c the devices' registers.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include <hv/lock.h>

extern spinlock_t pirq_lock; /* also makes PCI configuration writes one step */

/**
 * Gives GSI `gsi` to d as the pirq of that number; 0 also if d has it.
 * -XEN_EINVAL: no such line, -XEN_EBUSY: another domain's.
 */
int must_check pirq_map_gsi(struct domain *d, unsigned int gsi);
/**
 * Gives the device's MSI-X entry, or its MSI (PCI_MSI_PLAIN), to d; the number
 * of its pirq, -XEN_EEXIST: in use, -XEN_ENOSPC, -XEN_ENODEV: no such entry.
 */
int must_check pirq_map_msi(struct domain *d, uint16_t bdf, unsigned int entry);
/** Writes all messages of a device again; false if it has none.  Pirq lock held. */
bool pirq_restore_msi(uint16_t bdf, bool msix);
/** Takes it back; -XEN_EINVAL: not d's, -XEN_EBUSY: bound to a port. */
int pirq_unmap(struct domain *d, unsigned int pirq);

/** From the interrupt path of x86: the line or message `pirq` fired. */
void pirq_fired(unsigned int pirq);
/** Binds for EVTCHNOP_bind_pirq; 0 or -XEN_Exxx. evtchn lock of d held. */
int must_check pirq_bind(struct domain *d, unsigned int pirq, uint32_t port, struct vcpu *v);
/** The port's vCPU changed: aim the interrupt at its CPU.  NULL: the port goes. */
void pirq_set_affinity(struct domain *d, unsigned int pirq, struct vcpu *v);
/** Guest is done with a level interrupt; -XEN_EINVAL: not d's. */
int must_check pirq_eoi(struct domain *d, unsigned int pirq);
/** Releases all of d's pirqs. */
void pirq_domain_destroy(struct domain *d);

/** Port access of a guest: 0 all ones / ignored unless allowed. */
uint32_t ioport_read(struct domain *d, uint16_t port, unsigned int bytes);
void ioport_write(struct domain *d, uint16_t port, unsigned int bytes, uint32_t value);
/**
 * Ports, or I/O frames, that d may use from now on, or no more.  Ports: the
 * domain is claimed; -XEN_EINVAL: there are not so many, -XEN_ENOMEM.  Frames:
 * -XEN_ENOSPC: too many ranges, -XEN_ENOENT: no such one to take away,
 * -XEN_EBUSY: d has memory, and may have mapped them.
 */
int must_check ioport_allow(struct domain *d, uint64_t first, uint64_t count, bool allow);
int must_check iomem_allow(struct domain *d, uint64_t first, uint64_t count, bool allow);
/** Access to hardware for a domain that has not run yet; -XEN_ENOMEM. */
int must_check ioport_domain_init(struct domain *d);
void ioport_domain_free(struct domain *d);
/** True if d may map the I/O frame (never APIC, IO-APIC, core RAM). */
bool iomem_permitted(const struct domain *d, unsigned long mfn);

#endif

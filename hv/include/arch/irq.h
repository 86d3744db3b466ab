/* SPDX-License-Identifier: MIT */
/*
 * The seam, part four: interrupt lines and messages.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

/** Number of IO-APIC lines; pirqs below it are GSIs. */
extern unsigned int arch_gsi_count; /* write-once at start-up */
/** Trigger and polarity of a line; 0 or -XEN_EBUSY: not a guest's. */
int must_check arch_gsi_setup(unsigned int gsi, bool level, bool active_low);
/** Starts delivery of a line to a CPU, or moves it. */
int must_check arch_pirq_enable(unsigned int pirq, unsigned int cpu);
/** Ends a level interrupt that pirq_fired() left in service, if it is; stops delivery, too. */
void arch_pirq_eoi(unsigned int pirq, bool disable);
/** True if the guest must say when it is done with it. */
bool arch_pirq_needs_eoi(unsigned int pirq);

/** IO-APIC registers as PHYSDEVOP_apic_read shows them; -XEN_EINVAL. */
int must_check arch_ioapic_read(uint64_t base, uint32_t reg, uint32_t *value);
/** Is the frame one of local APIC, IO-APIC or an MSI doorbell? */
bool arch_iomem_denied(unsigned long mfn);

/**
 * The message that makes `pirq` fire on a CPU; the first call takes a vector
 * for it: -XEN_ENOSPC if none is free.  For another CPU only the address is
 * another.  arch_msi_free() gives the vector back: the device must be silent;
 * what it sent before may still fire, for whoever has the vector next.
 */
int must_check arch_msi_message(unsigned int pirq, unsigned int cpu, uint32_t *address,
				uint32_t *data);
void arch_msi_free(unsigned int pirq);
/** Device memory, uncached: 32 bits, and 1, 2, 4 or 8 bytes. */
uint32_t arch_mmio_read(uint64_t paddr);
void arch_mmio_write(uint64_t paddr, unsigned int bytes, uint64_t value);

/* PCI configuration space, by ports 0xcf8/0xcfc: reg below 256 and aligned. */
uint32_t arch_pci_read(uint16_t bdf, unsigned int reg, unsigned int bytes);
void arch_pci_write(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value);

#endif

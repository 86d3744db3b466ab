/* SPDX-License-Identifier: MIT */
/*
 * The seam, part four: interrupt lines and messages.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

/** Number of IO-APIC lines; pirqs below it are GSIs. */
unsigned int arch_gsi_count(void);
/** Trigger and polarity of a line; 0 or -XEN_EINVAL / -XEN_EBUSY. */
int must_check arch_gsi_setup(unsigned int gsi, bool level, bool active_low);
/** Starts and stops delivery, to a CPU. */
int must_check arch_pirq_enable(unsigned int pirq, unsigned int cpu);
void arch_pirq_disable(unsigned int pirq);
void arch_pirq_set_cpu(unsigned int pirq, unsigned int cpu);
/** Ends a level interrupt that pirq_fired() left in service. */
void arch_pirq_eoi(unsigned int pirq);
/** True if the guest must say when it is done with it. */
bool arch_pirq_needs_eoi(unsigned int pirq);

/** IO-APIC registers as PHYSDEVOP_apic_read shows them; -XEN_EINVAL. */
int must_check arch_ioapic_read(uint64_t base, uint32_t reg, uint32_t *value);
/** Is the frame one of local APIC, IO-APIC or an MSI doorbell? */
bool arch_iomem_denied(unsigned long mfn);

/* PCI configuration space, by ports 0xcf8/0xcfc. */
uint32_t arch_pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg,
		       unsigned int bytes);
void arch_pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes,
		    uint32_t value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space by configuration mechanism 1.  The address port is
 * shared by all CPUs, so one lock covers address and data.
 */
#include <x86.h>

#include <arch/irq.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc

static spinlock_t pci_lock = SPINLOCK_INIT(RANK_IRQ);

uint32_t arch_pci_read(uint16_t bdf, unsigned int reg, unsigned int bytes)
{
	uint32_t value;

	spin_lock(&pci_lock);
	outl(PCI_ADDRESS, 0x80000000u | (uint32_t)bdf << 8 | (reg & 0xfc));
	value = arch_port_read((uint16_t)(PCI_DATA + (reg & 3)), bytes);
	spin_unlock(&pci_lock);
	return value;
}

void arch_pci_write(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value)
{
	spin_lock(&pci_lock);
	outl(PCI_ADDRESS, 0x80000000u | (uint32_t)bdf << 8 | (reg & 0xfc));
	arch_port_write((uint16_t)(PCI_DATA + (reg & 3)), bytes, value);
	spin_unlock(&pci_lock);
}

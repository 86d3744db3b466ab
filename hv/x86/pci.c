/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space by configuration mechanism 1.  The address port is
 * shared by all CPUs, so one lock covers address and data.  Only segment 0 and
 * the first 256 bytes of a function exist here; the rest reads as all ones.
 */
#include <x86.h>

#include <arch/irq.h>

#include <hv/lock.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc

static spinlock_t pci_lock = SPINLOCK_INIT(RANK_IRQ);

static bool is_reachable(uint16_t seg, unsigned int reg, unsigned int bytes)
{
	return seg == 0 && reg < 256 && (bytes == 1 || bytes == 2 || bytes == 4) &&
	       (reg & (bytes - 1)) == 0;
}

static void select_register(uint8_t bus, uint8_t devfn, unsigned int reg)
{
	outl(PCI_ADDRESS, 0x80000000u | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (reg & 0xfc));
}

uint32_t arch_pci_read(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg,
		       unsigned int bytes)
{
	uint32_t value;

	if (!is_reachable(seg, reg, bytes)) {
		return ~0u;
	}
	spin_lock(&pci_lock);
	select_register(bus, devfn, reg);
	value = arch_port_read((uint16_t)(PCI_DATA + (reg & 3)), bytes);
	spin_unlock(&pci_lock);
	return value;
}

void arch_pci_write(uint16_t seg, uint8_t bus, uint8_t devfn, unsigned int reg, unsigned int bytes,
		    uint32_t value)
{
	if (!is_reachable(seg, reg, bytes)) {
		return;
	}
	spin_lock(&pci_lock);
	select_register(bus, devfn, reg);
	arch_port_write((uint16_t)(PCI_DATA + (reg & 3)), bytes, value);
	spin_unlock(&pci_lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * PCI as far as interrupts go: configuration writes of the control domain,
 * the messages of devices, and the device registers that stay read-only so
 * that nobody but the core writes a message.
 */
#ifndef HV_PCI_H
#define HV_PCI_H

#define PCI_BDF(bus, devfn) ((uint16_t)((bus) << 8 | (devfn)))
#define PCI_MSI_PLAIN 0xffffu /* in place of an MSI-X entry: the device's one MSI */

/* What a read-only frame holds, and so what becomes of a store. */
enum pci_range {
	PCI_REGISTERS, /* dropped: could send messages of their own */
	PCI_WINDOW,    /* a configuration write, from function bdf on */
	PCI_TABLE,     /* MSI-X of bdf: dropped; beside it in the page: made */
};

/** Keeps [start, start + size) read-only; at start-up, before there is a guest. */
void pci_add_range(enum pci_range kind, uint64_t start, uint64_t size, uint16_t bdf);
/** Looks at all devices, likewise; all messages are off then. */
void pci_init(void);

/** May the device frame be mapped for reading only? */
bool iomem_readonly(unsigned long mfn);
/** A store of the domain to such a frame, all of it. */
void pci_mmio_write(const struct domain *d, uint64_t paddr, unsigned int bytes, uint64_t value);
/**
 * A configuration write: made as it is, changed, or dropped.  reg is aligned
 * to bytes; paddr is where to write registers from 256 on.
 */
void pci_config_write(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value,
		      uint64_t paddr);

/**
 * Gives the device's MSI or MSI-X entry its message, and masks the entry
 * unless `on`.  Address 0 ends it: a plain MSI is then disabled.  False: there
 * is no such thing, or the device does not answer.  Pirq lock held.
 */
bool pci_msi_write(uint16_t bdf, unsigned int entry, uint32_t address, uint32_t data, bool on);

#endif

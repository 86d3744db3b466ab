/* SPDX-License-Identifier: MIT */
/*
 * Device access of domains that have it: I/O ports and I/O frames.  Only the
 * emulation of port instructions and the page-table code ask.  A port that a
 * domain may not use reads all ones and takes no writes, as an empty one does
 * on real hardware; the guest never gets a fault for it.  No lock: the map is
 * written once, and the latched configuration address is the guest's own to
 * serialize, as it has to on real hardware.
 *
 * PCI configuration ports never reach the device raw, because the address
 * port is shared with the core: 0xcf8 is latched per domain, and each access
 * to 0xcfc..0xcff becomes one complete transaction.
 */
#include <hv/irq.h>

#include <xen/errno.h>

#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/paging.h>

#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/page.h>

#define PORTS 65536u
#define MAP_BYTES (PORTS / 8)
#define PCI_ADDRESS 0xcf8u
#define PCI_DATA 0xcfcu
#define PCI_END 0xd00u

#define CF8_ENABLE 0x80000000u
#define CF8_RESERVED 0x7f000000u /* some CPUs: registers above 255 */

static uint32_t all_ones(unsigned int bytes)
{
	return bytes >= 4 ? ~0u : (1u << (8 * bytes)) - 1;
}

static bool is_pci(unsigned int port, unsigned int bytes)
{
	return port < PCI_END && port + bytes > PCI_ADDRESS;
}

static bool ports_allowed(const struct domain *d, unsigned int port,
			  unsigned int bytes)
{
	if (d->ioport_map == NULL || port + bytes > PORTS) {
		return false;
	}
	for (unsigned int p = port; p < port + bytes; p++) {
		if (!(d->ioport_map[p / 64] & (1ull << (p % 64)))) {
			return false;
		}
	}
	return true;
}

/*
 * Decodes an access to the data ports: false if it addresses nothing, crosses
 * a register, or means a register that this mechanism cannot name.
 */
static bool decode_pci(const struct domain *d, unsigned int port,
		       unsigned int bytes, uint8_t *bus, uint8_t *devfn,
		       unsigned int *reg)
{
	uint32_t address = READ_ONCE(d->pci_cf8);

	if (port < PCI_DATA || port + bytes > PCI_END ||
	    (port & (bytes - 1)) != 0) {
		return false;
	}
	if (!(address & CF8_ENABLE) || (address & CF8_RESERVED)) {
		return false;
	}
	*bus = (uint8_t)(address >> 16);
	*devfn = (uint8_t)(address >> 8);
	*reg = (address & 0xfc) | (port & 3);
	return true;
}

static uint32_t pci_read(const struct domain *d, unsigned int port,
			 unsigned int bytes)
{
	uint8_t bus, devfn;
	unsigned int reg;

	if (port == PCI_ADDRESS && bytes == 4) {
		return READ_ONCE(d->pci_cf8);
	}
	if (!decode_pci(d, port, bytes, &bus, &devfn, &reg)) {
		return all_ones(bytes);
	}
	return arch_pci_read(0, bus, devfn, reg, bytes) & all_ones(bytes);
}

static void pci_write(struct domain *d, unsigned int port, unsigned int bytes,
		      uint32_t value)
{
	uint8_t bus, devfn;
	unsigned int reg;

	if (port == PCI_ADDRESS && bytes == 4) {
		WRITE_ONCE(d->pci_cf8, value);
	} else if (decode_pci(d, port, bytes, &bus, &devfn, &reg)) {
		arch_pci_write(0, bus, devfn, reg, bytes, value);
	}
}

uint32_t ioport_read(struct domain *d, uint16_t port, unsigned int bytes)
{
	if (!d->may_io || (bytes != 1 && bytes != 2 && bytes != 4)) {
		return all_ones(bytes);
	}
	if (is_pci(port, bytes)) {
		return d->is_control ? pci_read(d, port, bytes) :
				       all_ones(bytes);
	}
	if (!ports_allowed(d, port, bytes)) {
		return all_ones(bytes);
	}
	return arch_port_read(port, bytes) & all_ones(bytes);
}

void ioport_write(struct domain *d, uint16_t port, unsigned int bytes,
		  uint32_t value)
{
	if (!d->may_io || (bytes != 1 && bytes != 2 && bytes != 4)) {
		return;
	}
	if (is_pci(port, bytes)) {
		if (d->is_control) {
			pci_write(d, port, bytes, value);
		}
	} else if (ports_allowed(d, port, bytes)) {
		arch_port_write(port, bytes, value);
	}
}

int ioport_domain_init(struct domain *d)
{
	uint64_t *map;

	if (!d->may_io) {
		return 0;
	}
	map = heap_alloc_bytes(MAP_BYTES);
	if (map == NULL) {
		return -XEN_ENOMEM;
	}
	for (unsigned int p = 0; p < PORTS; p++) {
		if (!arch_port_denied((uint16_t)p)) {
			map[p / 64] |= 1ull << (p % 64);
		}
	}
	d->ioport_map = map;
	return 0;
}

void ioport_domain_free(struct domain *d)
{
	if (d->ioport_map != NULL) {
		heap_free_bytes(d->ioport_map, MAP_BYTES);
		d->ioport_map = NULL;
	}
}

bool iomem_permitted(const struct domain *d, unsigned long mfn)
{
	if (!d->may_io || mfn >> (arch_paddr_bits() - PAGE_SHIFT) != 0) {
		return false;
	}
	/* RAM is the core's or a domain's, unless the firmware keeps it. */
	if (mfn_valid(mfn) && mfn_to_page(mfn)->owner != OWNER_IO) {
		return false;
	}
	return !arch_iomem_denied(mfn);
}

/* SPDX-License-Identifier: MIT */
/*
 * Device access of domains that have it: I/O ports and I/O frames.  Only the
 * emulation of port instructions and the page-table code ask.  A port that a
 * domain may not use reads all ones and takes no writes, as an empty one does
 * on real hardware; the guest never gets a fault for it.  What is allowed is
 * changed by one CPU at a time, by single stores that the readers see without a
 * lock.  The latched configuration address is the guest's own to serialize, as
 * it has to on real hardware.
 *
 * PCI configuration ports never reach the device raw, because the address
 * port is shared with the core: 0xcf8 is latched per domain, and each access
 * to 0xcfc..0xcff becomes one complete transaction; writes are pci.c's to judge.
 */
#include <hv/irq.h>

#include <arch/irq.h>

#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/page.h>
#include <hv/pci.h>

#define PORTS 65536u
#define MAP_BYTES (PORTS / 8)
#define PCI_ADDRESS 0xcf8u
#define PCI_DATA 0xcfcu
#define PCI_END 0xd00u

#define CF8_ENABLE 0x80000000u
#define CF8_RESERVED 0x7f000000u /* some CPUs: registers above 255 */

static bool ports_allowed(const struct domain *d, unsigned int port, unsigned int bytes)
{
	const uint64_t *map = __atomic_load_n(&d->ioport_map, __ATOMIC_ACQUIRE);
	bool allowed = map != NULL && port + bytes <= PORTS;

	for (unsigned int p = port; allowed && p < port + bytes; p++) {
		allowed = (READ_ONCE(map[p / 64]) & (1ull << (p % 64))) != 0;
	}
	return allowed;
}

/*
 * One access to PCI configuration or a plain port; *value stays where it finds
 * nothing to read.  Data ports address nothing while they are not enabled, when
 * an access crosses a register, or for registers that this mechanism cannot
 * name.
 */
static void access(struct domain *d, unsigned int port, unsigned int bytes, uint32_t *value,
		   bool write)
{
	uint32_t address = READ_ONCE(d->pci_cf8);
	unsigned int reg = (address & 0xfc) | (port & 3);

	if (port >= PCI_END || port + bytes <= PCI_ADDRESS) {
		if (!ports_allowed(d, port, bytes)) {
			return;
		}
		if (write) {
			arch_port_write((uint16_t)port, bytes, *value);
		} else {
			*value = arch_port_read((uint16_t)port, bytes);
		}
	} else if (d->is_control && port == PCI_ADDRESS && bytes == 4) {
		if (write) {
			WRITE_ONCE(d->pci_cf8, *value);
		}
		*value = write ? *value : address;
	} else if (d->is_control && port >= PCI_DATA && (port & (bytes - 1)) == 0 &&
		   (address & (CF8_ENABLE | CF8_RESERVED)) == CF8_ENABLE) {
		if (write) {
			pci_config_write((uint16_t)(address >> 8), reg, bytes, *value, 0);
		} else {
			*value = arch_pci_read((uint16_t)(address >> 8), reg, bytes);
		}
	}
}

uint32_t ioport_read(struct domain *d, uint16_t port, unsigned int bytes)
{
	uint32_t value = ~0u;

	access(d, port, bytes, &value, false);
	return value & (~0u >> (32 - 8 * bytes));
}

void ioport_write(struct domain *d, uint16_t port, unsigned int bytes, uint32_t value)
{
	access(d, port, bytes, &value, true);
}

int ioport_allow(struct domain *d, uint64_t first, uint64_t count, bool allow)
{
	uint64_t *map = d->ioport_map, bit;

	if (first >= PORTS || count > PORTS - first) {
		return -XEN_EINVAL;
	}
	map = map == NULL ? heap_alloc_bytes(MAP_BYTES) : map;
	if (map == NULL) {
		return -XEN_ENOMEM;
	}
	for (uint64_t p = first; p < first + count; p++) {
		bit = 1ull << (p % 64);
		if (!allow) {
			WRITE_ONCE(map[p / 64], map[p / 64] & ~bit);
		} else if (!arch_port_denied((uint16_t)p)) {
			WRITE_ONCE(map[p / 64], map[p / 64] | bit);
		}
	}
	__atomic_store_n(&d->ioport_map, map, __ATOMIC_RELEASE);
	return 0;
}

int ioport_domain_init(struct domain *d)
{
	d->may_io = true;
	return ioport_allow(d, 0, PORTS, true);
}

void ioport_domain_free(struct domain *d)
{
	heap_free_bytes(d->ioport_map, MAP_BYTES);
}

int iomem_allow(struct domain *d, uint64_t first, uint64_t count, bool allow)
{
	struct iomem *r = d->iomem, *end = r + ARRAY_SIZE(d->iomem);
	int rc = 0;

	/* The lock also keeps it without frames. */
	spin_lock(&d->lock);
	while (r < end && (allow ? r->count != 0 : r->first != first || r->count != count)) {
		r++;
	}
	if (r == end) {
		rc = allow ? -XEN_ENOSPC : -XEN_ENOENT;
	} else if (!allow && READ_ONCE(d->tot_pages) != 0) {
		/* Nobody knows whether its tables map it; now there is none. */
		rc = -XEN_EBUSY;
	} else {
		WRITE_ONCE(r->first, first);
		__atomic_store_n(&r->count, allow ? count : 0, __ATOMIC_RELEASE);
	}
	spin_unlock(&d->lock);
	return rc;
}

bool iomem_permitted(const struct domain *d, unsigned long mfn)
{
	bool allowed = d->may_io;

	for (unsigned int i = 0; !allowed && i < ARRAY_SIZE(d->iomem); i++) {
		uint64_t count = __atomic_load_n(&d->iomem[i].count, __ATOMIC_ACQUIRE);

		allowed = mfn - READ_ONCE(d->iomem[i].first) < count;
	}
	return allowed && mfn >> (cpu_features.paddr_bits - PAGE_SHIFT) == 0 && mfn_is_io(mfn) &&
	       !arch_iomem_denied(mfn);
}

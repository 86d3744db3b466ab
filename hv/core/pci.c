/* SPDX-License-Identifier: MIT */
/*
 * PCI: who may write what, so that a device sends only the messages that the
 * core gave it.  Called for configuration writes (ioport.c) and for stores to
 * read-only device frames (emul_pte.c), and by pirq.c to write messages.  The
 * pirq lock makes a write and its check one step; the tables below are written
 * at start-up only.  Keeps no copy of configuration space: capabilities are
 * looked up in the device each time.
 *
 * What makes it hold, without ever taking a mapping away from a guest:
 *  - MSI: address, data and count in the capability are the core's, and the
 *    enable bit goes on only for a device that has an MSI mapped.
 *  - MSI-X: the table is where the firmware put it.  Its frames are read-only
 *    from the start; the base address register keeps its value (or all ones, to
 *    find its size, while memory decoding is off), and decoding goes on only
 *    with that value in it.  So a guest never writes to a table, wherever it
 *    moves things.  A device that was not there at start-up, or had no address
 *    then, has no MSI-X: its enable bit stays off.
 *  - Bridges keep their bus numbers, and host bridges all settings of their own:
 *    a device is known by its bus, and memory-mapped configuration space by its
 *    address.
 */
#include <hv/pci.h>

#include <arch/irq.h>

#include <hv/domain.h>
#include <hv/irq.h>
#include <hv/page.h>

#define REG_COMMAND 0x04u
#define COMMAND_MEMORY 2u
#define STATUS_CAPABILITIES 0x100000u /* in the register of COMMAND */
#define REG_CLASS 0x0au
#define CLASS_HOST_BRIDGE 0x0600u
#define REG_TYPE 0x0eu
#define REG_BAR 0x10u
#define REG_BUSES 0x18u
#define REG_CAPABILITIES 0x34u
#define REG_DEVICE 0x40u     /* from here on: capabilities and the device's own */
#define CAPABILITIES_MAX 48u /* as many as fit */

#define CAP_MSI 0x05u
#define CAP_MSIX 0x11u
/* Control halves of the capabilities, as bits of the whole first register. */
#define MSI_ENABLE 0x00010000u
#define MSI_COUNT 0x00700000u
#define MSI_64BIT 0x00800000u
#define MSIX_ENABLE 0x80000000u

#define ENTRY_BYTES 16u /* of the MSI-X table */
#define ENTRY_CONTROL 12u
#define ENTRY_MASKED 1u

#define BUSES_MASK 0xffffffu /* of a bridge: primary, secondary, last */

#define GUARDS_MAX 256u
#define RANGES_MAX 256u

/* Registers that keep what the firmware wrote, under the mask. */
static struct guard {
	uint16_t bdf;
	uint8_t reg;
	uint32_t home, mask;
} guards[GUARDS_MAX];
static unsigned int guard_count;

static struct range {
	enum pci_range kind;
	uint16_t bdf;
	uint64_t start, end;
} ranges[RANGES_MAX];
static unsigned int range_count;

static unsigned int find_capability(uint16_t bdf, unsigned int id)
{
	unsigned int pos = REG_CAPABILITIES - 1;

	if (!(arch_pci_read(bdf, REG_COMMAND, 4) & STATUS_CAPABILITIES)) {
		return 0;
	}
	for (unsigned int i = 0; i < CAPABILITIES_MAX; i++) {
		pos = arch_pci_read(bdf, pos + 1, 1) & 0xfc;
		if (pos < REG_DEVICE || arch_pci_read(bdf, pos, 1) == id) {
			return pos;
		}
	}
	return 0;
}

static const struct range *find_range(uint64_t start, uint64_t end)
{
	for (unsigned int i = 0; i < range_count; i++) {
		if (start < ranges[i].end && end > ranges[i].start) {
			return &ranges[i];
		}
	}
	return NULL;
}

static const struct range *find_table(uint16_t bdf)
{
	for (unsigned int i = 0; i < range_count; i++) {
		if (ranges[i].bdf == bdf && ranges[i].kind == PCI_TABLE) {
			return &ranges[i];
		}
	}
	return NULL;
}

/* ---- Configuration writes ------------------------------------------------------- */

/* Has the function what the firmware wrote to its guarded registers? */
static bool is_home(uint16_t bdf)
{
	for (unsigned int i = 0; i < guard_count; i++) {
		if (guards[i].bdf == bdf &&
		    ((arch_pci_read(bdf, guards[i].reg, 4) ^ guards[i].home) & guards[i].mask)) {
			return false;
		}
	}
	return true;
}

static bool guards_allow(uint16_t bdf, unsigned int reg, uint32_t next)
{
	bool sizing = next == ~0u && !(arch_pci_read(bdf, REG_COMMAND, 2) & COMMAND_MEMORY);

	for (unsigned int i = 0; i < guard_count; i++) {
		if (guards[i].bdf == bdf && guards[i].reg == reg &&
		    ((next ^ guards[i].home) & guards[i].mask) != 0 &&
		    (!sizing || guards[i].mask == BUSES_MASK)) {
			return false;
		}
	}
	return true;
}

/* The 32 bits at reg shall become *next.  False drops the write. */
static bool write_allowed(uint16_t bdf, unsigned int reg, uint32_t *next)
{
	uint32_t now = arch_pci_read(bdf, reg, 4);
	unsigned int msi;

	if (reg < REG_DEVICE) {
		if (reg == REG_COMMAND && !is_home(bdf)) {
			*next &= ~COMMAND_MEMORY;
		}
		return guards_allow(bdf, reg, *next);
	}
	if (arch_pci_read(bdf, REG_CLASS, 2) == CLASS_HOST_BRIDGE) {
		return false;
	}
	if (reg == find_capability(bdf, CAP_MSIX) && (*next & ~now & MSIX_ENABLE) &&
	    !pirq_restore_msi(bdf, true) && (find_table(bdf) == NULL || !is_home(bdf))) {
		pr_info("PCI %04x: no MSI-X, its table is not where it was at start-up", bdf);
		*next &= ~MSIX_ENABLE;
	}
	msi = find_capability(bdf, CAP_MSI);
	if (reg == msi) {
		*next &= ~MSI_COUNT;
		if ((*next & ~now & MSI_ENABLE) && !pirq_restore_msi(bdf, false)) {
			*next &= ~MSI_ENABLE;
		}
	}
	return msi == 0 || reg <= msi ||
	       reg >= msi + (arch_pci_read(bdf, msi, 4) & MSI_64BIT ? 16 : 12);
}

void pci_config_write(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value,
		      uint64_t paddr)
{
	unsigned int shift = 8 * (reg & 3);
	uint32_t mask = (~0u >> (32 - 8 * bytes)) << shift;
	uint32_t next;

	spin_lock(&pirq_lock);
	if (reg >= 256) {
		arch_mmio_write(paddr, bytes, value);
		/* An address register may have a settable size there. */
		if (!is_home(bdf)) {
			arch_pci_write(bdf, REG_COMMAND, 2, 0);
		}
	} else {
		next = (arch_pci_read(bdf, reg & ~3u, 4) & ~mask) | ((value << shift) & mask);
		if (write_allowed(bdf, reg & ~3u, &next)) {
			/* No byte but the guest's: to some, a write is a command. */
			arch_pci_write(bdf, reg, bytes, (next & mask) >> shift);
		}
	}
	spin_unlock(&pirq_lock);
}

/* ---- Messages --------------------------------------------------------------------- */

static bool write_entry(const struct range *table, unsigned int entry, uint32_t address,
			uint32_t data, bool on)
{
	uint64_t at = table->start + (uint64_t)entry * ENTRY_BYTES;
	uint32_t command = arch_pci_read(table->bdf, REG_COMMAND, 2);
	uint32_t control = on ? 0 : ENTRY_MASKED;
	bool ok;

	if (at >= table->end || !is_home(table->bdf)) {
		return false;
	}
	/* The device may have been reset, and be about to be set up again. */
	arch_pci_write(table->bdf, REG_COMMAND, 2, command | COMMAND_MEMORY);
	arch_mmio_write(at + ENTRY_CONTROL, 4, ENTRY_MASKED);
	arch_mmio_write(at, 4, address);
	arch_mmio_write(at + 4, 4, 0);
	arch_mmio_write(at + 8, 4, data);
	arch_mmio_write(at + ENTRY_CONTROL, 4, control);
	/* Reading also waits for messages that are on their way. */
	ok = arch_mmio_read(at) == address &&
	     (arch_mmio_read(at + ENTRY_CONTROL) & ENTRY_MASKED) == control;
	arch_pci_write(table->bdf, REG_COMMAND, 2, command);
	return ok;
}

bool pci_msi_write(uint16_t bdf, unsigned int entry, uint32_t address, uint32_t data, bool on)
{
	const struct range *table = find_table(bdf);
	unsigned int pos;
	uint32_t control;

	if (entry != PCI_MSI_PLAIN) {
		return table != NULL && write_entry(table, entry, address, data, on);
	}
	pos = find_capability(bdf, CAP_MSI);
	if (pos == 0) {
		return false;
	}
	control = arch_pci_read(bdf, pos, 4) & ~(MSI_COUNT | (address == 0 ? MSI_ENABLE : 0));
	arch_pci_write(bdf, pos + 2, 2, control >> 16);
	arch_pci_write(bdf, pos + 4, 4, address);
	if (control & MSI_64BIT) {
		pos += 4;
		arch_pci_write(bdf, pos + 4, 4, 0);
	}
	arch_pci_write(bdf, pos + 8, 2, data);
	return arch_pci_read(bdf, pos + 8, 2) == data;
}

/* ---- Read-only frames ----------------------------------------------------------- */

bool iomem_readonly(unsigned long mfn)
{
	uint64_t paddr = (uint64_t)mfn << PAGE_SHIFT;

	return find_range(paddr, paddr + PAGE_SIZE) != NULL;
}

void pci_mmio_write(const struct domain *d, uint64_t paddr, unsigned int bytes, uint64_t value)
{
	const struct range *r = find_range(paddr, paddr + bytes);
	unsigned int reg = (unsigned int)paddr & 0xfff;

	if (d->is_control && r == NULL) {
		arch_mmio_write(paddr, bytes, value);
	} else if (d->is_control && r->kind == PCI_WINDOW && bytes <= 4 && !(reg & (bytes - 1))) {
		pci_config_write((uint16_t)(r->bdf + ((paddr - r->start) >> PAGE_SHIFT)), reg,
				 bytes, (uint32_t)value, paddr);
	}
}

/* ---- Start-up --------------------------------------------------------------------- */

INIT_TEXT void pci_add_range(enum pci_range kind, uint64_t start, uint64_t size, uint16_t bdf)
{
	CHECK(range_count < RANGES_MAX);
	ranges[range_count++] = (struct range){ kind, bdf, start, start + size };
}

static INIT_TEXT void add_guard(uint16_t bdf, unsigned int reg, uint32_t mask)
{
	guards[guard_count++] =
		(struct guard){ bdf, (uint8_t)reg, arch_pci_read(bdf, reg, 4), mask };
}

static INIT_TEXT void add_table(uint16_t bdf, uint32_t where, unsigned int entries)
{
	unsigned int bar = REG_BAR + 4 * (where & 7);
	uint64_t start = arch_pci_read(bdf, bar, 4);
	bool wide = (start & 6) == 4;
	unsigned long mfn;

	if ((where & 7) > 5 || (start & 1) != 0) {
		return; /* ports */
	}
	start |= wide ? (uint64_t)arch_pci_read(bdf, bar + 4, 4) << 32 : 0;
	mfn = start >> PAGE_SHIFT;
	if (mfn == 0 || (mfn_valid(mfn) && mfn_to_page(mfn)->owner != OWNER_IO)) {
		return; /* no address yet */
	}
	add_guard(bdf, bar, ~0xfu);
	add_guard(bdf, bar + 4, wide ? ~0u : 0);
	start = (start & ~0xfull) + (where & ~7u);
	pci_add_range(PCI_TABLE, start, (uint64_t)entries * ENTRY_BYTES, bdf);
	for (unsigned int i = 0; i < entries; i++) {
		if (!write_entry(&ranges[range_count - 1], i, 0, 0, false)) {
			break; /* asleep, and forgets its table */
		}
	}
}

/* False: no such function. */
static INIT_TEXT bool look_at(uint16_t bdf)
{
	unsigned int type = arch_pci_read(bdf, REG_TYPE, 1) & 0x7f;
	unsigned int msix = find_capability(bdf, CAP_MSIX);
	uint32_t control;

	if (arch_pci_read(bdf, 0, 4) == ~0u || guard_count > GUARDS_MAX - 3 ||
	    range_count == RANGES_MAX) {
		return false;
	}
	if (type == 1 || type == 2) {
		add_guard(bdf, REG_BUSES, BUSES_MASK);
	}
	(void)pci_msi_write(bdf, PCI_MSI_PLAIN, 0, 0, false);
	if (msix != 0) {
		control = arch_pci_read(bdf, msix, 4);
		arch_pci_write(bdf, msix + 2, 2, (control & ~MSIX_ENABLE) >> 16);
		add_table(bdf, arch_pci_read(bdf, msix + 4, 4), (control >> 16 & 0x7ff) + 1);
	}
	return true;
}

INIT_TEXT void pci_init(void)
{
	for (unsigned int bdf = 0; bdf < 0x10000; bdf++) {
		/* Other functions only if the first one says that there are. */
		if ((!look_at((uint16_t)bdf) ||
		     !(arch_pci_read((uint16_t)bdf, REG_TYPE, 1) & 0x80)) &&
		    (bdf & 7) == 0) {
			bdf += 7;
		}
	}
	pr_info("PCI: %u registers stay, %u ranges are read-only", guard_count, range_count);
}

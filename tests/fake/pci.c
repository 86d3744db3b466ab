/* SPDX-License-Identifier: MIT */
/*
 * PCI devices of the fake machine: configuration space with the writable bits
 * that matter, and the memory behind one base address register.  Memory answers
 * where the register says, while decoding is on, as a device does.
 */
#include "fake.h"

#include <arch/irq.h>

#include <hv/check.h>
#include <hv/pci.h>

#define MSIX_CAP 0x50u
#define MSI_CAP 0x60u
#define COMMAND_MEMORY 2u

static void set(struct fake_pci *p, unsigned int reg, uint32_t value)
{
	memcpy(p->config + reg, &value, 4);
}

static uint32_t get(const struct fake_pci *p, unsigned int reg)
{
	uint32_t value;

	memcpy(&value, p->config + reg, 4);
	return value;
}

static bool has_msix(const struct fake_pci *p)
{
	return p->config[0x34] == MSIX_CAP;
}

void fake_pci_init(void)
{
	static const uint16_t bdfs[FAKE_PCI] = { FAKE_PCI_HOST, FAKE_PCI_BRIDGE, FAKE_PCI_MSIX,
						 FAKE_PCI_MSI, FAKE_PCI_UNPLACED };

	for (unsigned int i = 0; i < FAKE_PCI; i++) {
		struct fake_pci *p = &fake.pci[i];

		memset(p, 0, sizeof(*p));
		p->bdf = bdfs[i];
		set(p, 0, 0x12378086 + (i << 16));
		set(p, 4, 0x00100002);
		/* Two capabilities: MSI-X or another one, then MSI. */
		set(p, 0x34, MSIX_CAP);
		set(p, MSIX_CAP, 0x00030011 | MSI_CAP << 8);
		set(p, MSIX_CAP + 4, FAKE_TABLE);
		set(p, MSI_CAP, 0x00800005);
	}
	memset(fake.bar + FAKE_TABLE, 0xff, FAKE_ENTRIES * 16);
	set(&fake.pci[0], 8, 0x06000000);
	set(&fake.pci[0], 4, 0x00000002);
	set(&fake.pci[1], 8, 0x06040000);
	set(&fake.pci[1], 4, 0x00000002);
	set(&fake.pci[1], 0xc, 0x00010000);
	set(&fake.pci[1], 0x18, 0x00010100);
	set(&fake.pci[2], 0x10, FAKE_BAR | 4);
	set(&fake.pci[2], 0xc, 0x00800000);
	set(&fake.pci[3], 0x34, MSI_CAP);
	set(&fake.pci[3], 0x10, 0xe0000000);
	pci_add_range(PCI_WINDOW, FAKE_MMCFG, 4 << 20, 0);
	pci_add_range(PCI_REGISTERS, FAKE_TIMER, PAGE_SIZE, 0);
}

struct fake_pci *fake_pci_find(uint16_t bdf)
{
	for (unsigned int i = 0; i < FAKE_PCI; i++) {
		if (fake.pci[i].bdf == bdf && fake.pci[0].config[0] != 0) {
			return &fake.pci[i];
		}
	}
	return NULL;
}

uint32_t fake_pci_get(uint16_t bdf, unsigned int reg, unsigned int bytes)
{
	struct fake_pci *p = fake_pci_find(bdf);
	uint32_t value = 0;

	if (p == NULL) {
		return ~0u >> (32 - 8 * bytes);
	}
	memcpy(&value, p->config + reg, bytes);
	return value;
}

void fake_pci_reset(uint16_t bdf)
{
	struct fake_pci *p = fake_pci_find(bdf);

	set(p, 4, 0x00100000);
	set(p, 0x10, 4);
	set(p, 0x14, 0);
	set(p, MSIX_CAP, get(p, MSIX_CAP) & 0x3fffffff);
	set(p, MSI_CAP, get(p, MSI_CAP) & ~0x710000u);
	if (bdf == FAKE_PCI_MSIX) {
		memset(fake.bar + FAKE_TABLE, 0xff, FAKE_ENTRIES * 16);
	}
}

/* Bits that a write changes. */
static uint32_t writable(const struct fake_pci *p, unsigned int reg)
{
	if (reg == 4) {
		return 0x407;
	}
	if (reg == 0x10) {
		return p->bdf == FAKE_PCI_MSIX ? ~(FAKE_BAR_SIZE - 1) : 0xffff0000;
	}
	if (reg == MSIX_CAP && has_msix(p)) {
		return 0xc0000000;
	}
	if (reg == MSI_CAP) {
		return 0x00710000;
	}
	return reg == 0 || reg == 8 || reg == 0xc || reg == 0x34 || reg == MSIX_CAP + 4 ? 0 : ~0u;
}

static void config_write(struct fake_pci *p, unsigned int reg, unsigned int bytes, uint32_t value)
{
	uint32_t shift = 8 * (reg & 3), mask = (~0u >> (32 - 8 * bytes)) << shift;

	reg &= ~3u;
	mask &= writable(p, reg);
	set(p, reg, (get(p, reg) & ~mask) | ((value << shift) & mask));
}

uint32_t arch_pci_read(uint16_t bdf, unsigned int reg, unsigned int bytes)
{
	CHECK(reg + bytes <= 256 && (reg & (bytes - 1)) == 0);
	return fake_pci_get(bdf, reg, bytes);
}

void arch_pci_write(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value)
{
	struct fake_pci *p = fake_pci_find(bdf);

	CHECK(reg + bytes <= 256 && (reg & (bytes - 1)) == 0);
	if (p != NULL) {
		config_write(p, reg, bytes, value);
	}
}

/* The byte of a device that answers at paddr, or NULL. */
static uint8_t *memory_at(uint64_t paddr)
{
	struct fake_pci *p = fake_pci_find(FAKE_PCI_MSIX);
	uint64_t base = p == NULL ? 0 : (uint64_t)get(p, 0x14) << 32 | (get(p, 0x10) & ~0xfu);

	if (p == NULL || !(get(p, 4) & COMMAND_MEMORY) || paddr - base >= FAKE_BAR_SIZE) {
		return NULL;
	}
	return fake.bar + (paddr - base);
}

uint32_t arch_mmio_read(uint64_t paddr)
{
	uint8_t *at = memory_at(paddr);
	uint32_t value = ~0u;

	if (at != NULL) {
		memcpy(&value, at, 4);
	}
	return value;
}

void arch_mmio_write(uint64_t paddr, unsigned int bytes, uint64_t value)
{
	struct fake_pci *p = fake_pci_find((uint16_t)((paddr - FAKE_MMCFG) >> PAGE_SHIFT));
	uint8_t *at = memory_at(paddr);

	CHECK(paddr - FAKE_TIMER >= PAGE_SIZE);
	if (paddr - FAKE_MMCFG < 4 << 20) {
		/* Only what ports cannot name; one register sets a size. */
		CHECK((paddr & 0xfff) >= 256 && bytes <= 4);
		if (p != NULL && (paddr & 0xfff) == 0x100) {
			set(p, 0x10, get(p, 0x10) & ~(uint32_t)value);
		}
	} else if (at != NULL) {
		memcpy(at, &value, bytes);
	}
}

void fake_pci_guest_write(uint64_t paddr, const uint8_t *data, size_t n)
{
	if (iomem_readonly(paddr >> PAGE_SHIFT)) {
		fake_die("a guest writes to the read-only register %#lx", (unsigned long)paddr);
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t *at = memory_at(paddr + i);

		if (at != NULL) {
			*at = data[i];
		}
	}
}

static bool ours(uint64_t address, uint32_t data)
{
	return (address & ~0xff000ull) == 0xfee00000u && (address >> 12 & 0xff) < FAKE_CPUS &&
	       data < PIRQ_MAX && fake.msi_taken[data] != 0;
}

unsigned int fake_pci_check(void)
{
	unsigned int enabled = 0;

	for (unsigned int i = 0; i < FAKE_PCI && fake_pci_find(FAKE_PCI_HOST) != NULL; i++) {
		const struct fake_pci *p = &fake.pci[i];
		uint32_t entry[4];

		if (!(get(p, 4) & 0x100000)) {
			continue; /* no capabilities: registers of its own */
		}
		if (get(p, MSI_CAP) & 0x10000) {
			if ((get(p, MSI_CAP) & 0x700000) != 0 ||
			    !ours((uint64_t)get(p, MSI_CAP + 8) << 32 | get(p, MSI_CAP + 4),
				  get(p, MSI_CAP + 12) & 0xffff)) {
				fake_die("MSI of %04x is not what the core made", p->bdf);
			}
			enabled++;
		}
		if (!has_msix(p) || !(get(p, MSIX_CAP) & 0x80000000)) {
			continue;
		}
		for (unsigned int k = 0; k < FAKE_ENTRIES; k++) {
			memcpy(entry, fake.bar + FAKE_TABLE + 16ul * k, 16);
			if (entry[3] & 1) {
				continue;
			}
			if (p->bdf != FAKE_PCI_MSIX ||
			    !ours((uint64_t)entry[1] << 32 | entry[0], entry[2])) {
				fake_die("MSI-X of %04x is not what the core made", p->bdf);
			}
			enabled++;
		}
	}
	return enabled;
}

/* SPDX-License-Identifier: MIT */
/*
 * Messages of PCI devices: how they are mapped, bound and moved, and that no
 * write to configuration space or to device memory makes a device send another
 * one.  fake_pci_check() dies where one could.
 */
#include "core_test.h"

#include <xen/event_channel.h>
#include <xen/physdev.h>

#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/pci.h>

#define RW (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define MSIX_CONTROL 0x52u
#define MSI_CONTROL 0x62u
#define MSI_ADDRESS 0x64u
#define TABLE_PFN 20u
#define MMCFG_PFN 21u
#define TIMER_PFN 22u

static void config_out(uint16_t bdf, unsigned int reg, unsigned int bytes, uint32_t value)
{
	ioport_write(guest[0].d, 0xcf8, 4, 0x80000000 | (uint32_t)bdf << 8 | (reg & 0xfc));
	ioport_write(guest[0].d, (uint16_t)(0xcfc + (reg & 3)), bytes, value);
	(void)fake_pci_check();
}

static long map_msi(uint16_t bdf, int entry, int type)
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = type, .index = -1, .pirq = -1 };
	long rc;

	m.bus = bdf >> 8;
	m.devfn = bdf & 0xff;
	m.entry_nr = entry;
	m.table_base = entry >= 0 ? FAKE_BAR : 0;
	rc = call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m, sizeof(m));
	return rc != 0 ? rc : m.pirq;
}

static long unmap_msi(long pirq)
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = (int)pirq };

	return call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_unmap_pirq, &u, sizeof(u));
}

static uint32_t table(unsigned int entry, unsigned int word)
{
	uint32_t value;

	memcpy(&value, fake.bar + FAKE_TABLE + 16 * entry + 4 * word, 4);
	return value;
}

static void map_device(unsigned int pfn, uint64_t paddr)
{
	OK(update_entry(fake_guest_l1e_maddr(&guest[0], pfn), (paddr & PAGE_MASK) | RW,
			DOMID_SELF));
}

static void test_message(void)
{
	struct evtchn_bind_pirq b = { 0 };
	struct evtchn_bind_vcpu move = { .vcpu = 1 };
	struct evtchn_close c;
	struct physdev_eoi e;
	long pirq;

	world(1);
	/* Masked until it is bound, and then sent to the port's vCPU. */
	pirq = map_msi(FAKE_PCI_MSIX, 2, MAP_PIRQ_TYPE_MSI_SEG);
	TRUE_(pirq >= FAKE_GSIS);
	EQ(map_msi(FAKE_PCI_MSIX, 2, MAP_PIRQ_TYPE_MSI), -XEN_EEXIST);
	config_out(FAKE_PCI_MSIX, MSIX_CONTROL, 2, 0xc000);
	EQ(fake_pci_check(), 0);
	b.pirq = e.irq = (uint32_t)pirq;
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b, sizeof(b)));
	EQ(fake_pci_check(), 1);
	EQ(table(2, 0), 0xfee00000u | guest[0].d->vcpu[0]->cpu << 12);
	OK(call_struct(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, &e, sizeof(e)));
	EQ(unmap_msi(pirq), -XEN_EBUSY);
	move.port = c.port = b.port;
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, &move, sizeof(move)));
	EQ(table(2, 0), 0xfee00000u | guest[0].d->vcpu[1]->cpu << 12);
	EQ(table(2, 2), pirq);
	pirq_fired((unsigned int)pirq);
	TRUE_(guest[0].d->shared->evtchn_pending[0] >> b.port & 1);
	OK(call_struct(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &c, sizeof(c)));
	EQ(fake_pci_check(), 0);
	OK(unmap_msi(pirq));
	EQ(unmap_msi(pirq), -XEN_EINVAL);
	EQ(fake.msi_count, 0);
	/* What was on its way belongs to nobody. */
	pirq_fired((unsigned int)pirq);
}

static void test_refused(void)
{
	long pirq[FAKE_VECTORS];

	world(1);
	EQ(map_msi(FAKE_PCI_MSI, 0, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV); /* no table */
	EQ(map_msi(FAKE_PCI_UNPLACED, 0, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV);
	EQ(map_msi(FAKE_PCI_MSIX, FAKE_ENTRIES, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV);
	EQ(map_msi(FAKE_PCI_MSIX, 0x7fffffff, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV);
	EQ(map_msi(0x7700, -1, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV);
	EQ(map_msi(FAKE_PCI_MSI, -1, MAP_PIRQ_TYPE_MULTI_MSI), -XEN_ENOSYS);
	EQ(fake.msi_count, 0);
	for (int i = 0; i < FAKE_VECTORS; i++) {
		pirq[i] = map_msi(FAKE_PCI_MSIX, i, MAP_PIRQ_TYPE_MSI_SEG);
		TRUE_(pirq[i] > 0);
	}
	EQ(map_msi(FAKE_PCI_MSI, -1, MAP_PIRQ_TYPE_MSI), -XEN_ENOSPC);
	OK(unmap_msi(pirq[1]));
	TRUE_(map_msi(FAKE_PCI_MSI, -1, MAP_PIRQ_TYPE_MSI) > 0);
}

static void test_plain(void)
{
	long pirq;

	world(1);
	/* Nothing mapped, nothing enabled, and the message is not the guest's. */
	config_out(FAKE_PCI_MSI, MSI_CONTROL, 2, 0x71);
	EQ(fake_pci_get(FAKE_PCI_MSI, MSI_CONTROL, 2), 0x80);
	config_out(FAKE_PCI_MSI, MSI_ADDRESS, 4, 0xfee01000);
	EQ(fake_pci_get(FAKE_PCI_MSI, MSI_ADDRESS, 4), 0);
	pirq = map_msi(FAKE_PCI_MSI, -1, MAP_PIRQ_TYPE_MSI_SEG);
	TRUE_(pirq > 0);
	config_out(FAKE_PCI_MSI, MSI_CONTROL, 1, 0x71);
	EQ(fake_pci_get(FAKE_PCI_MSI, MSI_CONTROL, 2), 0x81);
	EQ(fake_pci_check(), 1);
	for (unsigned int i = 0; i < 16; i++) {
		config_out(FAKE_PCI_MSI, 0x60 + i, 1, 0x71);
	}
	for (unsigned int i = 0; i < 16; i += 2) {
		config_out(FAKE_PCI_MSI, 0x60 + i, 2, 0x7171);
	}
	EQ(fake_pci_check(), 1);
	/* Behind the capability the device's own registers begin. */
	config_out(FAKE_PCI_MSI, 0x70, 4, 0x12345678);
	EQ(fake_pci_get(FAKE_PCI_MSI, 0x70, 4), 0x12345678);
	/* A reset takes the message; enabling writes it again. */
	fake_pci_reset(FAKE_PCI_MSI);
	fake_pci_find(FAKE_PCI_MSI)->config[MSI_ADDRESS + 1] = 0x55;
	config_out(FAKE_PCI_MSI, MSI_CONTROL, 2, 0x81);
	EQ(fake_pci_check(), 1);
	OK(unmap_msi(pirq));
	EQ(fake_pci_check(), 0);
}

/* A table stays where it is, or the device has no MSI-X. */
static void test_moves(void)
{
	long pirq;

	world(1);
	config_out(FAKE_PCI_UNPLACED, MSIX_CONTROL, 2, 0x8000);
	EQ(fake_pci_get(FAKE_PCI_UNPLACED, MSIX_CONTROL, 2), 3);
	config_out(FAKE_PCI_MSIX, 0x10, 4, 0xfee00004);
	config_out(FAKE_PCI_MSIX, 0x14, 4, 1);
	config_out(FAKE_PCI_MSIX, 0x10, 4, ~0u); /* decoding is on */
	EQ(fake_pci_get(FAKE_PCI_MSIX, 0x10, 4), FAKE_BAR | 4);
	config_out(FAKE_PCI_MSIX, 4, 2, 0);
	config_out(FAKE_PCI_MSIX, 0x10, 2, 0xffff);
	EQ(fake_pci_get(FAKE_PCI_MSIX, 0x10, 4), FAKE_BAR | 4);
	config_out(FAKE_PCI_MSIX, 0x10, 4, ~0u);
	EQ(fake_pci_get(FAKE_PCI_MSIX, 0x10, 4), 0xffffe004);
	config_out(FAKE_PCI_MSIX, 4, 2, 7);
	EQ(fake_pci_get(FAKE_PCI_MSIX, 4, 2), 5);
	config_out(FAKE_PCI_MSIX, MSIX_CONTROL, 2, 0x8000);
	EQ(fake_pci_get(FAKE_PCI_MSIX, MSIX_CONTROL, 2), 3);
	config_out(FAKE_PCI_MSIX, 0x10, 4, FAKE_BAR | 4);
	config_out(FAKE_PCI_MSIX, 4, 2, 7);
	EQ(fake_pci_get(FAKE_PCI_MSIX, 4, 2), 7);
	/* Bus numbers, and all of the host bridge. */
	config_out(FAKE_PCI_BRIDGE, 0x18, 4, 0x00050500);
	config_out(FAKE_PCI_BRIDGE, 0x19, 1, 5);
	EQ(fake_pci_get(FAKE_PCI_BRIDGE, 0x18, 4), 0x00010100);
	config_out(FAKE_PCI_BRIDGE, 0x18, 4, 0x20010100); /* its latency */
	EQ(fake_pci_get(FAKE_PCI_BRIDGE, 0x18, 4), 0x20010100);
	config_out(FAKE_PCI_HOST, 0x60, 4, 0xc0000001);
	EQ(fake_pci_get(FAKE_PCI_HOST, 0x60, 4), 0x00800005);
	/* A device that is not at home is not written to, and comes back. */
	pirq = map_msi(FAKE_PCI_MSIX, 1, MAP_PIRQ_TYPE_MSI);
	TRUE_(pirq > 0);
	fake_pci_reset(FAKE_PCI_MSIX);
	EQ(map_msi(FAKE_PCI_MSIX, 0, MAP_PIRQ_TYPE_MSI), -XEN_ENODEV);
	EQ(fake.msi_count, 1);
	config_out(FAKE_PCI_MSIX, 0x10, 4, FAKE_BAR | 4);
	config_out(FAKE_PCI_MSIX, MSIX_CONTROL, 2, 0x8000);
	EQ(fake_pci_get(FAKE_PCI_MSIX, 4, 2), 0);
	EQ(table(1, 0) >> 20, 0xfee);
	EQ(table(1, 3), 1);
	/* One that cannot be silenced keeps its vector. */
	fake_pci_reset(FAKE_PCI_MSIX);
	OK(unmap_msi(pirq));
	EQ(unmap_msi(pirq), -XEN_EINVAL);
	EQ(fake.msi_count, 1);
	config_out(FAKE_PCI_MSIX, 0x10, 4, FAKE_BAR | 4);
	TRUE_(map_msi(FAKE_PCI_MSIX, 1, MAP_PIRQ_TYPE_MSI) > pirq);
}

static void test_stores(void)
{
	uint64_t mmcfg = fake_va(MMCFG_PFN, 0), frame = fake_va(TABLE_PFN, 0);
	uint32_t before;

	world(1);
	map_device(TABLE_PFN, FAKE_BAR + FAKE_TABLE);
	map_device(TABLE_PFN + 3, FAKE_BAR); /* an ordinary page */
	map_device(MMCFG_PFN, FAKE_MMCFG + (uint64_t)FAKE_PCI_MSI * PAGE_SIZE);
	map_device(TIMER_PFN, FAKE_TIMER);
	OK(*fake_guest_l1e(&guest[0], TABLE_PFN) & PTE_W);
	OK(*fake_guest_l1e(&guest[0], MMCFG_PFN) & PTE_W);
	OK(*fake_guest_l1e(&guest[0], TIMER_PFN) & PTE_W);
	TRUE_(*fake_guest_l1e(&guest[0], TABLE_PFN + 3) & PTE_W);
	/* In the table nothing, beside it everything, across nothing. */
	before = table(0, 0);
	for (unsigned int bytes = 1; bytes <= 8; bytes *= 2) {
		TRUE_(fake_guest_store(frame + 0x100, 0, bytes));
		TRUE_(fake_guest_store(frame + 0x13f, 0, 1));
		TRUE_(fake_guest_store(frame + 0x140, 0x1122334455667788, bytes));
	}
	EQ(table(0, 0), before);
	EQ(table(4, 0), 0x55667788);
	EQ(table(4, 1), 0x11223344);
	FALSE_(fake_guest_store(frame + 0xfd, 0, 8));
	TRUE_(fake_guest_store(frame + 0xfe, 0, 2));
	FALSE_(fake_guest_store(frame + 0xffe, 0, 4));
	EQ(table(0, 0), before);
	/* Configuration space is no back door. */
	TRUE_(fake_guest_store(mmcfg + MSI_ADDRESS, 0xfee01000, 4));
	TRUE_(fake_guest_store(mmcfg + MSI_CONTROL, 1, 2));
	TRUE_(fake_guest_store(mmcfg + 0x71, 0x22, 1));
	TRUE_(fake_guest_store(mmcfg + 0x78, 0x33, 8)); /* no such access */
	EQ(fake_pci_get(FAKE_PCI_MSI, MSI_ADDRESS, 4), 0);
	EQ(fake_pci_get(FAKE_PCI_MSI, MSI_CONTROL, 2), 0x80);
	EQ(fake_pci_get(FAKE_PCI_MSI, 0x70, 4), 0x2200);
	OK(fake_pci_get(FAKE_PCI_MSI, 0x78, 4));
	/* A size that moves a table ends decoding. */
	config_out(FAKE_PCI_MSIX, 4, 2, 2);
	map_device(MMCFG_PFN, FAKE_MMCFG + (uint64_t)FAKE_PCI_MSIX * PAGE_SIZE);
	TRUE_(fake_guest_store(mmcfg + 0x100, 0x70000000, 4));
	EQ(fake_pci_get(FAKE_PCI_MSIX, 4, 2), 0);
	/* The timer takes nothing at all; the fake device would die of it. */
	TRUE_(fake_guest_store(fake_va(TIMER_PFN, 0x110), 1, 4));
}

CU_TestInfo pci_tests[] = {
	{ "a message, from map to unmap", test_message },
	{ "messages that cannot be", test_refused },
	{ "plain MSI", test_plain },
	{ "addresses and buses stay", test_moves },
	{ "stores to read-only frames", test_stores },
	CU_TEST_INFO_NULL,
};

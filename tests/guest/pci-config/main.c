/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration by ports and by memory, MSI-X tables, base addresses: no
 * write aims a message.  The machine (run.py) has QEMU's teaching device, which
 * sends its MSI on request, and an NVMe controller with a large MSI-X table.
 */
#include <test.h>

#include <xen/event_channel.h>

#define EDU_ID 0x11e81234u
#define NVME_ID 0x00101b36u
#define MMCFG 0xb0000000ul
#define HPET 0xfed00000ul
#define EDU_RAISE 0x60
#define NVME_TABLE 0x2000ul
#define ENTRIES 400

#define SPACE 0x0000200000000000ul /* device frames are mapped from here on */

static volatile uint32_t *config; /* of the teaching device, by memory */
static unsigned int edu, nvme, edu_msi, nvme_msix;

static void out(unsigned int bytes, uint16_t port, uint32_t value)
{
	if (bytes == 1) {
		__asm__ __volatile__("out %%al, %%dx" ::"a"(value), "d"(port));
	} else if (bytes == 2) {
		__asm__ __volatile__("out %%ax, %%dx" ::"a"(value), "d"(port));
	} else {
		__asm__ __volatile__("out %%eax, %%dx" ::"a"(value), "d"(port));
	}
}

static void put(unsigned int bdf, unsigned int reg, unsigned int bytes, uint32_t value)
{
	out(4, 0xcf8, 0x80000000 | bdf << 8 | (reg & 0xfc));
	out(bytes, (uint16_t)(0xcfc + (reg & 3)), value);
}

static uint32_t get(unsigned int bdf, unsigned int reg)
{
	uint32_t value;

	out(4, 0xcf8, 0x80000000 | bdf << 8 | (reg & 0xfc));
	__asm__ __volatile__("in %%dx, %%eax" : "=a"(value) : "d"(0xcfc));
	return value;
}

static unsigned int find(uint32_t id)
{
	unsigned int device;

	for (device = 0; device < 32; device++) {
		if (get(device << 3, 0) == id) {
			return device << 3;
		}
	}
	return 0;
}

static unsigned int capability(unsigned int bdf, unsigned int id)
{
	unsigned int at = get(bdf, 0x34) & 0xfc;

	while (at != 0 && (get(bdf, at) & 0xff) != id) {
		at = get(bdf, at) >> 8 & 0xfc;
	}
	return at;
}

static volatile void *map(unsigned long paddr)
{
	static unsigned long next = SPACE;

	NEED(map_frame(next, paddr >> PAGE_SHIFT, PTE_RW | PTE_PCD) == 0);
	next += PAGE_SIZE;
	return (volatile void *)(next - PAGE_SIZE + paddr % PAGE_SIZE);
}

static bool writable(const volatile void *p)
{
	return (*mm_slot(mm_l4(), (unsigned long)p, 1) & PTE_W) != 0;
}

static long map_message(unsigned int bdf, int entry)
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF,
				      .type = MAP_PIRQ_TYPE_MSI_SEG,
				      .index = -1,
				      .pirq = -1,
				      .devfn = (int)bdf,
				      .entry_nr = entry < 0 ? 0 : entry,
				      .table_base = entry < 0 ? 0 : 0x1000 };
	long rc = hyp_physdev_op(PHYSDEVOP_map_pirq, &m);

	return rc != 0 ? rc : m.pirq;
}

static long unmap_message(long pirq)
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = (int)pirq };

	return hyp_physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

/* Every width, every offset, by ports and by memory. */
static void attack_message(void)
{
	uint32_t before[4];
	unsigned int i, bytes;

	for (i = 0; i < 4; i++) {
		before[i] = get(edu, edu_msi + 4 * i);
	}
	for (bytes = 1; bytes <= 4; bytes *= 2) {
		for (i = 0; i < 16; i += bytes) {
			put(edu, edu_msi + i, bytes, 0xfee01071);
		}
	}
	for (i = 0; i < 16; i++) {
		volatile uint8_t *p = (volatile uint8_t *)config + edu_msi + i;

		EXPECT_NO_TRAP(*p = 0x71);
		if ((i & 7) < 5) {
			EXPECT_NO_TRAP(*(volatile uint32_t *)p = 0xfee01071);
		}
		if ((i & 7) == 0) {
			EXPECT_NO_TRAP(*(volatile uint64_t *)p = 0x41fee01000);
		}
	}
	for (i = 1; i < 4; i++) {
		EXPECT_RC(get(edu, edu_msi + 4 * i), before[i]);
	}
	EXPECT_RC(get(edu, edu_msi) & ~0x10000u, before[0] & ~0x10000u);
	/* No plain store: the kernel's own fault. */
	EXPECT_TRAP(__asm__ __volatile__("lock orl $1, (%0)" ::"r"(config + 16)), TRAP_PF,
		    PFEC_P | PFEC_W);
	/* From one page into the next. */
	EXPECT_TRAP(*(volatile uint64_t *)((volatile char *)config + 0xffc) = 0, TRAP_PF);
}

static void messages(void)
{
	struct evtchn_bind_pirq b = { 0 };
	volatile uint32_t *regs;
	unsigned long spins;
	long pirq;

	EXPECT(!writable(config));
	EXPECT_RC(config[0], EDU_ID);
	put(edu, edu_msi, 4, get(edu, edu_msi) | 0x710000);
	EXPECT_RC(get(edu, edu_msi) & 0x710000, 0);
	attack_message();
	EXPECT_RC(get(edu, edu_msi) & 0x710000, 0);
	pirq = map_message(edu, -1);
	NEED(pirq >= 24);
	EXPECT_ERR(map_message(edu, -1), XEN_EEXIST);
	b.pirq = (uint32_t)pirq;
	NEED(hyp_event_channel_op(EVTCHNOP_bind_pirq, &b) == 0);
	put(edu, 4, 2, 6);
	put(edu, edu_msi, 4, get(edu, edu_msi) | 0x710000);
	EXPECT_RC(get(edu, edu_msi) & 0x710000, 0x10000);
	attack_message();
	regs = map(get(edu, 0x10) & ~0xful);
	regs[EDU_RAISE / 4] = 1;
	for (spins = 0; spins < 100000000; spins++) {
		if (READ_ONCE(shim_shared->evtchn_pending[b.port / 64]) >> b.port % 64 & 1) {
			break;
		}
	}
	EXPECT(READ_ONCE(shim_shared->evtchn_pending[b.port / 64]) >> b.port % 64 & 1);
	EXPECT_ERR(unmap_message(pirq), XEN_EBUSY);
	EXPECT_RC(hyp_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ b.port }), 0);
	EXPECT_RC(unmap_message(pirq), 0);
	EXPECT_RC(get(edu, edu_msi) & 0x10000, 0);
	EXPECT_ERR(unmap_message(pirq), XEN_EINVAL);
}

static void table(void)
{
	unsigned long bar = get(nvme, 0x10) & ~0xful;
	volatile uint32_t *t = map(bar + NVME_TABLE), *beside = map(bar);
	unsigned int i;

	EXPECT(!writable(t));
	EXPECT(writable(beside));
	put(nvme, 4, 2, 6);
	put(nvme, nvme_msix, 4, get(nvme, nvme_msix) | 0x80000000);
	EXPECT_RC(get(nvme, nvme_msix) >> 31, 1);
	for (i = 0; i < 16; i++) {
		EXPECT_NO_TRAP(t[i] = 0xfee01000);
		EXPECT_NO_TRAP(((volatile uint8_t *)t)[i] = 0);
	}
	EXPECT_NO_TRAP(*(volatile uint64_t *)t = 0xfee01000);
	EXPECT_RC(t[0], 0);
	EXPECT_RC(t[3] & 1, 1);
	/* Neither address half, nor decoding at another place. */
	put(nvme, 0x10, 4, 0xfee00004);
	put(nvme, 0x14, 4, 1);
	put(nvme, 0x10, 4, 0xffffffff);
	EXPECT_RC(get(nvme, 0x10) & ~0xful, bar);
	put(nvme, 4, 2, 4);
	put(nvme, 0x10, 4, 0xffffffff);
	EXPECT((get(nvme, 0x10) & ~0xful) != bar);
	put(nvme, 4, 2, 6);
	EXPECT_RC(get(nvme, 4) & 2, 0);
	put(nvme, 0x10, 4, (uint32_t)bar | 4);
	put(nvme, 4, 2, 6);
	EXPECT_RC(get(nvme, 4) & 2, 2);
}

/* As many as there are vectors, twice. */
static void exhaust(void)
{
	static long pirq[ENTRIES];
	unsigned int round, i, n, first = 0;

	EXPECT_ERR(map_message(nvme, ENTRIES), XEN_ENODEV);
	EXPECT_ERR(map_message(nvme, 0xffff), XEN_ENODEV, XEN_EEXIST);
	for (round = 0; round < 2; round++) {
		for (n = 0; n < ENTRIES; n++) {
			pirq[n] = map_message(nvme, (int)n);
			if (pirq[n] < 0) {
				break;
			}
		}
		EXPECT(n < ENTRIES);
		EXPECT(n > 150);
		EXPECT_RC(pirq[n], -XEN_ENOSPC);
		EXPECT(round == 0 || n == first);
		first = n;
		for (i = 0; i < n; i++) {
			EXPECT_RC(unmap_message(pirq[i]), 0);
		}
	}
}

/* A base address over the local APIC, over memory of the core, and back. */
static void move_base(void)
{
	static const uint32_t places[] = { 0xfee00000, 0xfec00000, 0x00100000, 0, 0xb0000000 };
	uint32_t home = get(edu, 0x10);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		put(edu, 0x10, 4, places[i]);
		EXPECT_RC(config[0], EDU_ID);
		EXPECT_FAIL(va_set(SPACE, mfn_pte(0xfee00, PTE_RW)));
		EXPECT_FAIL(va_set(SPACE, mfn_pte(0xfec00, PTE_RW)));
	}
	put(edu, 0x10, 4, home);
}

static void others(void)
{
	volatile uint32_t *hpet = map(HPET);
	uint32_t before = hpet[4], counter = hpet[0xf0 / 4];
	unsigned long spins;

	EXPECT(!writable(hpet));
	EXPECT_NO_TRAP(hpet[4] = 0);
	EXPECT_NO_TRAP(hpet[0x110 / 4] = 0xfee01000);
	EXPECT_RC(hpet[4], before);
	EXPECT(hpet[0x110 / 4] != 0xfee01000);
	for (spins = 0; spins < 1000000 && hpet[0xf0 / 4] == counter; spins++) {}
	EXPECT(hpet[0xf0 / 4] != counter);
	/* Where memory-mapped configuration space is. */
	before = get(0, 0x60);
	put(0, 0x60, 4, 0xc0000001);
	EXPECT_RC(get(0, 0x60), before);
}

void test(void)
{
	struct physdev_set_iopl op = { 1 };

	NEED(hyp_physdev_op(PHYSDEVOP_set_iopl, &op) == 0);
	edu = find(EDU_ID);
	nvme = find(NVME_ID);
	if (edu == 0 || nvme == 0) {
		test_skip("the machine has no such devices");
	}
	edu_msi = capability(edu, 5);
	nvme_msix = capability(nvme, 0x11);
	NEED(edu_msi != 0 && nvme_msix != 0);
	config = map(MMCFG + ((unsigned long)edu << 12));
	messages();
	table();
	exhaust();
	move_base();
	others();
}

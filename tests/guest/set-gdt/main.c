/* SPDX-License-Identifier: MIT */
/*
 * set_gdt: does a descriptor table, or anything that the guest calls one, give
 * it a way into ring 0 or a frame to write descriptors to?
 */
#include <test.h>

#define ENTRIES_MAX 7168ul
#define CODE64_DPL0 0x00af9a000000ffffull
#define DATA_DPL0 0x00cf92000000ffffull
#define DATA_BASED 0x00cff2123000ffffull /* base 0x123000 */
#define DPL3 0x0000600000000000ull
/* System descriptors: type in bits 40-43, present. */
#define SYSTEM(type) (0x0000e00000000000ull | (uint64_t)(type) << 40)

static uint64_t *table;

static long set_one(unsigned long entries)
{
	xen_pfn_t frame = virt_to_mfn(table);

	return hyp_set_gdt(&frame, entries);
}

static void drop(void)
{
	EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
	page_protect(table, true);
}

/* Tries a table with this descriptor in slot 1. */
static long set_with(uint64_t desc)
{
	long rc;

	table[1] = desc;
	page_protect(table, false);
	rc = set_one(512);
	if (rc == 0) {
		EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
	}
	page_protect(table, true);
	return rc;
}

static void hostile_descriptors(void)
{
	unsigned int type;

	/* Type 0 is reserved and does nothing. */
	for (type = 1; type < 16; type++) {
		/* LDT, TSS, call, task, interrupt and trap gates. */
		EXPECT_FAIL(set_with(SYSTEM(type) | 0xe0080000ull));
	}
	EXPECT_RC(set_with(0), 0);
	EXPECT_RC(set_with(SYSTEM(0xc) & ~(1ull << 47)), 0);
	EXPECT_RC(set_with(CODE64_DPL0), 0);
	EXPECT((table[1] & DPL3) == DPL3);
	EXPECT_RC(set_with(DATA_DPL0), 0);
	EXPECT((table[1] & DPL3) == DPL3);
	table[1] = 0;
}

static uint32_t load_fs(uint16_t selector)
{
	uint16_t back;

	__asm__ __volatile__("mov %1, %%fs\n\tmov %%fs, %0" : "=r"(back) : "r"((uint32_t)selector));
	return back;
}

static void lar(uint16_t selector, uint32_t *rights, bool *good)
{
	uint8_t zf;

	__asm__ __volatile__("lar %2, %0\n\tsetz %1"
			     : "=r"(*rights), "=q"(zf)
			     : "r"((uint32_t)selector)
			     : "cc");
	*good = zf;
}

static void in_use(void)
{
	volatile uint32_t value = 0;
	uint32_t rights;
	bool good;

	table[1] = DATA_BASED;
	table[2] = DATA_DPL0;
	table[3] = CODE64_DPL0;
	page_protect(table, false);
	EXPECT_RC(set_one(512), 0);
	EXPECT_NO_TRAP(value = load_fs(1 << 3 | 3));
	EXPECT(value == (1 << 3 | 3));
	EXPECT_NO_TRAP(load_fs(2 << 3 | 3));
	lar(2 << 3 | 3, &rights, &good);
	EXPECT(good && (rights & 0x6000) == 0x6000);
	EXPECT_TRAP(load_fs(4 << 3 | 3), TRAP_GP, 4 << 3);
	EXPECT_TRAP(load_fs(600 << 3 | 3), TRAP_GP, 600 << 3);
	EXPECT_NO_TRAP(load_fs(0));

	/* While it is a table it is not writable, by no mapping. */
	EXPECT_FAIL(try_page_protect(table, true));
	EXPECT_TRAP(poke((unsigned long)table, 0), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_FAIL(map_frame(0x100000000000ul, virt_to_mfn(table), PTE_RW));
	EXPECT_FAIL(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(table)));
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)));
	EXPECT(table[1] != 0);
	drop();
	EXPECT_NO_TRAP(poke((unsigned long)table + 8, 0));
}

/* The core's own descriptors are above the guest's: none is for ring 3 but
 * the flat ones. */
static void core_selectors(void)
{
	unsigned int selector;

	for (selector = 0xe000; selector < 0x10000; selector += 8) {
		uint32_t rights;
		bool good;

		lar((uint16_t)(selector | 3), &rights, &good);
		if (good && (rights & 0x6000) != 0x6000) {
			EXPECT(!"a descriptor of the core is visible");
		}
	}
	EXPECT_TRAP(load_fs(0xe008), TRAP_GP);
	EXPECT_TRAP(load_fs(0xe010 | 3), TRAP_GP);
	EXPECT_TRAP(load_fs(0xfff8 | 3), TRAP_GP);
}

static void frames(void)
{
	static const unsigned long bad[] = {
		~0ul, 0xfee00, 0xfec00, 1ul << 40, 0xfffffffffffful,
	};
	xen_pfn_t list[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		list[0] = bad[i];
		EXPECT_FAIL(hyp_set_gdt(list, 512));
	}
	/* Mapped writable, or a page table: not as descriptors. */
	EXPECT_FAIL(set_one(512));
	list[0] = virt_to_mfn(mm_l4());
	EXPECT_FAIL(hyp_set_gdt(list, 512));
	list[0] = pte_mfn(*mm_slot(mm_l4(), (unsigned long)table, 2));
	EXPECT_FAIL(hyp_set_gdt(list, 512));
	/* The second frame is bad: the first is not taken either. */
	page_protect(table, false);
	list[0] = virt_to_mfn(table);
	list[1] = ~0ul;
	EXPECT_FAIL(hyp_set_gdt(list, 1024));
	page_protect(table, true);
	/* All fourteen may be the same one. */
	page_protect(table, false);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = virt_to_mfn(table);
	}
	EXPECT_RC(hyp_set_gdt(list, ENTRIES_MAX), 0);
	EXPECT_FAIL(hyp_set_gdt(list, ENTRIES_MAX + 1));
	EXPECT_FAIL(hyp_set_gdt(list, 8192));
	EXPECT_FAIL(hyp_set_gdt(list, 0x80000000ul));
	EXPECT_FAIL(hyp_set_gdt(list, 0xffffffff));
	EXPECT_FAIL(try_page_protect(table, true));
	drop();
}

void test(void)
{
	table = page_alloc();
	EXPECT_EFAULT(p, hyp_set_gdt(p, 512));
	EXPECT_RC(hyp_set_gdt((void *)M2P_POINTER, 512), -XEN_EFAULT);
	hostile_descriptors();
	frames();
	in_use();
	core_selectors();
}

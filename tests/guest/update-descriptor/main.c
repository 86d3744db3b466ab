/* SPDX-License-Identifier: MIT */
/*
 * update_descriptor: writes one descriptor into a frame that is, or may be, a
 * descriptor page; nothing else anywhere else.
 */
#include <test.h>

#define CODE64_DPL0 0x00af9a000000ffffull
#define DATA_DPL3 0x00cff2000000ffffull
#define GATE 0x0000ec00e0080000ull
#define TSS 0x0000e90000000067ull
#define DPL3 0x0000600000000000ull

static uint64_t *table;

static void hostile(void)
{
	static const uint64_t frames[] = { 0xfee00000ul, 0xfec00000ul, 1ul << 39, 1ul << 51,
					   ~0xffful };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		EXPECT_FAIL(hyp_update_descriptor(frames[i], DATA_DPL3));
	}
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(table) + 4, DATA_DPL3));
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(table) + 1, DATA_DPL3));
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(table) + 8, GATE));
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(table) + 8, TSS));
	EXPECT(table[1] == 0);
	/* A page table is no place for descriptors. */
	EXPECT_FAIL(hyp_update_descriptor(mm_slot_maddr((unsigned long)table, 1), DATA_DPL3));
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(mm_l4()), DATA_DPL3));
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(mm_l4()), 0));
}

void test(void)
{
	xen_pfn_t frame;

	table = page_alloc();
	frame = virt_to_mfn(table);
	hostile();
	page_protect(table, false);
	EXPECT_RC(hyp_set_gdt(&frame, 512), 0);
	hostile();
	EXPECT_RC(hyp_update_descriptor(virt_to_maddr(table) + 16, CODE64_DPL0), 0);
	EXPECT(table[2] != 0 && (table[2] & DPL3) == DPL3);
	EXPECT_RC(hyp_update_descriptor(virt_to_maddr(table) + 16, 0), 0);
	EXPECT_RC(table[2], 0);
	EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
}

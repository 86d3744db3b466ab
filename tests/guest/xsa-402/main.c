/* SPDX-License-Identifier: MIT */
/*
 * XSA-402: a guest that maps a page uncached or write-combining writes to
 * memory behind the cache. The core checks the page as a table by what its
 * cache holds; later the processor walks what memory holds.
 *
 * Here only domains with devices may choose cache attributes in mappings (the
 * unit test "cache attributes" shows that others may not), and nobody may in
 * entries that lead to tables, which say how the processor reads the next one.
 */
#include <test.h>

#define VA 0x0000100000000000ul

void test(void)
{
	static const uint64_t cache[] = { PTE_PWT, PTE_PCD, PTE_PWT | PTE_PCD };
	unsigned int level, i;

	NEED(map_frame(VA, virt_to_mfn(page_alloc()), PTE_RW) == 0);
	for (level = 2; level <= 4; level++) {
		uint64_t *slot = mm_slot(mm_l4(), VA, level), before = READ_ONCE(*slot);
		uint64_t *table = table_alloc();

		for (i = 0; i < ARRAY_SIZE(cache); i++) {
			EXPECT_FAIL(mmu_set(virt_to_maddr(slot), before | cache[i]));
			EXPECT_FAIL(mmu_set(virt_to_maddr(slot) | MMU_PT_UPDATE_PRESERVE_AD,
					    before | cache[i]));
			EXPECT((READ_ONCE(*slot) & (PTE_PWT | PTE_PCD)) == 0);
			table_write(table, 8, before | cache[i]);
			EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)));
		}
		table_write(table, 8, before);
		EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)), 0);
		EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
	}
	/* The base of all: what stands beside the frame's number is dropped. */
	EXPECT_NO_TRAP(__asm__ __volatile__(
		"mov %0, %%cr3"
		:
		: "r"((uint64_t)virt_to_mfn(mm_l4()) << PAGE_SHIFT | PTE_PWT | PTE_PCD)
		: "memory"));
	EXPECT_NO_TRAP(poke(VA, 5));
	/* With devices: any attribute, on memory and on I/O frames. */
	for (i = 0; i < ARRAY_SIZE(cache); i++) {
		EXPECT_RC(va_set(VA,
				 mfn_pte(virt_to_mfn(mm_slot(mm_l4(), VA, 1)), PTE_RO | cache[i])),
			  0);
		EXPECT_FAIL(va_set(VA, mfn_pte(virt_to_mfn(mm_slot(mm_l4(), VA, 1)),
					       PTE_RW | cache[i])));
	}
}

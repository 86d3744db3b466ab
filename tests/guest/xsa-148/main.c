/* SPDX-License-Identifier: MIT */
/*
 * XSA-148 (and 45): a large-page bit that the check of a level 2 entry did not
 * look at. A guest that sets it in an entry for one of its tables, or in a
 * validated entry by a change that is taken for harmless, reads and writes
 * 2 MiB of the machine through it: its own page tables, and the core.
 *
 * Here no entry above level 1 may have the bit, by whatever way it comes: a
 * table that is pinned, a single update with or without the accessed and dirty
 * bits kept, a plain store. Nothing may be written through one afterwards.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static const unsigned int commands[] = { MMU_NORMAL_PT_UPDATE, MMU_PT_UPDATE_PRESERVE_AD,
					 MMU_PT_UPDATE_NO_TRANSLATE };

/* The entry of `level` that leads to VA, as it is but with the bit. */
static void set_in_place(unsigned int level)
{
	uint64_t *slot = mm_slot(mm_l4(), VA, level), before = READ_ONCE(*slot);
	uint64_t flags[] = { PTE_PS, PTE_PS | PTE_PCD, PTE_PS | PTE_AVAIL };
	unsigned int i, f;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		for (f = 0; f < ARRAY_SIZE(flags); f++) {
			EXPECT_FAIL(mmu_set(virt_to_maddr(slot) | commands[i], before | flags[f]));
			EXPECT_FAIL(mmu_set(virt_to_maddr(slot) | commands[i],
					    (before & ~PTE_W) | flags[f]));
			EXPECT((READ_ONCE(*slot) & PTE_PS) == 0);
		}
	}
	EXPECT_TRAP(__asm__ __volatile__("lock btsq $7, (%0)"
					 :
					 : "r"(slot)
					 : "memory", "cc"),
		    TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(__asm__ __volatile__("lock orb $0x80, (%0)"
					 :
					 : "r"(slot)
					 : "memory", "cc"),
		    TRAP_PF, PFEC_P | PFEC_W);
	EXPECT(((READ_ONCE(*slot) ^ before) & ~(PTE_A | PTE_D)) == 0);
}

/* As part of a table whose other entries are good; before it is one, the bit
 * is put there by the guest itself. */
static void in_new_table(unsigned int level, uint64_t entry)
{
	uint64_t *table = table_alloc();

	table_write(table, 100, entry);
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)));
	table_write(table, 100, entry & ~PTE_P);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)), 0);
	/* What was not present becomes so by a byte, or by an update. */
	EXPECT_TRAP(__asm__ __volatile__("lock orb $1, (%0)"
					 :
					 : "r"(&table[100])
					 : "memory", "cc"),
		    TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_FAIL(mmu_set(virt_to_maddr(&table[100]) | MMU_PT_UPDATE_PRESERVE_AD, entry));
	EXPECT((READ_ONCE(table[100]) & PTE_P) == 0);
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
	page_protect(table, true);
	page_free(table);
}

/* Superpages as Linux would ask for them, were they announced. */
static void not_offered(void)
{
	EXPECT_FAIL(mmuext(MMUEXT_MARK_SUPER, virt_to_mfn(page_alloc()) & ~511ul));
	EXPECT_FAIL(mmuext(MMUEXT_UNMARK_SUPER, virt_to_mfn(page_alloc()) & ~511ul));
}

void test(void)
{
	uint64_t *page = page_alloc();
	unsigned int level;

	NEED(map_frame(VA, virt_to_mfn(page), PTE_RW) == 0);
	for (level = 2; level <= 4; level++) {
		set_in_place(level);
		in_new_table(level, mfn_pte(0, PTE_TABLE | PTE_PS));
		in_new_table(level, mfn_pte(virt_to_mfn(page) & ~511ul, PTE_RO | PTE_PS));
		in_new_table(level, *mm_slot(mm_l4(), VA, level) | PTE_PS);
	}
	EXPECT_NO_TRAP(poke(VA, 5));
	EXPECT(page[0] == 5);
	not_offered();
}

/* SPDX-License-Identifier: MIT */
/*
 * XSA-195 (and 200): operands that the emulator places or sizes wrongly. The
 * bit number of bt, bts, btr, btc in a register reaches far beyond the operand;
 * with the offset computed in too few bits the store went elsewhere than where
 * the processor had faulted, unchecked. cmpxchg8b and 16b left registers of the
 * hypervisor in the guest's.
 *
 * Here bit numbers of all sizes, positive and negative, with prefixes that
 * change operand and address, point from far away into a page table: the entry
 * that the processor would change is changed, by its rules, and no other. Wide
 * exchanges, vector stores and the like are no business of the core: a fault,
 * and no change.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static uint64_t *table; /* the level 1 table of VA: read-only to us */
static uint64_t before[TABLE_ENTRIES];

static void remember(void)
{
	memcpy(before, table, PAGE_SIZE);
}

/* Exactly this entry has got or lost the bit. */
static void only_changed(unsigned int n, uint64_t xor, int line)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < TABLE_ENTRIES; i++) {
		wrong += (table[i] ^ before[i]) != (i == n ? xor : 0);
	}
	test_rc(wrong, 0, line, "one entry changed, as it should");
	remember();
}
#define ONLY_CHANGED(n, xor) only_changed(n, xor, __LINE__)

#define BIT_OP(insn, base, nr) \
	EXPECT_NO_TRAP(__asm__ __volatile__(insn : : "r"(base), "r"(nr) : "memory", "cc"))

/* Bit 52 of entry 100, from bases far off. It is of no meaning, present or not. */
static void far_offsets(void)
{
	static const int64_t distance[] = { 0,	     8,		 -8,	   4096,	-4096,
					    1 << 20, -(1 << 20), 1l << 32, -(1l << 32), 1l << 40 };
	const uint64_t bit = 1ul << 52;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(distance); i++) {
		uint64_t base = (uint64_t)&table[100] - (uint64_t)distance[i];
		int64_t nr = distance[i] * 8 + 52;

		BIT_OP("lock btsq %1, (%0)", base, nr);
		ONLY_CHANGED(100, bit);
		BIT_OP("btrq %1, (%0)", base, nr);
		ONLY_CHANGED(100, bit);
		BIT_OP("btcq %1, (%0)", base, nr);
		ONLY_CHANGED(100, bit);
		BIT_OP("btcq %1, (%0)", base, nr);
		ONLY_CHANGED(100, bit);
		if (distance[i] < 1 << 27 && distance[i] > -(1 << 27)) {
			BIT_OP("btsl %k1, (%0)", base, nr);
			ONLY_CHANGED(100, bit);
			BIT_OP("lock btrl %k1, (%0)", base, nr);
			ONLY_CHANGED(100, bit);
		}
		if (distance[i] < 4095 && distance[i] > -4096) {
			BIT_OP("btsw %w1, (%0)", base, nr);
			ONLY_CHANGED(100, bit);
			BIT_OP("btrw %w1, (%0)", base, nr);
			ONLY_CHANGED(100, bit);
		}
	}
}

/* An upper half of the register that the operand size cuts off. */
static void cut_numbers(void)
{
	uint64_t base = (uint64_t)&table[100];

	BIT_OP("btsl %k1, (%0)", base, 0xffffffff00000000ul + 52);
	ONLY_CHANGED(100, 1ul << 52);
	BIT_OP("btrw %w1, (%0)", base, 0x7fffffffffff0000ul + 52);
	ONLY_CHANGED(100, 1ul << 52);
	/* Negative as 32 bits: below the base. */
	BIT_OP("btsl %k1, (%0)", base + 64, 0x80000000ul | (0x7ffffffful & (52 - 512)));
	ONLY_CHANGED(100, 1ul << 52);
	BIT_OP("btrl %k1, (%0)", base + 64, (uint64_t)(uint32_t)(52 - 512));
	ONLY_CHANGED(100, 1ul << 52);
	/* A 32-bit address, around its end; the tables are below 4 GiB. */
	BIT_OP("btsl %k1, (%k0)", (uint64_t)(uint32_t)(base - 4096), 4096 * 8 + 52);
	ONLY_CHANGED(100, 1ul << 52);
	BIT_OP("btrl %k1, (%k0)", base | 0xabcdul << 32, 52);
	ONLY_CHANGED(100, 1ul << 52);
	/* An immediate never reaches beyond the operand. */
	BIT_OP("btsq $116, (%0)", base, 0ul);
	ONLY_CHANGED(100, 1ul << 52);
	BIT_OP("btrq $180, (%0)", base, 0ul);
	ONLY_CHANGED(100, 1ul << 52);
}

/* The bit that makes an entry hostile, from afar: refused as from near. */
static void checked(void)
{
	uint64_t rw = 1;

	NEED(mmu_set(virt_to_maddr(&table[101]), mfn_pte(virt_to_mfn(table), PTE_RO)) == 0);
	remember();
	EXPECT_TRAP(__asm__ __volatile__("lock btsq %1, (%0)"
					 :
					 : "r"((uint64_t)table - (1ul << 30)),
					   "r"((1l << 33) + 101 * 64 + 1)
					 : "memory", "cc"),
		    TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(__asm__ __volatile__("lock orb %b1, (%0)"
					 :
					 : "r"(&table[101]), "r"(rw << 1)
					 : "memory", "cc"),
		    TRAP_PF, PFEC_P | PFEC_W);
	ONLY_CHANGED(101, 0);
	NEED(mmu_set(virt_to_maddr(&table[101]), 0) == 0);
	remember();
}

/* Beyond the table lies no table: nothing is stored there by its address. */
static void neighbours(void)
{
	uint64_t *page = page_alloc(), base = (uint64_t)page - (1ul << 33);

	page_protect(page, false);
	EXPECT_TRAP(__asm__ __volatile__("btsq %1, (%0)"
					 :
					 : "r"(base), "r"(1l << 36)
					 : "memory"),
		    TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(page[0], 0);
	/* The core's memory from a base that is ours. */
	EXPECT_TRAP(__asm__ __volatile__("btsq %1, (%0)"
					 :
					 : "r"((uint64_t)table),
					   "r"((int64_t)((CORE_MIDDLE - (uint64_t)table) * 8))
					 : "memory"),
		    TRAP_PF);
	page_protect(page, true);
	ONLY_CHANGED(0, 0);
}

static void wide(void)
{
	uint64_t *at = &table[100];
	struct trap t;

	TRAP_TRY(&t, __asm__ __volatile__("lock cmpxchg8b (%0)"
					  :
					  : "r"(at), "a"(0ul), "d"(0ul), "b"(~0ul), "c"(~0ul)
					  : "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_PF);
	TRAP_TRY(&t, __asm__ __volatile__("lock cmpxchg16b (%0)"
					  :
					  : "r"(at), "a"(0ul), "d"(0ul), "b"(~0ul), "c"(~0ul)
					  : "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_PF);
	TRAP_TRY(&t, __asm__ __volatile__("pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, (%0)"
					  :
					  : "r"(at)
					  : "memory"));
	EXPECT(t.hit && t.vector == TRAP_PF);
	TRAP_TRY(&t, __asm__ __volatile__("lock xaddq %1, (%0)"
					  :
					  : "r"(at), "r"(1ul << 52)
					  : "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_PF);
	TRAP_TRY(&t, __asm__ __volatile__("mov $512, %%ecx\n\trep stosq"
					  :
					  : "D"(table), "a"(1ul << 52)
					  : "rcx", "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_PF);
	ONLY_CHANGED(0, 0);
}

void test(void)
{
	NEED(map_frame(VA, virt_to_mfn(page_alloc()), PTE_RW) == 0);
	table = (uint64_t *)((uint64_t)mm_slot(mm_l4(), VA, 1) & ~(PAGE_SIZE - 1));
	NEED(mmu_set(virt_to_maddr(&table[0]), 0) == 0);
	remember();
	far_offsets();
	cut_numbers();
	checked();
	neighbours();
	wide();
}

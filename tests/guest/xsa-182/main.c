/* SPDX-License-Identifier: MIT */
/*
 * XSA-182: an update that keeps the frame and changes "harmless" bits was let
 * through without a check, and the write bit was among them. A read-only
 * mapping of one's own table, which is allowed, became a writable one.
 *
 * Here each way to change an entry in place is tried on mappings of tables of
 * all levels, of a descriptor page and of the level 4 table itself. The write
 * bit must never come, the mapping must stay as it was, and a store through it
 * must fault.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static uint64_t *slot;

static void store_byte(void)
{
	__asm__ __volatile__("lock orb $2, (%0)" : : "r"(slot) : "memory", "cc");
}

static void store_bit(void)
{
	__asm__ __volatile__("lock btsq %1, (%0)" : : "r"(slot), "r"(1ul) : "memory", "cc");
}

static void store_word(void)
{
	WRITE_ONCE(*(uint16_t *)slot, (uint16_t)(*slot | PTE_W));
}

static void store_exchange(void)
{
	uint64_t value = *slot | PTE_W;

	__asm__ __volatile__("xchg %0, (%1)" : "+r"(value) : "r"(slot) : "memory");
}

static void store_compare(void)
{
	uint64_t old = *slot;

	__asm__ __volatile__("lock cmpxchg %2, (%1)"
			     : "+a"(old)
			     : "r"(slot), "r"(old | PTE_W)
			     : "memory", "cc");
}

/* The entry at VA shows the frame read-only; it must not get more. */
static void stays_read_only(unsigned long mfn)
{
	static void (*const stores[])(void) = { store_byte, store_bit, store_word, store_exchange,
						store_compare };
	static const uint64_t flags[] = { PTE_RW, PTE_RW | PTE_NX, PTE_RW | PTE_AVAIL,
					  PTE_P | PTE_W, PTE_RW | PTE_G };
	unsigned int i, cmd;

	EXPECT_RC(va_set(VA, mfn_pte(mfn, PTE_RO)), 0);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		uint64_t entry = mfn_pte(mfn, flags[i]);

		for (cmd = 0; cmd < 4; cmd++) {
			if (cmd != MMU_MACHPHYS_UPDATE) {
				EXPECT_FAIL(mmu_set(virt_to_maddr(slot) | cmd, entry));
			}
		}
		EXPECT_FAIL(va_set(VA, entry));
		EXPECT_FAIL(hyp_update_va_mapping_otherdomain(VA, entry, 0, DOMID_SELF));
	}
	for (i = 0; i < ARRAY_SIZE(stores); i++) {
		EXPECT_TRAP(stores[i](), TRAP_PF, PFEC_P | PFEC_W);
	}
	/* Bits that are harmless may change, alone. */
	EXPECT_RC(va_set(VA, mfn_pte(mfn, PTE_RO | PTE_NX | PTE_AVAIL)), 0);
	EXPECT((READ_ONCE(*slot) & PTE_W) == 0 && pte_mfn(*slot) == mfn);
	/* An entry that is hostile in a table of any level. */
	EXPECT_TRAP(poke(VA, mfn_pte(1ul << 28, PTE_RW)), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(va_set(VA, 0), 0);
}

/* A read-only entry of the level 4 table for itself is refused, so that there
 * is nothing whose write bit could be set: see xsa-240. */
static void upper_levels(void)
{
	unsigned int level;

	for (level = 2; level <= 4; level++) {
		uint64_t *entry = mm_slot(mm_l4(), VA, level), before = READ_ONCE(*entry);
		uint64_t self = mfn_pte(virt_to_mfn(entry), 0);

		EXPECT_FAIL(mmu_set(virt_to_maddr(entry), self | PTE_RO));
		EXPECT_FAIL(mmu_set(virt_to_maddr(entry), self | PTE_TABLE));
		/* The way to it may be read-only and writable again. */
		EXPECT_RC(mmu_set(virt_to_maddr(entry), before & ~PTE_W), 0);
		EXPECT_TRAP(poke((unsigned long)entry, before), TRAP_PF, PFEC_P | PFEC_W);
		EXPECT_RC(mmu_set(virt_to_maddr(entry), before), 0);
	}
}

void test(void)
{
	xen_pfn_t gdt;
	void *table = table_alloc();
	unsigned int level;

	NEED(map_frame(VA, virt_to_mfn(page_alloc()), PTE_RW) == 0);
	slot = mm_slot(mm_l4(), VA, 1);
	for (level = 1; level <= 4; level++) {
		stays_read_only(virt_to_mfn(mm_slot(mm_l4(), VA, level)));
	}
	gdt = virt_to_mfn(table);
	NEED(hyp_set_gdt(&gdt, 512) == 0);
	stays_read_only(gdt);
	EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
	upper_levels();
	/* And when it is no table any more it may be written. */
	EXPECT_RC(va_set(VA, mfn_pte(gdt, PTE_RO)), 0);
	EXPECT_NO_TRAP(store_byte());
	EXPECT_NO_TRAP(poke(VA, 1));
}

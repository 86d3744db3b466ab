/* SPDX-License-Identifier: MIT */
/*
 * Plain stores to page-table entries: each form that the core executes for a
 * guest does what the processor would do, with the check of a hypercall; each
 * other form is a page fault.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static uint64_t *slot; /* the entry of VA: read-only to us */
static uint64_t a, b;  /* entries for two pages */
static uint64_t *page_a, *page_b;

static void reset(uint64_t value)
{
	NEED(mmu_set(virt_to_maddr(slot), value) == 0);
}

static uint64_t now(void)
{
	/* What the processor sets by itself does not count, nor what bits of
	 * no meaning to us the core adds. */
	return (READ_ONCE(*slot) & (PTE_ADDR | PTE_P | PTE_W | PTE_U | PTE_NX)) | PTE_A | PTE_D;
}

#define STORE(insn, value) __asm__ __volatile__(insn : : "r"(slot), "r"(value) : "memory", "cc")

/* What an old entry left in the TLB is the guest's business. */
static void flush(void)
{
	NEED(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0) == 0);
}

static void moves(void)
{
	volatile uint8_t *bytes = (volatile uint8_t *)slot;

	reset(a);
	EXPECT_NO_TRAP(STORE("mov %1, (%0)", b));
	flush();
	EXPECT(now() == b && peek(VA) == 22);
	EXPECT_NO_TRAP(STORE("movq $0, (%0)", 0ul));
	EXPECT_RC(READ_ONCE(*slot), 0);
	flush();
	EXPECT_TRAP(test_sink = peek(VA), TRAP_PF, 0);
	/* In halves: the entry is not present in between. */
	EXPECT_NO_TRAP(STORE("mov %1, 4(%0)", (uint32_t)(a >> 32)));
	EXPECT_NO_TRAP(STORE("mov %1, (%0)", (uint32_t)a));
	EXPECT(now() == a && peek(VA) == 11);
	/* Low byte and word: the write bit goes and comes. */
	EXPECT_NO_TRAP(STORE("movb %1, (%0)", (uint8_t)(a & ~PTE_W)));
	flush();
	EXPECT_TRAP(poke(VA, 11), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_NO_TRAP(STORE("movw %1, (%0)", (uint16_t)a));
	EXPECT_NO_TRAP(poke(VA, 11));
	EXPECT_NO_TRAP(STORE("movb %b1, 7(%0)", (uint64_t)0x80));
	EXPECT(now() == (a | PTE_NX));
	EXPECT_NO_TRAP(bytes[7] = 0);
	EXPECT_NO_TRAP(STORE("movl $0, (%0)", 0ul));
	EXPECT((READ_ONCE(*slot) & 0xffffffff) == 0);
}

static void exchanges(void)
{
	volatile uint64_t old = 0;
	volatile uint8_t zf = 9;

	reset(a);
	EXPECT_NO_TRAP({
		uint64_t v = b;

		__asm__ __volatile__("xchg %0, (%1)" : "+r"(v) : "r"(slot) : "memory");
		old = v;
	});
	EXPECT(pte_mfn(old) == pte_mfn(a) && now() == b);
	EXPECT_NO_TRAP({
		uint64_t v = READ_ONCE(*slot);

		__asm__ __volatile__("lock cmpxchg %3, (%2)\n\tsetz %1"
				     : "+a"(v), "=q"(zf)
				     : "r"(slot), "r"(a)
				     : "memory", "cc");
	});
	EXPECT(zf == 1 && now() == a);
	EXPECT_NO_TRAP({
		uint64_t v = ~0ul;

		__asm__ __volatile__("lock cmpxchg %3, (%2)\n\tsetz %1"
				     : "+a"(v), "=q"(zf)
				     : "r"(slot), "r"(b)
				     : "memory", "cc");
		old = v;
	});
	EXPECT(zf == 0 && pte_mfn(old) == pte_mfn(a) && now() == a);
}

static void bit_operations(void)
{
	volatile uint8_t cf = 9;

	reset(a);
	EXPECT_NO_TRAP(STORE("lock andb $0xfd, (%0)", 0ul));
	EXPECT(now() == (a & ~PTE_W));
	EXPECT_NO_TRAP(STORE("lock orb $2, (%0)", 0ul));
	EXPECT(now() == a);
	EXPECT_NO_TRAP(STORE("lock and %1, (%0)", ~PTE_W));
	EXPECT(now() == (a & ~PTE_W));
	EXPECT_NO_TRAP(STORE("or %1, (%0)", PTE_W | PTE_NX));
	EXPECT(now() == (a | PTE_NX));
	EXPECT_NO_TRAP(__asm__ __volatile__("lock btrq $63, (%1)\n\tsetc %0"
					    : "=q"(cf)
					    : "r"(slot)
					    : "memory", "cc"));
	EXPECT(cf == 1 && now() == a);
	EXPECT_NO_TRAP(__asm__ __volatile__("lock btsq %2, (%1)\n\tsetc %0"
					    : "=q"(cf)
					    : "r"(slot), "r"(63ul)
					    : "memory", "cc"));
	EXPECT(cf == 0 && now() == (a | PTE_NX));
	/* A bit number reaches into another entry. */
	EXPECT_NO_TRAP(STORE("lock btr %1, -64(%0)", 64ul * 8 + 63));
	EXPECT(now() == a);
	EXPECT_NO_TRAP(STORE("lock btcq $1, (%0)", 0ul));
	EXPECT(now() == (a & ~PTE_W));
}

/* Values that a hypercall would refuse: a page fault, and no change. */
static void refused(void)
{
	static const unsigned long frames[] = { 0xfee00, 1ul << 28, 1ul << 39 };
	unsigned int i;

	reset(a);
	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		EXPECT_TRAP(STORE("mov %1, (%0)", mfn_pte(frames[i], PTE_RW)), TRAP_PF,
			    PFEC_P | PFEC_W);
		EXPECT(now() == a);
	}
	EXPECT_TRAP(STORE("mov %1, (%0)", mfn_pte(virt_to_mfn(mm_l4()), PTE_RW)), TRAP_PF,
		    PFEC_P | PFEC_W);
	EXPECT_TRAP(STORE("mov %1, (%0)", mfn_pte(virt_to_mfn(slot), PTE_RW)), TRAP_PF,
		    PFEC_P | PFEC_W);
	reset(mfn_pte(virt_to_mfn(mm_l4()), PTE_RO));
	EXPECT_TRAP(STORE("lock orb $2, (%0)", 0ul), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(STORE("lock btsq $1, (%0)", 0ul), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(STORE("movb %b1, (%0)", PTE_RW), TRAP_PF, PFEC_P | PFEC_W);
	reset(a);
	/* Across two entries. */
	EXPECT_TRAP(STORE("mov %1, 4(%0)", b), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_TRAP(STORE("mov %1, -1(%0)", b), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT(now() == a);
}

/* Other instructions, other tables, other modes. */
static void not_ours(void)
{
	uint64_t *l2 = mm_slot(mm_l4(), VA, 2);
	uint64_t before = *l2;
	struct trap t;

	reset(a);
	EXPECT_TRAP(poke((unsigned long)l2, 0), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(*l2, before);
	EXPECT_TRAP(poke((unsigned long)mm_l4(), 0), TRAP_PF, PFEC_P | PFEC_W);
	TRAP_TRY(&t, __asm__ __volatile__("movq %1, %%xmm0\n\t"
					  "movq %%xmm0, (%0)"
					  :
					  : "r"(slot), "r"(b)
					  : "memory"));
	EXPECT((t.hit && now() == a) || (!t.hit && now() == b));
	reset(a);
	TRAP_TRY(&t, __asm__ __volatile__("cld\n\tstosq" : : "D"(slot), "a"(b) : "memory"));
	EXPECT((t.hit && now() == a) || (!t.hit && now() == b));
}

static uint64_t store_in_user(uint64_t value)
{
	*(volatile uint64_t *)slot = value;
	return 0;
}

static void user_mode(void)
{
	struct trap t;

	reset(a);
	TRAP_TRY(&t, user_run(store_in_user, b));
	EXPECT(t.hit && t.vector == TRAP_PF && t.error == (PFEC_P | PFEC_W | PFEC_U));
	EXPECT(now() == a);
}

/* The instruction lies at the end of its page, or is single-stepped. */
static void odd_places(void)
{
	static const uint8_t code[] = { 0x48, 0x89, 0x37, 0xc3 };
	uint8_t *text = page_alloc();
	void (*fn)(uint64_t * to, uint64_t value);
	struct trap t;

	memcpy(text + PAGE_SIZE - sizeof(code), code, sizeof(code));
	NEED(map_frame(VA + (1ul << 21), virt_to_mfn(text), PTE_RO) == 0);
	fn = (void *)(VA + (1ul << 21) + PAGE_SIZE - sizeof(code));
	reset(a);
	EXPECT_NO_TRAP(fn(slot, b));
	EXPECT(now() == b);
	TRAP_TRY(&t, __asm__ __volatile__("pushf\n\t"
					  "orl $0x100, (%%rsp)\n\t"
					  "popf\n\t"
					  "mov %1, (%0)\n\t"
					  "nop"
					  :
					  : "r"(slot), "r"(a)
					  : "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_DB);
	EXPECT(now() == a);
}

void test(void)
{
	page_a = page_alloc();
	page_b = page_alloc();
	*page_a = 11;
	*page_b = 22;
	a = mfn_pte(virt_to_mfn(page_a), PTE_RW);
	b = mfn_pte(virt_to_mfn(page_b), PTE_RW);
	NEED(map_frame(VA, virt_to_mfn(page_a), PTE_RW) == 0);
	slot = mm_slot(mm_l4(), VA, 1);
	moves();
	exchanges();
	bit_operations();
	refused();
	not_ours();
	user_mode();
	odd_places();
}

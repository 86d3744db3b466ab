/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping and its form for another domain's frames: addresses that
 * have no entry, entries that are not allowed, flush flags of all kinds.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define OP(va, pte, flags) hyp_update_va_mapping(va, pte, flags)

static void *page;
static uint64_t good;

static void addresses(void)
{
	static const unsigned long list[] = {
		UNMAPPED,    VA + (1ul << 21), VA + (1ul << 30),     CORE_START,
		CORE_MIDDLE, CORE_LAST_PAGE,   0xffff880000000000ul,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		EXPECT_FAIL(OP(list[i], good, UVMF_NONE));
		EXPECT_FAIL(OP(list[i], 0, UVMF_NONE));
	}
	/* An address that is none: refused, or what its low bits say. */
	(void)OP(NONCANONICAL, good, UVMF_NONE);
	(void)OP(VA | 1ul << 60, good, UVMF_NONE);
	EXPECT_NO_TRAP(test_sink = peek(VA));
	/* Not a page's first byte: the page's entry all the same. */
	EXPECT_RC(OP(VA + 0x123, good & ~PTE_W, UVMF_INVLPG | UVMF_ALL), 0);
	EXPECT_TRAP(poke(VA, 1), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(OP(VA, good, UVMF_INVLPG | UVMF_LOCAL), 0);
}

static void entries(void)
{
	static const uint64_t frames[] = {
		0xfee00,
		1ul << 36,
		1ul << 39,
	};
	const volatile uint64_t *slot = mm_slot(mm_l4(), VA, 1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		EXPECT_FAIL(OP(VA, mfn_pte(frames[i], PTE_RO), UVMF_INVLPG));
		EXPECT_FAIL(OP(VA, mfn_pte(frames[i], PTE_RW), UVMF_INVLPG));
	}
	/* The IO-APIC may be seen, at most. */
	(void)OP(VA, mfn_pte(0xfec00, PTE_RW | PTE_PCD), UVMF_INVLPG);
	EXPECT(pte_mfn(*slot) != 0xfec00 || (*slot & PTE_W) == 0);
	EXPECT_RC(OP(VA, good, UVMF_INVLPG | UVMF_LOCAL), 0);
	EXPECT_FAIL(OP(VA, mfn_pte(virt_to_mfn(mm_l4()), PTE_RW), UVMF_NONE));
	EXPECT_RC(OP(VA, mfn_pte(virt_to_mfn(mm_l4()), PTE_RO), UVMF_INVLPG | UVMF_LOCAL), 0);
	EXPECT_RC(peek(VA), mm_l4()[0]);
	EXPECT_RC(OP(VA, good, UVMF_INVLPG | UVMF_LOCAL), 0);
}

static void flushes(void)
{
	uint64_t vcpus = 1;
	unsigned long map = (unsigned long)&vcpus;
	unsigned int i;

	EXPECT((map & 7) == 0);
	EXPECT_RC(OP(VA, good, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
	EXPECT_RC(OP(VA, good, UVMF_TLB_FLUSH | UVMF_ALL), 0);
	EXPECT_RC(OP(VA, good, UVMF_INVLPG | UVMF_ALL), 0);
	EXPECT_RC(OP(VA, good & ~PTE_W, UVMF_INVLPG | map), 0);
	EXPECT_TRAP(poke(VA, 1), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(OP(VA, good, UVMF_TLB_FLUSH | map), 0);
	EXPECT_NO_TRAP(poke(VA, 1));
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		EXPECT_RC(OP(VA, good, UVMF_TLB_FLUSH | (bad_pointers[i] & ~7ul)), -XEN_EFAULT);
	}
	vcpus = ~0ul;
	EXPECT_RC(OP(VA, good, UVMF_TLB_FLUSH | map), 0);
	/* Both kinds at once is no kind. */
	(void)OP(VA, good, UVMF_FLUSHTYPE_MASK | UVMF_ALL);
	EXPECT_NO_TRAP(poke(VA, 1));
}

static void other_domains(void)
{
#define OTHER(pte, dom) hyp_update_va_mapping_otherdomain(VA, pte, UVMF_INVLPG, dom)
	EXPECT_RC(OTHER(good, DOMID_SELF), 0);
	EXPECT_FAIL(OTHER(good & ~PTE_A, 1234));
	EXPECT_FAIL(OTHER(good & ~PTE_A, DOMID_IDLE));
	EXPECT_FAIL(OTHER(mfn_pte(virt_to_mfn(mm_l4()), PTE_RO), DOMID_IO));
	EXPECT_FAIL(OTHER(mfn_pte(0xfee00, PTE_RO), DOMID_IO));
	EXPECT_FAIL(OTHER(mfn_pte(0xfee00, PTE_RO), DOMID_XEN));
	EXPECT_FAIL(OTHER(mfn_pte(virt_to_mfn(mm_l4()), PTE_RO), DOMID_XEN));
	/* The video memory is the control domain's to map. */
	EXPECT_RC(OTHER(mfn_pte(0xb8, PTE_RW | PTE_PCD), DOMID_IO), 0);
	EXPECT_RC(OTHER(good, DOMID_SELF), 0);
#undef OTHER
}

void test(void)
{
	page = page_alloc();
	good = mfn_pte(virt_to_mfn(page), PTE_RW);
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RW) == 0);
	addresses();
	entries();
	flushes();
	other_domains();
}

/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: does the call check what it stores, stop at the first wrong
 * request, count right, and leave alone what is not the caller's?
 */
#include <test.h>

#define VA 0x0000100000000000ul

static uint64_t *page; /* mapped at VA too */

static long update(uint64_t ptr, uint64_t val, unsigned int dom)
{
	struct mmu_update req = { ptr, val };

	return hyp_mmu_update(&req, 1, NULL, dom);
}

static void pointers(void)
{
	struct mmu_update req = { mm_slot_maddr(VA, 1), mfn_pte(virt_to_mfn(page), PTE_RW) };
	unsigned int i;

	EXPECT_EFAULT(p, hyp_mmu_update(p, 1, NULL, DOMID_SELF));
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		/* The work is done by then: whether it is told is open. */
		long rc = hyp_mmu_update(&req, 1, (void *)bad_pointers[i], DOMID_SELF);

		EXPECT(rc == 0 || rc == -XEN_EFAULT);
	}
	EXPECT_RC(hyp_mmu_update((void *)M2P_POINTER, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	EXPECT_RC(hyp_mmu_update(NULL, 0, NULL, DOMID_SELF), 0);
}

static void counting(void)
{
	uint64_t at = mm_slot_maddr(VA, 1);
	uint64_t good = mfn_pte(virt_to_mfn(page), PTE_RW);
	struct mmu_update req[3] = {
		{ at, good & ~PTE_W },
		{ at, good | PTE_P << 48 }, /* beyond the physical bits */
		{ at, 0 },
	};
	unsigned int done = 77;

	EXPECT_FAIL(hyp_mmu_update(req, 3, &done, DOMID_SELF));
	EXPECT_RC(done, 1);
	EXPECT_TRAP(poke(VA, 1), TRAP_PF, PFEC_P | PFEC_W);
	req[1] = (struct mmu_update){ at, good };
	req[2] = (struct mmu_update){ at, good };
	EXPECT_RC(hyp_mmu_update(req, 3, &done, DOMID_SELF), 0);
	EXPECT_RC(done, 3);
	/* More requests than memory has: it stops where nothing is mapped. */
	EXPECT_FAIL(hyp_mmu_update((void *)(UNMAPPED - 64), ~0u, NULL, DOMID_SELF));
	EXPECT_FAIL(hyp_mmu_update(req, 0x7fffffff, &done, DOMID_SELF));
	EXPECT_RC(update(at, good, DOMID_SELF), 0);
}

static void domains(void)
{
	uint64_t at = mm_slot_maddr(VA, 1);
	uint64_t good = mfn_pte(virt_to_mfn(page), PTE_RW);

	EXPECT_RC(update(at, good, DOMID_SELF), 0);
	/* Oneself by number: not all implementations take that. */
	(void)update(at, good, 0);
	(void)update(at, good, 1u << 16);
	EXPECT_ERR(update(at, good, 1234), XEN_ESRCH, XEN_EPERM);
	EXPECT_ERR(update(at, good, 1235u << 16), XEN_ESRCH, XEN_EPERM);
	EXPECT_FAIL(update(at, 0, DOMID_IDLE));
	EXPECT_FAIL(update(at, 0, DOMID_INVALID));
	EXPECT_FAIL(update(at, 0, (DOMID_IDLE + 1) << 16));
	EXPECT_FAIL(update(at, 0, 0xffffffff));
	/* A frame of one's own is no I/O frame. */
	EXPECT_FAIL(update(at, mfn_pte(virt_to_mfn(mm_l4()), PTE_RO), DOMID_IO));
	EXPECT_NO_TRAP(poke(VA, 2));
}

static void commands(void)
{
	uint64_t at = mm_slot_maddr(VA, 1);
	uint64_t good = mfn_pte(virt_to_mfn(page), PTE_P | PTE_U | PTE_W);
	uint64_t before[3];
	const uint64_t *slot = mm_slot(mm_l4(), VA, 1);

	/* Accessed and Dirty bits survive one command and not the other. */
	EXPECT_RC(update(at, good | PTE_A | PTE_D, DOMID_SELF), 0);
	EXPECT_RC(update(at | MMU_PT_UPDATE_PRESERVE_AD, good, DOMID_SELF), 0);
	EXPECT((READ_ONCE(*slot) & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	EXPECT_RC(update(at, good, DOMID_SELF), 0);
	EXPECT((READ_ONCE(*slot) & PTE_D) == 0);

	/* A request in the middle of an entry changes no other entry. */
	memcpy(before, slot - 1, sizeof(before));
	(void)update(at | 4, ~0ul, DOMID_SELF);
	EXPECT(((slot[0] ^ before[1]) & ~(PTE_A | PTE_D)) == 0 || (slot[0] & PTE_P) == 0);
	EXPECT(slot[-1] == before[0] && slot[1] == before[2]);
	EXPECT_RC(update(at, good, DOMID_SELF), 0);

	/* A page that the guest may write anyway takes anything. */
	EXPECT_RC(update(virt_to_maddr(page + 5), ~0ul, DOMID_SELF), 0);
	EXPECT(page[5] == ~0ul);
}

static void bits(void)
{
	uint64_t at = mm_slot_maddr(VA, 1);
	uint64_t good = mfn_pte(virt_to_mfn(page), PTE_P);
	uint64_t l2 = mm_slot_maddr(VA, 2);
	uint64_t l2e = *mm_slot(mm_l4(), VA, 2);
	unsigned int bit;

	for (bit = 48; bit < 52; bit++) {
		EXPECT_FAIL(update(at, good | 1ul << bit, DOMID_SELF));
	}
	/* The core adds what ring 3 needs. */
	EXPECT_RC(update(at, good, DOMID_SELF), 0);
	EXPECT(*mm_slot(mm_l4(), VA, 1) & PTE_U);
	EXPECT_NO_TRAP(test_sink = peek(VA));
	EXPECT_RC(update(at, good | PTE_RW | PTE_NX, DOMID_SELF), 0);
	EXPECT_RC(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
	EXPECT_TRAP(((void (*)(void))VA)(), TRAP_PF, PFEC_P | PFEC_I);
	EXPECT_FAIL(update(l2, l2e | PTE_PS, DOMID_SELF));
	EXPECT_FAIL(update(l2, mfn_pte(0x800, PTE_RW | PTE_PS), DOMID_SELF));
	EXPECT_FAIL(update(mm_slot_maddr(VA, 3), mfn_pte(0, PTE_RW | PTE_PS), DOMID_SELF));
	/* Not present means nothing, whatever the other bits are. */
	EXPECT_RC(update(at, ~PTE_P, DOMID_SELF), 0);
	EXPECT_RC(mmuext(MMUEXT_INVLPG_LOCAL, VA), 0);
	EXPECT_TRAP(test_sink = peek(VA), TRAP_PF, 0);
	EXPECT_RC(update(at, good | PTE_RW, DOMID_SELF), 0);
}

static void foreign_slots(void)
{
	uint64_t l4 = virt_to_maddr(mm_l4());
	uint64_t l3 = *mm_slot(mm_l4(), VA, 4);
	unsigned int slot;

	/* Slots 256 to 271 are the core's. */
	for (slot = 256; slot < 272; slot++) {
		uint64_t before = mm_l4()[slot];

		EXPECT_FAIL(update(l4 + slot * 8, l3, DOMID_SELF));
		EXPECT_FAIL(update(l4 + slot * 8, 0, DOMID_SELF));
		EXPECT(mm_l4()[slot] == before);
	}
	EXPECT_RC(update(l4 + 255 * 8, l3, DOMID_SELF), 0);
	EXPECT_RC(update(l4 + 255 * 8, 0, DOMID_SELF), 0);
	EXPECT_RC(update(l4 + 272 * 8, l3, DOMID_SELF), 0);
	EXPECT_RC(update(l4 + 272 * 8, 0, DOMID_SELF), 0);
	/* Frames that are not there at all. */
	EXPECT_FAIL(update(~0xffful, 0, DOMID_SELF));
	EXPECT_FAIL(update(1ul << 51, 0, DOMID_SELF));
	EXPECT_FAIL(update(1ul << 39, 0, DOMID_SELF));
	EXPECT_FAIL(update(0xfee00000ul, 0, DOMID_SELF));
}

static void machine_to_phys(void)
{
	unsigned long mfn = virt_to_mfn(page), pfn = mfn_to_pfn(mfn);
	uint64_t at = (uint64_t)mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE;

	EXPECT_RC(update(at, 0x1234567, DOMID_SELF), 0);
	EXPECT_RC(mfn_to_pfn(mfn), 0x1234567);
	EXPECT_RC(update(at, pfn, DOMID_SELF), 0);
	EXPECT_FAIL(update(0xfee00000ul | MMU_MACHPHYS_UPDATE, 5, DOMID_SELF));
	EXPECT_FAIL(update(~0xffful | MMU_MACHPHYS_UPDATE, 5, DOMID_SELF));
	EXPECT_FAIL(update(1ul << 44 | MMU_MACHPHYS_UPDATE, 5, DOMID_SELF));
	EXPECT_RC(mfn_to_pfn(mfn), pfn);
}

void test(void)
{
	page = page_alloc();
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RW) == 0);
	pointers();
	counting();
	domains();
	commands();
	bits();
	foreign_slots();
	machine_to_phys();
}

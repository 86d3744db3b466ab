/* SPDX-License-Identifier: MIT */
/*
 * The local descriptor table: its pages come in as they are used, with the
 * checks of any descriptor page, and cannot be written while they are.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define SELECTOR(n) ((uint16_t)((n) << 3 | 4 | 3))
#define DATA_AT(base)                                                \
	(0x00cff2000000ffffull | ((uint64_t)(base)&0xffffff) << 16 | \
	 ((uint64_t)(base) >> 24 & 0xff) << 56)
#define CALL_GATE 0x0000ec00e0080000ull
#define DPL0_DATA 0x00cf92000000ffffull

static uint64_t *first, *second;
static uint64_t word = 0x55aa;

static long set_ldt(unsigned long base, unsigned int entries)
{
	struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
				.arg1.linear_addr = base,
				.arg2.nr_ents = entries };

	return hyp_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void load_fs(uint16_t selector)
{
	__asm__ __volatile__("mov %0, %%fs" : : "r"((uint32_t)selector));
}

static uint64_t at_fs(void)
{
	uint64_t value;

	__asm__ __volatile__("mov %%fs:0, %0" : "=r"(value));
	return value;
}

static uint64_t load_in_user(uint64_t selector)
{
	load_fs((uint16_t)selector);
	return at_fs();
}

void test(void)
{
	struct trap t;

	first = page_alloc();
	second = page_alloc();
	first[0] = DATA_AT(&word);
	first[5] = DATA_AT(&word);
	first[6] = DPL0_DATA;
	second[1] = DATA_AT(&word);
	second[9] = CALL_GATE;
	NEED(map_frame(VA, virt_to_mfn(first), PTE_RO) == 0);
	NEED(map_frame(VA + PAGE_SIZE, virt_to_mfn(second), PTE_RO) == 0);

	EXPECT_TRAP(load_fs(SELECTOR(5)), TRAP_GP, SELECTOR(5) & ~3);
	EXPECT_RC(set_ldt(VA, 1536), 0);
	/* The first page is mapped writable elsewhere: it is no LDT page, and
	 * the fault is the guest's. */
	TRAP_TRY(&t, load_fs(SELECTOR(5)));
	EXPECT(t.hit && (t.vector == TRAP_PF || t.vector == TRAP_GP));
	page_protect(first, false);
	EXPECT_NO_TRAP(load_fs(SELECTOR(5)));
	EXPECT_RC(at_fs(), 0x55aa);
	EXPECT_NO_TRAP(load_fs(SELECTOR(0)));
	EXPECT_NO_TRAP(load_fs(SELECTOR(6)));
	EXPECT_TRAP(load_fs(SELECTOR(7)), TRAP_GP, SELECTOR(7) & ~3);
	/* It is a descriptor page now. */
	EXPECT_FAIL(try_page_protect(first, true));
	EXPECT_TRAP(poke(VA, 0), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_FAIL(mmuext(MMUEXT_CLEAR_PAGE, virt_to_mfn(first)));
	/* A gate anywhere in a page spoils all of it. */
	page_protect(second, false);
	TRAP_TRY(&t, load_fs(SELECTOR(512 + 1)));
	EXPECT(t.hit && (t.vector == TRAP_PF || t.vector == TRAP_GP));
	page_protect(second, true);
	second[9] = 0;
	page_protect(second, false);
	EXPECT_NO_TRAP(load_fs(SELECTOR(512 + 1)));
	EXPECT_RC(at_fs(), 0x55aa);
	/* A page of it that is not mapped: a fault at its address. */
	EXPECT_TRAP(load_fs(SELECTOR(1024 + 1)), TRAP_PF);
	TRAP_TRY(&t, load_fs(SELECTOR(1024 + 1)));
	EXPECT(t.cr2 == VA + 2 * PAGE_SIZE + 8);
	/* Beyond the end. */
	EXPECT_TRAP(load_fs(SELECTOR(1536)), TRAP_GP, SELECTOR(1536) & ~3);
	EXPECT_TRAP(load_fs(SELECTOR(8191)), TRAP_GP, SELECTOR(8191) & ~3);
	/* In user mode as well. */
	EXPECT_RC(user_run(load_in_user, SELECTOR(5)), 0x55aa);
	/* Descriptors change by hypercall. */
	EXPECT_FAIL(hyp_update_descriptor(virt_to_maddr(&first[5]), CALL_GATE));
	EXPECT_RC(hyp_update_descriptor(virt_to_maddr(&first[5]), 0), 0);
	EXPECT_TRAP(load_fs(SELECTOR(5)), TRAP_GP, SELECTOR(5) & ~3);
	load_fs(0);
	EXPECT_RC(set_ldt(0, 0), 0);
	EXPECT_TRAP(load_fs(SELECTOR(0)), TRAP_GP, SELECTOR(0) & ~3);
	EXPECT_RC(try_page_protect(first, true), 0);
	EXPECT_RC(try_page_protect(second, true), 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * The core's slots of the address space: the machine-to-physical table can be
 * read and not written, the rest can be neither read, written nor executed.
 */
#include <test.h>

static uint64_t peek_in_user(uint64_t va)
{
	return peek(va) + 1;
}

static uint64_t poke_in_user(uint64_t va)
{
	poke(va, 0);
	return 0;
}

void test(void)
{
	struct xen_machphys_mapping map = { 0 };
	unsigned long va, open = 0;
	unsigned long end;
	struct trap t;

	EXPECT_RC(hyp_memory_op(XENMEM_machphys_mapping, &map), 0);
	EXPECT_NO_TRAP(test_sink = peek(map.v_start));
	EXPECT_NO_TRAP(test_sink = peek(map.v_start + (map.max_mfn & ~1ul) * 8));
	end = map.v_start + map.max_mfn * 8;
	for (va = map.v_start; va < end; va += PAGE_SIZE / 2) {
		TRAP_TRY(&t, poke(va, 0));
		if (!t.hit || t.vector != TRAP_PF) {
			open++;
			break;
		}
	}
	EXPECT_RC(open, 0);
	TRAP_TRY(&t, poke(map.v_start, 0));
	EXPECT(t.error == (PFEC_P | PFEC_W));
	TRAP_TRY(&t, user_run(poke_in_user, map.v_start));
	EXPECT(t.hit && t.vector == TRAP_PF);
	TRAP_TRY(&t, ((void (*)(void))map.v_start)());
	EXPECT(t.hit && (t.vector == TRAP_PF || t.vector == TRAP_UD || t.vector == TRAP_GP));

	/* All of the rest, in steps of the larger tables, both ways. */
	for (va = end + (1ul << 38); va >= CORE_START && va < 0xffff880000000000ul;
	     va += 1ul << 30) {
		TRAP_TRY(&t, test_sink = peek(va));
		if (!t.hit || t.vector != TRAP_PF) {
			print("  %lx can be read\n", va);
			open++;
		}
		TRAP_TRY(&t, poke(va, 0));
		if (!t.hit || t.vector != TRAP_PF) {
			open++;
		}
	}
	EXPECT_RC(open, 0);
	/* In small steps where the core's own things are likely to be. */
	for (va = 0xffff800000000000ul; va < 0xffff880000000000ul; va += 1ul << 39) {
		unsigned long at;

		for (at = va; at < va + (256ul << PAGE_SHIFT); at += PAGE_SIZE) {
			/* Its last table may be larger than it is. */
			if (at < end + (1ul << 38)) {
				continue;
			}
			TRAP_TRY(&t, test_sink = peek(at));
			open += !t.hit;
		}
	}
	EXPECT_RC(open, 0);
	TRAP_TRY(&t, user_run(peek_in_user, CORE_MIDDLE));
	EXPECT(t.hit && t.vector == TRAP_PF);
	EXPECT_TRAP(((void (*)(void))CORE_MIDDLE)(), TRAP_PF);
}

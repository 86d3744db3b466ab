/* SPDX-License-Identifier: MIT */
/*
 * XSA-240: tables that refer to tables of their own level ("linear" ones),
 * stacked on each other, made validation and teardown call themselves as often
 * as the guest had tables, until the stack ended; and a loop of them kept
 * itself alive for ever.
 *
 * Here an entry leads one level down or is refused. Chains, rings and pairs are
 * tried at each level, new and in place, before and after the tables are
 * pinned; all pages must be free at the end.
 */
#include <test.h>

#define CHAIN 64u

static uint64_t *chain[CHAIN];

static uint64_t entry_for(const void *table, uint64_t flags)
{
	return mfn_pte(virt_to_mfn(table), flags);
}

static long pin(unsigned int level, const void *table)
{
	return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table));
}

static void unpin_all(void)
{
	unsigned int i;

	for (i = 0; i < CHAIN; i++) {
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(chain[i]));
	}
	for (i = 0; i < CHAIN; i++) {
		if (!EXPECT(try_page_protect(chain[i], true) == 0)) {
			return;
		}
		memset(chain[i], 0, PAGE_SIZE);
		page_protect(chain[i], false);
	}
}

/*
 * A ring of n tables. Validation goes down `level` of them and ends at what
 * they map: it must not meet one again on its way, nor map one writable.
 */
static void ring(unsigned int level, uint64_t flags, unsigned int n)
{
	bool good = n > level || (n == level && (flags & PTE_W) == 0);
	unsigned int i;
	long rc;

	for (i = 0; i < n; i++) {
		table_write(chain[i], 7, entry_for(chain[(i + 1) % n], flags));
	}
	for (i = 0; i < n; i++) {
		rc = pin(level, chain[i]);
		EXPECT((rc == 0) == good);
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(chain[i]));
	}
	unpin_all();
}

/* All pinned while they are empty, then joined one by one. */
static void after_pinned(unsigned int level, uint64_t flags)
{
	unsigned int i;

	for (i = 0; i < CHAIN; i++) {
		EXPECT_RC(pin(level, chain[i]), 0);
	}
	for (i = 0; i < CHAIN; i++) {
		uint64_t at = virt_to_maddr(&chain[i][7]);

		EXPECT_FAIL(mmu_set(at, entry_for(chain[(i + 1) % CHAIN], flags)));
		EXPECT_FAIL(mmu_set(at, entry_for(chain[i], flags)));
		EXPECT_RC(READ_ONCE(chain[i][7]), 0);
	}
	unpin_all();
}

/* Two levels that refer to each other: down is good, up is not. */
static void up_and_down(unsigned int level)
{
	table_write(chain[0], 7, entry_for(chain[1], PTE_TABLE));
	EXPECT_RC(pin(level, chain[0]), 0);
	EXPECT_FAIL(mmu_set(virt_to_maddr(&chain[1][7]), entry_for(chain[0], PTE_TABLE)));
	EXPECT_FAIL(pin(level, chain[1]));
	unpin_all();
	table_write(chain[0], 7, entry_for(chain[1], PTE_TABLE));
	table_write(chain[1], 7, entry_for(chain[0], PTE_TABLE));
	EXPECT_FAIL(pin(level, chain[0]));
	/* From level 1 it is a mapping of a page. */
	EXPECT((pin(level - 1, chain[1]) == 0) == (level == 2));
	unpin_all();
}

void test(void)
{
	static const uint64_t flags[] = { PTE_TABLE, PTE_RO };
	unsigned int level, i, n;

	for (i = 0; i < CHAIN; i++) {
		chain[i] = table_alloc();
	}
	for (level = 2; level <= 4; level++) {
		for (i = 0; i < ARRAY_SIZE(flags); i++) {
			for (n = 1; n <= 6; n++) {
				ring(level, flags[i], n);
			}
			ring(level, flags[i], CHAIN);
			after_pinned(level, flags[i]);
		}
		up_and_down(level);
	}
	/* The table that we run on, as the boot loader would have it. */
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_FAIL(mmu_set(virt_to_maddr(&mm_l4()[510]), entry_for(mm_l4(), flags[i])));
	}
	EXPECT_RC(mm_l4()[510], 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * What a page table may contain: the walk over all entries of a frame that
 * becomes a table or ceases to be one.  Called by pgtype.c for a frame that it has made BUSY, so nobody
 * else changes it: a guest cannot write to it, and whoever updates single
 * entries waits.  No lock.  What one entry may be is in pte.c.
 *
 * Recursion: the walk of a level 4 table takes uses of level 3 tables, which
 * walks those, and so on down to level 1: four deep, since an entry's level is
 * one below its table's.
 */
#include <hv/mm.h>

#include <hv/hypercall.h>

static unsigned int level_of(uint64_t type)
{
	return (unsigned int)(type >> PGT_TYPE_SHIFT);
}
_Static_assert(PGT_L1 >> PGT_TYPE_SHIFT == 1 && PGT_L4 >> PGT_TYPE_SHIFT == 4,
	       "the type number of a table is its level");

bool mm_preempt(void)
{
	const struct percpu *cpu = this_cpu();

	if (cpu->work_end == 0) {
		return cpu->curr != NULL && hypercall_preempt();
	}
	arch_irq_window();
	return READ_ONCE(cpu->softirq) != 0 || time_now() >= cpu->work_end;
}

static bool is_core_slot(unsigned int level, unsigned int i)
{
	return level == 4 && i >= L4_CORE_FIRST && i < L4_CORE_END;
}

/*
 * Nothing present in the eight entries from here on: most tables are nearly
 * empty, and this look is most of what a fork or an exit costs.
 */
static bool eight_absent(const uint64_t *e)
{
	return ((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) & PTE_P) == 0;
}

int table_validate(struct page *pg, uint64_t type, unsigned int *nr)
{
	uint64_t *table = frame_ptr(page_to_mfn(pg));
	struct domain *d = domain_of_frames(READ_ONCE(pg->owner));
	unsigned int level = level_of(type);
	bool worked = false;

	if (d == NULL) {
		return -XEN_EINVAL;
	}
	for (; *nr < PTES; (*nr)++) {
		uint64_t pte = READ_ONCE(table[*nr]), adjusted = pte;
		int rc;

		if (*nr % 8 == 0 && eight_absent(&table[*nr])) {
			*nr += 7;
			continue;
		}
		if ((pte & PTE_P) == 0 || is_core_slot(level, *nr)) {
			continue;
		}
		/* Some progress first, or a busy machine never gets on. */
		if (level > 1 && worked && mm_preempt()) {
			return -XEN_ERESTART;
		}
		rc = pte_get(&adjusted, level, d, d);
		if (rc != 0) {
			return rc;
		}
		worked = true;
		if (adjusted != pte) {
			WRITE_ONCE(table[*nr], adjusted);
		}
	}
	if (level == 4) {
		arch_l4_install(table);
	}
	return 0;
}

int table_teardown(struct page *pg, uint64_t type, unsigned int *nr)
{
	uint64_t *table = frame_ptr(page_to_mfn(pg));
	unsigned int level = level_of(type);
	bool worked = false;

	/* Only a complete one has them. */
	if (level == 4 && *nr == PTES) {
		arch_l4_remove(table);
	}
	for (; *nr > 0; (*nr)--) {
		uint64_t pte = READ_ONCE(table[*nr - 1]);
		int rc;

		if (*nr % 8 == 0 && eight_absent(&table[*nr - 8])) {
			*nr -= 7;
			continue;
		}
		if ((pte & PTE_P) == 0 || is_core_slot(level, *nr - 1)) {
			continue;
		}
		if (level > 1 && worked && mm_preempt()) {
			return -XEN_ERESTART;
		}
		rc = pte_put(pte, level);
		if (rc != 0) {
			return rc;
		}
		worked = true;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * One page-table entry: the references it needs and gives back, and its
 * checked change.  Called by pgvalidate.c for whole tables and by mmu_update.c
 * and va_mapping.c for single entries.  Changes are made under the lock bit of
 * the table's frame.  Never walks a guest's tables.
 *
 * What an entry holds: a general reference on its frame; with it a use as
 * writable where a level 1 entry has W, or as the table of the next level in
 * levels 2 to 4.  I/O frames and the core's frames are not counted; a guest
 * never has an entry for the latter.  Whether a frame is counted never changes
 * while there is an entry for it, so an entry gives back what it took.
 */
#include <hv/mm.h>

#include <hv/irq.h>
#include <hv/pci.h>

#define PHYS_BITS_MAX 52

static struct page *counted_page(unsigned long mfn)
{
	struct page *pg = mfn_to_page(index_nospec(mfn, frame_max));
	uint16_t owner = mfn_valid(mfn) ? READ_ONCE(pg->owner) : OWNER_IO;

	return owner == OWNER_IO || owner == OWNER_CORE ? NULL : pg;
}

/* Checks the bits of an entry, and makes them as they are stored. */
static int check_bits(uint64_t *pte, unsigned int level, const struct domain *d)
{
	const uint64_t too_high = (1ull << PHYS_BITS_MAX) - (1ull << cpu_features.paddr_bits);
	bool caching = (*pte & (PTE_PS | PTE_PCD | PTE_PWT)) != 0;

	if ((*pte & PTE_P) == 0) {
		return 0;
	}
	/*
	 * PS is the third cache attribute in level 1.  Memory that is not cached
	 * as the core caches it may read differently to the core than to who
	 * wrote it: what was checked in a table would not be what is walked.  So
	 * only a domain with devices chooses how its mappings are cached, others
	 * how those of I/O frames are, and nobody how the processor reads tables.
	 */
	if ((*pte & too_high) != 0 ||
	    (caching && (level > 1 || !(d->may_io || mfn_is_io(pte_mfn(*pte)))))) {
		return -XEN_EINVAL;
	}
	/* Guest kernel and guest user are both ring 3, with tables of their
	 * own; a global entry would survive the change between the two. */
	*pte = (*pte | PTE_U) & ~PTE_G;
	return 0;
}

static int l1_get(uint64_t *entry, const struct domain *d, const struct domain *frames_of)
{
	uint64_t pte = *entry;
	unsigned long mfn = pte_mfn(pte);
	struct page *pg;

	if (mfn_is_io(mfn)) {
		bool own = frames_of == NULL || frames_of == d;

		/* Its stores come to emul_pte.c. */
		if ((pte & PTE_W) != 0 && iomem_readonly(mfn)) {
			*entry &= ~PTE_W;
		}
		return own && iomem_permitted(d, mfn) ? 0 : -XEN_EPERM;
	}
	if (frames_of == NULL) {
		return -XEN_EPERM;
	}
	pg = page_get_from_mfn(mfn, frames_of);
	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	if (frames_of != d) {
		/* Before a CPU can walk to it: see pgtype.c. */
		__atomic_fetch_or(&pg->type, PGT_FOREIGN, __ATOMIC_SEQ_CST);
	}
	if ((pte & PTE_W) != 0 && page_get_type(pg, PGT_WRITABLE) != 0) {
		page_put(pg);
		return -XEN_EINVAL;
	}
	return 0;
}

int pte_get(uint64_t *pte, unsigned int level, struct domain *d, struct domain *frames_of)
{
	struct page *pg;
	int rc = check_bits(pte, level, d);

	if (rc != 0 || (*pte & PTE_P) == 0) {
		return rc;
	}
	return level == 1 ? l1_get(pte, d, frames_of) :
			    page_get_and_type(pte_mfn(*pte), d,
					      (uint64_t)(level - 1) << PGT_TYPE_SHIFT, &pg);
}

void pte_put_l1(uint64_t pte)
{
	struct page *pg = (pte & PTE_P) != 0 ? counted_page(pte_mfn(pte)) : NULL;

	if (pg == NULL) {
		return;
	}
	if ((pte & PTE_W) != 0) {
		page_put_and_type(pg);
	} else {
		page_put_mapping(pg);
	}
}

int pte_put(uint64_t pte, unsigned int level)
{
	struct page *pg = mfn_to_page(pte_mfn(pte));

	if (level == 1) {
		pte_put_l1(pte);
		return 0;
	}
	page_stamp(pg);
	return page_put_table(pg);
}

/* ---- Changing one entry ------------------------------------------------------ */

/*
 * Stores `next` over *old, which is what the entry was a moment ago.  Under
 * the page lock only a CPU changes it meanwhile, by setting A and D; with
 * `keep_ad` those of the old entry stay.  `exact`: they must not have changed
 * either, false if they have.  *old is what was replaced.
 */
static bool entry_store(uint64_t *entry, uint64_t *old, uint64_t next, bool keep_ad, bool exact)
{
	for (;;) {
		uint64_t want = next;

		if (keep_ad && (*old & PTE_P) != 0) {
			want |= *old & (PTE_A | PTE_D);
		}
		if (__atomic_compare_exchange_n(entry, old, want, false, __ATOMIC_SEQ_CST,
						__ATOMIC_ACQUIRE)) {
			return true;
		}
		if (exact) {
			return false;
		}
	}
}

/*
 * The frame that both entries map, if it is d's own memory and only W differs:
 * mprotect, fork and copy on write.  Then the general reference stays where it
 * is and just the use as writable comes or goes.  What owns the frame decides
 * as it does for a new entry: a frame that was granted or lent is none of this.
 */
static struct page *same_frame(uint64_t old, uint64_t next, const struct domain *frames_of)
{
	unsigned long mfn = pte_mfn(old);

	if ((old & next & PTE_P) == 0 || ((old ^ next) & PTE_ADDR_MASK) != 0 || frames_of == NULL ||
	    !mfn_valid(mfn) || READ_ONCE(mfn_to_page(mfn)->owner) != frames_of->id) {
		return NULL;
	}
	return mfn_to_page(mfn);
}

/* pte_put_l1(), or only the use where the frame stays mapped. */
static void put_l1(uint64_t pte, struct page *stays)
{
	if (stays == NULL) {
		pte_put_l1(pte);
	} else if ((pte & PTE_W) != 0) {
		page_put_type(stays);
	}
}

int mod_l1_entry(uint64_t *entry, uint64_t new_pte, struct domain *d, struct domain *frames_of,
		 bool preserve_ad, uint64_t *expected)
{
	const uint64_t relevant = PTE_ADDR_MASK | PTE_P | PTE_W;
	uint64_t old = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
	/* The same frame in the same way: nothing to count. */
	bool same = (new_pte & PTE_P) != 0 && ((old ^ new_pte) & relevant) == 0;
	struct page *pg;
	int rc = 0;

	if (expected == NULL || old == *expected) {
		pg = same ? NULL : same_frame(old, new_pte, frames_of);
		rc = same || pg != NULL ? check_bits(&new_pte, 1, d) :
					  pte_get(&new_pte, 1, d, frames_of);
		if (rc == 0 && pg != NULL && (new_pte & PTE_W) != 0) {
			rc = page_get_type(pg, PGT_WRITABLE);
		}
		if (rc != 0) {
			return rc;
		}
		if (entry_store(entry, &old, new_pte, preserve_ad, expected != NULL)) {
			if (!same) {
				put_l1(old, pg);
			}
			return 0;
		}
		if (!same) {
			put_l1(new_pte, pg);
		}
	}
	if (expected != NULL) {
		*expected = old;
	}
	return -XEN_EAGAIN;
}

int mod_table_entry(uint64_t *entry, uint64_t new_pte, struct page *table, uint64_t type,
		    struct domain *d, bool preserve_ad)
{
	unsigned int level = (unsigned int)(type >> PGT_TYPE_SHIFT);
	uint64_t slot = ((uintptr_t)entry & (PAGE_SIZE - 1)) / sizeof(*entry);
	uint64_t gone = new_pte;
	int rc;

	if (level == 4 && slot >= L4_CORE_FIRST && slot < L4_CORE_END) {
		return -XEN_EPERM;
	}
	rc = pte_get(&new_pte, level, d, d);
	if (rc != 0) {
		return rc;
	}
	page_lock(table);
	/* It may have ceased to be such a table while we were not looking. */
	rc = page_valid_type(table) == type ? 0 : -XEN_EINVAL;
	if (rc == 0) {
		gone = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		(void)entry_store(entry, &gone, new_pte, preserve_ad, false);
	}
	page_unlock(table);
	if ((gone & PTE_P) != 0) {
		(void)vcpu_retire_table(current_vcpu(), mfn_to_page(pte_mfn(gone)));
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * The frame table: who owns a frame and how many references keep it, and the
 * TLB clock that tells whether a CPU may still reach it.  Called by everything
 * that handles guest memory.  No lock: count, owner and stamp of a frame are
 * one 64-bit word that only atomic operations change.  Never looks into a
 * frame; what type it has is pgtype.c's business, and the essay on stale TLB
 * entries is there, too.
 *
 * A reference is refused, never wrapped, when the count is near its end; the
 * last few are kept for the core, whose references no guest can multiply.
 */
#include <hv/page.h>

#include <hv/heap.h>
#include <hv/mm.h>

#define GUEST_COUNT_LIMIT (PGC_COUNT_MASK - 0xffff)

struct page *frame_table;
unsigned long frame_max;
unsigned long ram_frames;

/* ---- The word of count, owner and stamp ---------------------------------- */

/* Shifts and masks, since a structure of the fields would be taken apart and
 * put together again at each turn. */
#define WORD_OWNER_SHIFT 32
#define WORD_STAMP_SHIFT 48
#define WORD_STAMP (0xffffull << WORD_STAMP_SHIFT)

static uint64_t word_load(const struct page *pg)
{
	return __atomic_load_n((const uint64_t *)(const void *)&pg->count, __ATOMIC_ACQUIRE);
}

static bool word_swap(struct page *pg, uint64_t *old, uint64_t next)
{
	return __atomic_compare_exchange_n((uint64_t *)(void *)&pg->count, old, next, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

static uint32_t refs(uint64_t word)
{
	return (uint32_t)word & PGC_COUNT_MASK;
}

static uint16_t owner(uint64_t word)
{
	return (uint16_t)(word >> WORD_OWNER_SHIFT);
}

/* ---- The TLB clock --------------------------------------------------------- */

/* Each CPU's line is read by all and written at each of its flushes. */
static uint64_t tlb_clock;		     /* atomic; counts flushes */
static uint64_t tlb_flushed[CONFIG_NR_CPUS]; /* atomic; clock of the last */

/* Read after the word whose stamp it replaces, so it is not behind that. */
static uint64_t clock_now(void)
{
	return __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

void tlb_flush_cpus(cpumask_t mask)
{
	/* C2: the tick comes first: what was stamped before it, is flushed. */
	uint64_t time = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);

	arch_flush_tlb(mask); /* C3: the flush */
	/* C4: it is known to others */
	for (; mask != 0; mask &= mask - 1) {
		uint64_t *at = &tlb_flushed[__builtin_ctzll(mask)];
		uint64_t was = __atomic_load_n(at, __ATOMIC_RELAXED);

		while (was < time &&
		       !__atomic_compare_exchange_n(at, &was, time, false, __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED)) {}
	}
}

/*
 * C1: from when on a flush counts.  A stamp has the low bits of a time that is
 * not after now: the latest such time is taken.  It may be later than the true
 * one, which costs a flush.
 */
static uint64_t stamp_time(uint64_t word)
{
	uint64_t now = clock_now();

	return now - (uint16_t)(now - (word >> WORD_STAMP_SHIFT));
}

static void flush_older(uint64_t time, cpumask_t mask)
{
	cpumask_t stale = 0;

	for (; mask != 0; mask &= mask - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(mask);

		if (__atomic_load_n(&tlb_flushed[cpu], __ATOMIC_ACQUIRE) <= time) {
			stale |= 1ull << cpu;
		}
	}
	if (stale != 0) {
		tlb_flush_cpus(stale);
	}
}

void tlb_flush_stale(const struct page *pg, cpumask_t mask)
{
	flush_older(stamp_time(word_load(pg)), mask);
}

/* ---- References -------------------------------------------------------------- */

bool page_get(struct page *pg, const struct domain *d)
{
	uint64_t was = word_load(pg);

	do {
		if (owner(was) != d->id || refs(was) == 0 || refs(was) >= GUEST_COUNT_LIMIT) {
			return false;
		}
	} while (!word_swap(pg, &was, was + 1)); /* R2: not from 0 */
	return true;
}

void page_get_more(struct page *pg)
{
	uint32_t was = __atomic_fetch_add(&pg->count, 1, __ATOMIC_RELAXED);

	CHECK((was & PGC_COUNT_MASK) != 0 && (was & PGC_COUNT_MASK) < PGC_COUNT_MASK);
}

/*
 * Their counts are 0, so these frames are ours alone.  What a TLB has of them,
 * stamped by `time` at the latest, must go before anybody else gets them; any
 * domain may have mapped them, so any CPU is asked, and hardly ever, since one
 * flush does for all that was unmapped before it.
 */
static void free_frames(struct domain *d, unsigned long mfn, unsigned long end, uint64_t time)
{
	flush_older(time, cpu_online_mask()); /* R4: no TLB has it any more */
	heap_add(mfn, end);
	if (d != NULL &&
	    __atomic_sub_fetch(&d->tot_pages, (uint32_t)(end - mfn), __ATOMIC_SEQ_CST) == 0) {
		domain_frames_gone();
	}
}

static bool in_use(const struct page *pg)
{
	return (READ_ONCE(pg->type) & (PGT_COUNT_MASK | PGT_PARTIAL | PGT_BUSY)) != 0;
}

static uint64_t stamped(uint64_t word)
{
	return (word & ~WORD_STAMP) | clock_now() << WORD_STAMP_SHIFT;
}

static void put(struct page *pg, bool stamp)
{
	uint64_t was = word_load(pg), next;

	do {
		CHECK(refs(was) != 0);
		next = stamp ? stamped(was - 1) : was - 1;
		if (refs(next) == 0) {
			/* R3: nobody's from here on, and no id may point at it. */
			CHECK((uint32_t)next == 0);
			next = (next & WORD_STAMP) | (uint64_t)OWNER_CORE << WORD_OWNER_SHIFT;
		}
	} while (!word_swap(pg, &was, next));

	if ((uint32_t)next == 0) {
		CHECK(!in_use(pg));
		free_frames(domain_of_frames(owner(was)), page_to_mfn(pg), page_to_mfn(pg) + 1,
			    stamp_time(next));
	} else if (unlikely((uint32_t)next == 1)) {
		domain_frames_gone(); /* one that the core lent: its own hold is left */
	}
}

void page_put(struct page *pg)
{
	put(pg, false);
}

void page_put_mapping(struct page *pg)
{
	put(pg, true);
}

void page_stamp(struct page *pg)
{
	uint64_t was = word_load(pg);

	/* R1: the word before the clock */
	while (!word_swap(pg, &was, stamped(was))) {}
}

/* R3 in one step, where the count and the owner are known. */
static bool take(struct page *pg, uint16_t of, uint32_t count)
{
	uint64_t was = word_load(pg);

	return (was & ~WORD_STAMP) == ((uint64_t)of << WORD_OWNER_SHIFT | count) &&
	       word_swap(pg, &was, (was & WORD_STAMP) | (uint64_t)OWNER_CORE << WORD_OWNER_SHIFT);
}

bool page_retire(struct page *pg)
{
	uint16_t of = READ_ONCE(pg->owner);

	return of == OWNER_CORE || take(pg, of, 1);
}

bool page_steal(struct page *pg, const struct domain *d)
{
	bool taken = take(pg, d->id, PGC_ALLOCATED | 1);

	CHECK(!taken || !in_use(pg));
	return taken;
}

struct page *page_get_from_mfn(unsigned long mfn, const struct domain *d)
{
	struct page *pg = mfn_to_page(index_nospec(mfn, frame_max));

	return mfn_valid(mfn) && page_get(pg, d) ? pg : NULL;
}

bool page_deallocate(unsigned long mfn, const struct domain *d)
{
	struct page *pg = page_get_from_mfn(mfn, d);
	bool held;

	if (pg == NULL) {
		return false;
	}
	held = (__atomic_fetch_and(&pg->count, ~PGC_ALLOCATED, __ATOMIC_SEQ_CST) & PGC_ALLOCATED) !=
	       0;
	if (held) {
		page_put(pg);
	}
	page_put(pg);
	return held;
}

void page_deallocate_all(unsigned long mfn, unsigned long end, struct domain *d)
{
	unsigned long first = mfn;
	uint64_t time = 0, last;

	for (; mfn < end; mfn++) {
		struct page *pg = mfn_to_page(mfn);

		if (page_steal(pg, d)) {
			last = stamp_time(word_load(pg));
			time = MAX(time, last);
			continue;
		}
		if (first < mfn) {
			free_frames(d, first, mfn, time);
		}
		first = mfn + 1;
		if (READ_ONCE(pg->owner) == d->id) {
			(void)page_deallocate(mfn, d);
		}
	}
	if (first < mfn) {
		free_frames(d, first, mfn, time);
	}
}

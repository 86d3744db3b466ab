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

void tlb_flush_stale(const struct page *pg, cpumask_t mask)
{
	/*
	 * C1: from when on a flush counts.  A stamp has the low bits of a time
	 * that is not after now: the latest such time is taken.  It may be later
	 * than the true one, which costs a flush.
	 */
	uint16_t stamp = __atomic_load_n(&pg->stamp, __ATOMIC_ACQUIRE);
	uint64_t now = clock_now(), time = now - (uint16_t)(now - stamp);
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
 * The count is 0, so the frame is ours alone.  What a TLB has of it must go
 * before anybody else gets it; any domain may have mapped it, so any CPU is
 * asked, and hardly ever, since one flush does for all that was unmapped
 * before it.
 */
static void page_free(struct page *pg, uint16_t was_of)
{
	struct domain *d = domain_of_frames(was_of);

	CHECK((READ_ONCE(pg->type) & (PGT_COUNT_MASK | PGT_PARTIAL | PGT_BUSY)) == 0);
	tlb_flush_stale(pg, cpu_online_mask()); /* R4: no TLB has it any more */
	WRITE_ONCE(pg->type, PGT_NONE);
	WRITE_ONCE(pg->stamp, 0);
	heap_free(pg, 0);
	if (d != NULL && __atomic_sub_fetch(&d->tot_pages, 1, __ATOMIC_SEQ_CST) == 0) {
		domain_frames_gone();
	}
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
		page_free(pg, owner(was));
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

bool page_retire(struct page *pg)
{
	uint64_t was = 1 | (word_load(pg) & ~(uint64_t)UINT32_MAX);

	return owner(was) == OWNER_CORE ||
	       word_swap(pg, &was, (was & WORD_STAMP) | (uint64_t)OWNER_CORE << WORD_OWNER_SHIFT);
}

struct page *page_get_from_mfn(unsigned long mfn, const struct domain *d)
{
	struct page *pg;

	if (!mfn_valid(mfn)) {
		return NULL;
	}
	pg = mfn_to_page(index_nospec(mfn, frame_max));
	return page_get(pg, d) ? pg : NULL;
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

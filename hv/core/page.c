/* SPDX-License-Identifier: MIT */
/*
 * The frame table: who owns a frame and how many references keep it, and the
 * TLB clock that tells whether a CPU may still reach it.  Called by everything
 * that handles guest memory.  No lock: count, owner and stamp of a frame are
 * one 64-bit word that only compare-and-exchange changes.  Never looks into a
 * frame; what type it has is pgtype.c's business, and the essay on stale TLB
 * entries is there, too.
 *
 * A reference is refused, never wrapped, when the count is near its end; the
 * last few are kept for the core, whose references no guest can multiply.
 */
#include <hv/page.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/mm.h>

#define OWNER_SHIFT 32
#define STAMP_SHIFT 48
#define STAMP_MASK (0xffffull << STAMP_SHIFT)
#define GUEST_COUNT_LIMIT (PGC_COUNT_MASK - 0xffff)

struct page *frame_table;
unsigned long frame_max;

/* ---- The word of count, owner and stamp ---------------------------------- */

static uint64_t *word_of(struct page *pg)
{
	return (uint64_t *)(void *)&pg->count;
}

static uint64_t word_load(struct page *pg)
{
	return __atomic_load_n(word_of(pg), __ATOMIC_ACQUIRE);
}

static bool word_swap(struct page *pg, uint64_t *old, uint64_t next)
{
	return __atomic_compare_exchange_n(word_of(pg), old, next, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

static uint32_t word_count(uint64_t word)
{
	return (uint32_t)word & PGC_COUNT_MASK;
}

static uint16_t word_owner(uint64_t word)
{
	return (uint16_t)(word >> OWNER_SHIFT);
}

/* ---- The TLB clock --------------------------------------------------------- */

/* Each CPU's line is read by all and written at each of its flushes. */
static uint64_t tlb_clock;		     /* atomic; counts flushes */
static uint64_t tlb_flushed[CONFIG_NR_CPUS]; /* atomic; clock of the last */

static uint64_t clock_now(void)
{
	return __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

/*
 * The word with the time of now as its stamp.  The clock is read after the
 * word, so it is not behind the stamp that the word holds.
 */
static uint64_t word_stamped(uint64_t word)
{
	return (word & ~STAMP_MASK) | clock_now() << STAMP_SHIFT;
}

/*
 * A stamp has the low bits of a time that is not after now: the latest such
 * time is taken.  It may be later than the true one, which costs a flush.
 */
static uint64_t stamp_time(const struct page *pg)
{
	uint16_t stamp = __atomic_load_n(&pg->stamp, __ATOMIC_ACQUIRE);
	uint64_t now = clock_now();

	return now - (uint16_t)(now - stamp);
}

static cpumask_t flushed_since(cpumask_t mask, uint64_t time)
{
	cpumask_t left, done = 0;

	for (left = mask; left != 0; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);

		if (__atomic_load_n(&tlb_flushed[cpu], __ATOMIC_ACQUIRE) >
		    time) {
			done |= 1ull << cpu;
		}
	}
	return done;
}

void tlb_flush_cpus(cpumask_t mask)
{
	/* The tick comes first: what was stamped before it, is flushed. */
	uint64_t time = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);

	arch_flush_tlb(mask);
	for (; mask != 0; mask &= mask - 1) {
		uint64_t *at = &tlb_flushed[__builtin_ctzll(mask)];
		uint64_t was = __atomic_load_n(at, __ATOMIC_RELAXED);

		while (was < time &&
		       !__atomic_compare_exchange_n(at, &was, time, false,
						    __ATOMIC_RELEASE,
						    __ATOMIC_RELAXED)) {}
	}
}

void tlb_flush_stale(const struct page *pg, cpumask_t mask)
{
	mask &= ~flushed_since(mask, stamp_time(pg));
	if (mask != 0) {
		tlb_flush_cpus(mask);
	}
}

void tlb_flush_pending(void)
{
}

/* ---- References -------------------------------------------------------------- */

bool page_get(struct page *pg, const struct domain *d)
{
	uint64_t word = word_load(pg);

	do {
		if (word_owner(word) != d->id || word_count(word) == 0 ||
		    word_count(word) >= GUEST_COUNT_LIMIT) {
			return false;
		}
	} while (!word_swap(pg, &word, word + 1));
	return true;
}

void page_get_more(struct page *pg)
{
	uint64_t word = word_load(pg);

	do {
		CHECK(word_count(word) != 0 &&
		      word_count(word) < PGC_COUNT_MASK);
	} while (!word_swap(pg, &word, word + 1));
}

/*
 * The count is 0, so the frame is ours alone.  What a TLB has of it must go
 * before anybody else gets it; any domain may have mapped it, so any CPU is
 * asked, and hardly ever, since one flush does for all that was unmapped
 * before it.
 */
static void page_free(struct page *pg, uint16_t owner)
{
	struct domain *d = domain_of_frames(owner);

	CHECK((pg->type & (PGT_COUNT_MASK | PGT_PARTIAL | PGT_BUSY)) == 0);
	tlb_flush_stale(pg, cpu_online_mask());
	pg->type = PGT_NONE;
	pg->stamp = 0;
	heap_free(pg, 0);
	if (d != NULL) {
		__atomic_fetch_sub(&d->tot_pages, 1, __ATOMIC_RELEASE);
	}
}

static void put(struct page *pg, bool stamp)
{
	uint64_t word = word_load(pg), next;

	do {
		CHECK(word_count(word) != 0);
		next = (stamp ? word_stamped(word) : word) - 1;
		if (word_count(next) == 0) {
			/* Nobody's from here on, and no id may point at it. */
			CHECK((next & PGC_ALLOCATED) == 0);
			next &= ~(0xffffull << OWNER_SHIFT);
			next |= (uint64_t)OWNER_CORE << OWNER_SHIFT;
		}
	} while (!word_swap(pg, &word, next));

	if (word_count(next) == 0) {
		page_free(pg, word_owner(word));
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
	uint64_t word = word_load(pg);

	while (!word_swap(pg, &word, word_stamped(word))) {}
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

bool page_deallocate(struct page *pg)
{
	uint64_t word = word_load(pg);

	do {
		if ((word & PGC_ALLOCATED) == 0) {
			return false;
		}
		CHECK(word_count(word) > 1);
	} while (!word_swap(pg, &word, (word & ~(uint64_t)PGC_ALLOCATED) - 1));
	return true;
}

void page_init_owner(unsigned long mfn, uint16_t owner)
{
	struct page *pg = mfn_to_page(mfn);

	pg->type = PGT_NONE;
	pg->count = 0;
	pg->owner = owner;
	pg->stamp = 0;
}

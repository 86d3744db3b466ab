/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a buddy system over all RAM that nobody owns.
 *
 * Called from everywhere, with any lock below RANK_HEAP; the heap lock covers
 * the free lists, the counters, and the struct page of every free frame.  A
 * free block's first frame carries its order and, in the type word that no
 * free frame needs, the links of its list.  Frames are zeroed when they are
 * given out, outside the lock and exactly once; nothing is zeroed at start-up
 * or when it comes back.
 *
 * A zone is a power of two: zone z holds the frames with numbers in
 * [2^(z-1), 2^z), so a limit of address bits is a highest zone, and since a
 * block is naturally aligned it never crosses a zone.  Frame 0 is the one
 * exception and is left out.
 */
#include <hv/heap.h>

#include <xen/errno.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/lock.h>
#include <hv/page.h>
#include <hv/string.h>

#define ZONES 33 /* frame numbers of up to 32 bits */
#define ORDERS (HEAP_MAX_ORDER + 1)
#define LINK_NONE 0u /* frame 0 is never in the heap */

static struct {
	spinlock_t lock;
	uint32_t head[ZONES][ORDERS];
	uint32_t orders[ZONES]; /* bit k: head[zone][k] is not empty */
	unsigned long free, free_low;
} heap = { .lock = SPINLOCK_INIT(RANK_HEAP) };

#ifdef VELLUM_HOST
unsigned long heap_fail_countdown;

void heap_reset(void)
{
	memset(heap.head, 0, sizeof(heap.head));
	memset(heap.orders, 0, sizeof(heap.orders));
	heap.free = 0;
	heap.free_low = 0;
}
#endif

static unsigned int zone_of(unsigned long mfn)
{
	return (unsigned int)(64 - __builtin_clzl(mfn));
}

/* Links of a free block: next in the high half of the type, previous in the
 * low one. */
static uint32_t link_next(const struct page *pg)
{
	return (uint32_t)(pg->type >> 32);
}

static uint32_t link_prev(const struct page *pg)
{
	return (uint32_t)pg->type;
}

static void set_links(struct page *pg, uint32_t next, uint32_t prev)
{
	pg->type = (uint64_t)next << 32 | prev;
}

static void list_add(unsigned long mfn, unsigned int order)
{
	unsigned int zone = zone_of(mfn);
	struct page *pg = mfn_to_page(mfn);
	uint32_t next = heap.head[zone][order];

	pg->order = (uint16_t)order;
	set_links(pg, next, LINK_NONE);
	if (next != LINK_NONE) {
		struct page *npg = mfn_to_page(next);

		set_links(npg, link_next(npg), (uint32_t)mfn);
	}
	heap.head[zone][order] = (uint32_t)mfn;
	heap.orders[zone] |= 1u << order;
}

static void list_remove(unsigned long mfn, unsigned int order)
{
	unsigned int zone = zone_of(mfn);
	struct page *pg = mfn_to_page(mfn);
	uint32_t next = link_next(pg), prev = link_prev(pg);

	if (prev != LINK_NONE) {
		struct page *ppg = mfn_to_page(prev);

		set_links(ppg, next, link_prev(ppg));
	} else {
		CHECK(heap.head[zone][order] == mfn);
		heap.head[zone][order] = next;
		if (next == LINK_NONE) {
			heap.orders[zone] &= ~(1u << order);
		}
	}
	if (next != LINK_NONE) {
		struct page *npg = mfn_to_page(next);

		set_links(npg, link_next(npg), prev);
	}
}

static void count_free(unsigned long mfn, unsigned int order, bool add)
{
	unsigned long n = 1ul << order;

	heap.free += add ? n : 0 - n;
	if (mfn < HEAP_LOW_END) {
		heap.free_low += add ? n : 0 - n;
	}
}

/*
 * Puts a block whose frames all carry PGC_FREE on its list, joined with its
 * buddies.  A buddy that is PGC_FREE begins a block: a larger block around it
 * would contain the block being freed, too.
 */
static void insert_block(unsigned long mfn, unsigned int order)
{
	count_free(mfn, order, true);
	while (order < HEAP_MAX_ORDER) {
		unsigned long buddy = mfn ^ (1ul << order);

		if (buddy == 0 || !mfn_valid(buddy) ||
		    mfn_to_page(buddy)->count != PGC_FREE ||
		    mfn_to_page(buddy)->order != order) {
			break;
		}
		list_remove(buddy, order);
		mfn &= ~(1ul << order);
		order++;
	}
	list_add(mfn, order);
}

static void mark_free(struct page *pg, unsigned long n)
{
	for (; n > 0; n--, pg++) {
		pg->type = PGT_NONE;
		pg->owner = OWNER_NONE;
		pg->order = 0;
		__atomic_store_n(&pg->count, PGC_FREE, __ATOMIC_RELAXED);
	}
}

/* Takes a block of the order out of zone, splitting a larger one; 0: none. */
static unsigned long take_block(unsigned int zone, unsigned int order)
{
	uint32_t fit = heap.orders[zone] & ~((1u << order) - 1);
	unsigned int from;
	unsigned long mfn;

	if (fit == 0) {
		return 0;
	}
	from = (unsigned int)__builtin_ctz(fit);
	mfn = heap.head[zone][from];
	list_remove(mfn, from);
	/* Keeps the upper half: a domain that fills up block by block gets
	 * what lies highest first, as between zones. */
	while (from > order) {
		from--;
		list_add(mfn, from);
		mfn += 1ul << from;
	}
	return mfn;
}

struct page *heap_alloc_raw(unsigned int order, unsigned int address_bits)
{
	unsigned int zone = ZONES - 1;
	unsigned long mfn = 0, i;
	struct page *pg;

	if (order > HEAP_MAX_ORDER || address_bits <= PAGE_SHIFT ||
	    heap_fail_hook()) {
		return NULL;
	}
	zone = MIN(zone, address_bits - PAGE_SHIFT);

	spin_lock(&heap.lock);
	for (; zone > 0 && mfn == 0; zone--) {
		mfn = take_block(zone, order);
	}
	if (mfn == 0) {
		spin_unlock(&heap.lock);
		return NULL;
	}
	count_free(mfn, order, false);
	pg = mfn_to_page(mfn);
	for (i = 0; i < 1ul << order; i++) {
		ASSERT(pg[i].count == PGC_FREE);
		pg[i].type = PGT_NONE;
		pg[i].owner = OWNER_CORE;
		pg[i].order = 0;
		__atomic_store_n(&pg[i].count, 0, __ATOMIC_RELEASE);
	}
	spin_unlock(&heap.lock);
	return pg;
}

struct page *heap_alloc(unsigned int order, unsigned int address_bits)
{
	struct page *pg = heap_alloc_raw(order, address_bits);

	if (pg != NULL) {
		memset(frame_ptr(page_to_mfn(pg)), 0,
		       (size_t)PAGE_SIZE << order);
	}
	return pg;
}

void heap_free(struct page *pg, unsigned int order)
{
	unsigned long mfn = page_to_mfn(pg), i;

	CHECK(order <= HEAP_MAX_ORDER && mfn != 0 &&
	      (mfn & ((1ul << order) - 1)) == 0);
	spin_lock(&heap.lock);
	for (i = 0; i < 1ul << order; i++) {
		CHECK(pg[i].count == 0);
		/* Guests read the table: no trace of the last owner in it. */
		arch_m2p_set(mfn + i, M2P_INVALID);
	}
	mark_free(pg, 1ul << order);
	insert_block(mfn, order);
	spin_unlock(&heap.lock);
}

void heap_add(unsigned long start, unsigned long end)
{
	unsigned long mfn, n;

	/* The links have 32 bits. */
	end = MIN(end, 1ul << 32);
	start = MAX(start, 1ul);
	if (start >= end) {
		return;
	}
	spin_lock(&heap.lock);
	/* The largest aligned block that fits, one after the other. */
	for (mfn = start; mfn < end; mfn += n) {
		unsigned int order = MIN((unsigned int)__builtin_ctzl(mfn),
					 (unsigned int)HEAP_MAX_ORDER);

		while (1ul << order > end - mfn) {
			order--;
		}
		n = 1ul << order;
		mark_free(mfn_to_page(mfn), n);
		insert_block(mfn, order);
	}
	spin_unlock(&heap.lock);
}

unsigned long heap_free_frames(void)
{
	return READ_ONCE(heap.free);
}

unsigned long heap_free_low_frames(void)
{
	return READ_ONCE(heap.free_low);
}

void *heap_alloc_page(void)
{
	return heap_alloc_bytes(PAGE_SIZE);
}

void heap_free_page(void *p)
{
	heap_free_bytes(p, PAGE_SIZE);
}

static unsigned int order_of_bytes(size_t bytes)
{
	unsigned int order = 0;

	while (order <= HEAP_MAX_ORDER && (size_t)PAGE_SIZE << order < bytes) {
		order++;
	}
	return order;
}

void *heap_alloc_bytes(size_t bytes)
{
	struct page *pg = heap_alloc(order_of_bytes(bytes), ADDRESS_BITS_ANY);

	return pg != NULL ? frame_ptr(page_to_mfn(pg)) : NULL;
}

void heap_free_bytes(void *p, size_t bytes)
{
	if (p != NULL) {
		heap_free(mfn_to_page(ptr_frame(p)), order_of_bytes(bytes));
	}
}

/* ---- Frames of domains ---------------------------------------------------- */

/* Remembers that d has frames in the regions of this block, for its end. */
static void mark_extents(struct domain *d, unsigned long mfn,
			 unsigned int order)
{
	unsigned long i = mfn >> EXTENT_SHIFT;
	unsigned long last = (mfn + (1ul << order) - 1) >> EXTENT_SHIFT;

	for (; i <= last; i++) {
		__atomic_fetch_or(&d->extents[i / 64], 1ull << (i % 64),
				  __ATOMIC_RELAXED);
	}
}

/*
 * Hands frames to d; its lock is held, so that a domain which starts to die
 * either finds these frames or does not get them.
 */
static void give_frames(struct domain *d, struct page *pg, unsigned int order)
{
	unsigned long i;

	mark_extents(d, page_to_mfn(pg), order);
	for (i = 0; i < 1ul << order; i++) {
		CHECK(pg[i].count == 0);
		pg[i].type = PGT_NONE;
		pg[i].owner = d->id;
		/* Owner before count: who sees a count may look. */
		__atomic_store_n(&pg[i].count, PGC_ALLOCATED | 1,
				 __ATOMIC_RELEASE);
	}
}

int domain_assign_frames(struct domain *d, struct page *pg, unsigned int order,
			 bool no_limit)
{
	uint32_t total, n = 1u << order;
	int rc = 0;

	spin_lock(&d->lock);
	total = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	if (d->state != DOM_ALIVE) {
		rc = -XEN_EINVAL;
	} else if (total + n < total ||
		   (!no_limit && total + n > d->max_pages)) {
		rc = -XEN_ENOMEM;
	} else {
		__atomic_fetch_add(&d->tot_pages, n, __ATOMIC_RELAXED);
		give_frames(d, pg, order);
	}
	spin_unlock(&d->lock);
	return rc;
}

int domain_return_frames(struct domain *d, struct page *pg, unsigned int order)
{
	int rc = 0;

	spin_lock(&d->lock);
	if (d->state != DOM_ALIVE) {
		__atomic_fetch_sub(&d->tot_pages, 1u << order,
				   __ATOMIC_RELAXED);
		rc = -XEN_EINVAL;
	} else {
		give_frames(d, pg, order);
	}
	spin_unlock(&d->lock);
	return rc;
}

struct page *domain_alloc_frames(struct domain *d, unsigned int order,
				 unsigned int address_bits)
{
	struct page *pg;

	/* Spares the zeroing where the limit is reached already; the answer
	 * that counts comes under the lock. */
	if (READ_ONCE(d->tot_pages) + (1ull << order) >
	    READ_ONCE(d->max_pages)) {
		return NULL;
	}
	pg = heap_alloc(order, address_bits);
	if (pg != NULL && domain_assign_frames(d, pg, order, false) != 0) {
		heap_free(pg, order);
		pg = NULL;
	}
	return pg;
}

/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a buddy system over all RAM that nobody owns.
 *
 * Called from everywhere, with any lock below RANK_HEAP; the heap lock covers
 * the free lists, the counters, and the struct page of every free frame.  A
 * free block's first frame carries its order and, in place of the type that no
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

#include <hv/domain.h>
#include <hv/page.h>

#define ZONES 33 /* frame numbers of up to 32 bits */
#define ORDERS (HEAP_MAX_ORDER + 1)
#define LINK_NONE 0u /* frame 0 is never in the heap */

static struct {
	spinlock_t lock;
	uint32_t head[ZONES][ORDERS];
	uint32_t orders[ZONES]; /* bit k: head[zone][k] is not empty */
	unsigned long free;
} heap = { .lock = SPINLOCK_INIT(RANK_HEAP) };

static unsigned int zone_of(unsigned long mfn)
{
	return (unsigned int)(64 - __builtin_clzl(mfn));
}

static void list_add(unsigned long mfn, unsigned int order)
{
	unsigned int zone = zone_of(mfn);
	uint32_t *head = &heap.head[zone][order];
	struct page *pg = mfn_to_page(mfn);

	WRITE_ONCE(pg->order, (uint16_t)order);
	pg->next = *head;
	pg->prev = LINK_NONE;
	if (*head != LINK_NONE) {
		mfn_to_page(*head)->prev = (uint32_t)mfn;
	}
	*head = (uint32_t)mfn;
	heap.orders[zone] |= 1u << order;
}

static void list_remove(unsigned long mfn, unsigned int order)
{
	unsigned int zone = zone_of(mfn);
	const struct page *pg = mfn_to_page(mfn);

	if (pg->next != LINK_NONE) {
		mfn_to_page(pg->next)->prev = pg->prev;
	}
	if (pg->prev != LINK_NONE) {
		mfn_to_page(pg->prev)->next = pg->next;
		return;
	}
	CHECK(heap.head[zone][order] == mfn);
	heap.head[zone][order] = pg->next;
	if (pg->next == LINK_NONE) {
		heap.orders[zone] &= ~(1u << order);
	}
}

/*
 * Puts a block whose frames all carry PGC_FREE on its list, joined with its
 * buddies.  A buddy that is PGC_FREE begins a block: a larger block around it
 * would contain the block being freed, too.
 */
static void insert_block(unsigned long mfn, unsigned int order)
{
	heap.free += 1ul << order;
	for (; order < HEAP_MAX_ORDER; order++) {
		unsigned long buddy = mfn ^ (1ul << order);

		if (buddy == 0 || !mfn_valid(buddy) ||
		    READ_ONCE(mfn_to_page(buddy)->count) != PGC_FREE ||
		    mfn_to_page(buddy)->order != order) {
			break;
		}
		list_remove(buddy, order);
		mfn &= ~(1ul << order);
	}
	list_add(mfn, order);
}

/* Frames change hands; nobody may hold one meanwhile. */
static void hand_over(struct page *pg, unsigned int order, uint32_t old_count, uint16_t owner,
		      uint32_t count)
{
	for (unsigned long n = 1ul << order; n > 0; n--, pg++) {
		CHECK(READ_ONCE(pg->count) == old_count);
		WRITE_ONCE(pg->type, PGT_NONE);
		WRITE_ONCE(pg->owner, owner);
		WRITE_ONCE(pg->order, 0);
		/* Owner before count: who sees a count may look. */
		__atomic_store_n(&pg->count, count, __ATOMIC_RELEASE);
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
	heap.free -= 1ul << order;
	hand_over(mfn_to_page(mfn), order, PGC_FREE, OWNER_CORE, 0);
	return mfn;
}

struct page *heap_alloc_raw(unsigned int order, unsigned int address_bits)
{
	unsigned long mfn = 0;
	unsigned int zone;

	/* No limit, which is 0, becomes the largest of all by the subtraction. */
	if (order > HEAP_MAX_ORDER || address_bits - 1 < PAGE_SHIFT || heap_fail_hook()) {
		return NULL;
	}
	zone = MIN(ZONES - 1, address_bits - PAGE_SHIFT);
	spin_lock(&heap.lock);
	for (; zone > 0 && mfn == 0; zone--) {
		mfn = take_block(zone, order);
	}
	spin_unlock(&heap.lock);
	return mfn != 0 ? mfn_to_page(mfn) : NULL;
}

struct page *heap_alloc(unsigned int order, unsigned int address_bits)
{
	struct page *pg = heap_alloc_raw(order, address_bits);

	if (pg != NULL) {
		memset(frame_ptr(page_to_mfn(pg)), 0, (size_t)PAGE_SIZE << order);
	}
	return pg;
}

void heap_free(struct page *pg, unsigned int order)
{
	unsigned long mfn = page_to_mfn(pg), n = 1ul << order;

	CHECK(order <= HEAP_MAX_ORDER && mfn != 0 && (mfn & (n - 1)) == 0);
	spin_lock(&heap.lock);
	hand_over(pg, order, 0, OWNER_NONE, PGC_FREE);
	insert_block(mfn, order);
	/* Guests read the table: no trace of the last owner in it. */
	while (n > 0) {
		arch_m2p_set(mfn + --n, M2P_INVALID);
	}
	spin_unlock(&heap.lock);
}

void heap_add(unsigned long start, unsigned long end)
{
	unsigned long mfn = MAX(start, 1ul);
	unsigned int order;

	end = MIN(end, 1ul << 32); /* the links have 32 bits */
	/* The largest aligned block that fits, one after the other. */
	for (; mfn < end; mfn += 1ul << order) {
		order = MIN(63u - (unsigned int)__builtin_clzl(end - mfn), HEAP_MAX_ORDER);
		order = MIN(order, (unsigned int)__builtin_ctzl(mfn));
		heap_free(mfn_to_page(mfn), order);
	}
}

unsigned long heap_free_frames(void)
{
	return READ_ONCE(heap.free);
}

static unsigned int order_of_bytes(size_t bytes)
{
	size_t last = (bytes - 1) >> PAGE_SHIFT;

	return last == 0 ? 0 : zone_of(last);
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
static void mark_extents(struct domain *d, unsigned long mfn, unsigned int order)
{
	unsigned long last = (mfn + (1ul << order) - 1) >> EXTENT_SHIFT;

	for (unsigned long i = mfn >> EXTENT_SHIFT; i <= last; i++) {
		__atomic_fetch_or(&d->extents[i / 64], 1ull << (i % 64), __ATOMIC_RELAXED);
	}
}

int domain_assign_frames(struct domain *d, struct page *pg, unsigned int order, bool counted)
{
	uint32_t n = counted ? 0 : 1u << order;
	int rc = 0;

	/* Under the lock a domain that starts to die either finds these frames
	 * or does not get them. */
	spin_lock(&d->lock);
	if (READ_ONCE(d->state) != DOM_ALIVE) {
		rc = -XEN_EINVAL;
	} else if (!counted && (uint64_t)READ_ONCE(d->tot_pages) + n > d->max_pages) {
		rc = -XEN_ENOMEM;
	} else {
		__atomic_fetch_add(&d->tot_pages, n, __ATOMIC_RELAXED);
		mark_extents(d, page_to_mfn(pg), order);
		hand_over(pg, order, 0, d->id, PGC_ALLOCATED | 1);
	}
	spin_unlock(&d->lock);
	if (rc != 0) {
		heap_free(pg, order);
		__atomic_fetch_sub(&d->tot_pages, (1u << order) - n, __ATOMIC_RELEASE);
	}
	return rc;
}

struct page *domain_alloc_frames(struct domain *d, unsigned int order, unsigned int address_bits)
{
	struct page *pg;

	/* Spares the zeroing where the limit is reached already; the answer
	 * that counts comes under the lock. */
	if (READ_ONCE(d->tot_pages) + (1ull << order) > READ_ONCE(d->max_pages)) {
		return NULL;
	}
	pg = heap_alloc(order, address_bits);
	return pg != NULL && domain_assign_frames(d, pg, order, false) == 0 ? pg : NULL;
}

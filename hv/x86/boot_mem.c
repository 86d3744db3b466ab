/* SPDX-License-Identifier: MIT */
/*
 * Memory before there is a heap: the RAM ranges of the firmware's map, an
 * allocator that takes from their top, and at its end the frame table and the
 * m2p, sized by what was found.  Start-up on the boot CPU only, so no lock.
 * After boot_mem_finish() only mfn_valid() is left.  Never hands out the
 * first MiB, the core's image or a boot module.
 */
#include <x86.h>

#include <hv/boot.h>
#include <hv/check.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/page.h>
#include <hv/printk.h>
#include <hv/string.h>

#define RANGES_MAX (2 * BOOT_MEMMAP_MAX + 2 * BOOT_MODULES_MAX)
#define LOW_END 0x100000ull
#define SIZE_2M 0x200000ull
#define NO_LIMIT (~0ull)

/* The sparse map: one bit for this many frames (1 MiB). */
#define CHUNK_SHIFT 8
#define CHUNK (1ul << CHUNK_SHIFT)

struct range {
	uint64_t start, end;
};
struct range_list {
	unsigned int count;
	struct range r[RANGES_MAX];
};

static INIT_DATA struct range_list ram, avail;
static uint64_t *chunk_map; /* write-once: 1 = frame table is there */
bool boot_mem_done;

static INIT_TEXT void list_remove_at(struct range_list *l, unsigned int i)
{
	l->count--;
	memmove(&l->r[i], &l->r[i + 1], (l->count - i) * sizeof(struct range));
}

/* Keeps the list sorted and joins what overlaps or touches. */
static INIT_TEXT void list_insert(struct range_list *l, uint64_t start,
				  uint64_t end)
{
	unsigned int i = 0;

	while (i < l->count) {
		if (l->r[i].start <= end && start <= l->r[i].end) {
			start = MIN(start, l->r[i].start);
			end = MAX(end, l->r[i].end);
			list_remove_at(l, i);
		} else {
			i++;
		}
	}
	if (l->count == RANGES_MAX || start >= end) {
		return;
	}
	for (i = l->count; i > 0 && l->r[i - 1].start > start; i--) {
		l->r[i] = l->r[i - 1];
	}
	l->r[i] = (struct range){ start, end };
	l->count++;
}

static INIT_TEXT void list_cut(struct range_list *l, uint64_t start,
			       uint64_t end)
{
	unsigned int i = 0;

	while (i < l->count) {
		struct range r = l->r[i];

		if (r.end <= start || r.start >= end) {
			i++;
			continue;
		}
		list_remove_at(l, i);
		if (r.start < start) {
			list_insert(l, r.start, start);
			i++;
		}
		if (r.end > end) {
			list_insert(l, end, r.end);
			i++;
		}
	}
}

static INIT_TEXT bool list_covers(const struct range_list *l, uint64_t start,
				  uint64_t end)
{
	unsigned int i;

	for (i = 0; i < l->count; i++) {
		if (l->r[i].start <= start && end <= l->r[i].end) {
			return true;
		}
	}
	return false;
}

static INIT_TEXT bool list_touches(const struct range_list *l, uint64_t start,
				   uint64_t end)
{
	unsigned int i;

	for (i = 0; i < l->count; i++) {
		if (l->r[i].start < end && start < l->r[i].end) {
			return true;
		}
	}
	return false;
}

static INIT_TEXT void cut_bytes(struct range_list *l, uint64_t start,
				uint64_t end)
{
	list_cut(l, start & PAGE_MASK, (end + PAGE_SIZE - 1) & PAGE_MASK);
}

INIT_TEXT void boot_mem_init(void)
{
	const struct boot_memory *m;
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < boot_info.memory_count; i++) {
		m = &boot_info.memory[i];
		if (m->type == 1) {
			uint64_t end = m->start + m->size;

			end = MIN(end, DIRECT_SIZE) & PAGE_MASK;
			list_insert(&ram,
				    (m->start + PAGE_SIZE - 1) & PAGE_MASK,
				    end);
		}
	}
	/* Firmware that contradicts itself: reserved wins. */
	for (i = 0; i < boot_info.memory_count; i++) {
		m = &boot_info.memory[i];
		if (m->type != 1 && m->size != 0) {
			cut_bytes(&ram, m->start, m->start + m->size);
		}
	}
	avail = ram;
	list_cut(&avail, 0, LOW_END);
	cut_bytes(&avail, boot_info.core_start, boot_info.core_end);
	for (i = 0; i < boot_info.module_count; i++) {
		cut_bytes(&avail, boot_info.module[i].start,
			  boot_info.module[i].end);
	}
	if (avail.count == 0) {
		panic("the boot loader's memory map shows no free RAM");
	}
	for (i = 0; i < ram.count; i++) {
		total += ram.r[i].end - ram.r[i].start;
	}
	frame_max = ram.r[ram.count - 1].end >> PAGE_SHIFT;
	pr_info("memory: %llu MiB of RAM in %u ranges, highest frame %#lx",
		(unsigned long long)(total >> 20), ram.count, frame_max - 1);
}

INIT_TEXT bool boot_mem_ram(unsigned int i, uint64_t *start, uint64_t *end)
{
	if (i >= ram.count) {
		return false;
	}
	*start = ram.r[i].start;
	*end = ram.r[i].end;
	return true;
}

INIT_TEXT uint64_t boot_mem_alloc(uint64_t size, uint64_t align, uint64_t limit)
{
	unsigned int i;

	for (i = avail.count; i > 0; i--) {
		struct range r = avail.r[i - 1];
		uint64_t top = MIN(r.end, limit);
		uint64_t start;

		if (top < size) {
			continue;
		}
		start = (top - size) & ~(align - 1);
		if (start >= r.start) {
			list_cut(&avail, start, start + size);
			memset(frame_ptr(start >> PAGE_SHIFT), 0, size);
			return start;
		}
	}
	panic("not enough memory to start: %llu KiB wanted",
	      (unsigned long long)(size >> 10));
}

INIT_TEXT uint64_t boot_mem_low_page(void)
{
	uint64_t page;

	/* Above vectors and firmware data, below the extended data area. */
	for (page = 0x8000; page < 0x80000; page += PAGE_SIZE) {
		if (list_covers(&ram, page, page + PAGE_SIZE)) {
			return page;
		}
	}
	return 0;
}

/* Backs the frame table for all RAM by 2 MiB pages, each for 512 MiB. */
static INIT_TEXT void build_frame_table(void)
{
	const uint64_t per_page = SIZE_2M / sizeof(struct page);
	const uint64_t span = per_page << PAGE_SHIFT;
	uint64_t at;

	for (at = 0; at < (uint64_t)frame_max << PAGE_SHIFT; at += span) {
		uint64_t va = FRAMETABLE_VIRT +
			      (at >> PAGE_SHIFT) * sizeof(struct page);
		uint64_t pa;

		if (!list_touches(&ram, at, at + span)) {
			continue;
		}
		pa = boot_mem_alloc(SIZE_2M, SIZE_2M, NO_LIMIT);
		if (!paging_map(va, pa, SIZE_2M,
				PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)) {
			panic("no memory for the frame table");
		}
	}
}

static INIT_TEXT void build_chunk_map(void)
{
	uint64_t bits = (frame_max + CHUNK - 1) >> CHUNK_SHIFT;
	uint64_t bytes = (bits / 8 + 8 + PAGE_SIZE - 1) & PAGE_MASK;
	uint64_t pa = boot_mem_alloc(bytes, PAGE_SIZE, NO_LIMIT);
	uint64_t i;

	chunk_map = frame_ptr(pa >> PAGE_SHIFT);
	for (i = 0; i < bits; i++) {
		uint64_t at = i << (CHUNK_SHIFT + PAGE_SHIFT);

		if (list_touches(&ram, at, at + (CHUNK << PAGE_SHIFT))) {
			chunk_map[i / 64] |= 1ull << (i % 64);
		}
	}
}

static INIT_TEXT void build_m2p(void)
{
	const uint64_t per_page = SIZE_2M / sizeof(uint64_t);
	uint64_t parts = (frame_max + per_page - 1) / per_page;
	uint64_t i;

	/* Holes, too: a guest may look up any frame below frame_max. */
	for (i = 0; i < parts; i++) {
		uint64_t pa = boot_mem_alloc(SIZE_2M, SIZE_2M, NO_LIMIT);

		memset(frame_ptr(pa >> PAGE_SHIFT), 0xff, SIZE_2M);
		paging_set_m2p((unsigned int)i, pa);
	}
}

/* Owners of all frames that do not go to the heap. */
static INIT_TEXT void set_owners(void)
{
	unsigned long mfn, chunk;

	for (chunk = 0; chunk < frame_max; chunk += CHUNK) {
		uint64_t at = (uint64_t)chunk << PAGE_SHIFT;

		if (!mfn_valid(chunk) ||
		    list_covers(&avail, at, at + (CHUNK << PAGE_SHIFT))) {
			continue;
		}
		for (mfn = chunk; mfn < chunk + CHUNK; mfn++) {
			at = (uint64_t)mfn << PAGE_SHIFT;
			if (list_covers(&avail, at, at + PAGE_SIZE)) {
				continue;
			}
			page_init_owner(
				mfn,
				at >= LOW_END && list_covers(&ram, at,
							     at + PAGE_SIZE) ?
					OWNER_CORE :
					OWNER_IO);
		}
	}
}

INIT_TEXT void boot_mem_finish(void)
{
	unsigned int i;

	frame_table = (struct page *)FRAMETABLE_VIRT;
	build_frame_table();
	build_m2p();
	build_chunk_map();
	/* No allocation from here on: avail is what the heap gets. */
	set_owners();
	for (i = 0; i < avail.count; i++) {
		heap_add(avail.r[i].start >> PAGE_SHIFT,
			 avail.r[i].end >> PAGE_SHIFT);
	}
	boot_mem_done = true;
	pr_info("memory: %lu MiB free", heap_free_frames() >> 8);
}

bool mfn_valid(unsigned long mfn)
{
	unsigned long chunk = mfn >> CHUNK_SHIFT;

	if (mfn >= frame_max) {
		return false;
	}
	return (chunk_map[chunk / 64] >> (chunk % 64) & 1) != 0;
}

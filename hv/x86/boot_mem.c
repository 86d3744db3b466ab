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
#include <hv/heap.h>

#define LOW_END 0x100000ull

/* Frames of which 2 MiB of the frame table tell: 512 MiB of memory. */
#define SPAN (SIZE_2M / sizeof(struct page))
#define SPANS (DIRECT_SIZE / PAGE_SIZE / SPAN)

INIT_DATA struct range_list boot_ram;
static INIT_DATA struct range_list avail;
static uint64_t span_map[(SPANS + 63) / 64]; /* write-once: 1 = in the table */
bool boot_mem_done;
INIT_DATA uint64_t boot_low_page;

/* Not the core's, as firmware's tables are not: the control domain maps it. */
static uint8_t rsdp_frame[PAGE_SIZE] aligned_to(4096);

static INIT_TEXT void list_append(struct range_list *l, uint64_t start, uint64_t end)
{
	if (l->count == RANGES_MAX) {
		boot_failed("the boot loader's memory map has too many parts");
	}
	l->r[l->count++] = (struct range){ start, end };
}

/* Takes [start, end) away, widened to whole pages. */
static INIT_TEXT void list_cut(struct range_list *l, uint64_t start, uint64_t end)
{
	start &= PAGE_MASK;
	end = (end + PAGE_SIZE - 1) & PAGE_MASK;
	for (unsigned int i = 0; i < l->count; i++) {
		struct range *r = &l->r[i];

		if (r->start < end && start < r->end) {
			if (end < r->end) {
				list_append(l, end, r->end);
			}
			r->end = MAX(r->start, start);
		}
	}
}

/* How many bytes of [start, end) the list has. */
static INIT_TEXT uint64_t list_overlap(const struct range_list *l, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < l->count; i++) {
		uint64_t a = MAX(start, l->r[i].start);
		uint64_t b = MIN(end, l->r[i].end);

		bytes += a < b ? b - a : 0;
	}
	return bytes;
}

INIT_TEXT void boot_mem_init(void)
{
	const struct boot_memory *end;

	if (boot_info.rsdp_size != 0) {
		memcpy(rsdp_frame, boot_info.rsdp, boot_info.rsdp_size);
		boot_info.rsdp_addr = virt_phys(rsdp_frame);
		boot_info.memory[boot_info.memory_count++] =
			(struct boot_memory){ boot_info.rsdp_addr, PAGE_SIZE, BOOT_MEMORY_ACPI };
	}
	end = boot_info.memory + boot_info.memory_count;
	for (const struct boot_memory *m = boot_info.memory; m < end; m++) {
		uint64_t a = (m->start + PAGE_SIZE - 1) & PAGE_MASK;
		uint64_t b = MIN(m->start + m->size, DIRECT_SIZE) & PAGE_MASK;

		if (m->type == BOOT_MEMORY_RAM && a < b) {
			list_cut(&boot_ram, a, b); /* what overlaps, once */
			list_append(&boot_ram, a, b);
		}
	}
	/* Firmware that contradicts itself: reserved wins. */
	for (const struct boot_memory *m = boot_info.memory; m < end; m++) {
		if (m->type != BOOT_MEMORY_RAM) {
			list_cut(&boot_ram, m->start, m->start + m->size);
		}
	}
	avail = boot_ram;
	list_cut(&avail, virt_phys(image_start), virt_phys(image_end));
	for (unsigned int i = 0; i < boot_info.module_count; i++) {
		const struct boot_module *mod = &boot_info.module[i];

		if (list_overlap(&avail, mod->start, mod->end) != mod->end - mod->start) {
			boot_failed("boot module %u is not in free memory", i);
		}
		list_cut(&avail, mod->start, mod->end);
	}
	/* A loader may have put modules down here, too.  Above vectors and
	 * firmware data, below the extended data area. */
	for (uint64_t page = 0x7f000; page >= 0x8000; page -= PAGE_SIZE) {
		if (list_overlap(&avail, page, page + PAGE_SIZE) == PAGE_SIZE) {
			boot_low_page = page;
		}
	}
	list_cut(&avail, 0, LOW_END);
	for (unsigned int i = 0; i < boot_ram.count; i++) {
		frame_max = MAX(frame_max, boot_ram.r[i].end >> PAGE_SHIFT);
	}
	if (frame_max == 0) {
		boot_failed("the boot loader gave no memory map, or one without RAM");
	}
	ram_frames = list_overlap(&boot_ram, 0, DIRECT_SIZE) >> PAGE_SHIFT;
	pr_info("memory: %lu KiB of RAM, highest frame %#lx", ram_frames << (PAGE_SHIFT - 10),
		frame_max - 1);
}

INIT_TEXT void *boot_mem_alloc(uint64_t size, uint64_t limit)
{
	uint64_t best = 0;

	for (unsigned int i = 0; i < avail.count; i++) {
		const struct range *r = &avail.r[i];
		uint64_t top = MIN(r->end, limit);
		uint64_t start = (top - MIN(top, size)) & ~(size - 1);

		if (start >= r->start && start + size <= top) {
			best = MAX(best, start);
		}
	}
	if (best == 0) {
		boot_failed("not enough memory to start: %lu KiB wanted", size >> 10);
	}
	list_cut(&avail, best, best + size);
	return memset(frame_ptr(best >> PAGE_SHIFT), 0, size);
}

INIT_TEXT void boot_mem_finish(void)
{
	uint64_t at;

	/* Backs the frame table by 2 MiB pages, where there is RAM. */
	frame_table = (struct page *)FRAMETABLE_VIRT;
	for (unsigned long mfn = 0; mfn < frame_max; mfn += SPAN) {
		at = (uint64_t)mfn << PAGE_SHIFT;
		if (list_overlap(&boot_ram, at, at + (SPAN << PAGE_SHIFT)) == 0) {
			continue;
		}
		paging_map((uint64_t)mfn_to_page(mfn),
			   virt_phys(boot_mem_alloc(SIZE_2M, DIRECT_SIZE)), SIZE_2M, KERNEL_RW);
		span_map[mfn / SPAN / 64] |= 1ull << (mfn / SPAN % 64);
		for (unsigned long i = 0; i < SPAN; i++) {
			*mfn_to_page(mfn + i) = (struct page){ .owner = OWNER_IO };
		}
	}
	paging_init_m2p();
	/* No allocation from here on: avail is what the heap gets. */
	for (unsigned long i = 0; i < boot_ram.count; i++) {
		at = MAX(boot_ram.r[i].start, LOW_END);
		for (; at < boot_ram.r[i].end; at += PAGE_SIZE) {
			*mfn_to_page(at >> PAGE_SHIFT) = (struct page){ .owner = OWNER_CORE };
		}
	}
	for (unsigned long i = 0; i < avail.count; i++) {
		heap_add(avail.r[i].start >> PAGE_SHIFT, avail.r[i].end >> PAGE_SHIFT);
	}
	boot_mem_done = true;
	pr_info("memory: %lu MiB free", heap_free_frames() >> 8);
}

bool mfn_valid(unsigned long mfn)
{
	unsigned long span = index_nospec(mfn, frame_max) / SPAN;

	return mfn < frame_max && (span_map[span / 64] >> (span % 64) & 1) != 0;
}

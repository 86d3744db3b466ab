/* SPDX-License-Identifier: MIT */
/*
 * The initial memory of a domain: which part goes to which guest frames, which
 * machine frames those are, and the page tables that map them.
 *
 * Called by build.c, at start-up on one CPU; owns the list of frames.  Only
 * computes and writes tables into frames it is given: no allocation, no
 * references.  The numbers come from an image that may be broken, so sums that
 * can wrap are checked; guest frame numbers are below 2^46 from elf.c on.
 */
#include <hv/build.h>

#include <xen/elfnote.h>

#include <hv/elf.h>
#include <hv/mm.h>

#define PARTS_MAX 2048
#define MAPPING_ALIGN (4ull << 20)
#define MAPPING_SLACK (512ull << 10)
#define FRAMES_MAX (1ul << 36)

/* ---- Guest frames and machine frames ------------------------------------------ */

struct part {
	unsigned long pfn, mfn, count;
};

static INIT_DATA struct part parts[PARTS_MAX]; /* in order of pfn */
static INIT_DATA unsigned int part_count;

INIT_TEXT bool build_add_frames(unsigned long pfn, unsigned long mfn, unsigned long count)
{
	if (pfn == 0) {
		part_count = 0; /* of the next domain */
	}
	if (part_count == PARTS_MAX) {
		return false;
	}
	parts[part_count++] = (struct part){ pfn, mfn, count };
	return true;
}

INIT_TEXT unsigned long build_mfn(unsigned long pfn)
{
	static INIT_DATA unsigned int i; /* frames are asked for in rows */

	if (i >= part_count || pfn < parts[i].pfn) {
		i = 0;
	}
	while (pfn - parts[i].pfn >= parts[i].count) {
		i++;
		CHECK(i < part_count);
	}
	return parts[i].mfn + pfn - parts[i].pfn;
}

INIT_TEXT void *build_frame(unsigned long pfn)
{
	return frame_ptr(build_mfn(pfn));
}

/* ---- The plan -------------------------------------------------------------------- */

static INIT_TEXT unsigned long pages_of(uint64_t bytes)
{
	return (unsigned long)((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static INIT_TEXT unsigned int l4_slot(uint64_t va)
{
	return (unsigned int)(va >> 39) & (PTES - 1);
}

/* L1, L2 and L3 tables that map [start, end). */
static INIT_TEXT unsigned long tables_for(uint64_t start, uint64_t end)
{
	unsigned long n = 0;

	for (unsigned int shift = 21; shift <= 39; shift += 9) {
		n += ((end - 1) >> shift) - (start >> shift) + 1;
	}
	return n;
}

/* True if a guest can have [start, end) mapped: canonical, not the core's. */
static INIT_TEXT bool mappable(uint64_t start, uint64_t end)
{
	return start < end &&
	       (end <= 1ull << 47 ||
		(start >= 0 - (1ull << 47) && (end <= CORE_VIRT_START || start >= CORE_VIRT_END)));
}

/* Page tables, boot stack and slack: the more is mapped, the more tables. */
static INIT_TEXT const char *plan_tables(struct build_layout *l)
{
	unsigned long tables = 0;

	do {
		uint64_t stack_end, end;

		l->table_pages = tables;
		l->stack = l->tables + l->table_pages;
		stack_end = l->virt_base + ((uint64_t)(l->stack + 1) << PAGE_SHIFT);
		end = (stack_end + MAPPING_ALIGN - 1) & ~(MAPPING_ALIGN - 1);
		if (end - stack_end < MAPPING_SLACK) {
			end += MAPPING_ALIGN;
		}
		if (stack_end < l->virt_base || end < stack_end || !mappable(l->virt_base, end)) {
			return "the kernel and what goes with it do not fit behind its VIRT_BASE";
		}
		l->mapped_end = (end - l->virt_base) >> PAGE_SHIFT;
		tables = 1 + tables_for(l->virt_base, end);
	} while (tables != l->table_pages);
	return NULL;
}

/* The list of frames at an address of the kernel's choice. */
static INIT_TEXT const char *plan_p2m(struct build_layout *l)
{
	uint64_t end = l->p2m_va + ((uint64_t)l->p2m_pages << PAGE_SHIFT);
	uint64_t last = l->virt_base + ((uint64_t)l->mapped_end << PAGE_SHIFT) - 1;

	if (!mappable(l->p2m_va, end)) {
		return "the list of frames does not fit at INIT_P2M";
	}
	/* Its tables are the guest's to give up as one piece, so they share
	 * none with the kernel's. */
	if (l4_slot(l->p2m_va) != l4_slot(end - 1) ||
	    (l4_slot(l->p2m_va) >= l4_slot(l->virt_base) && l4_slot(l->p2m_va) <= l4_slot(last))) {
		return "INIT_P2M is too close to VIRT_BASE";
	}
	l->p2m = l->end;
	l->p2m_tables = l->p2m + l->p2m_pages;
	l->p2m_table_pages = tables_for(l->p2m_va, end);
	l->end = l->p2m_tables + l->p2m_table_pages;
	return NULL;
}

INIT_TEXT const char *build_plan(struct build_layout *l, const struct elf_kernel *k,
				 unsigned long frames, uint64_t ramdisk_size)
{
	bool own_p2m = (k->has & 1ull << XEN_ELFNOTE_INIT_P2M) != 0;
	unsigned long next = pages_of(k->pend);
	const char *error;

	if (frames > FRAMES_MAX || pages_of(ramdisk_size) > FRAMES_MAX) {
		return "more memory than a domain can have";
	}
	*l = (struct build_layout){
		.virt_base = k->virt_base,
		.ramdisk_size = ramdisk_size,
		.ramdisk_pages = pages_of(ramdisk_size),
		.p2m_pages = pages_of((uint64_t)frames * sizeof(uint64_t)),
	};
	if (!k->mod_start_pfn) {
		l->ramdisk = next;
		next += l->ramdisk_pages;
	}
	if (!own_p2m) {
		l->p2m = next;
		l->p2m_va = l->virt_base + ((uint64_t)next << PAGE_SHIFT);
		next += l->p2m_pages;
	}
	l->start_info = next++;
	l->store = next++;
	l->console = next++;
	l->tables = next;
	error = plan_tables(l);
	l->end = l->mapped_end;
	if (k->mod_start_pfn) {
		l->ramdisk = l->end;
		l->end += l->ramdisk_pages;
	}
	if (error == NULL && own_p2m) {
		l->p2m_va = k->init_p2m;
		error = plan_p2m(l);
	}
	return error;
}

/* ---- Page tables ------------------------------------------------------------------ */

/* Takes guest frame (*next)++ for a table. */
static INIT_TEXT unsigned long new_table(unsigned long *next)
{
	unsigned long mfn = build_mfn((*next)++);

	memset(frame_ptr(mfn), 0, PAGE_SIZE);
	return mfn;
}

/* Maps guest frames [pfn, end) at va, page tables read-only, with tables that
 * begin at *next. */
static INIT_TEXT void map_frames(const struct build_layout *l, uint64_t *l4, uint64_t va,
				 unsigned long pfn, unsigned long end, unsigned long *next)
{
	for (; pfn < end; pfn++, va += PAGE_SIZE) {
		uint64_t pte =
			(uint64_t)build_mfn(pfn) << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D;
		uint64_t *table = l4, *entry;

		for (int shift = 39; shift > PAGE_SHIFT; shift -= 9) {
			entry = &table[va >> shift & (PTES - 1)];
			if (*entry == 0) {
				*entry = (uint64_t)new_table(next) << PAGE_SHIFT | PTE_P | PTE_W |
					 PTE_U | PTE_A;
			}
			table = frame_ptr(pte_mfn(*entry));
		}
		if (pfn - l->tables >= l->table_pages) {
			pte |= PTE_W;
		}
		table[va >> PAGE_SHIFT & (PTES - 1)] = pte;
	}
}

INIT_TEXT unsigned long build_make_tables(const struct build_layout *l)
{
	unsigned long next = l->tables, l4 = new_table(&next);

	map_frames(l, frame_ptr(l4), l->virt_base, 0, l->mapped_end, &next);
	CHECK(next == l->tables + l->table_pages);
	if (l->p2m_table_pages != 0) {
		next = l->p2m_tables;
		map_frames(l, frame_ptr(l4), l->p2m_va, l->p2m, l->p2m + l->p2m_pages, &next);
		CHECK(next == l->p2m_tables + l->p2m_table_pages);
	}
	return l4;
}

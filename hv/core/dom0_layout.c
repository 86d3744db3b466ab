/* SPDX-License-Identifier: MIT */
/*
 * The initial memory of the control domain: which part goes to which guest
 * frames, which machine frames those are, and the page tables that map them.
 *
 * Called by dom0.c, at start-up on one CPU; owns the list of frames.  Only
 * computes and writes tables into frames it is given: no allocation, no
 * references.  The numbers come from an image that may be broken, so sums that
 * can wrap are checked; guest frame numbers are below 2^46 from elf.c on.
 */
#include <hv/dom0.h>

#include <xen/elfnote.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/elf.h>
#include <hv/mm.h>
#include <hv/string.h>

#define PARTS_MAX 1024
#define MAPPING_ALIGN (4ull << 20)
#define MAPPING_SLACK (512ull << 10)
#define FRAMES_MAX (1ul << 36)

/* ---- Guest frames and machine frames ------------------------------------------ */

struct part {
	unsigned long pfn, mfn, count;
};

static INIT_DATA struct part parts[PARTS_MAX]; /* in order of pfn */
static INIT_DATA unsigned int part_count;

INIT_TEXT unsigned long dom0_frame_count(void)
{
	const struct part *last;

	if (part_count == 0) {
		return 0;
	}
	last = &parts[part_count - 1];
	return last->pfn + last->count;
}

INIT_TEXT bool dom0_add_frames(unsigned long mfn, unsigned long count)
{
	unsigned long pfn = dom0_frame_count();

	if (part_count == PARTS_MAX) {
		return false;
	}
	parts[part_count++] = (struct part){ pfn, mfn, count };
	return true;
}

INIT_TEXT unsigned long dom0_mfn(unsigned long pfn, unsigned long *run)
{
	unsigned int low = 0, high = part_count;

	CHECK(pfn < dom0_frame_count());
	while (high - low > 1) {
		unsigned int middle = (low + high) / 2;

		if (parts[middle].pfn <= pfn) {
			low = middle;
		} else {
			high = middle;
		}
	}
	pfn -= parts[low].pfn;
	if (run != NULL) {
		*run = parts[low].count - pfn;
	}
	return parts[low].mfn + pfn;
}

INIT_TEXT void *dom0_frame(unsigned long pfn)
{
	return frame_ptr(dom0_mfn(pfn, NULL));
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
	unsigned int shift;

	for (shift = 21; shift <= 39; shift += 9) {
		n += (unsigned long)((end - 1) >> shift) -
		     (unsigned long)(start >> shift) + 1;
	}
	return n;
}

/* True if a guest can have [start, end) mapped: canonical, not the core's. */
static INIT_TEXT bool mappable(uint64_t start, uint64_t end)
{
	const uint64_t low_end = 1ull << 47;
	const uint64_t high_start = 0 - low_end;

	if (start >= end) {
		return false;
	}
	return end <= low_end ||
	       (start >= high_start &&
		(end <= CORE_VIRT_START || start >= CORE_VIRT_END));
}

/* Page tables, boot stack and slack: the more is mapped, the more tables. */
static INIT_TEXT const char *plan_tables(struct dom0_layout *l)
{
	uint64_t stack_end, end;

	l->table_pages = 0;
	for (;;) {
		l->stack = l->tables + l->table_pages;
		stack_end =
			l->virt_base + ((uint64_t)(l->stack + 1) << PAGE_SHIFT);
		end = (stack_end + MAPPING_ALIGN - 1) & ~(MAPPING_ALIGN - 1);
		if (end - stack_end < MAPPING_SLACK) {
			end += MAPPING_ALIGN;
		}
		if (stack_end < l->virt_base || end < stack_end ||
		    !mappable(l->virt_base, end)) {
			return "the kernel and what goes with it do not fit "
			       "behind its VIRT_BASE";
		}
		l->mapped_end =
			(unsigned long)((end - l->virt_base) >> PAGE_SHIFT);
		if (1 + tables_for(l->virt_base, end) == l->table_pages) {
			return NULL;
		}
		l->table_pages = 1 + tables_for(l->virt_base, end);
	}
}

/* The list of frames at an address of the kernel's choice. */
static INIT_TEXT const char *plan_p2m(struct dom0_layout *l)
{
	uint64_t end = l->p2m_va + ((uint64_t)l->p2m_pages << PAGE_SHIFT);
	uint64_t mapped =
		l->virt_base + ((uint64_t)l->mapped_end << PAGE_SHIFT);

	if (end < l->p2m_va || !mappable(l->p2m_va, end)) {
		return "the list of frames does not fit at INIT_P2M";
	}
	/* Its tables are the guest's to give up as one piece, so they share
	 * none with the kernel's. */
	if (l4_slot(l->p2m_va) != l4_slot(end - 1) ||
	    (l4_slot(l->p2m_va) >= l4_slot(l->virt_base) &&
	     l4_slot(l->p2m_va) <= l4_slot(mapped - 1))) {
		return "INIT_P2M is too close to VIRT_BASE";
	}
	l->p2m = l->end;
	l->p2m_tables = l->p2m + l->p2m_pages;
	l->p2m_table_pages = tables_for(l->p2m_va, end);
	l->end = l->p2m_tables + l->p2m_table_pages;
	return NULL;
}

INIT_TEXT const char *dom0_plan(struct dom0_layout *l,
				const struct elf_kernel *k,
				unsigned long frames, uint64_t ramdisk_size)
{
	bool own_p2m = (k->has & 1ull << XEN_ELFNOTE_INIT_P2M) != 0;
	unsigned long next = pages_of(k->pend);
	const char *error;

	if (frames > FRAMES_MAX || pages_of(ramdisk_size) > FRAMES_MAX) {
		return "more memory than a domain can have";
	}
	memset(l, 0, sizeof(*l));
	l->virt_base = k->virt_base;
	l->ramdisk_size = ramdisk_size;
	l->ramdisk_pages = pages_of(ramdisk_size);
	l->p2m_pages = pages_of((uint64_t)frames * sizeof(uint64_t));
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
	l->tables = next;
	error = plan_tables(l);
	if (error != NULL) {
		return error;
	}
	l->end = l->mapped_end;
	if (k->mod_start_pfn) {
		l->ramdisk = l->end;
		l->end += l->ramdisk_pages;
	}
	if (own_p2m) {
		l->p2m_va = k->init_p2m;
		error = plan_p2m(l);
		if (error != NULL) {
			return error;
		}
	}
	return l->end > frames ? "too little memory for the kernel, its "
				 "ramdisk and tables: raise dom0_mem" :
				 NULL;
}

/* ---- Page tables ------------------------------------------------------------------ */

/* Guest frames to take tables from. */
struct table_source {
	unsigned long next, end;
};

static INIT_TEXT uint64_t *new_table(struct table_source *from,
				     unsigned long *mfn)
{
	uint64_t *table;

	CHECK(from->next < from->end);
	*mfn = dom0_mfn(from->next++, NULL);
	table = frame_ptr(*mfn);
	memset(table, 0, PAGE_SIZE);
	return table;
}

/* The table below entry `i`, made if it is not there. */
static INIT_TEXT uint64_t *next_table(uint64_t *table, unsigned int i,
				      struct table_source *from)
{
	unsigned long mfn;
	uint64_t *below;

	if ((table[i] & PTE_P) != 0) {
		return frame_ptr(pte_mfn(table[i]));
	}
	below = new_table(from, &mfn);
	table[i] = (uint64_t)mfn << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A;
	return below;
}

/* Maps guest frames [pfn, end) at va; those in [ro, ro_end) read-only. */
static INIT_TEXT void map_frames(uint64_t *l4, uint64_t va, unsigned long pfn,
				 unsigned long end, unsigned long ro,
				 unsigned long ro_end,
				 struct table_source *from)
{
	uint64_t *table;

	for (; pfn < end; pfn++, va += PAGE_SIZE) {
		uint64_t pte = PTE_P | PTE_U | PTE_A | PTE_D;

		table = next_table(l4, l4_slot(va), from);
		table = next_table(table, va >> 30 & (PTES - 1), from);
		table = next_table(table, va >> 21 & (PTES - 1), from);
		if (pfn < ro || pfn >= ro_end) {
			pte |= PTE_W;
		}
		table[va >> PAGE_SHIFT & (PTES - 1)] =
			pte | (uint64_t)dom0_mfn(pfn, NULL) << PAGE_SHIFT;
	}
}

INIT_TEXT unsigned long dom0_make_tables(const struct dom0_layout *l)
{
	struct table_source own = { l->tables, l->tables + l->table_pages };
	struct table_source p2m = { l->p2m_tables,
				    l->p2m_tables + l->p2m_table_pages };
	unsigned long mfn;
	uint64_t *l4 = new_table(&own, &mfn);

	map_frames(l4, l->virt_base, 0, l->mapped_end, l->tables,
		   l->tables + l->table_pages, &own);
	if (l->p2m_table_pages != 0) {
		map_frames(l4, l->p2m_va, l->p2m, l->p2m + l->p2m_pages, 0, 0,
			   &p2m);
	}
	CHECK(own.next == own.end && p2m.next == p2m.end);
	return mfn;
}

/* SPDX-License-Identifier: MIT */
/*
 * Writes a guest's first page tables and its list of frames into its memory.
 * Called by build.c, when all frames are there.  The tables of one area lie
 * behind each other by level, so each level is one long array here, and nothing
 * is walked.
 */
#include "libvellum/build_tables.h"

#include <string.h>

#include "libvellum/ctl_layer.h"

#define ENTRIES 512
#define PTE_P 0x1u
#define PTE_W 0x2u
#define PTE_U 0x4u
#define PTE_A 0x20u
#define PTE_D 0x40u
#define PTE_TABLE (PTE_P | PTE_W | PTE_U | PTE_A)
#define PTE_PAGE (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)

#define WINDOW 1024 /* pages of the list mapped at once */

/* What is mapped: `count` guest frames from pfn on, at va, by the tables that
 * begin at guest frame `tables`, which are at `at` here. */
struct area {
	uint64_t va, pfn, count;
	uint64_t tables;
	uint64_t *at;
};

/* entry[0..count) lead to guest frames from pfn on. */
static void fill(struct build_memory *m, uint64_t *entry, uint64_t pfn, uint64_t count,
		 uint64_t flags)
{
	for (uint64_t n, mfn; count > 0; count -= n, pfn += n) {
		n = build_memory_run(m, pfn, count, &mfn);
		for (uint64_t i = 0; i < n; i++) {
			*entry++ = (mfn + i) << VL_PAGE_SHIFT | flags;
		}
	}
}

/* Returns the entries of the area's pages, the first one's first. */
static uint64_t *map_area(struct build_memory *m, uint64_t *l4, const struct area *a)
{
	uint64_t end = a->va + (a->count << VL_PAGE_SHIFT), pfn = a->tables;
	uint64_t *parent = l4, *at = a->at;

	for (unsigned int shift = 39; shift >= 21; shift -= 9) {
		uint64_t count = build_tables_at(a->va, end, shift);

		/* The first table's place among its parents' entries. */
		fill(m, parent + (a->va >> shift & (ENTRIES - 1)), pfn, count, PTE_TABLE);
		parent = at;
		at += count * ENTRIES;
		pfn += count;
	}
	parent += a->va >> VL_PAGE_SHIFT & (ENTRIES - 1);
	fill(m, parent, a->pfn, a->count, PTE_PAGE);
	return parent;
}

/* The list of frames where the kernel wants it. */
static int map_p2m(struct build_memory *m, const struct build_plan *plan, uint64_t *l4,
		   struct vl_error *error)
{
	struct area a = { plan->p2m_va, plan->p2m, plan->p2m_pages, plan->p2m_tables, NULL };
	void *window;
	int rc = build_memory_map(m, plan->p2m_tables, plan->p2m_table_pages, &window, error);

	if (rc == 0) {
		a.at = window;
		(void)map_area(m, l4, &a);
		vl_ctl_unmap(m->ctl, window, plan->p2m_table_pages);
	}
	return rc;
}

int build_tables(struct build_memory *m, const struct build_plan *plan, struct vl_error *error)
{
	struct area a = { plan->virt_base, 0, plan->mapped_end, plan->tables + 1, NULL };
	uint64_t *l4, *page;
	void *window;
	int rc = build_memory_map(m, plan->tables, plan->table_pages, &window, error);

	if (rc) {
		return rc;
	}
	l4 = window;
	a.at = l4 + ENTRIES;
	page = map_area(m, l4, &a);
	for (uint64_t i = 0; i < plan->table_pages; i++) {
		page[plan->tables + i] &= ~(uint64_t)PTE_W;
	}
	if (plan->p2m_table_pages > 0) {
		rc = map_p2m(m, plan, l4, error);
	}
	vl_ctl_unmap(m->ctl, window, plan->table_pages);
	return rc;
}

int build_p2m(struct build_memory *m, const struct build_plan *plan, struct vl_error *error)
{
	const uint64_t per_page = VL_PAGE_SIZE / sizeof(uint64_t);
	int rc = 0;

	for (uint64_t page = 0, pages; rc == 0 && page < plan->p2m_pages; page += pages) {
		uint64_t pfn = page * per_page, left, *list;
		void *window;

		pages = plan->p2m_pages - page;
		pages = pages < WINDOW ? pages : WINDOW;
		rc = build_memory_map(m, plan->p2m + page, pages, &window, error);
		if (rc) {
			break;
		}
		list = window;
		left = pages * per_page;
		for (uint64_t n, mfn; left > 0 && pfn < m->frames; left -= n, pfn += n) {
			n = m->frames - pfn < left ? m->frames - pfn : left;
			n = build_memory_run(m, pfn, n, &mfn);
			for (uint64_t i = 0; i < n; i++) {
				*list++ = mfn + i;
			}
		}
		/* No frame, as the kernel marks it. */
		memset(list, 0xff, left * sizeof(*list));
		vl_ctl_unmap(m->ctl, window, pages);
	}
	return rc;
}

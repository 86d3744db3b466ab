/* SPDX-License-Identifier: MIT */
/*
 * The order of things in a guest's first memory, as the published interface has
 * it: image, ramdisk, list of frames, start_info, store and console pages, page
 * tables, boot stack, all mapped behind VIRT_BASE up to a multiple of 4 MiB; a
 * ramdisk that may be passed by frame number and a list that the kernel wants
 * elsewhere come behind all that is mapped.
 *
 * Called by build.c.  The numbers come from an image that may be broken: sums
 * that can wrap are checked.  The ELF reader lets no segment end
 * above 2^47, so sums of frames are safe.
 */
#include "libvellum/build_plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <hv/elf.h>
#include <xen/elfnote.h>
#include <xen/xen.h>

#include "libvellum/ctl_layer.h"

#define MAPPING_ALIGN (UINT64_C(4) << 20)
#define MAPPING_SLACK (UINT64_C(512) << 10)

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + VL_PAGE_SIZE - 1) >> VL_PAGE_SHIFT;
}

static uint64_t tables_for(uint64_t start, uint64_t end)
{
	return build_tables_at(start, end, 21) + build_tables_at(start, end, 30) +
	       build_tables_at(start, end, 39);
}

/* True if a guest can have [start, end) mapped: canonical, not the core's. */
static bool mappable(uint64_t start, uint64_t end)
{
	const uint64_t high = 0 - (UINT64_C(1) << 47);

	return start < end &&
	       (end <= UINT64_C(1) << 47 ||
		(start >= high && (end <= HYPERVISOR_VIRT_START || start >= HYPERVISOR_VIRT_END)));
}

/* Page tables, stack and what is mapped behind: the more is mapped, the more
 * tables there are, which are mapped, too. */
static const char *plan_tables(struct build_plan *p)
{
	uint64_t tables = 0;

	do {
		uint64_t stack_end, end;

		p->table_pages = tables;
		p->stack = p->tables + tables;
		stack_end = p->virt_base + ((p->stack + 1) << VL_PAGE_SHIFT);
		end = (stack_end + MAPPING_ALIGN - 1) & ~(MAPPING_ALIGN - 1);
		if (end - stack_end < MAPPING_SLACK) {
			end += MAPPING_ALIGN;
		}
		if (stack_end < p->virt_base || end < stack_end || !mappable(p->virt_base, end)) {
			return "the kernel and what goes with it do not fit behind its VIRT_BASE";
		}
		p->mapped_end = (end - p->virt_base) >> VL_PAGE_SHIFT;
		tables = 1 + tables_for(p->virt_base, end);
	} while (tables != p->table_pages);
	return NULL;
}

/* The list of frames at an address of the kernel's choice. */
static const char *plan_p2m(struct build_plan *p)
{
	uint64_t end = p->p2m_va + (p->p2m_pages << VL_PAGE_SHIFT);
	uint64_t last = p->virt_base + (p->mapped_end << VL_PAGE_SHIFT) - 1;

	if (!mappable(p->p2m_va, end)) {
		return "the list of frames does not fit at INIT_P2M";
	}
	/* The guest gives its tables up as one piece: they share none with the
	 * kernel's but the top one. */
	if (p->p2m_va >> 39 != (end - 1) >> 39 ||
	    (p->p2m_va >> 39 >= p->virt_base >> 39 && p->p2m_va >> 39 <= last >> 39)) {
		return "INIT_P2M is too close to VIRT_BASE";
	}
	p->p2m = p->end;
	p->p2m_tables = p->p2m + p->p2m_pages;
	p->p2m_table_pages = tables_for(p->p2m_va, end);
	p->end = p->p2m_tables + p->p2m_table_pages;
	return NULL;
}

const char *build_plan(struct build_plan *plan, const struct elf_kernel *kernel, uint64_t frames,
		       uint64_t ramdisk_size)
{
	bool own_p2m = (kernel->has & 1ull << XEN_ELFNOTE_INIT_P2M) != 0;
	uint64_t next = pages_of(kernel->pend);
	const char *wrong;

	*plan = (struct build_plan){
		.virt_base = kernel->virt_base,
		.ramdisk_pages = pages_of(ramdisk_size),
		.p2m_pages = pages_of(frames * sizeof(uint64_t)),
	};
	if (!kernel->mod_start_pfn) {
		plan->ramdisk = next;
		next += plan->ramdisk_pages;
	}
	if (!own_p2m) {
		plan->p2m = next;
		plan->p2m_va = plan->virt_base + (next << VL_PAGE_SHIFT);
		next += plan->p2m_pages;
	}
	plan->start_info = next++;
	plan->store = next++;
	plan->console = next++;
	plan->tables = next;
	wrong = plan_tables(plan);
	plan->end = plan->mapped_end;
	if (kernel->mod_start_pfn) {
		plan->ramdisk = plan->end;
		plan->end += plan->ramdisk_pages;
	}
	if (!wrong && own_p2m) {
		plan->p2m_va = kernel->init_p2m;
		wrong = plan_p2m(plan);
	}
	return wrong;
}

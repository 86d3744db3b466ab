/* SPDX-License-Identifier: MIT */
/*
 * The plan of a guest's initial memory: which guest frame has which purpose.
 * Pure; for build*.c alone.
 */
#ifndef LIBVELLUM_BUILD_PLAN_H
#define LIBVELLUM_BUILD_PLAN_H

#include <stdint.h>

struct elf_kernel;

/* More than any machine has; sums of frames and their bytes do not wrap. */
#define BUILD_FRAMES_MAX (UINT64_C(1) << 34)

/* Guest frames, but for the two addresses; what is absent has 0 pages. */
struct build_plan {
	uint64_t virt_base; /* guest frame 0 is mapped here */
	uint64_t ramdisk, ramdisk_pages;
	uint64_t p2m, p2m_pages, p2m_va;      /* the list of frames alone */
	uint64_t p2m_tables, p2m_table_pages; /* with INIT_P2M: maps the list */
	uint64_t start_info, store, console;  /* one page each */
	uint64_t tables, table_pages;	      /* L4, L3, L2, then L1 tables */
	uint64_t stack;
	uint64_t mapped_end; /* frames below it are mapped */
	uint64_t end;	     /* first frame without a purpose */
};

/**
 * Where all goes in a guest that starts with `frames`; null, or one sentence that
 * says why the kernel cannot be placed.  It fits if plan->end is not above
 * `frames`.  frames and the ramdisk's pages: at most BUILD_FRAMES_MAX.
 */
const char *build_plan(struct build_plan *plan, const struct elf_kernel *kernel, uint64_t frames,
		       uint64_t ramdisk_size);

/** Tables of levels 1, 2 and 3 (shift 21, 30, 39) that map [start, end). */
static inline uint64_t build_tables_at(uint64_t start, uint64_t end, unsigned int shift)
{
	return ((end - 1) >> shift) - (start >> shift) + 1;
}

#endif

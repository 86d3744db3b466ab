/* SPDX-License-Identifier: MIT */
/*
 * The first-domain builder's own parts: the plan of the initial memory
 * (dom0_layout.c), which guest frame is which machine frame, and the page
 * tables.  Used by dom0.c at start-up only; all of it is freed afterwards.
 */
#ifndef HV_DOM0_H
#define HV_DOM0_H

struct elf_kernel;

/* Guest frames; what is absent has 0 pages. */
struct dom0_layout {
	uint64_t virt_base; /* guest frame 0 is mapped here */
	unsigned long ramdisk, ramdisk_pages;
	uint64_t ramdisk_size;	      /* bytes */
	unsigned long p2m, p2m_pages; /* the list alone */
	uint64_t p2m_va;
	unsigned long p2m_tables, p2m_table_pages; /* with INIT_P2M only */
	unsigned long start_info;
	unsigned long tables, table_pages; /* L4, L3, L2, then L1 tables */
	unsigned long stack;
	unsigned long mapped_end; /* frames below it are mapped */
	unsigned long end;	  /* first frame without a purpose */
};

/**
 * Where all parts go; NULL, or one sentence that says why they cannot.  They
 * fit if l->end is not above `frames`.
 */
const char *dom0_plan(struct dom0_layout *l, const struct elf_kernel *k, unsigned long frames,
		      uint64_t ramdisk_size);
/** Machine frames for the guest's from pfn on, called in the order of pfn. */
bool dom0_add_frames(unsigned long pfn, unsigned long mfn, unsigned long count);
/** Machine frame of a guest frame. */
unsigned long dom0_mfn(unsigned long pfn);
/** Address of a guest frame in the direct map. */
void *dom0_frame(unsigned long pfn);
/** Writes the page tables of the plan; returns the machine frame of the L4. */
unsigned long dom0_make_tables(const struct dom0_layout *l);

#endif

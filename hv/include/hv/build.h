/* SPDX-License-Identifier: MIT */
/*
 * The builder of domains from boot modules (build.c), and its own parts: the
 * plan of the initial memory (build_layout.c), which guest frame is which
 * machine frame, and the page tables.  Used at start-up only, for one domain
 * at a time; all of it is freed afterwards.
 */
#ifndef HV_BUILD_H
#define HV_BUILD_H

struct elf_kernel;

/* What is to be built; domain 0 is the control domain. */
struct build_spec {
	uint16_t id;
	const char *name;		  /* for messages */
	unsigned int kernel, ramdisk;	  /* boot modules; without a ramdisk ~0u */
	const char *cmdline;		  /* the kernel's */
	unsigned long frames, max_frames; /* control domain: frames are chosen */
	unsigned int vcpus;
};

/**
 * Builds and starts a domain.  A mistake in the control domain ends start-up
 * with one line that says why; of a guest nothing is left but such a line, and
 * NULL is returned.  The caller owns one reference.
 */
struct domain *build_domain(struct build_spec *s);

/* Guest frames; what is absent has 0 pages. */
struct build_layout {
	uint64_t virt_base; /* guest frame 0 is mapped here */
	unsigned long ramdisk, ramdisk_pages;
	uint64_t ramdisk_size;	      /* bytes */
	unsigned long p2m, p2m_pages; /* the list alone */
	uint64_t p2m_va;
	unsigned long p2m_tables, p2m_table_pages; /* with INIT_P2M only */
	unsigned long start_info, store, console;  /* one page each */
	unsigned long tables, table_pages;	   /* L4, L3, L2, then L1 tables */
	unsigned long stack;
	unsigned long mapped_end; /* frames below it are mapped */
	unsigned long end;	  /* first frame without a purpose */
};

/**
 * Where all parts go; NULL, or one sentence that says why they cannot.  They
 * fit if l->end is not above `frames`.
 */
const char *build_plan(struct build_layout *l, const struct elf_kernel *k, unsigned long frames,
		       uint64_t ramdisk_size);
/** Machine frames for the guest's from pfn on, called in the order of pfn, from
 *  0 on.  False: more pieces than it can remember. */
bool must_check build_add_frames(unsigned long pfn, unsigned long mfn, unsigned long count);
/** Machine frame of a guest frame. */
unsigned long build_mfn(unsigned long pfn);
/** Address of a guest frame in the direct map. */
void *build_frame(unsigned long pfn);
/** Writes the page tables of the plan; returns the machine frame of the L4. */
unsigned long build_make_tables(const struct build_layout *l);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Reads 64-bit ELF images of PV kernels: header, loadable segments, notes.
 * Pure: no allocation, no output; the image is hostile and every offset is
 * checked.  The toolstack compiles elf.c too.
 */
#ifndef HV_ELF_H
#define HV_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image {
	const uint8_t *data;
	uint64_t entry, phoff;
	unsigned int phnum;
};

/* As the image has it: a program header. */
struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* What the Xen notes of a kernel say; `has` bits are 1 << XEN_ELFNOTE_x. */
struct elf_kernel {
	uint64_t has;
	uint64_t entry;	       /* ENTRY note, else e_entry */
	uint64_t virt_base;    /* VIRT_BASE */
	uint64_t paddr_offset; /* PADDR_OFFSET */
	uint64_t hypercall_page;
	uint64_t init_p2m;
	uint64_t hv_start_low;
	uint64_t mod_start_pfn; /* as a truth value */
	uint64_t supported;	/* SUPPORTED_FEATURES, 1 << XENFEAT_x */
	uint64_t vstart, vend;	/* span of all loadable segments, virtual */
	uint64_t pstart, pend;	/* the same from guest frame 0, bytes */
};

/**
 * Checks the headers of the image, which must outlive *e and not change; NULL
 * or one sentence that says what is wrong.
 */
const char *elf_open(struct elf_image *e, const void *data, size_t size);
/**
 * i-th PT_LOAD segment, inside the image; paddr counts as the ELF header does
 * (see paddr_offset).  False when i is beyond the last.
 */
bool elf_load_segment(const struct elf_image *e, unsigned int i, struct elf_segment *seg);
/** Parses and cross-checks notes; NULL or one sentence, too. */
const char *elf_kernel_info(const struct elf_image *e, struct elf_kernel *k);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A small kernel for the builder: an ELF file with loadable segments and Xen
 * notes, each of which a test can leave out, repeat or spoil.
 */
#ifndef TESTS_FAKE_KERNEL_H
#define TESTS_FAKE_KERNEL_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_BASE 0xffffffff80000000ul
#define KERNEL_PADDR 0x100000ul
#define KERNEL_ENTRY (KERNEL_BASE + KERNEL_PADDR + 0x40)
#define KERNEL_P2M 0x8000000000ul
#define KERNEL_FILE (3 * 4096u) /* bytes of each segment in the file */

struct fake_kernel {
	unsigned char data[65536];
	size_t size;
	size_t notes; /* where they begin, behind the segments */
};

/** Header and `segments` segments, each of KERNEL_FILE bytes of which the middle
 *  page is empty, and of `memory` bytes; the first at KERNEL_PADDR, no notes. */
void fake_kernel_start(struct fake_kernel *k, unsigned int segments, uint64_t memory);
Elf64_Phdr *fake_kernel_segment(struct fake_kernel *k, unsigned int n);
void fake_kernel_note(struct fake_kernel *k, uint32_t type, const void *desc, uint32_t size);
void fake_kernel_number(struct fake_kernel *k, uint32_t type, uint64_t value);
/** Notes as today's Linux has them; old: as kernels from before INIT_P2M, with a
 *  hypercall page at the second page of the first segment. */
void fake_kernel_stock_notes(struct fake_kernel *k);
void fake_kernel_old_notes(struct fake_kernel *k);

#endif

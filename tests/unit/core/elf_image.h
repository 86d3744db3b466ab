/* SPDX-License-Identifier: MIT */
/*
 * A synthetic PV kernel: one segment of one page of code and a page of zeroes
 * behind it, and the notes that a stock kernel carries.  Tests change what
 * they like before elf_image_seal().
 */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define ELF_VIRT_BASE 0xffffffff80000000ull
#define ELF_LOAD_PADDR 0x200000ull
#define ELF_ENTRY (ELF_VIRT_BASE + ELF_LOAD_PADDR + 0x10)
#define ELF_P2M 0x8000000000ull
#define ELF_CODE_BYTE 0xc3
#define ELF_IMAGE_MAX 16384

struct elf_test_ph {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_test_image {
	uint8_t bytes[ELF_IMAGE_MAX];
	size_t size, notes, notes_end;
	struct elf_test_ph *load, *note; /* inside bytes */
};

void elf_image_start(struct elf_test_image *e);
void elf_image_note(struct elf_test_image *e, uint32_t type, const void *desc, uint32_t size);
void elf_image_number(struct elf_test_image *e, uint32_t type, uint64_t value);
/** All the notes of a stock kernel. */
void elf_image_stock_notes(struct elf_test_image *e);
void elf_image_seal(struct elf_test_image *e);

#endif

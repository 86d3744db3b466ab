/* SPDX-License-Identifier: MIT */
/* See elf_image.h. */
#include "elf_image.h"

#include <string.h>

#include <xen/elfnote.h>

void elf_image_start(struct elf_test_image *e)
{
	static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	const uint16_t type[2] = { 2, 62 };
	const uint64_t entry = ELF_ENTRY, phoff = 64;
	const uint16_t sizes[3] = { 64, 56, 2 };

	memset(e, 0, sizeof(*e));
	memcpy(e->bytes, ident, sizeof(ident));
	memcpy(e->bytes + 16, type, 4);
	memcpy(e->bytes + 24, &entry, 8);
	memcpy(e->bytes + 32, &phoff, 8);
	memcpy(e->bytes + 52, sizes, 6);
	e->load = (void *)(e->bytes + 64);
	e->note = e->load + 1;
	*e->load = (struct elf_test_ph){
		.type = 1,
		.flags = 7,
		.offset = 4096,
		.vaddr = ELF_VIRT_BASE + ELF_LOAD_PADDR,
		.paddr = ELF_LOAD_PADDR,
		.filesz = 4096,
		.memsz = 8192,
	};
	memset(e->bytes + 4096, ELF_CODE_BYTE, 4096);
	e->notes = 8192;
	e->notes_end = e->notes;
	e->size = 8192;
}

void elf_image_note(struct elf_test_image *e, uint32_t type, const void *desc, uint32_t size)
{
	const uint32_t head[3] = { 4, size, type };

	memcpy(e->bytes + e->notes_end, head, 12);
	memcpy(e->bytes + e->notes_end + 12, "Xen", 4);
	memcpy(e->bytes + e->notes_end + 16, desc, size);
	e->notes_end += 16 + ((size + 3) & ~3u);
}

void elf_image_number(struct elf_test_image *e, uint32_t type, uint64_t value)
{
	elf_image_note(e, type, &value, 8);
}

void elf_image_stock_notes(struct elf_test_image *e)
{
	static const uint64_t valid[2] = { 1, 1 };

	elf_image_note(e, XEN_ELFNOTE_GUEST_OS, "test", 5);
	elf_image_note(e, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	elf_image_number(e, XEN_ELFNOTE_VIRT_BASE, ELF_VIRT_BASE);
	elf_image_number(e, XEN_ELFNOTE_ENTRY, ELF_ENTRY);
	elf_image_number(e, XEN_ELFNOTE_INIT_P2M, ELF_P2M);
	/* as Linux has it: without a zero at its end */
	elf_image_note(e, XEN_ELFNOTE_FEATURES, "!writable_page_tables", 21);
	elf_image_note(e, XEN_ELFNOTE_L1_MFN_VALID, valid, 16);
	elf_image_number(e, XEN_ELFNOTE_MOD_START_PFN, 1);
	elf_image_number(e, XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000);
	elf_image_number(e, XEN_ELFNOTE_PADDR_OFFSET, 0);
}

void elf_image_seal(struct elf_test_image *e)
{
	*e->note = (struct elf_test_ph){ .type = 4,
					 .offset = e->notes,
					 .filesz = e->notes_end - e->notes,
					 .memsz = e->notes_end - e->notes };
	e->size = e->notes_end;
}

/* SPDX-License-Identifier: MIT */
/* See fake_kernel.h. */
#include "fake_kernel.h"

#include <stdlib.h>
#include <string.h>
#include <xen/elfnote.h>

static Elf64_Phdr *headers(struct fake_kernel *k)
{
	return (void *)(k->data + sizeof(Elf64_Ehdr));
}

Elf64_Phdr *fake_kernel_segment(struct fake_kernel *k, unsigned int n)
{
	return &headers(k)[n + 1];
}

void fake_kernel_start(struct fake_kernel *k, unsigned int segments, uint64_t memory)
{
	Elf64_Ehdr *h = (void *)k->data;
	uint64_t paddr = KERNEL_PADDR;

	memset(k, 0, sizeof(*k));
	*h = (Elf64_Ehdr){
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = KERNEL_ENTRY,
		.e_phoff = sizeof(*h),
		.e_ehsize = sizeof(*h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)(segments + 1),
	};
	k->size = 4096;
	for (unsigned int n = 0; n < segments; n++) {
		*fake_kernel_segment(k, n) = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_offset = k->size,
			.p_vaddr = KERNEL_BASE + paddr,
			.p_paddr = paddr,
			.p_filesz = KERNEL_FILE,
			.p_memsz = memory,
		};
		if (k->size + KERNEL_FILE > sizeof(k->data)) {
			abort();
		}
		memset(k->data + k->size, 0x90 + (int)n, 4096);
		memset(k->data + k->size + 8192, 0xa0 + (int)n, 4096);
		k->size += KERNEL_FILE;
		paddr += (memory + 4095) & ~4095ul;
	}
	k->notes = k->size;
	headers(k)[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = k->notes };
}

void fake_kernel_note(struct fake_kernel *k, uint32_t type, const void *desc, uint32_t size)
{
	const Elf64_Nhdr h = { .n_namesz = 4, .n_descsz = size, .n_type = type };
	size_t all = sizeof(h) + 4 + ((size + 3) & ~3u);

	if (k->size + all > sizeof(k->data)) {
		abort();
	}
	memcpy(k->data + k->size, &h, sizeof(h));
	memcpy(k->data + k->size + sizeof(h), "Xen", 4);
	memcpy(k->data + k->size + sizeof(h) + 4, desc, size);
	k->size += all;
	headers(k)[0].p_filesz = headers(k)[0].p_memsz = k->size - k->notes;
}

void fake_kernel_number(struct fake_kernel *k, uint32_t type, uint64_t value)
{
	fake_kernel_note(k, type, &value, sizeof(value));
}

void fake_kernel_stock_notes(struct fake_kernel *k)
{
	static const uint64_t valid[2] = { 1, 1 };

	fake_kernel_note(k, XEN_ELFNOTE_GUEST_OS, "test", 5);
	fake_kernel_note(k, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	fake_kernel_number(k, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_number(k, XEN_ELFNOTE_ENTRY, KERNEL_ENTRY);
	fake_kernel_number(k, XEN_ELFNOTE_INIT_P2M, KERNEL_P2M);
	fake_kernel_note(k, XEN_ELFNOTE_FEATURES, "!writable_page_tables", 21);
	fake_kernel_note(k, XEN_ELFNOTE_L1_MFN_VALID, valid, sizeof(valid));
	fake_kernel_number(k, XEN_ELFNOTE_MOD_START_PFN, 1);
	fake_kernel_number(k, XEN_ELFNOTE_SUSPEND_CANCEL, 1);
	fake_kernel_number(k, XEN_ELFNOTE_HV_START_LOW, 0xffff800000000000);
	fake_kernel_number(k, XEN_ELFNOTE_PADDR_OFFSET, 0);
}

void fake_kernel_old_notes(struct fake_kernel *k)
{
	fake_kernel_note(k, XEN_ELFNOTE_LOADER, "generic", 8);
	fake_kernel_number(k, XEN_ELFNOTE_VIRT_BASE, KERNEL_BASE);
	fake_kernel_number(k, XEN_ELFNOTE_HYPERCALL_PAGE, KERNEL_BASE + KERNEL_PADDR + 4096);
	fake_kernel_note(k, XEN_ELFNOTE_BSD_SYMTAB, "yes", 4);
}

/* SPDX-License-Identifier: MIT */
/*
 * Cuts an ELF kernel down to what is loaded.  A Linux kernel of 66 MB unpacked
 * becomes one of 39: its last segment ends in the 20 MB of its bss, which the
 * build has written out as zeroes.  Called by kernel_cache.c when a kernel was
 * just unpacked.  The image is hostile: each segment is within it
 * (kernel_image.c has seen to that), but they may be many, large and all the same,
 * so what would not get smaller is left alone.
 */
#include "libvellum/kernel_trim.h"

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 128
#define PAGE 4096

/* Bytes up to the last that is not zero. */
static size_t used_bytes(const unsigned char *p, size_t size)
{
	static const unsigned char zeroes[PAGE];

	while (size >= PAGE && memcmp(p + size - PAGE, zeroes, PAGE) == 0) {
		size -= PAGE;
	}
	while (size > 0 && p[size - 1] == 0) {
		size--;
	}
	return size;
}

/* Takes over the headers that matter, with their new offsets; returns the size of
 * the new image, 0: larger than the old one. */
static size_t plan(const unsigned char *elf, size_t size, Elf64_Ehdr *h, Elf64_Phdr *old,
		   Elf64_Phdr *new)
{
	size_t end = sizeof(*h) + HEADERS_MAX * sizeof(*new), sum = 0;
	unsigned int count = 0;

	for (unsigned int i = 0; i < h->e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, elf + h->e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE) {
			continue;
		}
		/* Segments that share bytes are not looked at over and over. */
		if (ph.p_filesz > size - sum) {
			return 0;
		}
		sum += ph.p_filesz;
		old[count] = new[count] = ph;
		if (ph.p_type == PT_LOAD) {
			new[count].p_filesz = used_bytes(elf + ph.p_offset, ph.p_filesz);
		}
		/* Whole pages of the file are whole pages of the guest. */
		end = (end + PAGE - 1) & ~(size_t)(PAGE - 1);
		new[count].p_offset = end;
		end += new[count].p_filesz;
		count++;
		if (end >= size) {
			return 0;
		}
	}
	h->e_phnum = (Elf64_Half)count;
	h->e_phoff = sizeof(*h);
	h->e_shoff = h->e_shnum = h->e_shstrndx = 0;
	return end;
}

int kernel_trim(const void *elf, size_t size, void **out, size_t *out_size)
{
	Elf64_Phdr old[HEADERS_MAX], new[HEADERS_MAX];
	Elf64_Ehdr h;
	unsigned char *to;
	size_t end;

	memcpy(&h, elf, sizeof(h));
	if (h.e_phnum > HEADERS_MAX || h.e_phentsize != sizeof(Elf64_Phdr)) {
		return 0;
	}
	end = plan(elf, size, &h, old, new);
	to = end > 0 ? calloc(1, end) : NULL;
	if (!to) {
		return 0;
	}
	memcpy(to, &h, sizeof(h));
	memcpy(to + h.e_phoff, new, h.e_phnum * sizeof(new[0]));
	for (unsigned int i = 0; i < h.e_phnum; i++) {
		memcpy(to + new[i].p_offset, (const unsigned char *)elf + old[i].p_offset,
		       new[i].p_filesz);
	}
	*out = to;
	*out_size = end;
	return 1;
}

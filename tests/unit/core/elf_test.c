/* SPDX-License-Identifier: MIT */
/* The ELF reader: a good kernel, broken ones, and every truncation. */
#include "core_test.h"

#include "elf_image.h"

#include <xen/elfnote.h>

#include <hv/elf.h>

static struct elf_test_image image;

static void stock(void)
{
	elf_image_start(&image);
	elf_image_stock_notes(&image);
}

/* With each byte behind the end poisoned: its own block. */
static const char *read_kernel(size_t size, struct elf_kernel *k)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct elf_image e;
	const char *error;

	memcpy(copy, image.bytes, size);
	error = elf_open(&e, copy, size);
	if (error == NULL) {
		error = elf_kernel_info(&e, k);
	}
	free(copy);
	return error;
}

static void test_good(void)
{
	struct elf_kernel k;

	stock();
	elf_image_seal(&image);
	CU_ASSERT_PTR_NULL(read_kernel(image.size, &k));
	EQ(k.entry, ELF_ENTRY);
	EQ(k.virt_base, ELF_VIRT_BASE);
	EQ(k.init_p2m, ELF_P2M);
	TRUE_(k.mod_start_pfn);
	EQ(k.pstart, ELF_LOAD_PADDR);
	EQ(k.pend, ELF_LOAD_PADDR + 8192);
	EQ(k.vstart, ELF_VIRT_BASE + ELF_LOAD_PADDR);
	TRUE_(k.has & 1ull << XEN_ELFNOTE_FEATURES);
}

static void test_truncated(void)
{
	struct elf_kernel k;

	stock();
	elf_image_seal(&image);
	for (size_t size = 0; size < image.size; size++) {
		CU_ASSERT_PTR_NOT_NULL(read_kernel(size, &k));
	}
}

/* Every byte of the headers and notes set to odd values: no crash. */
static void test_mutated(void)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct elf_kernel k;
	size_t at;

	stock();
	elf_image_seal(&image);
	for (at = 0; at < image.size; at++) {
		uint8_t was = image.bytes[at];

		if (at == 64 + 112) {
			at = image.notes;
			was = image.bytes[at];
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
			image.bytes[at] = values[i];
			if (read_kernel(image.size, &k) == NULL) {
				TRUE_(k.pend > k.pstart);
				TRUE_(k.entry >= k.vstart && k.entry < k.vend);
			}
		}
		image.bytes[at] = was;
	}
}

static void test_refused(void)
{
	struct elf_kernel k;

#define REFUSED(change)                                              \
	do {                                                         \
		stock();                                             \
		change;                                              \
		elf_image_seal(&image);                              \
		CU_ASSERT_PTR_NOT_NULL(read_kernel(image.size, &k)); \
	} while (0)
	REFUSED(image.bytes[4] = 1);
	REFUSED(image.bytes[18] = 3);
	REFUSED(image.bytes[16] = 1);
	REFUSED(image.load->filesz = 8193);
	REFUSED(image.load->offset = ~0ull);
	REFUSED(image.load->filesz = ~0ull);
	REFUSED(image.load->memsz = ~0ull);
	REFUSED(image.load->paddr = ~0ull - 4096);
	REFUSED(image.load->memsz = 1ull << 50);
	REFUSED(image.load->type = 7);
	REFUSED(image.load->paddr = 0x400000);
	REFUSED(elf_image_number(&image, XEN_ELFNOTE_ENTRY, ELF_ENTRY));
	REFUSED(image.notes_end = image.notes);
	REFUSED(elf_image_note(&image, XEN_ELFNOTE_SUPPORTED_FEATURES, "abc", 3));
	REFUSED(elf_image_number(&image, XEN_ELFNOTE_HYPERCALL_PAGE, 0x1000));
	REFUSED(elf_image_number(&image, XEN_ELFNOTE_HYPERCALL_PAGE,
				 ELF_VIRT_BASE + ELF_LOAD_PADDR + 8));

	stock();
	elf_image_number(&image, XEN_ELFNOTE_HYPERCALL_PAGE, ELF_VIRT_BASE + ELF_LOAD_PADDR + 4096);
	elf_image_seal(&image);
	CU_ASSERT_PTR_NULL(read_kernel(image.size, &k));
}

static void test_features(void)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "!writable_page_tables|pae_pgdir_above_4gb", true },
		{ "auto_translated_physmap", true },
		{ "!auto_translated_physmap", false },
		{ "pae|!hvm_callback_vector", false },
		{ "!", true },
		{ "||!|", true },
		{ "", true },
	};
	struct elf_kernel k;

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		elf_image_start(&image);
		elf_image_number(&image, XEN_ELFNOTE_VIRT_BASE, ELF_VIRT_BASE);
		elf_image_note(&image, XEN_ELFNOTE_FEATURES, cases[i].text,
			       (uint32_t)strlen(cases[i].text));
		elf_image_seal(&image);
		EQ(read_kernel(image.size, &k) == NULL, cases[i].ok);
	}
}

CU_TestInfo elf_tests[] = {
	{ "a kernel as it should be", test_good }, { "cut off anywhere", test_truncated },
	{ "each byte changed", test_mutated },	   { "what is refused", test_refused },
	{ "the FEATURES note", test_features },	   CU_TEST_INFO_NULL,
};

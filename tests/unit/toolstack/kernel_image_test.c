/* SPDX-License-Identifier: MIT */
/*
 * A small ELF file as every kind of image: unpacked, cut at every length, with
 * hostile offsets in its headers, and with wrong announced sizes.
 */
#include "libvellum/kernel_image.h"

#include <CUnit/CUnit.h>
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define LIMIT ((size_t)1 << 20)
#define SECTOR 512
#define SETUP_SECTORS 3
#define PAYLOAD_OFFSET 100

static void put_le(unsigned char *to, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++) {
		to[i] = (unsigned char)(value >> (8 * i));
	}
}

/* An ELF header, two segments, and their bytes up to the end of the file. */
static struct bytes make_elf(size_t size)
{
	struct bytes elf = bytes_pattern(size);
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr segments[2] = {
		{ .p_type = PT_LOAD, .p_offset = 256, .p_filesz = 100 },
		{ .p_type = PT_LOAD, .p_offset = 356, .p_filesz = size - 356 },
	};

	memcpy(elf.data, &header, sizeof(header));
	memcpy(elf.data + sizeof(header), segments, sizeof(segments));
	return elf;
}

/* A bzImage around a payload that has its size at its end already. */
static struct bytes make_bzimage(struct bytes payload)
{
	size_t start = (SETUP_SECTORS + 1) * SECTOR + PAYLOAD_OFFSET;
	struct bytes head = bytes_pattern(start), image;

	head.data[0x1f1] = SETUP_SECTORS;
	put_le(head.data + 0x1fe, 0xaa55, 2);
	memcpy(head.data + 0x202, "HdrS", 4);
	put_le(head.data + 0x206, 0x20f, 2);
	put_le(head.data + 0x248, PAYLOAD_OFFSET, 4);
	put_le(head.data + 0x24c, payload.size, 4);
	image = bytes_join(head, payload);
	bytes_free(&head);
	return image;
}

static struct bytes make_payload(const struct pack_method *method, struct bytes elf)
{
	struct bytes packed = method->pack(elf), tail = { malloc(4), 4 };
	struct bytes payload;

	if (strcmp(method->name, "gzip") == 0) {
		bytes_free(&tail);
		return packed;
	}
	put_le(tail.data, elf.size, 4);
	payload = bytes_join(packed, tail);
	bytes_free(&packed);
	bytes_free(&tail);
	return payload;
}

static int unpack(struct bytes image, size_t limit, struct kernel_image *out)
{
	struct kernel_image untouched = { .size = 77 };
	struct vl_error error = { "" };
	int rc;

	*out = untouched;
	rc = kernel_image_unpack(image.data, image.size, limit, out, &error);
	if (rc) {
		CU_ASSERT_NOT_EQUAL(error.text[0], '\0');
		CU_ASSERT_EQUAL(out->size, 77);
		*out = (struct kernel_image){ 0 };
	}
	return rc;
}

static void expect_elf(struct bytes image, struct bytes elf, const char *packing, int bzimage)
{
	struct kernel_image out;

	CU_ASSERT_EQUAL_FATAL(unpack(image, LIMIT, &out), 0);
	CU_ASSERT_EQUAL(out.size, elf.size);
	CU_ASSERT_EQUAL(memcmp(out.elf, elf.data, elf.size), 0);
	CU_ASSERT_STRING_EQUAL(out.packing, packing);
	CU_ASSERT_EQUAL(out.bzimage, bzimage);
	kernel_image_free(&out);
	CU_ASSERT_PTR_NULL(out.elf);
}

static void expect_error(struct bytes image, int rc)
{
	struct kernel_image out;

	CU_ASSERT_EQUAL(unpack(image, LIMIT, &out), rc);
	kernel_image_free(&out);
}

static void all_kinds(void)
{
	struct bytes elf = make_elf(5000), packed, payload, image;

	expect_elf(elf, elf, "none", 0);
	for (const struct pack_method *m = pack_methods; m->name; m++) {
		packed = m->pack(elf);
		expect_elf(packed, elf, m->name, 0);
		payload = make_payload(m, elf);
		image = make_bzimage(payload);
		expect_elf(image, elf, m->name, 1);
		bytes_free(&packed);
		bytes_free(&payload);
		bytes_free(&image);
	}
	bytes_free(&elf);
}

static void cut_everywhere(void)
{
	struct bytes elf = make_elf(1500), payload, image, part;

	for (size_t size = 0; size < elf.size; size++) {
		part = bytes_copy(elf, size);
		expect_error(part, -EINVAL);
		bytes_free(&part);
	}
	for (const struct pack_method *m = pack_methods; m->name; m++) {
		payload = make_payload(m, elf);
		image = make_bzimage(payload);
		for (size_t size = 0; size < image.size; size++) {
			part = bytes_copy(image, size);
			expect_error(part, -EINVAL);
			bytes_free(&part);
		}
		bytes_free(&payload);
		bytes_free(&image);
	}
	bytes_free(&elf);
}

/* Each row overwrites one header field of a good bzImage. */
static void hostile_setup_header(void)
{
	static const struct {
		size_t offset;
		int bytes;
		uint32_t value;
		int rc;
	} rows[] = {
		{ 0x1f1, 1, 0, -EINVAL }, /* means 4: payload moves */
		{ 0x1f1, 1, 255, -EINVAL },
		{ 0x206, 2, 0x207, -ENOTSUP }, /* before payload_offset */
		{ 0x248, 4, 0xffffffff, -EINVAL },
		{ 0x248, 4, PAYLOAD_OFFSET + 1, -EINVAL },
		{ 0x24c, 4, 0xffffffff, -EINVAL },
		{ 0x24c, 4, 0, -EINVAL },
		{ 0x24c, 4, 4, -EINVAL },
		{ 0x24c, 4, 5, -EINVAL },
	};
	struct bytes elf = make_elf(2000);
	struct bytes payload = make_payload(&pack_methods[1], elf);
	struct bytes image;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		image = make_bzimage(payload);
		put_le(image.data + rows[i].offset, rows[i].value, rows[i].bytes);
		expect_error(image, rows[i].rc);
		bytes_free(&image);
	}
	bytes_free(&elf);
	bytes_free(&payload);
}

/* The size at the payload's end must be what comes out, and within the limit. */
static void announced_size(void)
{
	static const struct {
		uint32_t value;
		int rc;
	} rows[] = {
		{ 1999, -EINVAL },  { 2001, -EINVAL },	   { 0, -EINVAL },
		{ LIMIT, -EINVAL }, { LIMIT + 1, -EFBIG }, { 0xffffffff, -EFBIG },
	};
	struct bytes elf = make_elf(2000), payload, image;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		payload = make_payload(m, elf);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
			put_le(payload.data + payload.size - 4, rows[i].value, 4);
			image = make_bzimage(payload);
			expect_error(image, rows[i].rc);
			bytes_free(&image);
		}
		bytes_free(&payload);
	}
	bytes_free(&elf);
}

static void hostile_elf(void)
{
	struct bytes elf = make_elf(2000);
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)elf.data;
	Elf64_Phdr *segment = (Elf64_Phdr *)(void *)(header + 1);
	static const uint64_t offsets[] = { 2001, UINT64_MAX, UINT64_MAX - 50 };

	for (size_t i = 0; i < 3; i++) {
		header->e_phoff = offsets[i];
		expect_error(elf, -EINVAL);
		header->e_phoff = sizeof(*header);
		segment[1].p_offset = offsets[i];
		expect_error(elf, -EINVAL);
		segment[1].p_offset = 356;
		segment[1].p_filesz = offsets[i];
		expect_error(elf, -EINVAL);
		segment[1].p_filesz = 2000 - 356;
	}
	header->e_phnum = 0;
	expect_error(elf, -EINVAL);
	header->e_phnum = 0xfffe;
	expect_error(elf, -EINVAL);
	header->e_phnum = 0xffff;
	expect_error(elf, -EINVAL);
	header->e_phnum = 2;
	header->e_phentsize = 1;
	expect_error(elf, -EINVAL);
	header->e_phentsize = sizeof(*segment);
	header->e_ident[EI_CLASS] = ELFCLASS32;
	expect_error(elf, -EINVAL);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_machine = EM_AARCH64;
	expect_error(elf, -EINVAL);
	header->e_machine = EM_X86_64;
	expect_elf(elf, elf, "none", 0);
	bytes_free(&elf);
}

static void other_files(void)
{
	struct bytes text = bytes_pattern(3000), packed, image;
	struct bytes elf = make_elf(2000);
	struct kernel_image out;

	expect_error(text, -EINVAL);
	for (const struct pack_method *m = pack_methods; m->name; m++) {
		packed = m->pack(text);
		expect_error(packed, -EINVAL);
		bytes_free(&packed);
	}
	memcpy(text.data, "BZh9", 4);
	expect_error(text, -ENOTSUP);
	image = make_bzimage(text);
	expect_error(image, -ENOTSUP);
	bytes_free(&image);
	CU_ASSERT_EQUAL(unpack(elf, elf.size - 1, &out), -EFBIG);
	CU_ASSERT_EQUAL(unpack((struct bytes){ text.data, 0 }, LIMIT, &out), -EINVAL);
	/* The caller may do without the sentence. */
	CU_ASSERT_EQUAL(kernel_image_unpack(text.data, text.size, LIMIT, &out, NULL), -ENOTSUP);
	bytes_free(&text);
	bytes_free(&elf);
}

CU_TestInfo kernel_image_tests[] = {
	{ "every kind of image", all_kinds },
	{ "cut at every length", cut_everywhere },
	{ "hostile setup header", hostile_setup_header },
	{ "wrong announced size", announced_size },
	{ "hostile ELF header", hostile_elf },
	{ "other files", other_files },
	CU_TEST_INFO_NULL,
};

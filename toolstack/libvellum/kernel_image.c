/* SPDX-License-Identifier: MIT */
/*
 * Finds the kernel inside an image: steps over a bzImage's boot sector and
 * setup code by its header (Linux' Documentation/x86/boot.rst), unpacks what is
 * there and checks that it is an ELF file whose segments it holds. Offsets and
 * sizes are widened to 64 bits before any sum, and each is compared with what
 * is really there. Nothing here touches files.
 */
#include "libvellum/kernel_image.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/decompress.h"

/* Offsets in the boot sector of a bzImage. */
#define BZ_SETUP_SECTORS 0x1f1
#define BZ_BOOT_FLAG 0x1fe
#define BZ_MAGIC 0x202
#define BZ_VERSION 0x206
#define BZ_PAYLOAD_OFFSET 0x248
#define BZ_PAYLOAD_LENGTH 0x24c
#define BZ_HEADER_END 0x250

/* The first version of the header that says where the payload is. */
#define BZ_VERSION_PAYLOAD 0x0208
#define BZ_SECTOR_SIZE 512
#define BZ_SETUP_SECTORS_DEFAULT 4

/* The payload ends in its unpacked size, a 32-bit number. */
#define BZ_TRAILER_SIZE 4

struct span {
	const unsigned char *data;
	size_t size;
};

static uint32_t read_le(const unsigned char *p, int bytes)
{
	uint32_t value = 0;

	for (int i = bytes - 1; i >= 0; i--) {
		value = value << 8 | p[i];
	}
	return value;
}

static bool is_elf(struct span in)
{
	return in.size >= SELFMAG && memcmp(in.data, ELFMAG, SELFMAG) == 0;
}

static bool is_bzimage(struct span in)
{
	return in.size >= BZ_HEADER_END && read_le(in.data + BZ_BOOT_FLAG, 2) == 0xaa55 &&
	       memcmp(in.data + BZ_MAGIC, "HdrS", 4) == 0;
}

/* The payload of a bzImage, with its trailing size. */
static int bzimage_payload(struct span in, struct span *payload, struct vl_error *error)
{
	uint64_t sectors = in.data[BZ_SETUP_SECTORS];
	uint32_t version = read_le(in.data + BZ_VERSION, 2);
	uint64_t offset = read_le(in.data + BZ_PAYLOAD_OFFSET, 4);
	uint64_t length = read_le(in.data + BZ_PAYLOAD_LENGTH, 4);

	if (version < BZ_VERSION_PAYLOAD) {
		return vl_error_set(error, -ENOTSUP,
				    "the bzImage is too old: its header has "
				    "version %u.%02u, 2.08 is needed",
				    version >> 8, version & 0xff);
	}
	if (sectors == 0) {
		sectors = BZ_SETUP_SECTORS_DEFAULT;
	}
	offset += (sectors + 1) * BZ_SECTOR_SIZE;
	if (offset > in.size || length > in.size - offset) {
		return vl_error_set(error, -EINVAL,
				    "the bzImage is cut short: its payload "
				    "should end at byte %" PRIu64 ", the file at %zu",
				    offset + length, in.size);
	}
	if (length <= BZ_TRAILER_SIZE) {
		return vl_error_set(error, -EINVAL, "the bzImage is empty");
	}
	payload->data = in.data + offset;
	payload->size = (size_t)length;
	return 0;
}

static int no_format(struct span in, bool bzimage, struct vl_error *error)
{
	const char *name = decompress_unsupported(in.data, in.size);

	if (name) {
		return vl_error_set(error, -ENOTSUP,
				    "the kernel is packed with %s, which is "
				    "not supported: gzip, xz, zstd and legacy "
				    "lz4 are",
				    name);
	}
	if (bzimage) {
		return vl_error_set(error, -EINVAL,
				    "the bzImage holds neither ELF nor any "
				    "known compression format");
	}
	return vl_error_set(error, -EINVAL,
			    "the file is no kernel image: neither bzImage nor "
			    "ELF nor any known compression format");
}

/*
 * Unpack a bzImage's payload. The size at its end is part of a gzip stream and
 * comes behind one of any other kind; it must be the size that came out.
 */
static int unpack_payload(const struct decompressor *format, struct span in, size_t limit,
			  struct kernel_image *image, struct vl_error *error)
{
	size_t body = in.size - BZ_TRAILER_SIZE;
	uint32_t expected = read_le(in.data + body, 4);
	bool gzip = strcmp(decompress_name(format), "gzip") == 0;
	int rc;

	if (expected > limit) {
		return vl_error_set(error, -EFBIG,
				    "the bzImage unpacks to %u bytes, %zu are "
				    "allowed",
				    expected, limit);
	}
	rc = decompress(format, in.data, gzip ? in.size : body, limit, &image->elf, &image->size,
			error);
	if (rc) {
		return rc;
	}
	if (image->size != expected) {
		free(image->elf);
		vl_error_set(error, -EINVAL,
			     "the bzImage is damaged: %zu bytes came out "
			     "where %u were announced",
			     image->size, expected);
		return -EINVAL;
	}
	return 0;
}

static int copy_plain(struct span in, size_t limit, struct kernel_image *image,
		      struct vl_error *error)
{
	if (in.size > limit) {
		return vl_error_set(error, -EFBIG, "the image has %zu bytes, %zu are allowed",
				    in.size, limit);
	}
	image->elf = malloc(in.size);
	if (!image->elf) {
		return vl_error_set(error, -ENOMEM, "not enough memory for %zu bytes of image",
				    in.size);
	}
	memcpy(image->elf, in.data, in.size);
	image->size = in.size;
	return 0;
}

static int check_header(const Elf64_Ehdr *header, struct vl_error *error)
{
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64) {
		return vl_error_set(error, -EINVAL,
				    "the kernel is not for 64-bit x86 "
				    "(ELF class %u, machine %u)",
				    header->e_ident[EI_CLASS], header->e_machine);
	}
	if (header->e_phnum == 0 || header->e_phnum == PN_XNUM ||
	    header->e_phentsize != sizeof(Elf64_Phdr)) {
		return vl_error_set(error, -EINVAL,
				    "the kernel's ELF header describes no "
				    "usable program headers");
	}
	return 0;
}

/* Everything that the program headers name must be in the file. */
static int check_elf(const void *elf, size_t size, struct vl_error *error)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	const unsigned char *table;
	uint64_t table_size;
	int rc;

	if (!is_elf((struct span){ elf, size })) {
		return vl_error_set(error, -EINVAL, "what was unpacked is not an ELF file");
	}
	if (size < sizeof(header)) {
		return vl_error_set(error, -EINVAL,
				    "the ELF file is cut short: it has only "
				    "%zu bytes",
				    size);
	}
	memcpy(&header, elf, sizeof(header));
	rc = check_header(&header, error);
	if (rc) {
		return rc;
	}
	table_size = (uint64_t)header.e_phnum * sizeof(segment);
	if (header.e_phoff > size || table_size > size - header.e_phoff) {
		return vl_error_set(error, -EINVAL,
				    "the ELF file is cut short: its program "
				    "headers lie beyond its end");
	}
	table = (const unsigned char *)elf + header.e_phoff;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		memcpy(&segment, table + i * sizeof(segment), sizeof(segment));
		if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset) {
			return vl_error_set(error, -EINVAL,
					    "the ELF file is cut short: "
					    "segment %u lies beyond its end",
					    i);
		}
	}
	return 0;
}

static int unpack(struct span in, bool bzimage, size_t limit, struct kernel_image *image,
		  struct vl_error *error)
{
	const struct decompressor *format;

	if (is_elf(in)) {
		image->packing = "none";
		return copy_plain(in, limit, image, error);
	}
	format = decompress_detect(in.data, in.size);
	if (!format) {
		return no_format(in, bzimage, error);
	}
	image->packing = decompress_name(format);
	if (bzimage) {
		return unpack_payload(format, in, limit, image, error);
	}
	return decompress(format, in.data, in.size, limit, &image->elf, &image->size, error);
}

int kernel_image_unpack(const void *data, size_t size, size_t limit, struct kernel_image *image,
			struct vl_error *error)
{
	struct kernel_image result = { 0 };
	struct span in = { data, size };
	bool bzimage;
	int rc;

	if (size > limit) {
		return vl_error_set(error, -EFBIG, "the image has %zu bytes, %zu are allowed", size,
				    limit);
	}
	bzimage = is_bzimage(in);
	if (bzimage) {
		rc = bzimage_payload(in, &in, error);
		if (rc) {
			return rc;
		}
	}
	rc = unpack(in, bzimage, limit, &result, error);
	if (rc) {
		return rc;
	}
	rc = check_elf(result.elf, result.size, error);
	if (rc) {
		kernel_image_free(&result);
		return rc;
	}
	result.bzimage = bzimage;
	*image = result;
	return 0;
}

void kernel_image_free(struct kernel_image *image)
{
	free(image->elf);
	*image = (struct kernel_image){ 0 };
}

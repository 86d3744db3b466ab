/* SPDX-License-Identifier: MIT */
/*
 * Kernel images as distributions ship them, turned into the plain ELF file that
 * a domain is built from: an x86 bzImage, an ELF file, or an ELF file packed by
 * gzip, xz, zstd or lz4. Every image is treated as hostile.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_KERNEL_IMAGE_H
#define LIBVELLUM_KERNEL_IMAGE_H

#include <stddef.h>

#include "libvellum/error.h"

/** A limit for kernel_image_unpack() that no real kernel reaches. */
#define KERNEL_IMAGE_LIMIT ((size_t)1 << 30)

/** An unpacked kernel; free it with kernel_image_free(). */
struct kernel_image {
	void *elf;	     /* malloc'd */
	size_t size;	     /* bytes in elf */
	const char *packing; /* "xz", ...; "none" if it was plain ELF */
	int bzimage;	     /* 1 if it came inside a bzImage */
};

/**
 * Unpack an image of size bytes. Neither the image nor the result may be larger
 * than limit bytes. The result begins with the header of a 64-bit x86 ELF file
 * whose program headers, and all that they describe, lie within it; nothing
 * else about it is checked here. The input is not kept.
 *
 * -EINVAL: no kernel image, or damaged. -ENOTSUP: packed in a way that is not
 * supported. -EFBIG: over the limit. -ENOMEM. On failure *image is untouched.
 */
int kernel_image_unpack(const void *data, size_t size, size_t limit, struct kernel_image *image,
			struct vl_error *error);

/** Free what kernel_image_unpack() returned and clear *image. */
void kernel_image_free(struct kernel_image *image);

#endif

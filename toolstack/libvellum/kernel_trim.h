/* SPDX-License-Identifier: MIT */
/* What a builder needs of an ELF kernel, and no more; for kernel_cache.c. */
#ifndef LIBVELLUM_KERNEL_TRIM_H
#define LIBVELLUM_KERNEL_TRIM_H

#include <stddef.h>

/**
 * Copies program headers, loadable segments without the zeroes at their ends, and
 * notes: the kernel that is built from it is the same.  Returns 1 and a malloc'd
 * *out, or 0: not possible or not worth it (odd headers, no memory).  The image
 * was checked as kernel_image_unpack() does.
 */
int kernel_trim(const void *elf, size_t size, void **out, size_t *out_size);

#endif

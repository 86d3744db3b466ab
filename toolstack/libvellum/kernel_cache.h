/* SPDX-License-Identifier: MIT */
/*
 * Kernels, unpacked once: opens a kernel file as distributions ship it and gives
 * the ELF image that vl_build() takes.  What was unpacked is kept in a directory
 * and found again by the content of the packed file, whatever that is called.
 *
 * Errors: see error.h; they are about the kernel's own file.  The cache is never
 * one: where it cannot be written or what is in it is broken, the kernel is
 * unpacked again.
 */
#ifndef LIBVELLUM_KERNEL_CACHE_H
#define LIBVELLUM_KERNEL_CACHE_H

#include <stddef.h>

#include "libvellum/error.h"

struct vl_kernel {
	const void *data; /* 64-bit ELF */
	size_t size;
	int cached; /* 1: it was found in the cache */
	/* kernel_cache.c's own */
	void *memory;
	size_t mapped; /* 0: malloc'd */
};

/** Never more than this is kept; the oldest go. */
#define VL_KERNEL_CACHE_LIMIT ((size_t)512 << 20)

/**
 * Opens a kernel.  cache_dir, which is made if only it is missing: VL_CACHE_DIR, or
 * null: none.  Errors as kernel_image_unpack() has them, and those of reading.
 */
int vl_kernel_open(const char *path, const char *cache_dir, struct vl_kernel **kernel,
		   struct vl_error *error);
/** Null is fine. */
void vl_kernel_close(struct vl_kernel *kernel);
/**
 * The same, but a mapping stays until the process ends.  Of a paravirtualized system's live
 * page tables each entry is cleared through the hypervisor, of those of a process that ends
 * none is: that is a tenth of making a guest.
 */
void vl_kernel_leave(struct vl_kernel *kernel);

/** Removes the oldest entries until the others have `limit` bytes at most, and what
 *  broken writers have left. */
void vl_kernel_cache_prune(const char *cache_dir, size_t limit);

#endif

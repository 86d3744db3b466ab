/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain that is being built: its machine frames in the order of
 * its guest frames, and the way to write into it.  For build*.c alone.
 *
 * Frames arrive empty, so nothing is ever written where zeroes shall stay.
 */
#ifndef LIBVELLUM_BUILD_MEMORY_H
#define LIBVELLUM_BUILD_MEMORY_H

#include "libvellum/ctl.h"

/* Guest frames from pfn on that are machine frames from mfn on. */
struct build_extent {
	uint64_t pfn, mfn, count;
};

struct build_memory {
	struct vl_ctl *ctl;
	uint16_t domid;
	struct build_extent *extents; /* malloc'd, in order, from guest frame 0 on */
	size_t count, room;
	size_t last; /* the one that was found last: frames are asked for in rows */
	uint64_t frames;
};

/** Gives the domain its frames.  -ENOMEM: the host has not so many. */
int build_memory_get(struct build_memory *m, uint64_t frames, struct vl_error *error);
void build_memory_free(struct build_memory *m);
/** Machine frames that follow each other from guest frame pfn on, at most `max`
 *  of them, at least one.  pfn: a frame of the domain. */
uint64_t build_memory_run(struct build_memory *m, uint64_t pfn, uint64_t max, uint64_t *mfn);
uint64_t build_memory_frame(struct build_memory *m, uint64_t pfn);
/** Maps guest frames; vl_ctl_unmap() unmaps. */
int build_memory_map(struct build_memory *m, uint64_t pfn, uint64_t count, void **address,
		     struct vl_error *error);
/** Copies to a byte offset of the guest's memory, which is empty there. */
int build_memory_write(struct build_memory *m, uint64_t at, const void *data, uint64_t size,
		       struct vl_error *error);
/** The same from the start of a file, to a whole page.  -EIO: it is shorter. */
int build_memory_read(struct build_memory *m, uint64_t at, int fd, uint64_t size,
		      struct vl_error *error);

#endif

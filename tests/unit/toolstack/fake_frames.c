/* SPDX-License-Identifier: MIT */
/*
 * The fake core's memory: frames of a memory file, so that any of them can be
 * mapped in any order, who owns them, and page tables.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/memory.h>

#include "fake_ctl.h"

#define PAGE 4096ul
#define ENTRIES 512
#define P 1ul
#define W 2ul
#define U 4ul
#define FRAME_OF(entry) (((entry)&0x000ffffffffff000ul) >> 12)

static size_t index_of(const struct fake_ctl *fake, uint64_t mfn)
{
	return mfn >= FAKE_MFN_BASE && mfn - FAKE_MFN_BASE < fake->frames ? mfn - FAKE_MFN_BASE :
									    SIZE_MAX;
}

static bool owns(const struct fake_ctl *fake, uint16_t domid, uint64_t mfn)
{
	size_t i = index_of(fake, mfn);

	return i != SIZE_MAX && fake->owner[i] == domid;
}

bool fake_frames_start(struct fake_ctl *fake, size_t memory)
{
	fake->frames = fake->free_frames = memory / PAGE;
	fake->memory_fd = memfd_create("fake machine", MFD_CLOEXEC);
	fake->owner = malloc(fake->frames * sizeof(*fake->owner));
	fake->m2p = calloc(fake->frames, sizeof(*fake->m2p));
	if (fake->memory_fd < 0 || !fake->owner || !fake->m2p ||
	    ftruncate(fake->memory_fd, (off_t)(fake->frames * PAGE)) < 0) {
		return false;
	}
	memset(fake->owner, 0xff, fake->frames * sizeof(*fake->owner));
	fake->memory = mmap(NULL, fake->frames * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fake->memory_fd, 0);
	return fake->memory != MAP_FAILED;
}

void fake_frames_end(struct fake_ctl *fake)
{
	munmap(fake->memory, fake->frames * PAGE);
	close(fake->memory_fd);
	free(fake->owner);
	free(fake->m2p);
}

void *fake_ctl_frame(struct fake_ctl *fake, uint64_t mfn)
{
	size_t i = index_of(fake, mfn);

	return i == SIZE_MAX ? NULL : fake->memory + i * PAGE;
}

/* ---- Who owns what ----------------------------------------------------------------- */

/* From the top down, so that guest frames and machine frames run against each
 * other from one extent to the next. */
static size_t allocate(struct fake_ctl *fake, unsigned int order, uint16_t domid)
{
	size_t size = (size_t)1 << order;

	for (size_t at = fake->frames & ~(size - 1); at >= size && order <= fake->order_max;) {
		size_t n = 0;

		at -= size;
		while (n < size && fake->owner[at + n] == FAKE_FREE) {
			n++;
		}
		if (n == size) {
			for (n = 0; n < size; n++) {
				fake->owner[at + n] = domid;
			}
			fake->free_frames -= size;
			return at;
		}
	}
	return SIZE_MAX;
}

void fake_frames_drop(struct fake_ctl *fake, uint16_t domid)
{
	for (size_t i = 0, n; i < fake->frames; i += n) {
		for (n = 0; i + n < fake->frames && fake->owner[i + n] == domid; n++) {
			fake->owner[i + n] = FAKE_FREE;
		}
		if (n == 0) {
			n = 1;
			continue;
		}
		/* The next owner finds zeroes. */
		madvise(fake->memory + i * PAGE, n * PAGE, MADV_REMOVE);
		fake->free_frames += n;
	}
}

long fake_frames_populate(struct fake_ctl *fake, uint64_t arg)
{
	struct xen_memory_reservation r = *(const struct xen_memory_reservation *)(uintptr_t)arg;
	struct fake_domain *d = fake_ctl_domain(fake, r.domid);
	unsigned long i;

	if (!d) {
		return -ESRCH;
	}
	if (r.extent_order > 12) {
		return 0;
	}
	for (i = 0; i < r.nr_extents; i++) {
		uint64_t count = 1ul << r.extent_order;
		size_t at = d->info.frames + count > d->info.max_frames ?
				    SIZE_MAX :
				    allocate(fake, r.extent_order, r.domid);

		if (at == SIZE_MAX) {
			break;
		}
		for (uint64_t n = 0; n < count; n++) {
			fake->m2p[at + n] = r.extent_start.p[i] + n;
		}
		r.extent_start.p[i] = FAKE_MFN_BASE + at;
		d->info.frames += count;
	}
	return (long)i;
}

int fake_frames_map(void *layer, uint16_t domid, const uint64_t *frames, size_t count,
		    void **address)
{
	struct fake_ctl *fake = layer;
	unsigned char *at;

	if (fake_fails(fake)) {
		return -fake->fail_code;
	}
	for (size_t i = 0; i < count; i++) {
		if (!owns(fake, domid, frames[i])) {
			return -EINVAL;
		}
	}
	at = mmap(NULL, count * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		return -ENOMEM;
	}
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && frames[i + n] == frames[i] + n;) {
			n++;
		}
		if (mmap(at + i * PAGE, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fake->memory_fd,
			 (off_t)((frames[i] - FAKE_MFN_BASE) * PAGE)) == MAP_FAILED) {
			munmap(at, count * PAGE);
			return -ENOMEM;
		}
	}
	fake->mapped += count;
	*address = at;
	return 0;
}

void fake_frames_unmap(void *layer, void *address, size_t count)
{
	struct fake_ctl *fake = layer;

	munmap(address, count * PAGE);
	fake->mapped -= count;
}

/* ---- Page tables ------------------------------------------------------------------- */

static int refuse(struct fake_ctl *fake, const char *why)
{
	fake->pin_error = why;
	return -EINVAL;
}

/* level[] of a frame: 0, or the level of table that it is. */
static int mark_table(struct fake_ctl *fake, uint16_t domid, uint64_t mfn, unsigned char *level,
		      unsigned char as)
{
	const uint64_t *table = fake_ctl_frame(fake, mfn);
	size_t i = index_of(fake, mfn);

	if (!owns(fake, domid, mfn)) {
		return refuse(fake, "a table is not a frame of the domain");
	}
	if (level[i] != 0) {
		return level[i] == as ? 0 : refuse(fake, "a frame is a table of two levels");
	}
	level[i] = as;
	for (unsigned int n = 0; as > 1 && n < ENTRIES; n++) {
		int rc;

		if ((table[n] & P) == 0) {
			continue;
		}
		if (as == 4 && n >= 256 && n < 272) {
			return refuse(fake, "an entry in the core's part of the L4 table");
		}
		if ((table[n] & U) == 0 || (table[n] & 0x80) != 0) {
			return refuse(fake, "flags of a table entry");
		}
		rc = mark_table(fake, domid, FRAME_OF(table[n]), level, (unsigned char)(as - 1));
		if (rc) {
			return rc;
		}
	}
	return 0;
}

static int check_leaves(struct fake_ctl *fake, uint16_t domid, const unsigned char *level)
{
	for (size_t i = 0; i < fake->frames; i++) {
		const uint64_t *table = fake_ctl_frame(fake, FAKE_MFN_BASE + i);

		for (unsigned int n = 0; level[i] == 1 && n < ENTRIES; n++) {
			uint64_t mfn = FRAME_OF(table[n]);

			if ((table[n] & P) == 0) {
				continue;
			}
			if (!owns(fake, domid, mfn)) {
				return refuse(fake, "a page is not a frame of the domain");
			}
			if ((table[n] & W) != 0 && level[index_of(fake, mfn)] != 0) {
				return refuse(fake, "a table can be written");
			}
		}
	}
	return 0;
}

int fake_frames_pin(struct fake_ctl *fake, uint16_t domid, uint64_t mfn)
{
	struct fake_domain *d = fake_ctl_domain(fake, domid);
	unsigned char *level = calloc(fake->frames, 1);
	int rc = d ? 0 : -ESRCH;

	if (!level) {
		return -ENOMEM;
	}
	fake->pin_error = NULL;
	if (rc == 0) {
		rc = mark_table(fake, domid, mfn, level, 4);
	}
	if (rc == 0) {
		rc = check_leaves(fake, domid, level);
	}
	free(level);
	if (rc == 0) {
		d->pinned = mfn;
	} else if (getenv("FAKE_VERBOSE")) {
		fprintf(stderr, "pin: %s\n", fake->pin_error ? fake->pin_error : "no domain");
	}
	return rc;
}

uint64_t fake_ctl_pte(struct fake_ctl *fake, uint16_t domid, uint64_t va)
{
	struct fake_domain *d = fake_ctl_domain(fake, domid);
	uint64_t entry = d ? d->context[0].ctrlreg[3] | P : 0;

	for (int shift = 39; shift >= 12; shift -= 9) {
		const uint64_t *table = fake_ctl_frame(fake, FRAME_OF(entry));

		if (!table || (entry & P) == 0) {
			return 0;
		}
		entry = table[va >> shift & (ENTRIES - 1)];
	}
	return entry;
}

bool fake_ctl_read(struct fake_ctl *fake, uint16_t domid, uint64_t va, void *to, size_t size)
{
	while (size > 0) {
		uint64_t entry = fake_ctl_pte(fake, domid, va);
		const unsigned char *page = fake_ctl_frame(fake, FRAME_OF(entry));
		size_t part = PAGE - (va & (PAGE - 1));

		if ((entry & P) == 0 || !page) {
			return false;
		}
		part = part < size ? part : size;
		memcpy(to, page + (va & (PAGE - 1)), part);
		to = (unsigned char *)to + part;
		va += part;
		size -= part;
	}
	return true;
}

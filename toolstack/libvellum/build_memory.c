/* SPDX-License-Identifier: MIT */
/*
 * Frames of a new domain: taken in the largest extents that the host gives,
 * remembered as extents, mapped in windows while they are written.  Called by
 * build*.c.  A kernel is more than a third zeroes: pages of them are neither
 * mapped nor copied.
 */
#include "libvellum/build_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/ctl_layer.h"

#define ORDER_START 9 /* 2 MiB, which is what the core keeps together */
#define BATCH 1024    /* extents asked for at once */
#define WINDOW 4096   /* pages mapped at once, 16 MiB */
/* A mapping costs about as much as so many pages in one. */
#define ZERO_GAP 8

#define MIB_OF(frames) ((unsigned long)((frames) >> (20 - VL_PAGE_SHIFT)))

/* ---- Getting it -------------------------------------------------------------------- */

static bool add_extent(struct build_memory *m, uint64_t mfn, uint64_t count)
{
	struct build_extent *e = m->count > 0 ? &m->extents[m->count - 1] : NULL;

	if (e && e->mfn + e->count == mfn) {
		e->count += count;
	} else {
		if (!m->extents || m->count == m->room) {
			size_t room = m->room ? 2 * m->room : 64;

			e = reallocarray(m->extents, room, sizeof(*e));
			if (!e) {
				return false;
			}
			m->extents = e;
			m->room = room;
		}
		m->extents[m->count++] = (struct build_extent){ m->frames, mfn, count };
	}
	m->frames += count;
	return true;
}

static int no_memory(struct vl_error *error)
{
	vl_error_set(error, -ENOMEM, "not enough memory to build a domain");
	return -ENOMEM;
}

/* Asks for up to BATCH extents; *got says how many came. */
static int get_batch(struct build_memory *m, uint64_t *list, uint64_t frames, unsigned int order,
		     bool *all, struct vl_error *error)
{
	uint64_t want = (frames - m->frames) >> order;
	size_t got;
	int rc;

	want = want < BATCH ? want : BATCH;
	for (uint64_t i = 0; i < want; i++) {
		list[i] = m->frames + (i << order);
	}
	rc = vl_ctl_populate_some(m->ctl, m->domid, order, list, want, &got, error);
	if (rc) {
		return rc;
	}
	for (size_t i = 0; i < got; i++) {
		if (!add_extent(m, list[i], UINT64_C(1) << order)) {
			return no_memory(error);
		}
	}
	*all = got == want;
	return 0;
}

int build_memory_get(struct build_memory *m, uint64_t frames, struct vl_error *error)
{
	uint64_t *list = malloc(BATCH * sizeof(*list));
	unsigned int order = ORDER_START;
	int rc = list ? 0 : no_memory(error);

	while (rc == 0 && m->frames < frames) {
		bool all = true;

		if ((frames - m->frames) >> order > 0) {
			rc = get_batch(m, list, frames, order, &all, error);
		}
		if (rc == 0 && !all && order == 0) {
			rc = vl_error_set(error, -ENOMEM,
					  "the host has too little free memory: domain %u got %lu "
					  "of %lu MiB",
					  m->domid, MIB_OF(m->frames), MIB_OF(frames));
		}
		if (order > 0 && (!all || (frames - m->frames) >> order == 0)) {
			order--;
		}
	}
	free(list);
	return rc;
}

void build_memory_free(struct build_memory *m)
{
	free(m->extents);
	m->extents = NULL;
}

/* ---- Finding it -------------------------------------------------------------------- */

uint64_t build_memory_run(struct build_memory *m, uint64_t pfn, uint64_t max, uint64_t *mfn)
{
	const struct build_extent *e = &m->extents[m->last];
	size_t low = 0, high = m->count;
	uint64_t left;

	if (pfn < e->pfn || pfn - e->pfn >= e->count) {
		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			if (m->extents[middle].pfn <= pfn) {
				low = middle;
			} else {
				high = middle;
			}
		}
		m->last = low;
		e = &m->extents[low];
	}
	*mfn = e->mfn + (pfn - e->pfn);
	left = e->count - (pfn - e->pfn);
	return left < max ? left : max;
}

uint64_t build_memory_frame(struct build_memory *m, uint64_t pfn)
{
	uint64_t mfn;

	(void)build_memory_run(m, pfn, 1, &mfn);
	return mfn;
}

/* ---- Writing to it ------------------------------------------------------------------ */

int build_memory_map(struct build_memory *m, uint64_t pfn, uint64_t count, void **address,
		     struct vl_error *error)
{
	uint64_t *list = malloc(count * sizeof(*list));
	int rc;

	if (!list) {
		return no_memory(error);
	}
	for (uint64_t i = 0, n, mfn; i < count; i += n) {
		n = build_memory_run(m, pfn + i, count - i, &mfn);
		for (uint64_t k = 0; k < n; k++) {
			list[i + k] = mfn + k;
		}
	}
	rc = vl_ctl_map(m->ctl, m->domid, list, count, address, error);
	free(list);
	return rc;
}

static bool all_zero(const unsigned char *p, size_t size)
{
	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* How much of the page that `at` lies in the next `size` bytes fill. */
static size_t page_part(uint64_t at, uint64_t size)
{
	size_t part = VL_PAGE_SIZE - (at & (VL_PAGE_SIZE - 1));

	return part < size ? part : (size_t)size;
}

/* Bytes up to the next gap of zero pages worth another mapping, of one window at
 * most; begins with a page that is none. */
static uint64_t data_until_gap(uint64_t at, const unsigned char *data, uint64_t size)
{
	uint64_t done = 0, end = 0;
	unsigned int gap = 0;

	for (unsigned int pages = 0; done < size && pages < WINDOW && gap < ZERO_GAP; pages++) {
		size_t part = page_part(at + done, size - done);
		bool zero = all_zero(data + done, part);

		done += part;
		gap = zero ? gap + 1 : 0;
		end = zero ? end : done;
	}
	return end;
}

/* What is all zero is there already. */
static void copy(unsigned char *window, uint64_t offset, const unsigned char *from, uint64_t size)
{
	for (uint64_t part; size > 0; offset += part, from += part, size -= part) {
		part = page_part(offset, size);
		if (!all_zero(from, (size_t)part)) {
			memcpy(window + offset, from, (size_t)part);
		}
	}
}

int build_memory_write(struct build_memory *m, uint64_t at, const void *data, uint64_t size,
		       struct vl_error *error)
{
	const unsigned char *from = data;
	uint64_t part;
	int rc = 0;

	for (; rc == 0 && size > 0; at += part, from += part, size -= part) {
		uint64_t offset = at & (VL_PAGE_SIZE - 1), pages;
		void *window;

		part = page_part(at, size);
		if (all_zero(from, (size_t)part)) {
			continue;
		}
		part = data_until_gap(at, from, size);
		pages = (offset + part + VL_PAGE_SIZE - 1) >> VL_PAGE_SHIFT;
		rc = build_memory_map(m, at >> VL_PAGE_SHIFT, pages, &window, error);
		if (rc == 0) {
			copy(window, offset, from, part);
			vl_ctl_unmap(m->ctl, window, pages);
		}
	}
	return rc;
}

/* Fills a window from byte `from` of the file. */
static int read_window(unsigned char *to, int fd, uint64_t from, size_t size,
		       struct vl_error *error)
{
	while (size > 0) {
		ssize_t got = pread(fd, to, size, (off_t)from);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return vl_error_set(error, got < 0 ? -errno : -EIO,
					    "cannot read the ramdisk: %s",
					    got < 0 ? strerror(errno) : "it has become shorter");
		}
		to += got;
		from += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

int build_memory_read(struct build_memory *m, uint64_t at, int fd, uint64_t size,
		      struct vl_error *error)
{
	const uint64_t most = WINDOW * VL_PAGE_SIZE;
	int rc = 0;

	for (uint64_t done = 0, part; rc == 0 && done < size; done += part) {
		uint64_t pages;
		void *window;

		part = size - done < most ? size - done : most;
		pages = (part + VL_PAGE_SIZE - 1) >> VL_PAGE_SHIFT;
		rc = build_memory_map(m, (at + done) >> VL_PAGE_SHIFT, pages, &window, error);
		if (rc == 0) {
			rc = read_window(window, fd, done, (size_t)part, error);
			vl_ctl_unmap(m->ctl, window, pages);
		}
	}
	return rc;
}

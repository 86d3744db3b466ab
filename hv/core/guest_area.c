/* SPDX-License-Identifier: MIT */
/*
 * Pieces of guest memory that the core writes at any time and through its own
 * mapping: the runstate and time areas of a vCPU.  The guest names one by a
 * linear address that means something in the caller's tables and at that
 * moment only; what is kept is the frame, or the two that the area crosses,
 * held by a general and a writable type reference, so that it stays memory of
 * this domain that no table or descriptor lives in.
 *
 * Called by vcpu_op.c, vtime.c and sched.c; the owner of the struct brings the
 * lock.  Never reads the guest's memory.
 */
#include <hv/vcpu.h>

#include <xen/errno.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/mm.h>
#include <hv/page.h>
#include <hv/string.h>

/* The frame that the current vCPU's tables map writable at va; NULL: none. */
static struct page *hold_frame(uint64_t va)
{
	struct vcpu *curr = current_vcpu();
	unsigned long mfn = guest_walk_frame(curr, va, true);
	struct page *pg;

	if (mfn == ~0ul) {
		return NULL;
	}
	/* The table may have changed since: ownership is judged here. */
	pg = page_get_from_mfn(mfn, curr->domain);
	if (pg == NULL) {
		return NULL;
	}
	if (page_get_type_simple(pg, PGT_WRITABLE) != 0) {
		page_put(pg);
		return NULL;
	}
	return pg;
}

int guest_area_register(struct guest_area *a, uint64_t va, size_t size)
{
	unsigned int i, pages;

	*a = (struct guest_area){ .offset = 0 };
	if (va == 0) {
		return 0;
	}
	CHECK(size > 0 && size <= PAGE_SIZE);
	if (!guest_range_ok(guest_ptr(va), size)) {
		return -XEN_EFAULT;
	}
	a->offset = (uint16_t)(va & (PAGE_SIZE - 1));
	pages = a->offset + size > PAGE_SIZE ? 2 : 1;
	for (i = 0; i < pages; i++) {
		a->pg[i] =
			hold_frame((va & PAGE_MASK) + (uint64_t)i * PAGE_SIZE);
		if (a->pg[i] == NULL) {
			guest_area_drop(a);
			return -XEN_EFAULT;
		}
	}
	return 0;
}

void guest_area_drop(struct guest_area *a)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(a->pg); i++) {
		if (a->pg[i] != NULL) {
			page_put_and_type(a->pg[i]);
			a->pg[i] = NULL;
		}
	}
}

void guest_area_write(const struct guest_area *a, size_t at, const void *src,
		      size_t n)
{
	size_t pos = a->offset + at;
	const char *from = src;

	while (n > 0) {
		struct page *pg = a->pg[pos / PAGE_SIZE];
		size_t in_page = pos % PAGE_SIZE;
		size_t part = MIN(n, PAGE_SIZE - in_page);
		char *to = frame_ptr(page_to_mfn(pg)) + in_page;

		/* Versions and flags are single words: one store, so that the
		 * guest never reads half of one. */
		if (part == sizeof(uint64_t) && in_page % part == 0) {
			uint64_t word;

			memcpy(&word, from, sizeof(word));
			WRITE_ONCE(*(uint64_t *)(void *)to, word);
		} else if (part == sizeof(uint32_t) && in_page % part == 0) {
			uint32_t word;

			memcpy(&word, from, sizeof(word));
			WRITE_ONCE(*(uint32_t *)(void *)to, word);
		} else {
			memcpy(to, from, part);
		}
		pos += part;
		from += part;
		n -= part;
	}
}

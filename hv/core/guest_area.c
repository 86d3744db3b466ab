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
 * lock.  vcpu.c and evtchn_fifo.c hold a frame in the same way.  Never reads
 * the guest's memory.
 */
#include <hv/vcpu.h>

#include <hv/guest_access.h>
#include <hv/mm.h>

struct page *guest_frame_hold(const struct domain *d, unsigned long mfn)
{
	struct page *pg;

	return page_get_and_type(mfn, d, PGT_WRITABLE, &pg) == 0 ? pg : NULL;
}

void *guest_frame_ptr(const struct page *pg, size_t offset)
{
	return (char *)frame_ptr(page_to_mfn(pg)) + offset;
}

int guest_area_register(struct guest_area *a, uint64_t va, size_t size)
{
	struct vcpu *curr = current_vcpu();

	*a = (struct guest_area){ .offset = va & (PAGE_SIZE - 1) };
	if (va == 0) {
		return 0;
	}
	CHECK(size > 0 && size <= PAGE_SIZE);
	if (!guest_range_ok(guest_ptr(va), size)) {
		return -XEN_EFAULT;
	}
	for (unsigned int i = 0; i <= (a->offset + size - 1) / PAGE_SIZE; i++) {
		/* The tables may change meanwhile: the frame's ownership is
		 * judged after the walk. */
		a->pg[i] = guest_frame_hold(
			curr->domain, guest_walk_frame(curr, va + i * (uint64_t)PAGE_SIZE, true));
		if (a->pg[i] == NULL) {
			guest_area_drop(a);
			return -XEN_EFAULT;
		}
	}
	if (a->offset % sizeof(uint64_t) == 0 && a->pg[1] == NULL) {
		a->flat = guest_frame_ptr(a->pg[0], a->offset);
	}
	return 0;
}

void guest_area_drop(struct guest_area *a)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(a->pg) && a->pg[i] != NULL; i++) {
		page_put_and_type(a->pg[i]);
		a->pg[i] = NULL;
	}
	a->flat = NULL;
}

void guest_area_write_split(const struct guest_area *a, size_t at, const void *src, size_t n)
{
	size_t pos = a->offset + at;
	const char *from = src;

	while (n > 0 && a->pg[0] != NULL) {
		size_t in_page = pos % PAGE_SIZE;
		size_t part = MIN(n, PAGE_SIZE - in_page);

		/* Words are single stores: memcpy() copies by words first. */
		memcpy(guest_frame_ptr(a->pg[pos / PAGE_SIZE], in_page), from, part);
		pos += part;
		from += part;
		n -= part;
	}
}

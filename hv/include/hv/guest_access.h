/* SPDX-License-Identifier: MIT */
/*
 * The only door to guest memory by guest linear address.
 *
 * A guest_ptr is an unchecked linear address of the current vCPU's address
 * space (guest-kernel mode, where hypercalls come from).  Copies check the
 * whole range first: canonical and outside the core's slots; then access it
 * with the guest's own page tables, and a page that is absent or read-only
 * gives -EFAULT.  Guest memory changes at any time: read it once into a
 * local and validate the local.
 */
#ifndef HV_GUEST_ACCESS_H
#define HV_GUEST_ACCESS_H

typedef struct {
	uint64_t addr;
} guest_ptr_t;

static inline guest_ptr_t guest_ptr(uint64_t addr)
{
	return (guest_ptr_t){ addr };
}

#define GUEST_HANDLE_PTR(h) guest_ptr((uint64_t)(uintptr_t)(h).p)

static inline guest_ptr_t guest_ptr_add(guest_ptr_t p, uint64_t bytes)
{
	return guest_ptr(p.addr + bytes);
}

/** 0, or -XEN_EFAULT with an unspecified part copied. */
int must_check copy_from_guest(void *dst, guest_ptr_t src, size_t bytes);
int must_check copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes);
/** True if [p, p + bytes) is canonical and outside the core's slots. */
bool guest_range_ok(guest_ptr_t p, uint64_t bytes);

#endif

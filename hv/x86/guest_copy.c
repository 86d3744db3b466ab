/* SPDX-License-Identifier: MIT */
/*
 * The machine half of guest access: copies through whatever address space is
 * loaded, page faults caught by the exception table.  Called by
 * core/guest_access.c, which has checked the range.  Takes no lock.
 */
#include <switch.h>

size_t arch_copy_from_guest(void *dst, uint64_t src, size_t n)
{
	return guest_copy(dst, (const void *)src, n);
}

size_t arch_copy_to_guest(uint64_t dst, const void *src, size_t n)
{
	return guest_copy((void *)dst, src, n);
}

/* SPDX-License-Identifier: MIT */
/*
 * The only door to guest memory by guest linear address.  Every handler comes
 * through here to copy its arguments in and its results out; no other file
 * calls arch_copy_from_guest() or arch_copy_to_guest().  Owns no data, takes
 * no lock, and may be called with locks held, since a page that is not there
 * is an error and never a wait.
 *
 * The core shares the address space with the guest, so the range check is all
 * that keeps a guest pointer off the core's own memory.  It is made before
 * the access, on every byte, and once more as a mask that also holds while
 * the CPU speculates.
 */
#include <hv/guest_access.h>

#include <arch/paging.h>

/* Guest addresses are those below LOW_END and those from CORE_VIRT_END up. */
#define LOW_END 0x0000800000000000ull
#define HIGH_SIZE (0ull - CORE_VIRT_END)

bool guest_range_ok(guest_ptr_t p, uint64_t bytes)
{
	uint64_t last;

	if (bytes == 0) {
		return true;
	}
	return !add_overflow(p.addr, bytes - 1, &last) &&
	       (last < LOW_END || p.addr >= CORE_VIRT_END);
}

/* The address itself if a guest may have it, otherwise an outer edge of a
 * guest's half: what a mispredicted check would go on with. */
static uint64_t confine(uint64_t addr)
{
	if (addr < LOW_END) {
		return index_nospec(addr, LOW_END);
	}
	return CORE_VIRT_END + index_nospec(addr - CORE_VIRT_END, HIGH_SIZE);
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
	if (unlikely(!guest_range_ok(src, bytes) ||
		     arch_copy_from_guest(dst, confine(src.addr), bytes))) {
		return -XEN_EFAULT;
	}
	/* What was copied is not read again: validation sees the local. */
	barrier();
	return 0;
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
	if (unlikely(!guest_range_ok(dst, bytes) ||
		     arch_copy_to_guest(confine(dst.addr), src, bytes))) {
		return -XEN_EFAULT;
	}
	return 0;
}

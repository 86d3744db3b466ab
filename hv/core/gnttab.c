/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: not offered yet.  Every operation is refused with
 * -XEN_ENOSYS before anything is read, which guests take for a core without
 * grants: Linux starts, and its grant-based drivers report that they cannot.
 * This file will own the grant tables; it has no data and no lock so far.
 */
#include <hv/hypercall.h>

#include <xen/errno.h>

long do_grant_table_op(uint64_t cmd UNUSED, uint64_t uop UNUSED,
		       uint64_t count UNUSED)
{
	return -XEN_ENOSYS;
}

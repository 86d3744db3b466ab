/* SPDX-License-Identifier: MIT */
/*
 * multicall: a list of hypercalls executed in order by one entry to the core.
 * No lock; the entry being executed belongs to the current vCPU (v->mc).
 *
 * The list is guest memory that other vCPUs can change meanwhile.  Each entry
 * is copied in once, just before it is executed, and only its result, or the
 * arguments of what is left of it, are written back.  The call stops between
 * entries when something is pending, and also when an entry itself stopped:
 * either way the guest sees a multicall that starts later in the list.
 *
 * multicall is refused within itself, which bounds the depth; so is iret,
 * which would replace the registers that the list is continued with.
 */
#include <hv/hypercall.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include <hv/guest_access.h>
#include <hv/vcpu.h>

_Static_assert(sizeof(struct multicall_entry) == 64, "published layout");

static long run_entry(struct vcpu *v, struct multicall_entry *entry)
{
	uint64_t args[HYPERCALL_ARGS];
	long result;

	if (entry->op == __HYPERVISOR_multicall) {
		return -XEN_EINVAL;
	}
	if (entry->op == __HYPERVISOR_iret) {
		return -XEN_ENOSYS;
	}
	for (unsigned int i = 0; i < HYPERCALL_ARGS; i++) {
		args[i] = entry->args[i];
	}
	v->mc = entry;
	result = hypercall_invoke(entry->op, args);
	v->mc = NULL;
	return result;
}

static guest_ptr_t field(guest_ptr_t entry, size_t offset)
{
	return guest_ptr_add(entry, offset);
}

long do_multicall(uint64_t list, uint64_t count)
{
	struct vcpu *v = current_vcpu();
	uint32_t left = (uint32_t)count;
	guest_ptr_t at = guest_ptr(list);
	struct multicall_entry entry;
	bool started = false;

	for (; left > 0; left--) {
		long result;
		int rc;

		if (started && hypercall_preempt()) {
			return hypercall_restart(2,
						 (uint64_t[]){ at.addr, left });
		}
		started = true;
		rc = copy_from_guest(&entry, at, sizeof(entry));
		if (rc != 0) {
			return rc;
		}
		result = run_entry(v, &entry);
		if (result == -XEN_ERESTART) {
			rc = copy_to_guest(
				field(at,
				      offsetof(struct multicall_entry, args)),
				entry.args, sizeof(entry.args));
			if (rc != 0) {
				return rc;
			}
			return hypercall_restart(2,
						 (uint64_t[]){ at.addr, left });
		}
		entry.result = (xen_ulong_t)result;
		rc = copy_to_guest(
			field(at, offsetof(struct multicall_entry, result)),
			&entry.result, sizeof(entry.result));
		if (rc != 0) {
			return rc;
		}
		at = guest_ptr_add(at, sizeof(entry));
	}
	return 0;
}

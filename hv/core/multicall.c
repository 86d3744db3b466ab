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

_Static_assert(sizeof(struct multicall_entry) == 64, "published layout");

/* Executes the entry at `at`: 0, -XEN_ERESTART or -XEN_EFAULT. */
static int do_entry(guest_ptr_t at)
{
	struct vcpu *v = current_vcpu();
	struct multicall_entry entry;
	long result = -XEN_EINVAL;
	int rc = copy_from_guest(&entry, at, sizeof(entry));

	if (rc != 0) {
		return rc;
	}
	if (entry.op == __HYPERVISOR_iret) {
		result = -XEN_ENOSYS;
	} else if (entry.op != __HYPERVISOR_multicall) {
		v->mc = &entry;
		result = hypercall_invoke(entry.op, entry.args);
		v->mc = NULL;
	}
	if (result == -XEN_ERESTART) {
		at = guest_ptr_add(at, offsetof(struct multicall_entry, args));
		rc = copy_to_guest(at, entry.args, sizeof(entry.args));
		return rc != 0 ? rc : -XEN_ERESTART;
	}
	entry.result = (xen_ulong_t)result;
	at = guest_ptr_add(at, offsetof(struct multicall_entry, result));
	return copy_to_guest(at, &entry.result, sizeof(entry.result));
}

long do_multicall(uint64_t list, uint64_t count)
{
	uint32_t total = (uint32_t)count;
	int rc = 0;

	for (uint32_t left = total; left > 0 && rc == 0; left--) {
		rc = left < total && hypercall_preempt() ? -XEN_ERESTART :
							   do_entry(guest_ptr(list));
		if (rc == -XEN_ERESTART) {
			return hypercall_restart(2, (uint64_t[]){ list, left });
		}
		list += sizeof(struct multicall_entry);
	}
	return rc;
}

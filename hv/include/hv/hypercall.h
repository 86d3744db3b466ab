/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table and the life of a long hypercall.
 *
 * A handler takes up to five raw argument registers and returns a result for
 * the guest's rax: 0 or a positive value, or -XEN_Exxx.  Order inside every
 * handler: copy in, permission, validate, commit.
 *
 * A handler whose length the guest chooses asks hypercall_preempt() each
 * round; when it answers true, the handler stores its progress in the
 * arguments with hypercall_restart() and returns what that returns.
 * -XEN_ERESTART never reaches a guest: the dispatcher turns it into "execute
 * the same instruction again" or, inside a multicall, into rewritten entry
 * arguments.
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include <hv/guest_access.h>
#include <hv/vcpu.h>

#define HYPERCALL_COUNT 64
#define HYPERCALL_ARGS 5

/**
 * Dispatches the hypercall in regs (rax; rdi rsi rdx r10 r8) of the current
 * vCPU and stores its result.  Called by the entry path, from guest-kernel
 * mode only.
 */
void hypercall_dispatch(struct guest_regs *regs);

/**
 * Executes call `nr` for the current vCPU and remembers it in the history.
 * -XEN_ENOSYS if there is no such call; may be -XEN_ERESTART.  For the
 * dispatcher and do_multicall() only.
 */
long hypercall_invoke(uint64_t nr, const uint64_t args[HYPERCALL_ARGS]);

/** Opens an interrupt window; true if this long hypercall should stop now. */
bool hypercall_preempt(void);
/**
 * Arranges for the running hypercall to be executed again with these
 * arguments.  nargs of them are rewritten.  Returns -XEN_ERESTART.
 */
long hypercall_restart(unsigned int nargs, const uint64_t args[]);

/** Writes the 32-byte hypercall stubs into a page (4 KiB at dst). */
void hypercall_page_fill(void *dst);

/** The last calls of a vCPU, newest last, to the log (crash report). */
void hypercall_history_print(const struct vcpu *v);

/*
 * All calls, each with the number of its arguments; the handler do_NAME is in
 * the file that is named, and takes these.
 */
/* clang-format off */
#define HYPERCALLS(X) \
	X(set_trap_table, 1) /* trap_op.c: table */ \
	X(mmu_update, 4) /* mmu_update.c: reqs, count, done, dom */ \
	X(set_gdt, 2) /* descriptor.c: frames, entries */ \
	X(stack_switch, 2) /* trap_op.c: ss, sp */ \
	X(set_callbacks, 3) /* trap_op.c: event, failsafe, syscall */ \
	X(fpu_taskswitch, 1) /* trap_op.c: set */ \
	X(platform_op, 1) /* platform.c: op */ \
	X(set_debugreg, 2) /* trap_op.c: reg, value */ \
	X(get_debugreg, 1) /* trap_op.c: reg */ \
	X(update_descriptor, 2) /* descriptor.c: maddr, desc */ \
	X(memory_op, 2) /* memory_op.c: cmd, arg */ \
	X(multicall, 2) /* multicall.c: list, count */ \
	X(update_va_mapping, 3) /* va_mapping.c: va, pte, flags */ \
	X(set_timer_op, 1) /* vtime.c: deadline */ \
	X(xen_version, 2) /* version.c: cmd, arg */ \
	X(console_io, 3) /* console_io.c: cmd, count, buf */ \
	X(grant_table_op, 3) /* gnttab.c: cmd, args, count */ \
	X(vm_assist, 2) /* version.c: cmd, type */ \
	X(update_va_mapping_otherdomain, 4) /* va_mapping.c: va, pte, flags, dom */ \
	X(iret, 0) /* trap_op.c */ \
	X(vcpu_op, 3) /* vcpu_op.c: cmd, vcpu, arg */ \
	X(set_segment_base, 2) /* trap_op.c: which, base */ \
	X(mmuext_op, 4) /* mmu_update.c: ops, count, done, dom */ \
	X(sched_op, 2) /* sched_op.c: cmd, arg */ \
	X(callback_op, 2) /* trap_op.c: cmd, arg */ \
	X(event_channel_op, 2) /* evtchn_op.c: cmd, arg */ \
	X(physdev_op, 2) /* physdev.c: cmd, arg */ \
	X(vl_control, 3) /* control.c: cmd, domid, arg */
/* clang-format on */

#define HYPERCALL_TAKES_0 void
#define HYPERCALL_TAKES_1 uint64_t
#define HYPERCALL_TAKES_2 HYPERCALL_TAKES_1, uint64_t
#define HYPERCALL_TAKES_3 HYPERCALL_TAKES_2, uint64_t
#define HYPERCALL_TAKES_4 HYPERCALL_TAKES_3, uint64_t
#define HYPERCALL_HANDLER(name, n) long do_##name(HYPERCALL_TAKES_##n);
HYPERCALLS(HYPERCALL_HANDLER)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Every C function that the assembly of entry.S calls, but for
 * bounce_syscall(), where the fast bounce does not apply, and bounce_failsafe(),
 * where IRETQ or SYSRET to the guest faulted (trap.h).
 * Interrupts are off; rsp is the CPU's stack; regs is &current_vcpu()->regs
 * for an entry from a guest.
 */
#ifndef HV_ENTRY_H
#define HV_ENTRY_H

/** Exception or interrupt `regs->vector` from a guest. */
void entry_from_guest(struct guest_regs *regs);
/** Exception or interrupt that hit the core itself. */
void entry_from_core(struct guest_regs *regs);
/** SYSCALL from guest-kernel mode, IRET hypercall without a fast path. */
void entry_hypercall(struct guest_regs *regs);
/** The fast path of the IRET hypercall cannot read its frame. */
/** The fast path loaded a user frame, and an upcall is pending for it. */
void entry_iret_pending(struct guest_regs *regs);
/**
 * #DB taken on its interrupt stack.  From a guest the assembly moved the frame
 * to the vCPU first and calls entry_from_guest(); this is the rest.
 */
void entry_debug_core(struct guest_regs *regs);
/** NMI or machine check, on its interrupt stack; returns to where it was. */
void entry_nmi(struct guest_regs *regs);
/**
 * Last C before any return to a guest: softirqs, scheduling, TLB work, pending
 * upcalls.  Returns the registers to load: those of the current vCPU.
 */
struct guest_regs *exit_to_guest(void);
/**
 * Enters the scheduler for good, on the stack of the calling CPU from its top
 * (entry.S).
 */
void arch_enter_guest_loop(void) noreturn_fn;

#endif

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

struct guest_regs;

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
struct vcpu;
void hypercall_history_print(const struct vcpu *v);

/* Handlers, one per published number; each in the file named. */
long do_set_trap_table(uint64_t table);						/* trap_op.c */
long do_mmu_update(uint64_t reqs, uint64_t count, uint64_t done, uint64_t dom); /* mmu_update.c */
long do_set_gdt(uint64_t frames, uint64_t entries);				/* descriptor.c */
long do_stack_switch(uint64_t ss, uint64_t sp);					/* trap_op.c */
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall);	/* trap_op.c */
long do_fpu_taskswitch(uint64_t set);						/* trap_op.c */
long do_platform_op(uint64_t op);						/* platform.c */
long do_set_debugreg(uint64_t reg, uint64_t value);				/* trap_op.c */
long do_get_debugreg(uint64_t reg);						/* trap_op.c */
long do_update_descriptor(uint64_t maddr, uint64_t desc);			/* descriptor.c */
long do_memory_op(uint64_t cmd, uint64_t arg);					/* memory_op.c */
long do_multicall(uint64_t list, uint64_t count);				/* multicall.c */
long do_update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags);		/* va_mapping.c */
long do_set_timer_op(uint64_t deadline);					/* vtime.c */
long do_xen_version(uint64_t cmd, uint64_t arg);				/* version.c */
long do_console_io(uint64_t cmd, uint64_t count, uint64_t buf);			/* console_io.c */
long do_grant_table_op(uint64_t cmd, uint64_t args, uint64_t count);		/* gnttab.c */
long do_vm_assist(uint64_t cmd, uint64_t type);					/* version.c */
long do_update_va_mapping_otherdomain(uint64_t va, uint64_t pte, uint64_t flags,
				      uint64_t dom);			      /* va_mapping.c */
long do_iret(void);							      /* trap_op.c */
long do_vcpu_op(uint64_t cmd, uint64_t vcpu, uint64_t arg);		      /* vcpu_op.c */
long do_set_segment_base(uint64_t which, uint64_t base);		      /* trap_op.c */
long do_mmuext_op(uint64_t ops, uint64_t count, uint64_t done, uint64_t dom); /* mmu_update.c */
long do_sched_op(uint64_t cmd, uint64_t arg);				      /* sched_op.c */
long do_callback_op(uint64_t cmd, uint64_t arg);			      /* trap_op.c */
long do_event_channel_op(uint64_t cmd, uint64_t arg);			      /* evtchn_op.c */
long do_physdev_op(uint64_t cmd, uint64_t arg);				      /* physdev.c */
long do_vl_control(uint64_t cmd, uint64_t domid, uint64_t arg);		      /* control.c */

#endif

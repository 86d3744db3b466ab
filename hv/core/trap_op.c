/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls by which a guest kernel says where its handlers and stacks are,
 * sets segment bases and debug registers, and returns from its handlers
 * (iret).  All act on the current vCPU only, whose fields need no lock.
 */
#include <xen/callback.h>

#include <arch/switch.h>

#include <hv/hypercall.h>
#include <hv/trap.h>

#define DR6_SETTABLE 0x0000e00full
#define DR7_GD 0x2000ull
#define DR7_RESERVED 0xffffffff0000d800ull
#define STACK_ROOM 256 /* no frame is longer */

/* --- Handlers -------------------------------------------------------------- */

int vcpu_set_trap(struct vcpu *v, uint8_t vector, uint8_t flags, uint64_t address)
{
	if (!va_canonical(address)) {
		return -XEN_EINVAL;
	}
	v->trap_address[vector] = address;
	v->trap_flags[vector] = flags & 7;
	return 0;
}

long do_set_trap_table(uint64_t table)
{
	struct vcpu *v = current_vcpu();

	if (table == 0) {
		memset(v->trap_address, 0, sizeof(v->trap_address));
		return 0;
	}
	for (;;) {
		struct trap_info t;
		int rc = copy_from_guest(&t, guest_ptr(table), sizeof(t));

		if (rc != 0 || t.address == 0) {
			return rc;
		}
		rc = vcpu_set_trap(v, t.vector, t.flags, t.address);
		if (rc != 0) {
			return rc;
		}
		table += sizeof(t);
		if (hypercall_preempt()) {
			return hypercall_restart(1, &table);
		}
	}
}

int vcpu_set_kernel_stack(struct vcpu *v, uint64_t ss, uint64_t sp)
{
	sp &= ~15ull;
	if (sp != 0 && !guest_range_ok(guest_ptr(sp - STACK_ROOM), STACK_ROOM)) {
		return -XEN_EINVAL;
	}
	v->kernel_ss = fixup_selector(ss);
	v->kernel_sp = sp;
	return 0;
}

long do_stack_switch(uint64_t ss, uint64_t sp)
{
	return vcpu_set_kernel_stack(current_vcpu(), ss, sp);
}

long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
	struct vcpu *v = current_vcpu();

	if (!va_canonical(event) || !va_canonical(failsafe) || !va_canonical(syscall)) {
		return -XEN_EINVAL;
	}
	v->event_entry = event;
	v->failsafe_entry = failsafe;
	v->syscall_entry = syscall;
	return 0;
}

static long set_callback(const struct callback_register *reg)
{
	struct vcpu *v = current_vcpu();
	bool masks = (reg->flags & CALLBACKF_mask_events) != 0;

	if (!va_canonical(reg->address)) {
		return -XEN_EINVAL;
	}
	switch (reg->type) {
	case CALLBACKTYPE_event:
		v->event_entry = reg->address;
		return 0;
	case CALLBACKTYPE_failsafe:
		v->failsafe_entry = reg->address;
		v->failsafe_masks = masks;
		return 0;
	case CALLBACKTYPE_syscall:
		v->syscall_entry = reg->address;
		v->syscall_masks = masks;
		return 0;
	case CALLBACKTYPE_nmi:
		return vcpu_set_trap(v, TRAP_NMI, 0, reg->address);
	default:
		/* 32-bit system calls come by int 0x80 only. */
		return -XEN_ENOSYS;
	}
}

long do_callback_op(uint64_t cmd, uint64_t arg)
{
	struct callback_register reg;
	struct callback_unregister unreg;
	int rc;

	switch (cmd) {
	case CALLBACKOP_register:
		rc = copy_from_guest(&reg, guest_ptr(arg), sizeof(reg));
		return rc != 0 ? rc : set_callback(&reg);
	case CALLBACKOP_unregister:
		rc = copy_from_guest(&unreg, guest_ptr(arg), sizeof(unreg));
		if (rc != 0) {
			return rc;
		}
		/* A kernel cannot live without the other three. */
		return unreg.type == CALLBACKTYPE_nmi ?
			       vcpu_set_trap(current_vcpu(), TRAP_NMI, 0, 0) :
			       -XEN_EINVAL;
	default:
		return -XEN_ENOSYS;
	}
}

/* --- Segments, FPU, debug registers -------------------------------------- */

long do_set_segment_base(uint64_t which, uint64_t base)
{
	struct vcpu *v = current_vcpu();

	if (which == SEGBASE_GS_USER_SEL) {
		/*
		 * The selector comes from a user process; a bad one becomes
		 * null, and the guest kernel must not stumble over it.
		 */
		arch_load_user_gs(v, fixup_selector(base & 0xffff));
		return 0;
	}
	if (which > SEGBASE_GS_KERNEL || !va_canonical(base)) {
		return -XEN_EINVAL;
	}
	arch_set_base(v, (unsigned int)which, base);
	return 0;
}

long do_fpu_taskswitch(uint64_t set)
{
	arch_set_cr0_ts(current_vcpu(), set != 0);
	return 0;
}

/* DR7: breakpoints for execution, write or access of memory. */
static bool dr7_ok(uint64_t value)
{
	if (value & (DR7_GD | (DR7_RESERVED & ~0xffffffffull))) {
		return false;
	}
	for (unsigned int i = 0; i < 4; i++) {
		if ((value >> (i * 2) & 3) != 0 && (value >> (16 + i * 4) & 3) == 2) {
			return false; /* enabled for I/O: the core's ports */
		}
	}
	return true;
}

long do_set_debugreg(uint64_t reg, uint64_t value)
{
	if (!debugreg_exists(reg)) {
		return -XEN_EINVAL;
	}
	if ((reg < 4 && !guest_range_ok(guest_ptr(value), 8)) || (reg == 7 && !dr7_ok(value))) {
		return -XEN_EPERM;
	}
	if (reg == 6) {
		value = (value & DR6_SETTABLE) | DR6_FIXED;
	} else if (reg == 7) {
		value = (value & ~DR7_RESERVED) | DR7_FIXED;
	}
	arch_set_debugreg(current_vcpu(), (unsigned int)reg, value);
	return 0;
}

long do_get_debugreg(uint64_t reg)
{
	return debugreg_exists(reg) ? (long)current_vcpu()->dr[reg] : -XEN_EINVAL;
}

/* --- Return ------------------------------------------------------------------ */

long do_iret(void)
{
	struct vcpu *v = current_vcpu();
	struct guest_regs *regs = &v->regs;
	struct iret_context frame;

	if (copy_from_guest(&frame, guest_ptr(regs->rsp), sizeof(frame))) {
		return domain_crash(v->domain, "iret frame at %lx is not readable", regs->rsp);
	}
	if ((frame.cs & 3) == 3) {
		if (v->cr3_user == 0) {
			return domain_crash(v->domain,
					    "iret to user mode without a user page table");
		}
		arch_toggle_mode(v, false);
	}
	regs->rip = frame.rip;
	regs->cs = (uint16_t)(frame.cs | 3);
	regs->rflags = (frame.rflags & X86_EFLAGS_GUEST) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	regs->rsp = frame.rsp;
	regs->ss = (uint16_t)(frame.ss | 3);
	if ((frame.flags & VGCF_in_syscall) == 0) {
		regs->r11 = frame.r11;
		regs->rcx = frame.rcx;
	}
	regs->rax = frame.rax;
	WRITE_ONCE(v->info->evtchn_upcall_mask, (frame.rflags & X86_EFLAGS_IF) == 0);
	return (long)frame.rax;
}

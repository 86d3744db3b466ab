/* SPDX-License-Identifier: MIT */
/*
 * Offsets that entry.S needs, as seen by the compiler.  Compiled to assembly
 * only; the build turns each "->NAME value" line into a #define of
 * generated/asm_offsets.h.  Contains no code that runs.
 */
#include <xen/xen.h>

#include <hv/vcpu.h>

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))

/* From the vCPU's registers on, which is where entry.S has its pointer. */
#define VCPU(field) \
	DEFINE(VCPU_##field, (long)offsetof(struct vcpu, field) - (long)offsetof(struct vcpu, regs))

static __attribute__((used)) void asm_offsets(void)
{
	DEFINE(REGS_rcx, offsetof(struct guest_regs, rcx));
	DEFINE(REGS_r11, offsetof(struct guest_regs, r11));
	DEFINE(REGS_rax, offsetof(struct guest_regs, rax));
	DEFINE(REGS_error, offsetof(struct guest_regs, error_code));
	DEFINE(REGS_rip, offsetof(struct guest_regs, rip));
	DEFINE(REGS_cs, offsetof(struct guest_regs, cs));
	DEFINE(REGS_rflags, offsetof(struct guest_regs, rflags));
	DEFINE(REGS_rsp, offsetof(struct guest_regs, rsp));
	DEFINE(REGS_ss, offsetof(struct guest_regs, ss));
	DEFINE(REGS_SIZE, sizeof(struct guest_regs));

	DEFINE(VCPU_REGS, offsetof(struct vcpu, regs));
	VCPU(cpu_stack);
	VCPU(cr3_kernel);
	VCPU(cr3_user);
	VCPU(kernel_sp);
	VCPU(syscall_entry);
	VCPU(info);
	VCPU(in_kernel);
	VCPU(syscall_masks);
	VCPU(iopl_flags);

	DEFINE(INFO_pending, offsetof(struct vcpu_info, evtchn_upcall_pending));
	DEFINE(INFO_mask, offsetof(struct vcpu_info, evtchn_upcall_mask));

	DEFINE(PERCPU_curr, offsetof(struct percpu, curr));
	DEFINE(PERCPU_cr3_loaded, offsetof(struct percpu, arch.cr3_loaded));
}

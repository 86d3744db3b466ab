/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and upcalls as a guest sees them (bounce.c), the closed list of
 * emulated instructions (emul.c), and guest descriptors (descriptor.c).
 */
#ifndef HV_TRAP_H
#define HV_TRAP_H

#include <arch/regs.h>

#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_NMI 2
#define TRAP_BP 3
#define TRAP_OF 4
#define TRAP_BR 5 /* bound: not in 64-bit code, but 32-bit users have it */
#define TRAP_UD 6
#define TRAP_NM 7
#define TRAP_DF 8
#define TRAP_TS 10
#define TRAP_NP 11
#define TRAP_SS 12
#define TRAP_GP 13
#define TRAP_PF 14
#define TRAP_MF 16
#define TRAP_AC 17
#define TRAP_MC 18
#define TRAP_XM 19

#define PFEC_P 1u
#define PFEC_W 2u
#define PFEC_U 4u

/**
 * Delivers exception `vector` to the current vCPU: builds the frame on its
 * kernel stack and points regs at its handler.  A guest without a handler, or
 * with an unusable stack, is crashed.  cr2 counts for TRAP_PF only.
 */
void bounce_exception(struct guest_regs *regs, unsigned int vector, uint32_t error_code,
		      uint64_t cr2);
/** Software interrupt `int n` whose DPL the guest set to 3. */
void bounce_interrupt(struct guest_regs *regs, unsigned int vector);
/** Event upcall; the caller saw vcpu_event_pending(). */
void bounce_event(struct guest_regs *regs);
/** NMI callback. */
void bounce_nmi(struct guest_regs *regs);
/** Failsafe callback: a segment or iret failed while entering the guest. */
void bounce_failsafe(struct guest_regs *regs);
/** Syscall from user mode, slow path of entry.S. */
void bounce_syscall(struct guest_regs *regs);

/** Exceptions as they arrive from a guest; entry.S calls these by traps.c. */
enum emul_result {
	EMUL_DONE,   /* go on with the guest's registers */
	EMUL_NEXT,   /* within emul.c: executed, go on behind it */
	EMUL_BOUNCE, /* not ours: deliver the exception */
	EMUL_FAULT,  /* deliver #GP(0) or the fault recorded instead */
};
/** #GP from the guest kernel or user: privileged instruction or port access. */
enum emul_result emul_privileged(struct guest_regs *regs);
/** #UD with the forced-emulation prefix ("ud2a; xen"; cpuid). */
enum emul_result emul_forced(struct guest_regs *regs);
/** #PF on a write to va: page-table entry write. */
enum emul_result emul_pte_write(struct guest_regs *regs, uint64_t va);

/* Policy of CPUID as a guest's kernel sees it (cpuid.c). */
struct cpuid_regs {
	uint32_t a, b, c, d;
};
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);
/** Bytes of an XSAVE area with the components of xcr0. */
uint32_t cpuid_xsave_size(uint64_t xcr0, bool compacted);
/** 0 or -XEN_EPERM (give #GP). */
int must_check guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
int must_check guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);

/** Checks and adjusts one descriptor in place (DPL to 3). */
bool descriptor_check(uint64_t *desc);
#define DESCS_PER_FRAME (PAGE_SIZE / 8)
/** Validates a whole frame; -XEN_EINVAL if one is refused. */
int must_check descriptor_check_frame(uint64_t *descs);
/** Replaces v's GDT; 0, -XEN_EINVAL, -XEN_EFAULT. All or nothing. */
int must_check vcpu_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
/** Sets one handler of v, 0: none; -XEN_EINVAL: address is not canonical. */
int must_check vcpu_set_trap(struct vcpu *v, uint8_t vector, uint8_t flags, uint64_t address);

/**
 * Stack for entries from user mode, as stack_switch and contexts give it.
 * entry.S writes there without a check of its own, so an address that touches
 * the core's slots is refused here: -XEN_EINVAL.  0 means none.
 */
int must_check vcpu_set_kernel_stack(struct vcpu *v, uint64_t ss, uint64_t sp);
/** Two numbers are other names of 6 and 7, which are not offered. */
static inline bool debugreg_exists(uint64_t reg)
{
	return reg <= 7 && reg != 4 && reg != 5;
}
/** True if va is canonical: a handler address that SYSRET may load. */
static inline bool va_canonical(uint64_t va)
{
	return ((va + (1ull << 47)) >> 48) == 0;
}

/** Selector fix-ups: RPL to 3; null stays null. */
static inline uint16_t fixup_selector(uint64_t sel)
{
	return (uint16_t)((sel & 0xfffc) ? (sel | 3) : sel);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What is particular to 64-bit guests: flat selectors, the address window of
 * the core, segment base numbers, the user register frame and the frame of
 * the iret hypercall.
 *
 * Usually reached through xen.h; included on its own it pulls in
 * arch-x86/xen.h, which holds the handle macros. Usable from assembly, where
 * only the constants are visible.
 */
/* Above the guard on purpose: arch-x86/xen.h includes this file in its
 * middle, once the macros used below exist. */
#include "xen.h"

#ifndef VL_ABI_XEN_ARCH_X86_XEN_X86_64_H
#define VL_ABI_XEN_ARCH_X86_XEN_X86_64_H

/*
 * Selectors of the flat segments that the core keeps in the reserved part of
 * every GDT. Guest kernel and guest user mode both run in ring 3 and use the
 * same ones. 64-bit data needs no descriptor, so its selector is null; a
 * stack selector may not be null in ring 3.
 */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b

#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS FLAT_KERNEL_CS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS FLAT_KERNEL_DS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS FLAT_KERNEL_SS64

#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS FLAT_USER_CS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS FLAT_USER_DS64
#define FLAT_USER_SS32 FLAT_RING3_SS32
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS FLAT_USER_SS64

/*
 * Linear addresses that belong to the core: slots 256 to 271 of every L4
 * table, end exclusive. A guest may not use them; it may read the
 * machine-to-physical table at their start, one 8-byte entry per machine
 * frame. How much of that window is mapped: XENMEM_machphys_mapping.
 */
#define __HYPERVISOR_VIRT_START 0xffff800000000000
#define __HYPERVISOR_VIRT_END 0xffff880000000000
#define __MACH2PHYS_VIRT_START 0xffff800000000000
#define __MACH2PHYS_VIRT_END 0xffff804000000000

#ifndef HYPERVISOR_VIRT_START
#define HYPERVISOR_VIRT_START xen_mk_ulong(__HYPERVISOR_VIRT_START)
#define HYPERVISOR_VIRT_END xen_mk_ulong(__HYPERVISOR_VIRT_END)
#endif
#define MACH2PHYS_VIRT_START xen_mk_ulong(__MACH2PHYS_VIRT_START)
#define MACH2PHYS_VIRT_END xen_mk_ulong(__MACH2PHYS_VIRT_END)
#define MACH2PHYS_NR_ENTRIES ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)
#ifndef machine_to_phys_mapping
#define machine_to_phys_mapping ((unsigned long *)HYPERVISOR_VIRT_START)
#endif

/*
 * int set_segment_base(unsigned int which, unsigned long base)
 *
 * FS, GS_USER and GS_KERNEL set a base; a non-canonical one gives
 * -XEN_EINVAL. GS_USER_SEL loads the selector in base[15:0] into the user
 * GS; one that cannot be loaded becomes the null selector.
 */
#define SEGBASE_FS 0
#define SEGBASE_GS_USER 1
#define SEGBASE_GS_KERNEL 2
#define SEGBASE_GS_USER_SEL 3

/*
 * iret_context.flags: the frame goes back to a SYSCALL, so rcx and r11 are
 * given up and SYSRET may be used.
 */
#define _VGCF_in_syscall 8
#define VGCF_in_syscall (xen_mk_uint(1) << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL VGCF_in_syscall

#ifndef __ASSEMBLY__

/*
 * int iret(void) - the frame lies at the caller's stack pointer.
 *
 * rcx and r11 are loaded from it unless VGCF_in_syscall is set. RPL 3 in cs
 * means guest user mode, anything else guest kernel mode. The event mask
 * becomes the inverse of rflags.IF, and pending events are looked at again.
 * Does not return; a frame that cannot be read is fatal to the guest.
 */
struct iret_context {
	uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};

/*
 * A register that has a 16-bit ancestor carries three names: r* and e*, both
 * the 64-bit value, and _e* for its low half.
 */
#define VL_DECL_REG(name)          \
	union {                    \
		uint64_t r##name;  \
		uint64_t e##name;  \
		uint32_t _e##name; \
	}

/*
 * General registers in the order in which the core saves them, then what the
 * processor pushes. saved_upcall_mask is the event mask at the time of the
 * exception; it lies in bits 32-39 of the 64-bit slot that starts at cs.
 * error_code and entry_vector mean nothing to a guest. 200 bytes.
 */
struct cpu_user_regs {
	uint64_t r15;
	uint64_t r14;
	uint64_t r13;
	uint64_t r12;
	VL_DECL_REG(bp);
	VL_DECL_REG(bx);
	uint64_t r11;
	uint64_t r10;
	uint64_t r9;
	uint64_t r8;
	VL_DECL_REG(ax);
	VL_DECL_REG(cx);
	VL_DECL_REG(dx);
	VL_DECL_REG(si);
	VL_DECL_REG(di);
	uint32_t error_code;
	uint32_t entry_vector;
	VL_DECL_REG(ip);
	uint16_t cs, _pad0[1];
	uint8_t saved_upcall_mask;
	uint8_t _pad1[3];
	VL_DECL_REG(flags);
	VL_DECL_REG(sp);
	uint16_t ss, _pad2[3];
	uint16_t es, _pad3[3];
	uint16_t ds, _pad4[3];
	uint16_t fs, _pad5[3];
	uint16_t gs, _pad6[3];
};
typedef struct cpu_user_regs cpu_user_regs_t;
DEFINE_XEN_GUEST_HANDLE(cpu_user_regs_t);

#undef VL_DECL_REG

/* The CR3 form of a page-table frame, and back. */
#define xen_pfn_to_cr3(pfn) ((unsigned long)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((unsigned long)(cr3) >> 12)

/* The x86 part of vcpu_info. */
struct arch_vcpu_info {
	unsigned long cr2; /* faulting address, valid in a #PF handler */
	unsigned long pad;
};
typedef struct arch_vcpu_info arch_vcpu_info_t;

/* A handler address as callback_op takes it: linear, flat 64-bit code. */
typedef unsigned long xen_callback_t;

#endif /* __ASSEMBLY__ */

#endif

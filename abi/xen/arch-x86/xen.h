/* SPDX-License-Identifier: MIT */
/*
 * x86 types of the guest interface: guest handles, frame numbers, the trap
 * table, the register context of a vCPU and the emulation prefix.
 *
 * This is the lowest header of abi/xen: xen.h includes it, never the other
 * way round. It may be included from assembly, where only the constants are
 * visible. Structures are shared between a guest and the core; every field
 * has the width and place of the published interface (level 4.17), and
 * tests/check/abi.sh compares them with Debian's libxen-dev.
 */
#ifndef VL_ABI_XEN_ARCH_X86_XEN_H
#define VL_ABI_XEN_ARCH_X86_XEN_H

/* The compiler announces assembly; the published headers ask for this name. */
#if defined(__ASSEMBLER__) && !defined(__ASSEMBLY__)
#define __ASSEMBLY__
#endif

/*
 * Constants that C wants typed and the assembler wants bare. The two steps
 * let the argument be a macro itself.
 */
#ifndef __ASSEMBLY__

#include <stddef.h>
#include <stdint.h>

#define __xen_mk_uint(x) x##U
#define __xen_mk_ulong(x) x##UL
#define __xen_mk_ullong(x) x##ULL
#define xen_mk_uint(x) __xen_mk_uint(x)
#define xen_mk_ulong(x) __xen_mk_ulong(x)
#define xen_mk_ullong(x) __xen_mk_ullong(x)

/*
 * Guest handles.
 *
 * A pointer that crosses the hypercall boundary is wrapped in a structure
 * with the single member p, so that it cannot be dereferenced by accident.
 * In a guest p is an ordinary pointer in its own address space. The core
 * treats it as a number, (uint64_t)(uintptr_t)handle.p, and reaches what it
 * points at only through checked guest access.
 *
 * DEFINE_XEN_GUEST_HANDLE(T)       handles for T and const T; T is one word
 * __DEFINE_XEN_GUEST_HANDLE(n, T)  the same under the name n, for any type
 * XEN_GUEST_HANDLE(n)              the handle type itself
 */
#define ___DEFINE_XEN_GUEST_HANDLE(name, type) \
	typedef struct {                       \
		type *p;                       \
	} __guest_handle_##name
#define __DEFINE_XEN_GUEST_HANDLE(name, type)   \
	___DEFINE_XEN_GUEST_HANDLE(name, type); \
	___DEFINE_XEN_GUEST_HANDLE(const_##name, const type)
#define DEFINE_XEN_GUEST_HANDLE(name) __DEFINE_XEN_GUEST_HANDLE(name, name)
#define __XEN_GUEST_HANDLE(name) __guest_handle_##name
#define XEN_GUEST_HANDLE(name) __XEN_GUEST_HANDLE(name)
/* As a hypercall argument, and where the ABI promises 64 bits: no difference
 * for 64-bit guests. */
#define XEN_GUEST_HANDLE_PARAM(name) XEN_GUEST_HANDLE(name)
#define XEN_GUEST_HANDLE_64(name) XEN_GUEST_HANDLE(name)

#define set_xen_guest_handle_raw(hnd, val) \
	do {                               \
		(hnd).p = val;             \
	} while (0)
#define set_xen_guest_handle(hnd, val) set_xen_guest_handle_raw(hnd, val)

/*
 * A frame number: machine (mfn) or guest (pfn, gfn) as the field says.
 * One frame is 4096 bytes.
 */
typedef unsigned long xen_pfn_t;
#define PRI_xen_pfn "lx"
#define PRIu_xen_pfn "lu"

/* A machine word: the unit of event bitmaps and multicall arguments. */
typedef unsigned long xen_ulong_t;
#define PRI_xen_ulong "lx"

#else /* __ASSEMBLY__ */

#define xen_mk_uint(x) x
#define xen_mk_ulong(x) x
#define xen_mk_ullong(x) x

#endif /* __ASSEMBLY__ */

/* Guests enter at their own ELF entry, and vcpu_info has an event mask. */
#define XEN_HAVE_PV_GUEST_ENTRY 1
#define XEN_HAVE_PV_UPCALL_MASK 1

/* Places for a struct vcpu_info inside shared_info; further vCPUs must
 * register one elsewhere (VCPUOP_register_vcpu_info). */
#define XEN_LEGACY_MAX_VCPUS 32

/*
 * A guest's GDT has up to 14 frames of 512 descriptors. What lies above
 * belongs to the core; the flat selectors are found there.
 */
#define FIRST_RESERVED_GDT_PAGE 14
#define FIRST_RESERVED_GDT_BYTE (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/*
 * vcpu_guest_context.flags.
 *
 * I387_VALID                fpu_ctxt holds a state to load
 * in_kernel                 start in guest-kernel mode (page table ctrlreg[3])
 * failsafe_disables_events  mask events as the failsafe callback is made
 * syscall_disables_events   mask events as the syscall callback is made
 * online                    the vCPU may run
 *
 * The published interface spells the first two in both cases.
 */
#define _VGCF_i387_valid 0
#define VGCF_i387_valid (xen_mk_uint(1) << _VGCF_i387_valid)
#define VGCF_I387_VALID VGCF_i387_valid
#define _VGCF_in_kernel 2
#define VGCF_in_kernel (xen_mk_uint(1) << _VGCF_in_kernel)
#define VGCF_IN_KERNEL VGCF_in_kernel
#define _VGCF_failsafe_disables_events 3
#define VGCF_failsafe_disables_events (xen_mk_uint(1) << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events 4
#define VGCF_syscall_disables_events (xen_mk_uint(1) << _VGCF_syscall_disables_events)
#define _VGCF_online 5
#define VGCF_online (xen_mk_uint(1) << _VGCF_online)

/*
 * The forced-emulation prefix: UD2 followed by the letters "xen". Put before
 * CPUID it asks for the virtual leaves, which a plain CPUID in ring 3 does
 * not show. In C the macros are asm strings, in assembly instructions.
 */
#ifdef __ASSEMBLY__
#define XEN_EMULATE_PREFIX .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e;
#define XEN_CPUID XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID XEN_EMULATE_PREFIX "cpuid"
#endif

#include "xen-x86_64.h"

#ifndef __ASSEMBLY__

/*
 * One entry of the table that set_trap_table takes; an entry with address 0
 * ends the table. An exception without a registered handler is fatal to the
 * guest.
 */
struct trap_info {
	uint8_t vector;	       /* exception or INT n vector, 0-255 */
	uint8_t flags;	       /* bits 0-1 DPL, bit 2 mask events on entry */
	uint16_t cs;	       /* code selector of the handler */
	unsigned long address; /* handler, linear; 0 ends the table */
};
typedef struct trap_info trap_info_t;
DEFINE_XEN_GUEST_HANDLE(trap_info_t);

/*
 * The DPL in flags is the least privileged mode from which INT n may reach
 * the handler: 3 admits guest user mode. The setters OR into flags and so
 * expect zeroes there.
 */
#define TI_GET_DPL(_ti) ((_ti)->flags & 3)
#define TI_GET_IF(_ti) ((_ti)->flags & 4)
#define TI_SET_DPL(_ti, _dpl) ((_ti)->flags = (uint8_t)((_ti)->flags | (_dpl)))
#define TI_SET_IF(_ti, _if) ((_ti)->flags = (uint8_t)((_ti)->flags | ((!!(_if)) << 2)))

/* A reading of the time-stamp counter, in cycles. */
typedef uint64_t tsc_timestamp_t;

/*
 * The whole register state of a vCPU: the argument of VCPUOP_initialise,
 * and what a saved image carries.
 *
 * Selectors get RPL 3, IOPL is ignored, and descriptor frames are typed as
 * such, when the state is installed. 5168 bytes.
 */
struct vcpu_guest_context {
	struct {
		char x[512];
	} fpu_ctxt;	     /* FXSAVE image; used with VGCF_i387_valid */
	unsigned long flags; /* VGCF_* */
	struct cpu_user_regs user_regs;
	struct trap_info trap_ctxt[256]; /* indexed by vector */
	unsigned long ldt_base;		 /* linear, page aligned */
	unsigned long ldt_ents;		 /* descriptors, at most 8192 */
	unsigned long gdt_frames[16];	 /* mfns; the first 14 are used */
	unsigned long gdt_ents;		 /* descriptors, below the reserved */
	unsigned long kernel_ss;	 /* stack for entries from user mode */
	unsigned long kernel_sp;
	/*
	 * 0: CR0 (only TS counts), 1: user page table, 3: kernel page table
	 * (both as CR3 values, see xen_pfn_to_cr3), 4: CR4; the rest unused.
	 */
	unsigned long ctrlreg[8];
	unsigned long debugreg[8]; /* DR0-DR3, DR6, DR7 */
	/* Handlers, linear addresses in the flat 64-bit code segment. */
	unsigned long event_callback_eip;
	unsigned long failsafe_callback_eip;
	unsigned long syscall_callback_eip;
	unsigned long vm_assist; /* bitmap of VMASST_TYPE_* */
	uint64_t fs_base;
	uint64_t gs_base_kernel;
	uint64_t gs_base_user;
};
typedef struct vcpu_guest_context vcpu_guest_context_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_guest_context_t);

/*
 * The x86 end of shared_info. All but nmi_reason is written by the guest, to
 * tell the toolstack where its pfn-to-mfn map is; without it a guest can be
 * neither saved nor dumped.
 */
struct arch_shared_info {
	unsigned long max_pfn; /* entries of the map, highest pfn + 1 */
	/* mfn of the root of a three-level list of the map's frames; ~0 means
	 * that only p2m_vaddr below is kept. */
	xen_pfn_t pfn_to_mfn_frame_list_list;
	unsigned long nmi_reason; /* XEN_NMIREASON_* bits, see nmi.h */
	/* The map as one linear array: page table root (a CR3 value, 0 when
	 * unused), address, and a count that is odd while it changes. */
	unsigned long p2m_cr3;
	unsigned long p2m_vaddr;
	unsigned long p2m_generation;
};
typedef struct arch_shared_info arch_shared_info_t;

/* One leaf of a guest's CPUID policy. */
typedef struct xen_cpuid_leaf {
/* subleaf of a leaf that does not look at ECX */
#define XEN_CPUID_NO_SUBLEAF xen_mk_uint(0xffffffff)
	uint32_t leaf, subleaf; /* input EAX, ECX */
	uint32_t a, b, c, d;	/* output EAX, EBX, ECX, EDX */
} xen_cpuid_leaf_t;
DEFINE_XEN_GUEST_HANDLE(xen_cpuid_leaf_t);

/* One model-specific register of a guest's policy. */
typedef struct xen_msr_entry {
	uint32_t idx;	/* MSR number */
	uint32_t flags; /* reserved, 0 */
	uint64_t val;
} xen_msr_entry_t;
DEFINE_XEN_GUEST_HANDLE(xen_msr_entry_t);

#endif /* __ASSEMBLY__ */

#endif

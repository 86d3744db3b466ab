/* SPDX-License-Identifier: MIT */
/*
 * The registers of a guest as entry.S stores them.  The order is the order of
 * pushes, last first; asm_offsets.c and a static assertion in traps.c tie the
 * two together.  The same in the fake machine.
 */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H

struct guest_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint32_t error_code;
	uint32_t vector; /* exception or interrupt; 0x100: syscall */
	uint64_t rip;
	uint16_t cs;
	uint16_t cs_pad[3];
	uint64_t rflags;
	uint64_t rsp;
	uint16_t ss;
	uint16_t ss_pad[3];
};
_Static_assert(sizeof(struct guest_regs) == 21 * 8, "entry.S pushes 21 words");

#define X86_EFLAGS_CF 0x00000001u
#define X86_EFLAGS_FIXED 0x00000002u
#define X86_EFLAGS_PF 0x00000004u
#define X86_EFLAGS_AF 0x00000010u
#define X86_EFLAGS_ZF 0x00000040u
#define X86_EFLAGS_SF 0x00000080u
#define X86_EFLAGS_TF 0x00000100u
#define X86_EFLAGS_IF 0x00000200u
#define X86_EFLAGS_DF 0x00000400u
#define X86_EFLAGS_OF 0x00000800u
#define X86_EFLAGS_ARITH 0x000008d5u /* CF PF AF ZF SF OF */
#define X86_EFLAGS_IOPL 0x00003000u
#define X86_EFLAGS_NT 0x00004000u
#define X86_EFLAGS_RF 0x00010000u
#define X86_EFLAGS_VM 0x00020000u
#define X86_EFLAGS_AC 0x00040000u
/* What a context or an iret may set: the arithmetic ones, TF, DF, NT, RF, AC
 * and ID.  IF is the event mask, IOPL is virtual. */
#define X86_EFLAGS_GUEST 0x00254dd5u

/* What guests see, and the core's own files as well. */
#define CR0_TS 0x8ull
#define CR4_MCE 0x000040ull
#define CR4_OSXSAVE 0x040000ull
#define DR6_FIXED 0xffff0ff0ull /* bits that are always set */
#define DR7_FIXED 0x400ull
#define MSR_APIC_BASE 0x0000001bu
#define MSR_PAT 0x00000277u
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
/* The published layout, programmed at start-up: WB WT UC- UC WC WP UC UC. */
#define PAT_VALUE 0x0000050100070406ull

#endif

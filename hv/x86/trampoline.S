/* SPDX-License-Identifier: MIT */
/*
 * Where a further CPU starts: in real mode, at the page that the start-up
 * interrupt names.  smp.c copies this code to a page below 1 MiB and fills in
 * the variables of the copy.  It goes straight to long mode on the start
 * tables, whose identity map covers the page, and calls the entry with the
 * CPU's own stack.  One CPU at a time.
 */
#include <layout.h>

#define REL(sym) (sym - trampoline_start)

	.section .init.data, "aw"
	.balign 16
	.code16
	.globl trampoline_start
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl REL(trampoline_gdtr)
	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov REL(trampoline_cr3), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx /* EFER: SCE, LME, NXE */
	rdmsr
	or $0x901, %eax
	wrmsr
	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmpl *REL(trampoline_far)

	.code64
trampoline_long:
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov $0x10, %eax
	mov %eax, %ss
	mov trampoline_stack(%rip), %rsp
	xor %ebp, %ebp
	push %rbp
	mov trampoline_entry(%rip), %rax
	jmp *%rax

	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
	.globl trampoline_gdt, trampoline_long
	.globl trampoline_gdtr, trampoline_far, trampoline_cr3
	.globl trampoline_stack, trampoline_entry, trampoline_end
	.balign 8
	.word 0
trampoline_gdtr:
	.word 3 * 8 - 1
	.long 0 /* where the copy of trampoline_gdt is */
trampoline_far:
	.long 0 /* where the copy of trampoline_long is */
	.word 0x08
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_entry:
	.quad 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits

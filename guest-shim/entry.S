/* SPDX-License-Identifier: MIT */
/*
 * Every way into the guest kernel and out of it again: exceptions and software
 * interrupts, events, the failsafe callback, NMIs, and system calls from guest
 * user mode. All save a struct trap_regs and call shim_trap().
 *
 * What the core leaves at the stack pointer, lowest address first:
 *
 *   rcx r11 [ds es fs gs] [error] rip cs|mask<<32 rflags rsp ss
 *
 * (the four selectors for the failsafe callback only). rcx and r11 go back
 * into their registers, then the stack looks as it does after an exception on
 * a bare processor. What the iret call wants:
 *
 *   rax r11 rcx flags rip cs rflags rsp ss
 */
#include <xen/xen.h>

#include "layout.h"

	.text

	.macro pop_rcx_r11
	mov	(%rsp), %rcx
	mov	8(%rsp), %r11
	add	$16, %rsp
	.endm

	/* Vectors 8, 10-14 and 17 come with an error code. */
	.balign 16
	.globl shim_vectors
shim_vectors:
	.set	vector, 0
	.rept	256
	.balign 32
	pop_rcx_r11
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
	push	$0
	.endif
	push	$vector
	jmp	common
	.set	vector, vector + 1
	.endr

	.globl shim_event_callback
shim_event_callback:
	pop_rcx_r11
	push	$0
	push	$SHIM_VECTOR_EVENT
	jmp	common

	.globl shim_nmi_callback
shim_nmi_callback:
	pop_rcx_r11
	push	$0
	push	$SHIM_VECTOR_NMI
	jmp	common

	/* The four selectors are dropped: the shim uses no data segments. */
	.globl shim_failsafe_callback
shim_failsafe_callback:
	pop_rcx_r11
	add	$32, %rsp
	push	$0
	push	$SHIM_VECTOR_FAILSAFE
	jmp	common

	.globl shim_syscall_callback
shim_syscall_callback:
	pop_rcx_r11
	push	$0
	push	$SHIM_VECTOR_SYSCALL

common:	/* vector and error code, then rip cs rflags rsp ss, on the stack */
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	call	shim_trap
	mov	%rbp, %rsp

	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	add	$16, %rsp
	push	$0
	push	%rcx
	push	%r11
	push	%rax
	mov	$__HYPERVISOR_iret, %eax
	syscall
	ud2

	/* int trap_save(struct trap_catch *) and its second return. */
	.globl trap_save
trap_save:
	mov	%rbx, 0(%rdi)
	mov	%rbp, 8(%rdi)
	mov	%r12, 16(%rdi)
	mov	%r13, 24(%rdi)
	mov	%r14, 32(%rdi)
	mov	%r15, 40(%rdi)
	lea	8(%rsp), %rax
	mov	%rax, 48(%rdi)
	mov	(%rsp), %rax
	mov	%rax, 56(%rdi)
	xor	%eax, %eax
	ret

	.globl trap_resume
trap_resume:
	mov	0(%rdi), %rbx
	mov	8(%rdi), %rbp
	mov	16(%rdi), %r12
	mov	24(%rdi), %r13
	mov	32(%rdi), %r14
	mov	40(%rdi), %r15
	mov	48(%rdi), %rsp
	cld
	mov	$1, %eax
	jmp	*56(%rdi)

	/*
	 * uint64_t user_enter(uint64_t *saved_sp, uint64_t fn, uint64_t arg,
	 *                     uint64_t user_sp, uint64_t rflags)
	 * Goes to user mode; user_leave() makes it return. What is pushed here
	 * lies above the stack on which entries from user mode start.
	 */
	.globl user_enter
user_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rbx
	mov	%rdx, %r12
	mov	%rcx, %r13
	mov	%r8, %r14
	mov	$FLAT_KERNEL_SS, %edi
	mov	%rsp, %rsi
	mov	$__HYPERVISOR_stack_switch, %eax
	syscall
	test	%rax, %rax
	jnz	1f
	push	$FLAT_USER_SS
	push	%r13
	push	%r14
	push	$FLAT_USER_CS
	push	%rbx
	push	$0
	push	$0
	push	$0
	push	$0
	mov	%r12, %rdi
	mov	$__HYPERVISOR_iret, %eax
	syscall
1:	ud2

	/* void user_leave(uint64_t saved_sp, uint64_t value) */
	.globl user_leave
user_leave:
	mov	%rdi, %rsp
	mov	%rsi, %rax
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	/* First code in user mode: rdi is the argument, the function is on
	 * the user stack. */
	.globl user_start
user_start:
	pop	%rax
	call	*%rax
	mov	%rax, %rdi
	xor	%eax, %eax
	syscall
	ud2

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * Every way into the core from a guest or from itself, and the ways back.
 * Calls the C functions of hv/entry.h and nothing else.
 *
 * Where the frame goes.  TSS.rsp0 and vcpu_regs_end[cpu] point at the end of
 * the running vCPU's registers, so the processor and the pushes below fill
 * struct guest_regs in place; then rsp moves to the CPU's own stack:
 *
 *        regs + REGS_SIZE   <- rsp0, 16-byte aligned
 *            ss
 *            rsp
 *            rflags
 *            cs
 *            rip
 *            vector:error   <- REGS_error: where the fast paths work from
 *            rdi ... r15
 *        regs + 0 = &v->regs; VCPU_* offsets count from here
 *
 * No C and no access to guest memory happens while rsp is inside the vCPU: an
 * exception there would push over the frame.  The only instruction that may
 * fault there is guest_iretq, and entry_core knows it by address.  NMI, #DF,
 * #MC and #DB have stacks of their own.
 *
 * Two paths stay in assembly from end to end: SYSCALL from guest-user mode to
 * the guest's kernel, and the iret hypercall back to user mode.  Neither lets
 * an interrupt in, so no softirq can appear that the last exit_to_guest() did
 * not see.
 *
 * The guest's GS base is in GS.base, the one of its other mode in
 * KERNEL_GS_BASE: swapgs belongs to the switch between guest-kernel and
 * guest-user mode; the core itself never uses GS.
 */
#include <generated/asm_offsets.h>
#include <layout.h>

#define HYPERCALL_iret 23
#define VECTOR_SYSCALL 0x100

#define EFLAGS_IF 0x200
#define EFLAGS_IOPL 0x3000
/* RFLAGS bits that a return to user mode takes from the guest's frame. */
#define EFLAGS_USER 0x00254dd5
/* Bits that a guest's handler is not entered with: AC RF NT DF TF IOPL. */
#define EFLAGS_ENTRY_CLEAR 0x57500

/* A field of struct vcpu while rsp is at REGS_error. */
#define V(field) (field - REGS_error)(%rsp)

	.macro PUSH_GPRS
	.irp	reg, di, si, dx, cx, ax, 8, 9, 10, 11, bx, bp, 12, 13, 14, 15
	pushq	%r\reg
	.endr
	.endm

	.macro POP_GPRS
	.irp	reg, 15, 14, 13, 12, bp, bx, 11, 10, 9, 8, ax, cx, dx, si, di
	popq	%r\reg
	.endr
	.endm

	/* The vCPU's frame is complete down to the error code: call C. */
	.macro GUEST_CALL handler
	PUSH_GPRS
	movq	%rsp, %rdi
	movq	VCPU_cpu_stack(%rsp), %rsp
	call	\handler
	jmp	exit_path
	.endm

	/* The frame is on the stack of the core: call C and return to it. */
	.macro CORE_CALL handler
	PUSH_GPRS
	movq	%rsp, %rdi
	movq	%rsp, %rbp
	andq	$~15, %rsp
	call	\handler
	jmp	core_return
	.endm

	/*
	 * SMAP windows: 3-byte no-ops whose addresses are recorded; patch.c
	 * writes stac or clac over them where the CPU has SMAP.
	 */
	.macro SMAP insn
771:	.byte	0x0f, 0x1f, 0x00
	.pushsection .patch_smap, "a"
	.balign 4
	.long	771b - .
	\insn
	.popsection
	.endm

	/*
	 * Overwrites buffers that the guest could read out, with no register
	 * to spare; patch.c makes a no-op of it where that is not needed.  The
	 * only flag it changes is about to be loaded from the frame.
	 */
	.macro CLEAR_BUFFERS
772:	verw	verw_selector(%rip)
	.pushsection .patch_verw, "a"
	.balign 4
	.long	772b - .
	.popsection
	.endm

	/* A faulting instruction at `insn` goes on at `fixup`, with AC clear. */
	.macro EXTABLE insn, fixup
	.pushsection .extable, "a"
	.balign 4
	.long	\insn - .
	.long	\fixup - .
	.popsection
	.endm

	.section .text, "ax"

/* ---- Exceptions and interrupts ------------------------------------------ */

	/* One for each vector, IDT_STUB_SIZE bytes apart. */
	.balign 16
	.globl idt_stubs
idt_stubs:
	.set	vector, 0
	.rept	256
	.if	!((vector == 8) || (vector == 17) || (vector == 21) || \
		((vector >= 10) && (vector <= 14)) || \
		(vector == 29) || (vector == 30))
	pushq	$0
	.endif
	movl	$vector, 4(%rsp)
	.if	(vector == 2) || (vector == 8) || (vector == 18)
	jmp	entry_ist
	.elseif	vector == 1
	jmp	entry_debug
	.else
	jmp	entry_common
	.endif
	.set	vector, vector + 1
	.org	idt_stubs + IDT_STUB_SIZE * vector
	.endr

	.balign 16
entry_common:
	cld
	SMAP clac
	testb	$3, 16(%rsp)
	jz	entry_core
	GUEST_CALL entry_from_guest

	/*
	 * Hit while the core ran: an interrupt in a window, a guest-memory
	 * access with a fixup, a bug, or guest_iretq refusing what the guest
	 * left in its frame.
	 */
entry_core:
	pushq	%rax
	leaq	guest_iretq(%rip), %rax
	cmpq	%rax, 16(%rsp)
	popq	%rax
	je	entry_iretq_fault
	CORE_CALL entry_from_core
core_return:
	movq	%rbp, %rsp
	POP_GPRS
	addq	$8, %rsp
	CLEAR_BUFFERS			/* an NMI returns to the guest here */
	iretq

	/*
	 * rsp is inside the vCPU, just below the frame that iretq refused, and
	 * the pushes so far have covered only general registers that were
	 * loaded already: write them again.
	 */
entry_iretq_fault:
	movq	32(%rsp), %rsp		/* = v + REGS_rip */
	pushq	-48(%rsp)		/* vector and error code */
	GUEST_CALL bounce_failsafe

	/* NMI, #DF, #MC on their stacks: handled in place, no exit path. */
entry_ist:
	cld
	SMAP clac
	CORE_CALL entry_nmi

	/*
	 * #DB on its stack, because one can hit the first instruction of a
	 * syscall stub, with the guest's rsp.  From a guest the frame moves to
	 * the vCPU and the path is the common one.
	 */
entry_debug:
	cld
	SMAP clac
	testb	$3, 16(%rsp)
	jz	1f
	pushq	%rax
	pushq	%rcx
	movq	%rsp, %rax
	andq	$~(CPU_BLOCK_SIZE - 1), %rax
	movq	PERCPU_curr(%rax), %rax
	/* six words: error/vector, rip, cs, rflags, rsp, ss */
	.irp	off, 0, 8, 16, 24, 32, 40
	movq	16 + \off(%rsp), %rcx
	movq	%rcx, VCPU_REGS + REGS_error + \off(%rax)
	.endr
	popq	%rcx
	leaq	VCPU_REGS + REGS_error(%rax), %rax
	xchgq	%rax, (%rsp)
	popq	%rsp
	GUEST_CALL entry_from_guest
1:	CORE_CALL entry_debug_core

/* ---- SYSCALL --------------------------------------------------------------- */

	/* One 32-byte stub per CPU finds the vCPU without a register to spare. */
	.macro SYSCALL_STUBS name, target
	.balign 32
	.globl \name
\name:
	.set	cpu, 0
	.rept	CONFIG_NR_CPUS
	.balign 32
	movq	%rsp, syscall_scratch + 8 * cpu(%rip)
	movq	vcpu_regs_end + 8 * cpu(%rip), %rsp
	pushq	$GUEST_DS
	pushq	syscall_scratch + 8 * cpu(%rip)
	jmp	\target
	.set	cpu, cpu + 1
	.endr
	.endm

	SYSCALL_STUBS syscall_stubs, syscall_common
	SYSCALL_STUBS cstar_stubs, cstar_common

	.balign 16
syscall_common:
	pushq	%r11
	pushq	$GUEST_CS64
	pushq	%rcx
	pushq	$0
	movl	$VECTOR_SYSCALL, 4(%rsp)
	cmpb	$0, V(VCPU_in_kernel)
	je	syscall_user
	cmpl	$HYPERCALL_iret, %eax
	je	iret_fast
	GUEST_CALL entry_hypercall

	/*
	 * SYSCALL from user mode.  Frame for the guest kernel, lowest first:
	 * rcx r11 rip cs|mask rflags rsp ss.  rcx and r11 hold rip and rflags,
	 * so both are free here.
	 */
	.balign 16
syscall_user:
	cmpq	$0, V(VCPU_syscall_entry)
	je	syscall_slow
	movq	%rax, V(REGS_rax)
	movq	%rdx, V(REGS_rax + 16)		/* rdx */
	movq	V(VCPU_cr3_kernel), %rcx
	movq	V(VCPU_cpu_stack), %rax
	movb	$1, V(VCPU_in_kernel)
	leaq	-REGS_error(%rsp), %r11		/* the vCPU from here on */
	swapgs
	movq	%rcx, PERCPU_cr3_loaded - CPU_STACK_TOP(%rax)
	movq	%rcx, %cr3
	movq	%rax, %rsp
	movq	VCPU_kernel_sp(%r11), %rax	/* aligned when it was set */
	movq	VCPU_info(%r11), %rcx
	movzbl	INFO_mask(%rcx), %edx
	subq	$56, %rax
	SMAP stac
	movq	REGS_rip(%r11), %rcx
200:	movq	%rcx, (%rax)
201:	movq	%rcx, 16(%rax)
	movq	REGS_rsp(%r11), %rcx
202:	movq	%rcx, 40(%rax)
	movq	REGS_ss(%r11), %rcx
203:	movq	%rcx, 48(%rax)
	movq	%rdx, %rcx
	shlq	$32, %rcx
	orq	$GUEST_CS64, %rcx
204:	movq	%rcx, 24(%rax)
	movq	REGS_rflags(%r11), %rcx
205:	movq	%rcx, 8(%rax)
	andl	$~(EFLAGS_IF | EFLAGS_IOPL), %ecx
	orl	VCPU_iopl_flags(%r11), %ecx
	testl	%edx, %edx
	jnz	1f
	orl	$EFLAGS_IF, %ecx
1:
206:	movq	%rcx, 32(%rax)
	SMAP clac
	movzbl	VCPU_syscall_masks(%r11), %edx
	movq	VCPU_info(%r11), %rcx
	orb	%dl, INFO_mask(%rcx)
	movq	REGS_rax + 16(%r11), %rdx
	movq	VCPU_syscall_entry(%r11), %rcx
	movq	%rax, %rsp
	movq	REGS_rax(%r11), %rax
	movq	REGS_rflags(%r11), %r11
	andl	$~EFLAGS_ENTRY_CLEAR, %r11d
	orl	$EFLAGS_IF, %r11d
	CLEAR_BUFFERS
	sysretq

	.irp	n, 200, 201, 202, 203, 204, 205, 206
	EXTABLE	\n\()b, syscall_stack_fault
	.endr

	/* The guest's kernel stack is unusable; C finds that again and says so. */
syscall_stack_fault:
	leaq	REGS_error(%r11), %rsp
	movq	REGS_rax(%r11), %rax
	movq	REGS_rax + 16(%r11), %rdx
	movq	REGS_rip(%r11), %rcx
	movq	REGS_rflags(%r11), %r11
syscall_slow:
	GUEST_CALL bounce_syscall

	/*
	 * The iret hypercall, to user mode.  Guest frame, lowest first: rax r11
	 * rcx flags rip cs rflags rsp ss.  rax, rcx and r11 are free; every
	 * word is read once.  A return to guest-kernel mode goes to C, before
	 * anything changed.
	 */
	.balign 16
iret_fast:
	cmpq	$0, V(VCPU_cr3_user)
	je	iret_slow
	movq	V(REGS_rsp), %rcx
	movq	%rcx, %rax
	sarq	$43, %rax
	cmpq	$-16, %rax		/* the core's own slots */
	je	iret_slow
	movq	%rdx, V(REGS_rax + 16)
	leaq	-REGS_error(%rsp), %r11
	movq	VCPU_cpu_stack(%r11), %rsp
	SMAP stac
210:	movq	40(%rcx), %rax
	movl	%eax, %edx
	andl	$3, %edx
	cmpl	$3, %edx
	jne	iret_to_kernel
	movw	%ax, REGS_cs(%r11)
211:	movq	32(%rcx), %rax
	movq	%rax, REGS_rip(%r11)
212:	movq	56(%rcx), %rax
	movq	%rax, REGS_rsp(%r11)
213:	movq	64(%rcx), %rax
	orl	$3, %eax
	movw	%ax, REGS_ss(%r11)
214:	movq	48(%rcx), %rdx
215:	movq	(%rcx), %rax
	movq	%rax, REGS_rax(%r11)
216:	movq	8(%rcx), %rax
	movq	%rax, REGS_r11(%r11)
217:	movq	16(%rcx), %rax
	movq	%rax, REGS_rcx(%r11)
	SMAP clac
	movq	VCPU_info(%r11), %rcx
	testl	$EFLAGS_IF, %edx
	sete	INFO_mask(%rcx)
	setne	%al
	andl	$EFLAGS_USER, %edx
	orl	$(EFLAGS_IF | 2), %edx
	movq	%rdx, REGS_rflags(%r11)
	testb	INFO_pending(%rcx), %al
	jnz	iret_event
	movb	$0, VCPU_in_kernel(%r11)
	movq	VCPU_cr3_user(%r11), %rcx
	movq	REGS_rax + 16(%r11), %rdx
	movq	%rcx, PERCPU_cr3_loaded - CPU_STACK_TOP(%rsp)
	swapgs
	movq	%rcx, %cr3
	movq	REGS_rax(%r11), %rax
	movq	REGS_rcx(%r11), %rcx
	leaq	REGS_rip(%r11), %rsp
	movq	REGS_r11(%r11), %r11
guest_exit:
	CLEAR_BUFFERS
guest_iretq:
	iretq

	/* An upcall waits: C switches mode, the common exit delivers it. */
iret_event:
	leaq	REGS_error(%r11), %rsp
	movl	$0, 4(%rsp)
	movq	REGS_rax + 16(%r11), %rdx
	movq	REGS_rax(%r11), %rax
	movq	REGS_rcx(%r11), %rcx
	movq	REGS_r11(%r11), %r11
	GUEST_CALL entry_iret_pending

	.irp	n, 210, 211, 212, 213, 214, 215, 216, 217
	EXTABLE	\n\()b, iret_frame_fault
	.endr

iret_frame_fault:
	movq	%rcx, REGS_rsp(%r11)	/* C finds that again and says so */
iret_to_kernel:
	SMAP clac
	leaq	REGS_error(%r11), %rsp
	/* As SYSCALL left them: a frame may ask to keep both, and these two hold
	 * addresses of ours. */
	movq	V(REGS_rip), %rcx
	movq	V(REGS_rflags), %r11
	movq	V(REGS_rax + 16), %rdx
	movl	$HYPERCALL_iret, %eax
iret_slow:
	GUEST_CALL entry_hypercall

	/* SYSCALL from 32-bit code is not offered: #UD at the instruction. */
cstar_common:
	subq	$2, %rcx
	pushq	%r11
	pushq	$GUEST_CS32
	pushq	%rcx
	pushq	$0
	movl	$6, 4(%rsp)
	GUEST_CALL entry_from_guest

/* ---- Back to the guest ------------------------------------------------------- */

	.balign 16
exit_path:
	call	exit_to_guest
	movq	%rax, %rsp
	POP_GPRS
	addq	$8, %rsp
	jmp	guest_exit

	.globl arch_enter_guest_loop
arch_enter_guest_loop:
	andq	$~(CPU_BLOCK_SIZE - 1), %rsp
	addq	$CPU_STACK_TOP, %rsp
	jmp	exit_path

/* ---- Copies through the guest's page tables -------------------------------- */

	/*
	 * arch_copy_from_guest(), arch_copy_to_guest(): destination, source,
	 * size; bytes that were not copied.  Whole words first: nearly all
	 * copies are small multiples of eight.
	 */
	.globl arch_copy_from_guest, arch_copy_to_guest
arch_copy_from_guest:
arch_copy_to_guest:
	movq	%rdx, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
	SMAP stac
220:	rep movsq
	movl	%edx, %ecx
221:	rep movsb
	SMAP clac
222:	movq	%rcx, %rax
	ret
223:	leaq	(%rdx, %rcx, 8), %rax
	ret
	EXTABLE 220b, 223b
	EXTABLE 221b, 222b

	/*
	 * memset(), memcpy(), memmove(), which the compiler calls as well: whole
	 * words first; or from the end, if the destination begins within the source.
	 */
	.globl memset, memcpy, memmove
memset:
	movq	%rdi, %r8
	movzbl	%sil, %eax
	movabsq	$0x0101010101010101, %rcx
	imulq	%rcx, %rax
	movq	%rdx, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
	rep stosq
	movl	%edx, %ecx
	rep stosb
	movq	%r8, %rax
	ret

memcpy:
memmove:
	movq	%rdi, %rax
	movq	%rdi, %rcx
	subq	%rsi, %rcx
	cmpq	%rdx, %rcx
	movq	%rdx, %rcx
	jb	1f
	andl	$7, %edx
	shrq	$3, %rcx
	rep movsq
	movl	%edx, %ecx
	rep movsb
	ret
1:	leaq	-1(%rdi, %rdx), %rdi
	leaq	-1(%rsi, %rdx), %rsi
	std
	rep movsb
	cld
	ret

	.data
	.balign 64
	.globl vcpu_regs_end
vcpu_regs_end:
	.fill	CONFIG_NR_CPUS, 8, 0
syscall_scratch:
	.fill	CONFIG_NR_CPUS, 8, 0

verw_selector:
	.word	GUEST_DS

	.section .note.GNU-stack, "", @progbits

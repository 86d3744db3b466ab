/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: Multiboot entry in 32-bit protected mode, checks
 * that decide whether 64-bit code can run at all, early page tables, long
 * mode, and the jump to start_boot_cpu() at its linked address.
 *
 * The early tables map the first 4 GiB three times with 2 MiB pages: at 0, at
 * IMAGE_VIRT and at DIRECT_VIRT.  They stay in use until paging_init(), and
 * again, with the core's slots added, to start the other CPUs.
 *
 * Those start in real mode, in a copy of the trampoline, and go on in 64-bit
 * mode as the boot CPU does, one at a time.
 */
#include <layout.h>

#define MULTIBOOT_HEADER 0x1badb002
#define MULTIBOOT_LOADER 0x2badb002
#define MULTIBOOT_FLAGS 0x00010003 /* addresses below; align, memory map */
#define MULTIBOOT2_HEADER 0xe85250d6
#define MULTIBOOT2_LOADER 0x36d76289
#define IMAGE_MARK 0x4d4c4c56

#define PHYS(sym) (sym - IMAGE_VIRT)

	/* From protected or real mode, through the table that gdtr names. */
	.macro LONG_MODE gdtr
	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov $PHYS(start_l4), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx /* EFER: SCE, LME, NXE */
	rdmsr
	or $0x901, %eax
	wrmsr
	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE; caches on */
	mov %eax, %cr0
	lgdtl \gdtr
	ljmpl $CORE_CS, $PHYS(boot_long)
	.endm

	.section .multiboot, "ax"
	.balign 4
multiboot_header:
	.long MULTIBOOT_HEADER
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_HEADER + MULTIBOOT_FLAGS)
	.long PHYS(multiboot_header)
	.long PHYS(image_start)
	.long PHYS(load_end)
	.long PHYS(image_end)
	.long PHYS(boot_entry)

	/* Tags: type, flags, size; aligned to 8. */
	.balign 8
multiboot2_header:
	.long MULTIBOOT2_HEADER
	.long 0 /* protected mode */
	.long multiboot2_end - multiboot2_header
	.long -(MULTIBOOT2_HEADER + multiboot2_end - multiboot2_header)
	.short 2, 0 /* the addresses */
	.long 24
	.long PHYS(multiboot2_header)
	.long PHYS(image_start)
	.long PHYS(load_end)
	.long PHYS(image_end)
	.short 3, 0 /* the entry, under UEFI, too */
	.long 12
	.long PHYS(boot_entry)
	.long 0
	.short 6, 0 /* modules on page boundaries */
	.long 8
	.short 0, 0
	.long 8
multiboot2_end:

	.section .data_tail, "aw"
image_mark:
	.long IMAGE_MARK

	.section .init.text, "ax"
	.code32
	.globl boot_entry
boot_entry:
	cli
	cld
	mov $PHYS(boot_cpu_block) + CPU_STACK_TOP, %esp
	mov %ebx, %edi /* information */
	mov %eax, %ebp /* what kind of it */

	mov $PHYS(msg_image), %esi
	cmpl $IMAGE_MARK, PHYS(image_mark)
	jne boot_fail
	mov $PHYS(msg_loader), %esi
	cmp $MULTIBOOT_LOADER, %eax
	je 1f
	cmp $MULTIBOOT2_LOADER, %eax
	jne boot_fail
1:
	mov $PHYS(msg_long_mode), %esi
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb boot_fail
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc boot_fail
	mov $PHYS(msg_no_execute), %esi
	bt $20, %edx
	jnc boot_fail

	LONG_MODE PHYS(trampoline_gdtr)

/* Writes the text at %esi to the first serial port and the screen; stops. */
boot_fail:
	mov $0xb8000, %ebx
1:	lodsb
	test %al, %al
	jz 3f
	mov %al, (%ebx)
	movb $0x07, 1(%ebx)
	add $2, %ebx
	mov %al, %ah
	mov $0x10000, %ecx
	mov $0x3fd, %edx
2:	in (%dx), %al
	test $0x20, %al
	loopz 2b
	mov $0x3f8, %edx
	mov %ah, %al
	out %al, (%dx)
	jmp 1b
3:	hlt
	jmp 3b

	/* With the code: the first must show although data went astray. */
msg_image:
	.asciz "Vellum: the loader damaged the image, or loaded it wrongly.\r\n"
msg_loader:
	.asciz "Vellum: not started by a Multiboot loader.\r\n"
msg_long_mode:
	.asciz "Vellum: this CPU has no 64-bit mode; an x86-64 CPU is needed.\r\n"
msg_no_execute:
	.asciz "Vellum: this CPU does not offer no-execute pages (NX); switch it on in the firmware's setup.\r\n"

	.code64
boot_long:
	mov $CORE_DS, %eax
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	lldt %ax
	mov start_stack(%rip), %rsp
	mov %ebp, %esi
	xor %ebp, %ebp
	push %rbp
	jmp *start_entry(%rip)

	.section .init.data, "aw"
	.balign 8
	/*
	 * Only the entries named in layout.h, from GDT_RESERVED_BASE on; used
	 * by its address below 4 GiB, until desc.c loads another.
	 */
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* CORE_CS */
	.quad 0x00cf93000000ffff /* CORE_DS */
boot_gdt_end:

	.globl start_stack, start_entry
start_stack:
	.quad boot_cpu_block + CPU_STACK_TOP
start_entry:
	.quad start_boot_cpu

	/* smp.c copies this to the page that the start-up interrupt names. */
	.code16
	.globl trampoline, trampoline_end
trampoline: /* flags are clear after INIT */
	mov %cs, %ax
	mov %ax, %ds
	LONG_MODE (trampoline_gdtr - trampoline)
trampoline_gdtr:
	.word GDT_RESERVED_BASE + boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt) - GDT_RESERVED_BASE
trampoline_end:

	.balign 4096
	.globl start_l4
start_l4:
	.quad PHYS(start_l3) + 3
	.fill 259, 8, 0
	.quad PHYS(start_l3) + 3 /* 260: IMAGE_VIRT */
	.quad 0
	.quad PHYS(start_l3) + 3 /* 262: DIRECT_VIRT */
	.fill 249, 8, 0
start_l3:
	.quad PHYS(start_l2) + 0x0003
	.quad PHYS(start_l2) + 0x1003
	.quad PHYS(start_l2) + 0x2003
	.quad PHYS(start_l2) + 0x3003
	.fill 508, 8, 0
start_l2: /* 2 MiB each, present, writable, large */
	.set i, 0
	.rept 4 * 512
	.quad i * 0x200000 + 0x83
	.set i, i + 1
	.endr

	.section .bss.block, "aw", @nobits
	.balign CPU_BLOCK_SIZE
	.globl boot_cpu_block
boot_cpu_block:
	.skip CPU_BLOCK_SIZE

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * Where a guest begins: the ELF notes that tell its loader how to build it,
 * the entry of the first vCPU (rsi: start_info), the entry of any further one
 * (rdi: its number), and their stacks.
 *
 * A guest that wants more notes (HYPERCALL_PAGE, INIT_P2M, ...) adds them in
 * an assembly file of its own, in section .note.Xen.
 */
#include <xen/elfnote.h>

#include "layout.h"
#include "note.h"

NOTE_TEXT(XEN_ELFNOTE_XEN_VERSION, "xen-3.0")
NOTE_TEXT(XEN_ELFNOTE_GUEST_OS, "guest-shim")
NOTE_TEXT(XEN_ELFNOTE_GUEST_VERSION, "0.1")
NOTE_TEXT(XEN_ELFNOTE_LOADER, "generic")
NOTE_TEXT(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb")
NOTE_WORD(XEN_ELFNOTE_ENTRY, shim_entry)
NOTE_WORD(XEN_ELFNOTE_VIRT_BASE, 0)
NOTE_WORD(XEN_ELFNOTE_PADDR_OFFSET, 0)

	.section .text.entry, "ax"
	.globl shim_entry
shim_entry:
	cld
	lea	shim_stacks + SHIM_STACK_SIZE(%rip), %rsp
	mov	%rsi, %rdi
	xor	%ebp, %ebp
	call	shim_start
	ud2

	/* rsp is set by the context that VCPUOP_initialise loaded. */
	.globl shim_secondary_entry
shim_secondary_entry:
	cld
	xor	%ebp, %ebp
	call	shim_secondary
	ud2

	.section .bss
	.balign SHIM_STACK_SIZE
	.globl shim_stacks
shim_stacks:
	.skip SHIM_STACK_SIZE * SHIM_MAX_CPUS

	.section .note.GNU-stack, "", @progbits

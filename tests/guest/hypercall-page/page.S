/* SPDX-License-Identifier: MIT */
/*
 * The page that the loader fills, and the note that asks for it.
 */
#include <xen/elfnote.h>

#include <note.h>

NOTE_WORD(XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page)

	.text
	.balign 4096
	.globl hypercall_page
hypercall_page:
	.skip 4096

	.section .note.GNU-stack, "", @progbits

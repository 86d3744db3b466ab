/* SPDX-License-Identifier: MIT */
/*
 * Notes beyond those of boot.S.
 */
#include <xen/elfnote.h>

#include <note.h>

NOTE_WORD(XEN_ELFNOTE_INIT_P2M, 0x8000000000)
NOTE_WORD(XEN_ELFNOTE_MOD_START_PFN, 1)

	.section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: MIT */
/*
 * ELF notes for a PV loader, in assembly: name "Xen", type, text or word.
 */
#ifndef SHIM_NOTE_H
#define SHIM_NOTE_H

/* clang-format off */
#define NOTE_TEXT(type, text) xen_note type, .asciz, text ;
#define NOTE_WORD(type, word) xen_note type, .quad, word ;

	.macro xen_note type:req, kind:req, value:vararg
	.pushsection .note.Xen, "a", @note
	.balign 4
	.long	4
	.long	2f - 1f
	.long	\type
	.asciz	"Xen"
1:	\kind	\value
2:	.balign 4
	.popsection
	.endm
/* clang-format on */

#endif

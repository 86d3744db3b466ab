/* SPDX-License-Identifier: MIT */
/*
 * Jumps to an address that is not mapped. In place of a guest's init it takes the
 * guest's kernel with it. Nothing of the C library is in it.
 */

void _start(void);

void _start(void)
{
	__asm__ __volatile__("jmp *%0" : : "r"(0x1000ul));
}

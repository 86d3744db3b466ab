/* SPDX-License-Identifier: MIT */
/*
 * The two 8259 interrupt controllers: moved off the exception vectors, then
 * masked for good.  Interrupts come by the IO-APIC or not at all.
 */
#include <x86.h>

#define PIC1 0x20
#define PIC2 0xa0

INIT_TEXT void pic_mask(void)
{
	/*
	 * Initialized first, so that a spurious interrupt, which no mask
	 * stops, arrives at a device vector and not as an exception.
	 */
	outb(PIC1, 0x11);
	outb(PIC2, 0x11);
	outb(PIC1 + 1, VECTOR_DEVICE_FIRST);
	outb(PIC2 + 1, VECTOR_DEVICE_FIRST + 8);
	outb(PIC1 + 1, 0x04);
	outb(PIC2 + 1, 0x02);
	outb(PIC1 + 1, 0x01);
	outb(PIC2 + 1, 0x01);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

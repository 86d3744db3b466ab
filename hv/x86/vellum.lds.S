/* SPDX-License-Identifier: MIT */
/*
 * Layout of the core's image.  It is linked at IMAGE_VIRT + physical address
 * and loaded at IMAGE_PHYS, in one piece: the Multiboot header gives loaders
 * one address range, so between image_start and load_end the distance of
 * file offset and address must not change (no NOBITS before .bss; boot.S
 * checks a mark at the end).  Everything between init_text_start and init_end
 * is given back after start-up.
 */
#include <layout.h>

ENTRY(boot_entry_phys)

PHDRS
{
	text PT_LOAD FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	init_text PT_LOAD FLAGS(5);
	data PT_LOAD FLAGS(6);
	bss PT_LOAD FLAGS(6); /* apart: its alignment would move the data */
	note PT_NOTE FLAGS(4);
}

SECTIONS
{
	. = IMAGE_VIRT + IMAGE_PHYS;
	image_start = .;

	.text : AT(ADDR(.text) - IMAGE_VIRT) {
		*(.multiboot)
		*(.text .text.*)
	} :text
	. = ALIGN(4096);
	text_end = .;

	.rodata : AT(ADDR(.rodata) - IMAGE_VIRT) {
		*(.rodata .rodata.*)
		. = ALIGN(8);
		extable_start = .;
		KEEP(*(.extable))
		extable_end = .;
		patch_smap_start = .;
		KEEP(*(.patch_smap))
		patch_smap_end = .;
		. = ALIGN(4); /* the last of the above has seven bytes */
		patch_verw_start = .;
		KEEP(*(.patch_verw))
		patch_verw_end = .;
		. = ALIGN(8);
		*(.got .got.plt)
	} :rodata
	.notes : AT(ADDR(.notes) - IMAGE_VIRT) {
		*(.note.*)
	} :rodata :note
	. = ALIGN(4096);
	rodata_end = .;

	.init.text : AT(ADDR(.init.text) - IMAGE_VIRT) {
		init_text_start = .;
		*(.init.text .init.text.*)
	} :init_text
	. = ALIGN(4096);
	init_text_end = .;

	.init.data : AT(ADDR(.init.data) - IMAGE_VIRT) {
		*(.init.data .init.data.*)
		. = ALIGN(4096);
	} :data
	init_end = .;

	.data : AT(ADDR(.data) - IMAGE_VIRT) {
		*(.data .data.*)
		*(.data_tail)
		. = ALIGN(16);
	} :data
	load_end = .;

	.bss : AT(ADDR(.bss) - IMAGE_VIRT) {
		*(.bss.block)
		*(.bss .bss.*)
		*(COMMON)
		. = ALIGN(4096);
	} :bss
	image_end = .;

	boot_entry_phys = boot_entry - IMAGE_VIRT;

	/DISCARD/ : {
		*(.comment)
		*(.eh_frame)
		*(.gnu.*)
	}
}

ASSERT(image_end - image_start < 0x1000000, "the image is beyond 16 MiB")

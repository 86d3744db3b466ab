/* SPDX-License-Identifier: MIT */
/*
 * ELF notes by which a kernel tells its loader how it wants to be built, and
 * those found in crash dumps. The note's name is "Xen"; its type is one of
 * the numbers below; its content is a number of 4 or 8 bytes or a text (which
 * need not be terminated: the note's size counts).
 *
 * Notes come from an untrusted image. Whoever reads them checks every value.
 */
#ifndef VL_ABI_XEN_ELFNOTE_H
#define VL_ABI_XEN_ELFNOTE_H

/* Free text. */
#define XEN_ELFNOTE_INFO 0
/* Linear address of the entry point; else that of the ELF header. */
#define XEN_ELFNOTE_ENTRY 1
/* Linear address of a page to fill with hypercall stubs of 32 bytes. */
#define XEN_ELFNOTE_HYPERCALL_PAGE 2
/* Linear address at which guest frame 0 is mapped. */
#define XEN_ELFNOTE_VIRT_BASE 3
/* What to subtract from an ELF physical address to get an offset from
 * VIRT_BASE. */
#define XEN_ELFNOTE_PADDR_OFFSET 4
/* Interface, "xen-3.0". */
#define XEN_ELFNOTE_XEN_VERSION 5
/* Name and version of the guest, text. */
#define XEN_ELFNOTE_GUEST_OS 6
#define XEN_ELFNOTE_GUEST_VERSION 7
/* "generic", or the name of a special loader. */
#define XEN_ELFNOTE_LOADER 8
/* 32-bit guests: "yes" for PAE. */
#define XEN_ELFNOTE_PAE_MODE 9
/* Feature names joined by '|', '!' before those the kernel cannot do
 * without. */
#define XEN_ELFNOTE_FEATURES 10
/* "yes": load the symbol table behind the kernel. */
#define XEN_ELFNOTE_BSD_SYMTAB 11
/* Lowest address that the core may take for itself. */
#define XEN_ELFNOTE_HV_START_LOW 12
/* Pairs (mask, value): how a not-present entry with a frame in it looks. */
#define XEN_ELFNOTE_L1_MFN_VALID 13
/* Nonzero: a suspend call returns 1 when the suspend was cancelled. */
#define XEN_ELFNOTE_SUSPEND_CANCEL 14
/* Linear address wanted for the p2m list. */
#define XEN_ELFNOTE_INIT_P2M 15
/* Nonzero: the ramdisk may be passed unmapped, by frame number. */
#define XEN_ELFNOTE_MOD_START_PFN 16
/* The features the kernel could use, one bit per XENFEAT_*. */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17
/* Physical address of a 32-bit entry without paging (PVH). */
#define XEN_ELFNOTE_PHYS32_ENTRY 18
/* The last one. */
#define XEN_ELFNOTE_MAX XEN_ELFNOTE_PHYS32_ENTRY

/* Crash dumps of the host: core information, registers. */
#define XEN_ELFNOTE_CRASH_INFO 0x1000001
#define XEN_ELFNOTE_CRASH_REGS 0x1000002

/* Dumps of a domain. The first only marks the file. */
#define XEN_ELFNOTE_DUMPCORE_NONE 0x2000000
#define XEN_ELFNOTE_DUMPCORE_HEADER 0x2000001
#define XEN_ELFNOTE_DUMPCORE_XEN_VERSION 0x2000002
#define XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION 0x2000003

#endif

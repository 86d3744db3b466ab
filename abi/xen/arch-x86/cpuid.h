/* SPDX-License-Identifier: MIT */
/*
 * The virtual CPUID leaves by which a guest recognises the interface. A PV
 * kernel reads them with the forced-emulation prefix (XEN_CPUID). Only
 * constants; usable from assembly.
 *
 * Leaf 0  eax highest leaf; ebx, ecx, edx the signature "XenVMMXenVMM"
 * Leaf 1  eax[31:16] major and eax[15:0] minor version of the interface
 * Leaf 2  eax hypercall pages; ebx MSR that fills one; ecx features below
 * Leaf 3  time. Sub-leaf 0: eax bit 0 counter emulated, bit 1 reliable, bit
 *         2 RDTSCP there; ebx mode; ecx kHz; edx incarnation. Sub-leaf 1:
 *         offset low, offset high, multiplier, shift. Sub-leaf 2: eax host
 *         kHz
 * Leaf 4  hardware-virtualised guests: eax features, ebx vCPU, ecx domain
 * Leaf 5  PV guests: ebx[7:0] width of machine addresses in bits
 */
#ifndef VL_ABI_XEN_ARCH_X86_CPUID_H
#define VL_ABI_XEN_ARCH_X86_CPUID_H

#define XEN_CPUID_FIRST_LEAF 0x40000000
#define XEN_CPUID_LEAF(i) (XEN_CPUID_FIRST_LEAF + (i))

/* Highest leaf that is defined, counted from the first. */
#define XEN_CPUID_MAX_NUM_LEAVES 5

/* Leaf 0 */
#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/* Leaf 2, ecx: MMU_PT_UPDATE_PRESERVE_AD exists. */
#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD (1u << 0)

/* Leaf 5, ebx */
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK (0xffu << 0)

#endif

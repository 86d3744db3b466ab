/* SPDX-License-Identifier: MIT */
/*
 * Feature numbers: bits that XENVER_get_features answers, and names that a
 * kernel writes into its ELF notes FEATURES and SUPPORTED_FEATURES.
 *
 * Vellum never offers 0-3 and offers 5 and 7 always (Linux stops without
 * them). Whatever belongs to hardware-virtualised or ARM guests is named only
 * so that its bit is not taken for something else.
 */
#ifndef VL_ABI_XEN_FEATURES_H
#define VL_ABI_XEN_FEATURES_H

/* The guest need not map its page tables read-only. */
#define XENFEAT_writable_page_tables 0
/* Nor its descriptor tables. */
#define XENFEAT_writable_descriptor_tables 1
/* Guest frames are translated for the guest. */
#define XENFEAT_auto_translated_physmap 2
/* The kernel runs in ring 0. */
#define XENFEAT_supervisor_mode_kernel 3
/* Top-level tables may lie above 4 GiB. */
#define XENFEAT_pae_pgdir_above_4gb 4
/* MMU_PT_UPDATE_PRESERVE_AD exists. */
#define XENFEAT_mmu_pt_update_preserve_ad 5
/* MMUEXT_CLEAR_PAGE and MMUEXT_COPY_PAGE exist. */
#define XENFEAT_highmem_assist 6
/* GNTMAP_guest_avail_mask bits are carried into the entry. */
#define XENFEAT_gnttab_map_avail_bits 7
/* Hardware-virtualised guests: callback by vector; paravirtual clock; event
 * channels for interrupts. */
#define XENFEAT_hvm_callback_vector 8
#define XENFEAT_hvm_safe_pvclock 9
#define XENFEAT_hvm_pirqs 10
/* The caller is the control domain. */
#define XENFEAT_dom0 11
/* 12 is not assigned. */
/* XENMEMF_vnode is understood. */
#define XENFEAT_memory_op_vnode_supported 13
/* ARM guests. */
#define XENFEAT_ARM_SMCCC_supported 14
/* The ACPI tables of a guest may lie anywhere. */
#define XENFEAT_linux_rsdp_unrestricted 15
/* Guest frame numbers are not, or are, machine frame numbers. */
#define XENFEAT_not_direct_mapped 16
#define XENFEAT_direct_mapped 17

/* Words of 32 bits. */
#define XENFEAT_NR_SUBMAPS 1

#endif

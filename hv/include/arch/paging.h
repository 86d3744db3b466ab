/* SPDX-License-Identifier: MIT */
/*
 * The seam, part two: machine memory, the core's slots in guest tables, TLBs.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include <arch/cpu.h>

/* Addresses that belong to the core in every address space. */
#define CORE_VIRT_START 0xffff800000000000ull
#define CORE_VIRT_END 0xffff880000000000ull

/** The frame's bytes in the core's direct map. RAM only. */
void *frame_ptr(unsigned long mfn);
unsigned long ptr_frame(const void *p);

/** Writes a machine-to-physical table entry; mfn < frame_max. */
void arch_m2p_set(unsigned long mfn, uint64_t pfn);
#define M2P_INVALID (~0ull)

/** Writes the core's entries into slots 256..271 of a guest L4. */
void arch_l4_install(uint64_t *l4);
/** Clears them (before the frame stops being an L4). */
void arch_l4_remove(uint64_t *l4);

/**
 * Unmaps INIT_TEXT and INIT_DATA and gives their frames to the heap
 * (heap_add); called once, when start-up is over.
 */
void arch_free_init(void);

/** Flushes whole TLBs of the CPUs in mask (which may include this one). */
void arch_flush_tlb(cpumask_t mask);
/** One page; a hint that arch may widen. */
void arch_flush_page(cpumask_t mask, uint64_t va);
/** Caches (wbinvd) of all CPUs in mask. */
void arch_flush_cache(cpumask_t mask);
/** CPUs that may hold translations of d. */
cpumask_t arch_domain_tlb_mask(const struct domain *d);

/**
 * Copies through the current guest address space, page faults caught.
 * Returns bytes not copied.  Range already checked.
 */
size_t arch_copy_from_guest(void *dst, uint64_t src, size_t n);
size_t arch_copy_to_guest(uint64_t dst, const void *src, size_t n);

#endif

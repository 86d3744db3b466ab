/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator (buddy, by order) and pools of small objects.  The heap
 * lock covers free lists; frames given out carry count 0 and owner OWNER_CORE
 * until the caller assigns them.  Every frame handed to a domain is zeroed.
 */
#ifndef HV_HEAP_H
#define HV_HEAP_H

#define HEAP_MAX_ORDER 18  /* 1 GiB */
#define ADDRESS_BITS_ANY 0 /* as XENMEMF_get_address_bits() has it */

/** As heap_free() for frames [start, end), and at start-up for all RAM. */
void heap_add(unsigned long start, unsigned long end);

/**
 * Allocates 2^order contiguous, naturally aligned, zeroed frames whose machine
 * addresses need at most address_bits bits (ADDRESS_BITS_ANY: no limit; the
 * highest memory is preferred so that low memory stays for DMA).  The frames
 * are OWNER_CORE with count 0.  NULL if there is none.
 */
struct page *heap_alloc(unsigned int order, unsigned int address_bits);
/**
 * As heap_alloc, contents unspecified: for whoever overwrites all of it, and
 * at start-up for the control domain, which may see what the firmware left.
 */
struct page *heap_alloc_raw(unsigned int order, unsigned int address_bits);
/** Gives frames back; count must be 0. They are zeroed before reuse. */
void heap_free(struct page *pg, unsigned int order);
/** Free frames. */
unsigned long heap_free_frames(void);

/**
 * Zeroed core memory of `bytes` > 0, rounded up to 2^n frames, as a pointer into
 * the direct map; NULL: none.
 */
void *heap_alloc_bytes(size_t bytes);
void heap_free_bytes(void *p, size_t bytes);

/**
 * Moves frames that nobody references into d's ownership: owner d, count
 * PGC_ALLOCATED|1, d->tot_pages + 2^order, unless these were `counted` in it
 * before.  -XEN_ENOMEM if that exceeds d->max_pages, -XEN_EINVAL if d is dying;
 * then they are free, and d->tot_pages counts them no more.
 */
int must_check domain_assign_frames(struct domain *d, struct page *pg, unsigned int order,
				    bool counted);
/** Allocates and assigns. NULL as either step fails. */
struct page *domain_alloc_frames(struct domain *d, unsigned int order, unsigned int address_bits);

#ifdef VELLUM_HOST
/** Tests: true if this allocation is to fail. */
bool heap_fail_hook(void);
#else
#define heap_fail_hook() false
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of struct percpu, and how a CPU finds its own block: by its
 * stack pointer (layout.h).  Included by arch/cpu.h; private to hv/x86 and to
 * the headers that embed struct arch_percpu.
 */
#ifndef PERCPU_X86_H
#define PERCPU_X86_H

#include <layout.h>

/** 64-bit task state segment, as the processor defines it. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp0; /* entries from ring 3 push here: &vcpu->regs' end */
	uint64_t rsp1, rsp2;
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is IST n */
	uint64_t reserved2;
	uint16_t reserved3, iomap; /* the map is beyond the limit: every port access is #GP */
} packed_struct;
_Static_assert(sizeof(struct tss) == 104, "manual volume 3, 8.7");

struct arch_percpu {
	uint64_t *gdt_reserved; /* write-once: page 14 of the window */
	uint64_t *window_ptes;	/* write-once: of GDT_WINDOW() on */
	uint64_t cr3_loaded;	/* what CR3 holds; written by its own CPU */
	unsigned int gdt_pages; /* of the window that may be a guest's, switch.c */
	bool ldt_used;		/* the LDT window may hold pages, switch.c */

	const struct domain *last_domain; /* compared only: it may be gone, switch.c */

	/* cross-CPU requests, tlb.c */
	uint32_t call_flags; /* atomic: CALL_* asked for */
	uint32_t call_asked; /* atomic: number of requests */
	uint32_t call_done;  /* written by this CPU: requests served */

	struct tss tss aligned_to(16);
};

/** Blocks of all CPUs by id; NULL beyond cpu_count(). */
extern struct percpu *percpu_table[CONFIG_NR_CPUS];

static inline struct percpu *this_cpu(void)
{
	uint64_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct percpu *)(sp & ~(uint64_t)(CPU_BLOCK_SIZE - 1));
}

#endif

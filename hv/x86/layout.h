/* SPDX-License-Identifier: MIT */
/*
 * Numbers that C, assembly and the linker script share: where the core's
 * parts lie in virtual memory, the selectors of the reserved end of every
 * GDT, interrupt vectors, and the per-CPU block.  Constants only.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#ifdef __ASSEMBLER__
#define U64(x) x
#else
#define U64(x) x##ull
#endif

/* L4 slots 256..271 belong to the core. */
#define M2P_VIRT U64(0xffff800000000000)	/* 256: guests read it */
#define WINDOW_VIRT U64(0xffff808000000000)	/* 257: GDTs and LDTs */
#define IO_VIRT U64(0xffff810000000000)		/* 258: device registers */
#define BLOCK_VIRT U64(0xffff818000000000)	/* 259: per-CPU blocks */
#define IMAGE_VIRT U64(0xffff820000000000)	/* 260: image, + physical */
#define FRAMETABLE_VIRT U64(0xffff828000000000) /* 261 */
#define DIRECT_VIRT U64(0xffff830000000000)	/* 262..271: RAM */
#define DIRECT_SIZE U64(0x0000050000000000)	/* 5 TiB */

#define IMAGE_PHYS 0x200000 /* the image is loaded here and stays */

/* One window per CPU: 16 pages of GDT, then 16 pages of LDT. */
#define WINDOW_SIZE 0x20000
#define GDT_WINDOW(cpu) (WINDOW_VIRT + (uint64_t)(cpu)*WINDOW_SIZE)
#define LDT_WINDOW(cpu) (GDT_WINDOW(cpu) + WINDOW_SIZE / 2)
#define GDT_PAGES 16
#define GDT_GUEST_PAGES 14	 /* frames of the guest's own GDT */
#define GDT_RESERVED_PAGE 14	 /* the core's page in the window */
#define GDT_RESERVED_BASE 0xe000 /* selector of its first entry */
#define GDT_LIMIT (15 * 4096 - 1)

/* Selectors in the reserved page; the ring-3 ones are published. */
#define CORE_CS 0xe008
#define CORE_DS 0xe010
#define GUEST_CS32 0xe023
#define GUEST_DS 0xe02b
#define GUEST_CS64 0xe033
#define CORE_TSS 0xe040
#define CORE_LDT 0xe050

/* Interrupt vectors. */
#define VECTOR_DEVICE_FIRST 0x20
#define VECTOR_GUEST_INT80 0x80 /* int 0x80 of guests; no device gets it */
#define VECTOR_DEVICE_LAST 0xef
#define VECTOR_KICK 0xf0
#define VECTOR_CALL 0xf1 /* cross-CPU requests: TLB and cache flushes */
#define VECTOR_TIMER 0xf2
#define VECTOR_STOP 0xf3
#define VECTOR_SPURIOUS 0xff

/*
 * The per-CPU block: struct percpu at the bottom, four stacks for exceptions
 * that need one of their own, a guard page, and the main stack, growing down
 * from the top: a main stack that grows too long ends in a double fault, which
 * says so.  The frame behind the guard holds the reserved page of the GDT.
 * Any stack pointer inside finds the block by masking, so the top 64 bytes
 * stay unused: rsp never equals the address after the block.
 */
#define CPU_BLOCK_SIZE 0x8000
#define CPU_STACK_TOP (CPU_BLOCK_SIZE - 64) /* offset; 16-byte aligned */
#define IST_STACK_SIZE 0x1000
#define IST_NMI 1
#define IST_DF 2
#define IST_MC 3
#define IST_DB 4
#define IST_COUNT 4
#define IST_TOP(n) (IST_STACK_SIZE * ((n) + 1)) /* offset of stack n's top */
#define CPU_GUARD IST_TOP(IST_COUNT)

#define IDT_STUB_SIZE 16     /* entry.S: one stub per vector */
#define SYSCALL_STUB_SIZE 32 /* entry.S: one stub per CPU */

#endif

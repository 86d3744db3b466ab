/* SPDX-License-Identifier: MIT */
/*
 * Compiler idioms, error numbers, assertions, messages and memcpy() with its
 * kin, used everywhere; force-included before every source file of the core (C
 * and assembly), so nothing includes it by name.  Owns no
 * state.  Everything here must mean the same in the host test build.
 */
#ifndef HV_COMPILER_H
#define HV_COMPILER_H

#define PAGE_SHIFT 12
#define PAGE_SIZE (1 << PAGE_SHIFT)

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/errno.h> /* the one vocabulary of errors */

#ifndef VELLUM_HOST
/* One static image: no symbol needs an indirection, declared ones included. */
#pragma GCC visibility push(hidden)
#endif

#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define noreturn_fn __attribute__((noreturn))
#define aligned_to(n) __attribute__((aligned(n)))
#define packed_struct __attribute__((packed))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define barrier() __asm__ __volatile__("" ::: "memory")
/* One access, whole, that other CPUs may make at the same time. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

/* True if a + b does not fit; the sum goes to *sum either way. */
#define add_overflow(a, b, sum) __builtin_add_overflow((a), (b), (sum))
#define mul_overflow(a, b, prod) __builtin_mul_overflow((a), (b), (prod))

/* Code and data that only start-up uses; its frames are freed after it. */
#ifdef VELLUM_HOST
#define INIT_TEXT
#define INIT_DATA
#else
#define INIT_TEXT __attribute__((section(".init.text"), noinline))
#define INIT_DATA __attribute__((section(".init.data")))
#endif

/*
 * Bounds an index under speculation: i where i < n, otherwise 0.  In C the
 * compiler would see that the caller has compared already and drop the mask.
 */
static inline uint64_t index_nospec(uint64_t i, uint64_t n)
{
	uint64_t mask;

	__asm__("cmp %[n], %[i]\n\tsbb %[mask], %[mask]"
		: [mask] "=r"(mask)
		: [i] "r"(i), [n] "re"(n)
		: "cc");
	return i & mask;
}

/* What everything is about, and every header speaks of. */
struct domain;
struct vcpu;
struct page;
struct guest_regs;

#include <hv/check.h>
#include <hv/printk.h>
#include <hv/string.h>

#endif /* !__ASSEMBLER__ */
#endif

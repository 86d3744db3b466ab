/* SPDX-License-Identifier: MIT */
/*
 * Assertions about ourselves.  CHECK is always on, ASSERT in debug builds
 * only; neither may ever test a value that a guest, a store client or a peer
 * can choose.  A failed one panics: it prints the place and the state of the
 * CPU, and stops the machine.
 */
#ifndef HV_CHECK_H
#define HV_CHECK_H

void panic(const char *fmt, ...) noreturn_fn printf_like(1, 2);
/** Restarts the machine, or stops it if `noreboot` is given. */
void machine_give_up(void) noreturn_fn;
/**
 * For start-up: the administrator gave something that it cannot go on with (no
 * module, a bad kernel image).  Prints the one line, without its end, and
 * stops the machine, whatever `noreboot` says; no dump, since the core is well.
 */
void boot_failed(const char *fmt, ...) noreturn_fn printf_like(1, 2);

#define CHECK(x)                                                                   \
	do {                                                                       \
		if (unlikely(!(x))) {                                              \
			panic("check failed: %s (%s:%d)", #x, __FILE__, __LINE__); \
		}                                                                  \
	} while (0)

#ifdef CONFIG_DEBUG
#define ASSERT(x) CHECK(x)
#else
#define ASSERT(x) ((void)sizeof(!(x)))
#endif

#endif

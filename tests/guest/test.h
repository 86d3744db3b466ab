/* SPDX-License-Identifier: MIT */
/*
 * What every micro-guest includes once, in its main.c: expectations, and the
 * verdict at the end. A guest asks one question; it defines test() and uses
 *
 *   EXPECT(condition)
 *   EXPECT_RC(call, value)          the result is exactly that
 *   EXPECT_ERR(call, errno...)      a negative result, one of those listed
 *   EXPECT_FAIL(call)               any negative result
 *   EXPECT_TRAP(statement, vector[, error code])
 *   EXPECT_NO_TRAP(statement)
 *   NEED(condition)                 ends the guest with ERROR otherwise
 *
 * Each failed one prints a line; the last line of a guest is its verdict:
 * SUCCESS, FAILURE (an expectation did not hold), ERROR (the guest could not
 * put its question) or SKIP (not for this machine).
 */
#ifndef TEST_H
#define TEST_H

#include <shim.h>

#define MAYBE_UNUSED __attribute__((unused))

#define TRAP_DE 0u
#define TRAP_DB 1u
#define TRAP_BP 3u
#define TRAP_OF 4u
#define TRAP_UD 6u
#define TRAP_NM 7u
#define TRAP_NP 11u
#define TRAP_SS 12u
#define TRAP_GP 13u
#define TRAP_PF 14u
#define TRAP_AC 17u

#define PFEC_P 1ul
#define PFEC_W 2ul
#define PFEC_U 4ul
#define PFEC_I 16ul

/* Addresses that no guest pointer may have. */
#define NONCANONICAL 0x0000800000000000ul
#define NONCANONICAL_HIGH 0xffff7ffffffff000ul
#define CORE_START 0xffff800000000000ul
#define CORE_MIDDLE 0xffff830000000000ul
#define CORE_LAST_PAGE 0xffff87fffffff000ul
#define UNMAPPED 0x0000600000000000ul

/* Wrong as a pointer to read from and to write to, whatever the length. */
static const unsigned long bad_pointers[] = {
	UNMAPPED,	NONCANONICAL,	NONCANONICAL_HIGH, CORE_MIDDLE,
	CORE_LAST_PAGE, CORE_START - 8, NONCANONICAL - 8,  ~0ul - 7,
};
/* The machine-to-physical table: guests may read it, the core may not on
 * their behalf. */
#define M2P_POINTER CORE_START

void test(void);

static unsigned int test_count, test_failures;
static MAYBE_UNUSED volatile unsigned long test_sink;

static void test_verdict(const char *verdict, const char *reason) __attribute__((noreturn));
static void test_verdict(const char *verdict, const char *reason)
{
	print("VERDICT: %s %s\n", verdict, reason);
	shim_shutdown(SHUTDOWN_poweroff);
}

/* ---- Pairs: the control domain and further guests, see run.py ----------------- */

/* Gives the processor away until the condition holds, for 10 s at most. */
#define WAIT_FOR(x)                                              \
	({                                                       \
		uint64_t end_ = time_ns() + 10000000000ul;       \
		bool true_;                                      \
		while (!(true_ = (x)) && time_ns() < end_) {     \
			(void)hyp_sched_op(SCHEDOP_yield, NULL); \
		}                                                \
		test_expect(true_, __LINE__, "in time: " #x);    \
	})

static MAYBE_UNUSED bool is_control(void)
{
	return (shim_start_info->flags & SIF_INITDOMAIN) != 0;
}

/* Control domain: true once the core has destroyed that domain. */
static MAYBE_UNUSED bool is_gone(unsigned int dom)
{
	struct xen_memory_domain ask = { .domid = (domid_t)dom };

	return hyp_memory_op(XENMEM_current_reservation, &ask) == -XEN_ESRCH;
}

/* A port of domain `dom` that is offered to us joined with one of our own. */
static MAYBE_UNUSED long bind_any(unsigned int dom, unsigned int from)
{
	long port = -1;
	unsigned int i;

	for (i = from; i < from + 16 && port < 0; i++) {
		port = evtchn_bind_interdomain(dom, i);
	}
	return port;
}

static MAYBE_UNUSED void test_skip(const char *reason)
{
	test_verdict("SKIP", reason);
}

static MAYBE_UNUSED bool test_arg(const char *word)
{
	return has_word((const char *)shim_start_info->cmd_line, word);
}

static bool test_expect(bool good, int line, const char *text)
{
	test_count++;
	if (!good) {
		test_failures++;
		print("main.c:%d: %s\n", line, text);
	}
	return good;
}

static MAYBE_UNUSED bool test_rc(long got, long want, int line, const char *text)
{
	if (!test_expect(got == want, line, text)) {
		print("  got %ld, expected %ld\n", got, want);
		return false;
	}
	return true;
}

/* Without a list any error will do. */
static MAYBE_UNUSED bool test_err(long got, const int *list, size_t count, int line,
				  const char *text)
{
	bool good = got < 0 && got > -4096 && count == 0;
	size_t i;

	for (i = 0; i < count; i++) {
		good |= got == -list[i];
	}
	if (!test_expect(good, line, text)) {
		if (count == 0) {
			print("  got %ld, expected an error\n", got);
		} else {
			print("  got %ld, expected %d%s\n", got, -list[0],
			      count > 1 ? " or another" : "");
		}
	}
	return good;
}

static MAYBE_UNUSED bool test_trap(const struct trap *t, unsigned int vector, const uint64_t *error,
				   int line, const char *text)
{
	bool good = t->hit && t->vector == vector && (error == NULL || t->error == *error);

	if (!test_expect(good, line, text)) {
		print("  got %s %u error %lx cr2 %lx rip %lx, expected trap "
		      "%u error %lx\n",
		      t->hit ? "trap" : "no trap", t->vector, t->error, t->cr2, t->rip, vector,
		      error ? *error : 0ul);
	}
	return good;
}

static MAYBE_UNUSED bool test_no_trap(const struct trap *t, int line, const char *text)
{
	if (!test_expect(!t->hit, line, text)) {
		print("  got trap %u error %lx cr2 %lx rip %lx\n", t->vector, t->error, t->cr2,
		      t->rip);
	}
	return !t->hit;
}

#define EXPECT(x) test_expect(x, __LINE__, #x)
#define EXPECT_RC(call, want) test_rc((long)(call), (long)(want), __LINE__, #call)
#define EXPECT_ERR(call, ...)                                \
	test_err((long)(call), (const int[]){ __VA_ARGS__ }, \
		 sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int), __LINE__, #call)
#define EXPECT_FAIL(call) test_err((long)(call), NULL, 0, __LINE__, #call)
#define EXPECT_TRAP(stmt, vec, ...)                                                        \
	({                                                                                 \
		struct trap trap_;                                                         \
		const uint64_t error_[] = { 0, ##__VA_ARGS__ };                            \
		TRAP_TRY(&trap_, stmt);                                                    \
		test_trap(&trap_, vec,                                                     \
			  ARRAY_SIZE(error_) > 1 ? &error_[ARRAY_SIZE(error_) - 1] : NULL, \
			  __LINE__, #stmt);                                                \
	})
#define EXPECT_NO_TRAP(stmt)                           \
	({                                             \
		struct trap trap_;                     \
		TRAP_TRY(&trap_, stmt);                \
		test_no_trap(&trap_, __LINE__, #stmt); \
	})
#define NEED(x)                                    \
	do {                                       \
		if (!(x)) {                        \
			test_verdict("ERROR", #x); \
		}                                  \
	} while (0)

/* A call that takes a pointer refuses each bad one with -XEN_EFAULT. */
#define EXPECT_EFAULT(p, call)                                             \
	do {                                                               \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(bad_pointers); i_++) { \
			void *p = (void *)bad_pointers[i_];                \
			EXPECT_RC(call, -XEN_EFAULT);                      \
		}                                                          \
	} while (0)

/* One byte, word, ... read or written where an exception may come of it. */
static MAYBE_UNUSED void poke(unsigned long va, uint64_t value)
{
	*(volatile uint64_t *)va = value;
}

static MAYBE_UNUSED uint64_t peek(unsigned long va)
{
	return *(volatile uint64_t *)va;
}

void guest_main(void)
{
	test();
	if (test_failures == 0) {
		print("%u expectations held\n", test_count);
		test_verdict("SUCCESS", "");
	}
	print("%u of %u expectations failed\n", test_failures, test_count);
	test_verdict("FAILURE", "see above");
}

#endif

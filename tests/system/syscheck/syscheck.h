/* SPDX-License-Identifier: MIT */
/*
 * Small checks of what a paravirtual kernel could get wrong. Each check runs in
 * a process of its own with a time limit; it passes by returning. Errors: a
 * failed expect() or a skip() prints one line and ends that process.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096UL
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct check {
	const char *name;
	void (*run)(void);
};

/* One table for each file, ended by an empty entry. */
extern const struct check fault_checks[], signal_checks[], ptrace_checks[], memory_checks[],
	process_checks[], time_checks[], segment_checks[], fpu_checks[], system_checks[];

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void skip(const char *format, ...);

#define fail_expect(what, format, ...) fail("%s: " format, what, ##__VA_ARGS__)
#define expect(condition, ...)                                \
	do {                                                  \
		if (!(condition)) {                           \
			fail_expect(#condition, __VA_ARGS__); \
		}                                             \
	} while (0)
#define expect_equal(got, want)                                               \
	do {                                                                  \
		long long got_ = (long long)(got), want_ = (long long)(want); \
		if (got_ != want_) {                                          \
			fail("%s is %#llx, not %#llx", #got, got_, want_);    \
		}                                                             \
	} while (0)
/* A call that may not fail; its result. */
#define must(call)                                              \
	({                                                      \
		__auto_type result_ = (call);                   \
		if ((intptr_t)result_ == -1) {                  \
			fail("%s: %s", #call, strerror(errno)); \
		}                                               \
		result_;                                        \
	})

/* What the last caught signal told. */
struct caught {
	int signal, code;
	uint64_t address, rip, trap, error, cr2;
};
extern volatile struct caught caught;

/* Run body(argument); true if it ended by a signal, described in "caught". */
bool faults(void (*body)(void *), void *argument);
void on_signal(int number, void (*handler)(int, siginfo_t *, void *), int flags);
/* The CPUs of this machine, and moving there; needs_cpus() skips on fewer. */
int cpu_count(void);
void needs_cpus(int count);
void move_to(int cpu);
void *pages(size_t count, int protection);
double now(void);
/* Run body in a child; its exit code, or 128 + signal. */
int child(void (*body)(void *), void *argument);

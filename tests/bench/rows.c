/* SPDX-License-Identifier: MIT */
/*
 * What operating system work costs: one line for each kind,
 *
 *   ROW name min median max      nanoseconds for one operation
 *
 * over five measurements each. Under QEMU's instruction counting a nanosecond
 * of the guest is an instruction. Runs on the bare kernel and in a control
 * domain alike; what needs the hypervisor is in hv_rows.c and is left out
 * where there is none. First it prints "RESET n": the time stamp counter,
 * which counts from the machine's reset.
 *
 *   rows [-d DIVISOR] [NAME...]     fewer operations; only these rows
 */
#include "rows.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096ul
#define PAGES_PER_MAP 256
#define MPROTECT_PAGES 16
#define MEASUREMENTS 5

void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static char *map_pages(size_t count)
{
	char *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED) {
		fail("mmap");
	}
	return p;
}

/* A loop that never enters a kernel: shows that clock and counting agree. */
static void row_spin(long n)
{
	for (volatile long i = 0; i < n; i++) {}
}

static void row_getpid(long n)
{
	for (long i = 0; i < n; i++) {
		syscall(SYS_getpid);
	}
}

static void row_clock_gettime(long n)
{
	struct timespec t;

	for (long i = 0; i < n; i++) {
		clock_gettime(CLOCK_MONOTONIC, &t);
	}
}

/* Forks, lets the child run `program` or just end, and waits for it. */
static void spawn(const char *program)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (program != NULL) {
			execl(program, program, "--nothing", (char *)NULL);
		}
		_exit(program != NULL);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		fail("a child");
	}
}

static void row_fork_exit(long n)
{
	for (long i = 0; i < n; i++) {
		spawn(NULL);
	}
}

static void row_fork_exec(long n)
{
	for (long i = 0; i < n; i++) {
		spawn("/proc/self/exe");
	}
}

/* Passes n bytes on, one at a time. */
static void echo(int from, int to, long n)
{
	char byte = 0;

	for (long i = 0; i < n; i++) {
		if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1) {
			fail("pipe");
		}
	}
}

/* One operation is one switch from a process to the other, by a pipe. */
static void row_pipe_switch(long n)
{
	int there[2], back[2];
	pid_t child;

	if (pipe(there) != 0 || pipe(back) != 0) {
		fail("pipe");
	}
	child = fork();
	if (child == 0) {
		echo(there[0], back[1], n / 2);
		_exit(0);
	}
	if (write(there[1], "", 1) != 1) {
		fail("pipe");
	}
	echo(back[0], there[1], n / 2 - 1);
	waitpid(child, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}

/* The bare context switch: two processes that do nothing but yield. */
static void row_yield_switch(long n)
{
	pid_t child = fork();

	for (long i = 0; i < n / 2; i++) {
		sched_yield();
	}
	if (child == 0) {
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void row_mmap_munmap(long n)
{
	for (long i = 0; i < n; i++) {
		munmap(map_pages(PAGES_PER_MAP), PAGES_PER_MAP * PAGE);
	}
}

/* First touch of a page; a share of mapping and unmapping is in it. */
static void row_touch(long n)
{
	for (long i = 0; i < n; i += PAGES_PER_MAP) {
		volatile char *p = map_pages(PAGES_PER_MAP);

		madvise((void *)p, PAGES_PER_MAP * PAGE, MADV_NOHUGEPAGE);
		for (unsigned int page = 0; page < PAGES_PER_MAP; page++) {
			p[page * PAGE] = 1;
		}
		munmap((void *)p, PAGES_PER_MAP * PAGE);
	}
}

static void row_mprotect(long n)
{
	char *p = map_pages(MPROTECT_PAGES);

	memset(p, 1, MPROTECT_PAGES * PAGE);
	for (long i = 0; i < n; i++) {
		int rights = i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE;

		if (mprotect(p, MPROTECT_PAGES * PAGE, rights) != 0) {
			fail("mprotect");
		}
	}
	munmap(p, MPROTECT_PAGES * PAGE);
}

static void on_user_signal(int number)
{
	(void)number;
}

static void row_signal(long n)
{
	signal(SIGUSR1, on_user_signal);
	for (long i = 0; i < n; i++) {
		kill(getpid(), SIGUSR1);
	}
}

static char *guarded;

static void on_fault(int number)
{
	(void)number;
	mprotect(guarded, PAGE, PROT_READ | PROT_WRITE);
}

/* A write to a read-only page, its signal, and the repair; and the protecting. */
static void row_segv_repair(long n)
{
	guarded = map_pages(1);
	signal(SIGSEGV, on_fault);
	for (long i = 0; i < n; i++) {
		mprotect(guarded, PAGE, PROT_READ);
		*(volatile char *)guarded = 1;
	}
	signal(SIGSEGV, SIG_DFL);
	munmap(guarded, PAGE);
}

static const struct row rows[] = {
	{ "spin", row_spin, 1000000 },
	{ "getpid", row_getpid, 20000 },
	{ "clock_gettime", row_clock_gettime, 20000 },
	{ "fork_exit", row_fork_exit, 60 },
	{ "fork_exec", row_fork_exec, 40 },
	{ "pipe_switch", row_pipe_switch, 4000 },
	{ "yield_switch", row_yield_switch, 4000 },
	{ "mmap_munmap", row_mmap_munmap, 4000 },
	{ "touch", row_touch, 4096 },
	{ "mprotect_16", row_mprotect, 4000 },
	{ "signal", row_signal, 4000 },
	{ "segv_repair", row_segv_repair, 2000 },
};

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void measure(const struct row *row, long divisor)
{
	double result[MEASUREMENTS];
	long n = row->count / divisor;

	if (n < 4) {
		n = 4;
	}
	row->run(n / 4 + 4);
	for (int i = 0; i < MEASUREMENTS; i++) {
		uint64_t start = now();

		row->run(n);
		result[i] = (double)(now() - start) / (double)n;
	}
	qsort(result, MEASUREMENTS, sizeof(result[0]), ascending);
	printf("ROW %s %.1f %.1f %.1f\n", row->name, result[0], result[MEASUREMENTS / 2],
	       result[MEASUREMENTS - 1]);
}

/* True if the row is named, or none is. */
static int is_chosen(const char *name, char **names)
{
	if (*names == NULL) {
		return 1;
	}
	while (*names != NULL && strcmp(*names, name) != 0) {
		names++;
	}
	return *names != NULL;
}

static void measure_all(const struct row *list, size_t count, long divisor, char **names)
{
	for (size_t i = 0; i < count; i++) {
		if (is_chosen(list[i].name, names)) {
			measure(&list[i], divisor);
		}
	}
}

int main(int argc, char **argv)
{
	const struct row *hv;
	size_t hv_count;
	long divisor = 1;
	int first = 1;

	if (argc > 1 && strcmp(argv[1], "--nothing") == 0) {
		return 0;
	}
	printf("RESET %llu\n", (unsigned long long)__rdtsc());
	if (argc > 2 && strcmp(argv[1], "-d") == 0) {
		divisor = atol(argv[2]);
		first = 3;
	}
	if (divisor < 1) {
		fprintf(stderr, "rows: -d wants a number above 0\n");
		return 2;
	}
	setlinebuf(stdout);
	measure_all(rows, sizeof(rows) / sizeof(rows[0]), divisor, argv + first);
	hv_count = hv_rows(&hv);
	measure_all(hv, hv_count, divisor, argv + first);
	puts("ROWS done");
	return 0;
}

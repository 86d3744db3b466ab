// SPDX-License-Identifier: MIT
/*
 * Runs the checks and prints "ok NAME", "skip NAME: why" or "FAIL NAME: what"
 * for each, then a line of totals. Arguments choose checks by name. The lines
 * are the same on a bare machine and under a hypervisor, which is the test.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <sched.h>
#include <stdarg.h>

#define TIME_LIMIT 60 /* seconds, for the slowest of emulated machines */

static const char *name;
volatile struct caught caught;

static void say(const char *what, const char *format, va_list args)
{
	char line[400];
	int n = snprintf(line, sizeof(line), "%s %s: ", what, name);

	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	printf("%s\n", line);
	fflush(stdout);
}

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("FAIL", format, args);
	va_end(args);
	_exit(1);
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("skip", format, args);
	va_end(args);
	_exit(77);
}

void on_signal(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	must(sigaction(number, &action, NULL));
}

static sigjmp_buf fault_return;

static void catch_fault(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	caught.signal = number;
	caught.code = info->si_code;
	caught.address = (uint64_t)info->si_addr;
	caught.rip = (uint64_t)regs[REG_RIP];
	caught.trap = (uint64_t)regs[REG_TRAPNO];
	caught.error = (uint64_t)regs[REG_ERR];
	caught.cr2 = (uint64_t)regs[REG_CR2];
	siglongjmp(fault_return, 1);
}

bool faults(void (*body)(void *), void *argument)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	static char stack[64 * 1024];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	memset((void *)&caught, 0, sizeof(caught));
	must(sigaltstack(&alternate, NULL));
	for (size_t i = 0; i < COUNT(numbers); i++) {
		on_signal(numbers[i], catch_fault, SA_ONSTACK);
	}
	if (sigsetjmp(fault_return, 1) == 0) {
		body(argument);
		return false;
	}
	return true;
}

int cpu_count(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void needs_cpus(int count)
{
	if (cpu_count() < count) {
		skip("needs %d CPUs", count);
	}
}

void move_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % cpu_count(), &set);
	must(sched_setaffinity(0, sizeof(set), &set));
}

void *pages(size_t count, int protection)
{
	void *p = mmap(NULL, count * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(p != MAP_FAILED, "%s", strerror(errno));
	return p;
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int child(void (*body)(void *), void *argument)
{
	int status = 0;
	pid_t pid = must(fork());

	if (pid == 0) {
		body(argument);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct check *check)
{
	int status = 0;
	pid_t pid;

	name = check->name;
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		alarm(TIME_LIMIT);
		check->run();
		printf("ok %s\n", name);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("FAIL %s: no process for it\n", name);
		return 1;
	}
	kill(-pid, SIGKILL); /* what the check left behind */
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: ended by signal %d\n", name, WTERMSIG(status));
		return 1;
	}
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	static const struct check *const tables[] = {
		fault_checks, signal_checks,  ptrace_checks, memory_checks, process_checks,
		time_checks,  segment_checks, fpu_checks,    system_checks,
	};
	int passed = 0, failed = 0, skipped = 0;

	if (argc > 1 && strcmp(argv[1], "--exec") == 0) {
		return argc - 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < COUNT(tables); i++) {
		for (const struct check *check = tables[i]; check->name; check++) {
			bool wanted = argc == 1;
			int rc;

			for (int n = 1; n < argc; n++) {
				wanted |= strcmp(argv[n], check->name) == 0;
			}
			if (!wanted) {
				continue;
			}
			rc = run(check);
			passed += rc == 0;
			skipped += rc == 77;
			failed += rc != 0 && rc != 77;
		}
	}
	printf("syscheck: %d ok, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}

// SPDX-License-Identifier: MIT
/*
 * Debugging: single steps by the trap flag and by ptrace, registers of another
 * process, hardware breakpoints, breakpoints in code that other processes share.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* ---- The trap flag ----------------------------------------------------------------- */

static volatile uint64_t steps[64], step_count;

static void on_step(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	if (step_count < COUNT(steps)) {
		steps[step_count] = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	}
	step_count++;
}

static void trap_flag(void)
{
	uint64_t base;

	on_signal(SIGTRAP, on_step, 0);
	asm volatile("lea 1f(%%rip), %0; pushf; orl $0x100, (%%rsp); popf\n\t"
		     "1: nop; mov $39, %%eax; syscall; nop; cpuid; nop\n\t"
		     "pushf; andl $~0x100, (%%rsp); popf"
		     : "=&r"(base)
		     :
		     : "rax", "rbx", "rcx", "rdx", "r11", "memory", "cc");
	/*
	 * After nop, mov, syscall, nop, cpuid, nop. The step after a system call
	 * is lost on some emulators.
	 */
	static const int offsets[] = { 1, 6, 8, 9, 11, 12 };
	size_t step = 0;

	for (size_t i = 0; i < COUNT(offsets); i++) {
		if (offsets[i] == 8 && steps[step] != base + 8) {
			continue;
		}
		expect(steps[step] == base + (unsigned)offsets[i], "step %zu at +%ld", step,
		       (long)(steps[step] - base));
		step++;
	}
}

/* ---- Another process ---------------------------------------------------------------- */

static volatile uint64_t watched, other;

static pid_t traced(void (*body)(void))
{
	int status;
	pid_t pid = must(fork());

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		body();
		_exit(7);
	}
	must(waitpid(pid, &status, 0));
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "status %x", status);
	return pid;
}

/* Continue; the signal at which it stops, or -1 - exit code. */
static int resume(pid_t pid, int request)
{
	int status;

	must(ptrace(request, pid, 0, 0));
	must(waitpid(pid, &status, 0));
	return WIFSTOPPED(status) ? WSTOPSIG(status) :
				    -1 - (WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

static struct user_regs_struct registers_of(pid_t pid)
{
	struct user_regs_struct regs;

	must(ptrace(PTRACE_GETREGS, pid, 0, &regs));
	return regs;
}

static void nothing(void)
{
	asm volatile("mov $0x1234, %%r14; int3; mov %%r14, %0" : "=m"(other) : : "r14", "memory");
	_exit(other == 0x4321 ? 9 : 8);
}

static void registers(void)
{
	pid_t pid = traced(nothing);
	struct user_regs_struct regs;

	expect_equal(resume(pid, PTRACE_CONT), SIGTRAP);
	regs = registers_of(pid);
	expect_equal(regs.r14, 0x1234);
	expect_equal(ptrace(PTRACE_PEEKTEXT, pid, regs.rip - 1, 0) & 0xff, 0xcc);
	regs.r14 = 0x4321;
	must(ptrace(PTRACE_SETREGS, pid, 0, &regs));
	expect_equal(resume(pid, PTRACE_CONT), -10);
}

static void bad_registers(void)
{
	pid_t pid = traced(nothing);
	struct user_regs_struct regs = registers_of(pid);

	regs.fs_base = 0xffff820000000000;
	expect_equal(ptrace(PTRACE_SETREGS, pid, 0, &regs), -1);
	regs = registers_of(pid);
	regs.cs = 0x10;
	expect_equal(ptrace(PTRACE_SETREGS, pid, 0, &regs), -1);
	regs = registers_of(pid);
	regs.rip = 0x8000000000000000;
	must(ptrace(PTRACE_SETREGS, pid, 0, &regs));
	expect_equal(resume(pid, PTRACE_CONT), SIGSEGV);
	kill(pid, SIGKILL);
}

static void loop(void)
{
	for (int i = 0; i < 20; i++) {
		getppid();
	}
}

static void single_step(void)
{
	pid_t pid = traced(loop);
	int count = 0, rc;

	while ((rc = resume(pid, PTRACE_SINGLESTEP)) == SIGTRAP && count < 100000) {
		count++;
	}
	expect_equal(rc, -8);
	expect(count > 60, "%d steps", count);
}

static void system_calls(void)
{
	pid_t pid = traced(loop);
	int stops = 0, calls = 0, rc;

	while ((rc = resume(pid, PTRACE_SYSCALL)) == SIGTRAP) {
		stops++;
		calls += registers_of(pid).orig_rax == SYS_getppid;
	}
	expect_equal(rc, -8);
	expect_equal(calls, 40);
	expect_equal(stops, 41);
}

static void touch(void)
{
	for (int cpu = 0; cpu < 4; cpu++) {
		move_to(cpu);
		other = watched; /* a read, which a watch for writes does not see */
		watched = other + 1;
		getppid();
	}
}

#define DEBUG_REGISTER(n) (offsetof(struct user, u_debugreg) + 8 * (n))

static void watchpoint(void)
{
	pid_t pid = traced(touch);
	siginfo_t info;
	int rc;

	errno = 0;
	must(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(0), &watched));
	/* Local enable of 0, 8 bytes, writes. */
	must(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(7), 0x1 | 9 << 16));
	for (int i = 0; i < 4; i++) {
		expect_equal(resume(pid, PTRACE_CONT), SIGTRAP);
		must(ptrace(PTRACE_GETSIGINFO, pid, 0, &info));
		expect_equal(info.si_code, TRAP_HWBKPT);
		expect_equal(ptrace(PTRACE_PEEKUSER, pid, DEBUG_REGISTER(6), 0) & 0xf, 1);
		expect_equal(ptrace(PTRACE_PEEKDATA, pid, &watched, 0), i + 1);
		/* Another process runs here meanwhile: it has no breakpoint. */
		watched++;
	}
	rc = resume(pid, PTRACE_CONT);
	expect_equal(rc, -8);
}

__attribute__((noinline)) static void target(void)
{
	asm volatile("nop");
}

static void call_target(void)
{
	target();
	target();
}

static void breakpoint(void)
{
	pid_t pid = traced(call_target);

	must(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(1), target));
	must(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(7), 0x4));
	for (int i = 0; i < 2; i++) {
		expect_equal(resume(pid, PTRACE_CONT), SIGTRAP);
		expect_equal(registers_of(pid).rip, target);
		expect_equal(ptrace(PTRACE_PEEKUSER, pid, DEBUG_REGISTER(6), 0) & 0xf, 2);
		target();
	}
	expect_equal(resume(pid, PTRACE_CONT), -8);
	/* Kernel addresses are refused. */
	pid = traced(call_target);
	expect_equal(ptrace(PTRACE_POKEUSER, pid, DEBUG_REGISTER(0), 0xffffffff81000000), -1);
	kill(pid, SIGKILL);
}

/* An int3 written into one process's text: the others keep theirs. */
static void shared_text(void)
{
	pid_t pid = traced(call_target);
	long word = ptrace(PTRACE_PEEKTEXT, pid, target, 0);

	must(ptrace(PTRACE_POKETEXT, pid, target, (word & ~0xffL) | 0xcc));
	target();
	expect_equal(resume(pid, PTRACE_CONT), SIGTRAP);
	must(ptrace(PTRACE_POKETEXT, pid, target, word));
	struct user_regs_struct regs = registers_of(pid);

	regs.rip--;
	must(ptrace(PTRACE_SETREGS, pid, 0, &regs));
	expect_equal(resume(pid, PTRACE_CONT), -8);
}

static void float_body(void)
{
	static float values[4] = { 1, 2, 3, 4 };

	asm volatile("movups %0, %%xmm5; int3; movups %%xmm5, %0" : "+m"(values) : : "xmm5");
	_exit((int)values[2]);
}

static void float_registers(void)
{
	pid_t pid = traced(float_body);
	struct user_fpregs_struct regs;
	float *xmm5 = (float *)&regs.xmm_space[5 * 4];

	expect_equal(resume(pid, PTRACE_CONT), SIGTRAP);
	must(ptrace(PTRACE_GETFPREGS, pid, 0, &regs));
	expect(xmm5[0] == 1 && xmm5[3] == 4, "%f %f", xmm5[0], xmm5[3]);
	xmm5[2] = 42;
	must(ptrace(PTRACE_SETFPREGS, pid, 0, &regs));
	expect_equal(resume(pid, PTRACE_CONT), -43);
}

const struct check ptrace_checks[] = {
	{ "ptrace-trap-flag", trap_flag },
	{ "ptrace-registers", registers },
	{ "ptrace-bad-registers", bad_registers },
	{ "ptrace-single-step", single_step },
	{ "ptrace-system-calls", system_calls },
	{ "ptrace-watchpoint", watchpoint },
	{ "ptrace-breakpoint", breakpoint },
	{ "ptrace-shared-text", shared_text },
	{ "ptrace-float-registers", float_registers },
	{ NULL, NULL },
};

// SPDX-License-Identifier: MIT
/*
 * Signal frames: registers go out and come back, stacks switch, and a frame
 * that user code spoiled ends in SIGSEGV, not in a dead kernel.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>

/* ---- Registers --------------------------------------------------------------- */

static greg_t seen[NGREG];

static void change_registers(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	memcpy(seen, regs, sizeof(seen));
	regs[REG_RIP] += 2;
	regs[REG_RBX] = 0x1111;
	regs[REG_R12] = (greg_t)0xfedcba9876543210;
	regs[REG_R11] = 0x7777;
	regs[REG_RCX] = 0x8888;
}

static void registers(void)
{
	uint64_t rbx, r12, r11, rcx, r8;

	on_signal(SIGILL, change_registers, 0);
	asm volatile(
		"mov $0x101, %%rbx; mov $0x112, %%r12; mov $0x111, %%r11; mov $0x102, %%rcx\n\t"
		"mov $0x108, %%r8; mov $0x10a, %%r10; stc; std; ud2; cld\n\t"
		"mov %%rbx, %0; mov %%r12, %1; mov %%r11, %2; mov %%rcx, %3; mov %%r8, %4"
		: "=m"(rbx), "=m"(r12), "=m"(r11), "=m"(rcx), "=m"(r8)
		:
		: "rbx", "r12", "r11", "rcx", "r8", "r10", "memory", "cc");
	expect_equal(seen[REG_RBX], 0x101);
	expect_equal(seen[REG_R12], 0x112);
	expect_equal(seen[REG_R11], 0x111);
	expect_equal(seen[REG_RCX], 0x102);
	expect_equal(seen[REG_R8], 0x108);
	expect_equal(seen[REG_R10], 0x10a);
	expect_equal(seen[REG_EFL] & 0x401, 0x401);
	expect_equal(seen[REG_EFL] & 0x200, 0x200);
	expect_equal(rbx, 0x1111);
	expect_equal(r12, 0xfedcba9876543210);
	expect_equal(r11, 0x7777);
	expect_equal(rcx, 0x8888);
	expect_equal(r8, 0x108);
}

/* A loop whose registers hold a sum, while signals come in at any instruction. */
static volatile sig_atomic_t ticks;

static void count(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	ticks++;
	asm volatile("xor %%ebx, %%ebx; xor %%r8d, %%r8d; xor %%r15d, %%r15d; xor %%ecx, %%ecx"
		     :
		     :
		     : "rbx", "r8", "r15", "rcx");
}

static void interrupted_loop(void)
{
	struct itimerval timer = { .it_interval = { 0, 2000 }, .it_value = { 0, 2000 } };
	uint64_t a, b, c, rounds = 2000000;

	on_signal(SIGALRM, count, SA_RESTART);
	must(setitimer(ITIMER_REAL, &timer, NULL));
	for (double end = now() + 10; ticks < 50 && now() < end;) {
		a = 0, b = 0, c = rounds;
		asm volatile("1: add $3, %0; lea 5(%1), %1; dec %2; jnz 1b"
			     : "+r"(a), "+r"(b), "+r"(c)
			     :
			     : "cc");
		expect_equal(a, 3 * rounds);
		expect_equal(b, 5 * rounds);
	}
	expect(ticks >= 50, "%d ticks", (int)ticks);
}

/* ---- Stacks ------------------------------------------------------------------- */

static volatile uint64_t handler_stack;

static void note_stack(int number, siginfo_t *info, void *context)
{
	char here;

	(void)number, (void)info, (void)context;
	handler_stack = (uint64_t)&here;
}

static void alternate_stack(void)
{
	static char stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) }, old;
	char here;

	must(sigaltstack(&alternate, NULL));
	on_signal(SIGUSR1, note_stack, SA_ONSTACK);
	on_signal(SIGUSR2, note_stack, 0);
	must(raise(SIGUSR1));
	expect(handler_stack - (uint64_t)stack < sizeof(stack), "not on the stack");
	must(raise(SIGUSR2));
	expect((uint64_t)&here - handler_stack < 65536, "not on the old stack");
	must(sigaltstack(NULL, &old));
	expect_equal(old.ss_flags, 0);
}

__attribute__((noinline)) static void recurse(int depth)
{
	volatile char block[1024];

	block[0] = (char)depth;
	if (depth > 0) {
		recurse(depth - 1);
	}
	/* Not a tail call, which would be a loop. */
	asm volatile("" : : "m"(block[0]) : "memory");
}

static void recurse_body(void *depth)
{
	recurse((int)(intptr_t)depth);
}

static void stack_growth(void)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_STACK, &limit));
	limit.rlim_cur = 8 << 20;
	must(setrlimit(RLIMIT_STACK, &limit));
	expect(!faults(recurse_body, (void *)4000L), "4 MB of stack: signal %d", caught.signal);
	for (int i = 0; i < 3; i++) {
		expect(faults(recurse_body, (void *)100000L), "no overflow");
		expect_equal(caught.signal, SIGSEGV);
	}
}

/* ---- Order, masks, queues -------------------------------------------------------- */

static volatile int queue[16], queued;

static void enqueue(int number, siginfo_t *info, void *context)
{
	(void)context;
	queue[queued++ % 16] = (number - SIGRTMIN) * 100 + info->si_value.sival_int;
}

static void queues(void)
{
	sigset_t all, old;

	sigfillset(&all);
	for (int i = 0; i < 3; i++) {
		struct sigaction action = { .sa_sigaction = enqueue, .sa_flags = SA_SIGINFO };

		sigfillset(&action.sa_mask);
		must(sigaction(SIGRTMIN + i, &action, NULL));
	}
	must(sigprocmask(SIG_BLOCK, &all, &old));
	for (int i = 5; i >= 0; i--) {
		union sigval value = { .sival_int = i };

		must(sigqueue(getpid(), SIGRTMIN + i % 3, value));
	}
	expect_equal(queued, 0);
	must(sigprocmask(SIG_SETMASK, &old, NULL));
	expect_equal(queued, 6);
	/* Low numbers first, and each number in the order of sending. */
	expect(queue[0] == 3 && queue[1] == 0 && queue[2] == 104 && queue[3] == 101 &&
		       queue[4] == 205 && queue[5] == 202,
	       "%d %d %d %d %d %d", queue[0], queue[1], queue[2], queue[3], queue[4], queue[5]);
}

static void nested(int number, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	ticks++;
	if (number < SIGRTMIN + 5) {
		raise(number + 1);
		asm volatile("ud2"); /* a fault inside of handlers */
	}
}

static void skip_ud2(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
	ticks += 100;
}

static void nesting(void)
{
	for (int i = 0; i <= 5; i++) {
		on_signal(SIGRTMIN + i, nested, 0);
	}
	on_signal(SIGILL, skip_ud2, SA_NODEFER);
	must(raise(SIGRTMIN));
	expect_equal(ticks, 506);
}

/* ---- Frames that user code spoiled ------------------------------------------------- */

struct spoil {
	int reg;
	uint64_t value, mask;
};
static const struct spoil *spoil;

static void do_spoil(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	regs[spoil->reg] = (greg_t)(((uint64_t)regs[spoil->reg] & ~spoil->mask) | spoil->value);
	regs[REG_R15] = 0x1515;
}

static void raise_body(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
	asm volatile("" : : : "r15");
}

static void spoiled_frames(void)
{
	/*
	 * gregs[REG_CSGSFS] holds cs, gs, fs and ss, 16 bits each. The kernel's
	 * own segments are left out: a paravirtual kernel lives in ring 3.
	 */
	static const struct spoil spoils[] = {
		{ REG_RIP, 0x0000800000000000, ~0UL }, /* not canonical */
		{ REG_RIP, 0x8000000000000000, ~0UL },
		{ REG_RIP, 0xffff820000000000, ~0UL }, /* the hypervisor's */
		{ REG_RIP, 0xffffffff81000000, ~0UL }, /* the kernel's */
		{ REG_RIP, 0, ~0UL },
		{ REG_RSP, 0x8000000000000000, ~0UL },
		{ REG_RSP, 0xffff820000000000, ~0UL },
		{ REG_RSP, 0, ~0UL },
		{ REG_CSGSFS, 0x0000, 0xffff },			/* null cs */
		{ REG_CSGSFS, 0x002b, 0xffff },			/* data as cs */
		{ REG_CSGSFS, 0x000f, 0xffff },			/* no such LDT entry */
		{ REG_CSGSFS, 0xfffb, 0xffff },			/* past the GDT's end */
		{ REG_CSGSFS, 0x0057UL << 48, 0xffffUL << 48 }, /* ss from the LDT */
		{ REG_CSGSFS, 0x0033UL << 48, 0xffffUL << 48 }, /* code as ss */
		{ REG_CSGSFS, 0xfffbUL << 48, 0xffffUL << 48 },
	};
	char wrong[200] = "";

	for (size_t i = 0; i < COUNT(spoils); i++) {
		size_t used = strlen(wrong);

		spoil = &spoils[i];
		on_signal(SIGUSR1, do_spoil, 0);
		/* The code runs into a fault sooner or later; the kernel lives. */
		if (!faults(raise_body, NULL) ||
		    (caught.signal != SIGSEGV && caught.signal != SIGBUS)) {
			snprintf(wrong + used, sizeof(wrong) - used, "%zu: signal %d; ", i,
				 caught.signal);
		}
	}
	expect(!wrong[0], "%s", wrong);
}

/* Flags that user code may not set stay as they were. */
static void spoiled_flags(void)
{
	static const struct spoil flags = { REG_EFL, 0x3000 | 0x20000 | 0x100000 | 0x4000, 0 };
	uint64_t after;

	spoil = &flags;
	on_signal(SIGUSR1, do_spoil, 0);
	must(raise(SIGUSR1));
	asm volatile("pushf; pop %0" : "=r"(after));
	expect_equal(after & 0x3000, 0);  /* IOPL */
	expect_equal(after & 0x20000, 0); /* VM */
	expect_equal(after & 0x200, 0x200);
}

/* ---- Between threads ------------------------------------------------------------------ */

static volatile int stop;

static void *spin(void *cpu)
{
	move_to((int)(intptr_t)cpu);
	while (!stop) {}
	return NULL;
}

static void cross_cpu(void)
{
	pthread_t thread;

	needs_cpus(2);
	on_signal(SIGUSR1, count, 0);
	move_to(0);
	must(pthread_create(&thread, NULL, spin, (void *)1L));
	for (int i = 0; i < 200; i++) {
		int before = ticks;
		double end = now() + 10;

		expect_equal(pthread_kill(thread, SIGUSR1), 0);
		while (ticks == before && now() < end) {}
		expect_equal(ticks, before + 1);
	}
	stop = 1;
	pthread_join(thread, NULL);
}

/* sigreturn gives back the mask, and a system call is restarted. */
static void *write_later(void *fd)
{
	usleep(100000);
	kill(getpid(), SIGUSR1);
	usleep(100000);
	must(write((int)(intptr_t)fd, "x", 1));
	return NULL;
}

static void restart(void)
{
	sigset_t set;
	pthread_t thread;
	int fds[2];
	char c = 0;

	must(pipe(fds));
	on_signal(SIGUSR1, count, SA_RESTART);
	must(pthread_create(&thread, NULL, write_later, (void *)(intptr_t)fds[1]));
	sigemptyset(&set);
	expect_equal(read(fds[0], &c, 1), 1);
	expect_equal(c, 'x');
	expect_equal(ticks, 1);
	pthread_join(thread, NULL);
}

const struct check signal_checks[] = {
	{ "signal-registers", registers },
	{ "signal-interrupted-loop", interrupted_loop },
	{ "signal-alternate-stack", alternate_stack },
	{ "signal-stack-growth", stack_growth },
	{ "signal-queues", queues },
	{ "signal-nesting", nesting },
	{ "signal-spoiled-frames", spoiled_frames },
	{ "signal-spoiled-flags", spoiled_flags },
	{ "signal-cross-cpu", cross_cpu },
	{ "signal-restart", restart },
	{ NULL, NULL },
};

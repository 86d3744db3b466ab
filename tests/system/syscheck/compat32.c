// SPDX-License-Identifier: MIT
/*
 * A 32-bit program, started by syscheck; its exit code is the number of the
 * first check that failed, or 0. It needs neither headers nor libraries, which
 * a 64-bit system may not have: gcc -m32 -nostdlib -static -ffreestanding.
 */
typedef unsigned int u32;

/* The fourth argument is the size of a signal set: of use to one call alone. */
static int int80(u32 number, u32 a, u32 b, u32 c)
{
	int result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(8)
		     : "memory");
	return result;
}

#define SYS_exit 1
#define SYS_fork 2
#define SYS_getpid 20
#define SYS_waitpid 7
#define SYS_kill 37
#define SYS_sched_yield 158
#define SYS_rt_sigaction 174
#define SYS_rt_sigreturn 173
#define SYS_set_thread_area 243

static u32 entry; /* the kernel's own way in: sysenter or syscall */

static int fast(u32 number, u32 a, u32 b, u32 c)
{
	int result;

	asm volatile("call *%1"
		     : "=a"(result)
		     : "m"(entry), "a"(number), "b"(a), "c"(b), "d"(c)
		     : "memory");
	return result;
}

static void check(int number, int good)
{
	if (!good) {
		int80(SYS_exit, (u32)number, 0, 0);
	}
}

struct action {
	u32 handler, flags, restorer, mask[2];
};

static volatile u32 caught, caught_address, caught_trap, caught_cs;

static void restorer(void)
{
	asm volatile("mov $173, %eax; int $0x80");
}

static void handler(int number, u32 *info, u32 *context)
{
	u32 *regs =
		context + 5; /* uc_mcontext: gs fs es ds di si bp sp bx dx cx ax trapno err ip cs */

	caught = (u32)number;
	caught_address = info[3];
	caught_trap = regs[12];
	caught_cs = regs[15] & 0xffff;
	regs[14] += regs[11]; /* eax holds the length of the instruction */
}

static int install(int number)
{
	struct action action = { (u32)handler, 4 | 0x04000000, (u32)restorer, { 0, 0 } };

	return int80(SYS_rt_sigaction, (u32)number, (u32)&action, 0) |
	       (int80(SYS_rt_sigaction, 99, (u32)&action, 0) == 0);
}

static u32 page_fault(u32 address)
{
	u32 length = 2;

	asm volatile("mov (%1), %%cl" : "+a"(length) : "d"(address) : "ecx", "memory");
	return caught;
}

static void segments(void)
{
	static u32 value = 0x5678;
	/* entry_number, base, limit, flags: 32-bit, limit in pages, usable */
	u32 area[4] = { (u32)-1, (u32)&value, 0xfffff, 0x51 }, seen;

	check(20, int80(SYS_set_thread_area, (u32)area, 0, 0) == 0);
	asm volatile("mov %1, %%gs; mov %%gs:0, %0" : "=r"(seen) : "r"(area[0] << 3 | 3));
	check(21, seen == 0x5678);
	for (int i = 0; i < 50; i++) {
		int80(SYS_sched_yield, 0, 0, 0);
		value++;
		asm volatile("mov %%gs:0, %0" : "=r"(seen));
		check(22, seen == value);
	}
}

/* The stack at the start: argc, argv, NULL, environment, NULL, auxiliary vector. */
__attribute__((used)) static void start(u32 *stack)
{
	u32 *p = stack + 1 + stack[0] + 1;
	int pid, status = 0;

	while (*p++) {}
	for (; p[0]; p += 2) {
		if (p[0] == 32) { /* AT_SYSINFO */
			entry = p[1];
		}
	}
	pid = int80(SYS_getpid, 0, 0, 0);
	check(1, pid > 0);
	check(2, entry != 0);
	for (int i = 0; i < 200; i++) {
		check(3, fast(SYS_getpid, 0, 0, 0) == pid);
	}
	check(4, int80(9999, 0, 0, 0) == -38);
	check(5, fast(9999, 0, 0, 0) == -38);

	check(6, install(11) == 0 && install(4) == 0 && install(5) == 0 && install(10) == 0);
	check(7, page_fault(0xfffff000) == 11 && caught_address == 0xfffff000 && caught_trap == 14);
	check(8, caught_cs == 0x23);
	check(9, page_fault(8) == 11 && caught_address == 8);
	asm volatile("ud2" : : "a"(2));
	check(10, caught == 4);
	asm volatile("int3" : : "a"(0));
	check(11, caught == 5 && caught_trap == 3);
	asm volatile("hlt" : : "a"(1));
	check(12, caught == 11 && caught_trap == 13);
	caught = 0;
	asm volatile("mov $0x7fffffff, %%ecx; add $1, %%ecx; into" : : "a"(0) : "ecx", "cc");
	check(13, caught == 11 && caught_trap == 4);
	check(14, fast(SYS_kill, (u32)pid, 10, 0) == 0 && caught == 10);
	segments();
	pid = fast(SYS_fork, 0, 0, 0);
	if (pid == 0) {
		fast(SYS_exit, 42, 0, 0);
	}
	check(30, fast(SYS_waitpid, (u32)pid, (u32)&status, 0) == pid && status == 42 << 8);
	int80(SYS_exit, 0, 0, 0);
}

asm(".globl _start\n_start: mov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall start");

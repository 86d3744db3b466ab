// SPDX-License-Identifier: MIT
/*
 * Segments: bases of FS and GS, by system call and by instruction, the LDT, and
 * 32-bit code, in a 64-bit process and as a program of its own (compat32.c,
 * which lies beside this program where the compiler can build it).
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <pthread.h>
#include <sys/auxv.h>

static uint64_t base_of(int which)
{
	uint64_t base;

	must(syscall(SYS_arch_prctl, which, &base));
	return base;
}

static uint64_t read_gs(void)
{
	uint64_t value;

	asm volatile("mov %%gs:0, %0" : "=r"(value));
	return value;
}

static uint64_t words[64];

static void gs_base_body(void *which)
{
	uint64_t n = (uint64_t)which;

	words[n] = 1000 + n; /* after a fork: this process's own page */
	must(syscall(SYS_arch_prctl, ARCH_SET_GS, &words[n]));
	for (int i = 0; i < 300; i++) {
		expect_equal(read_gs(), 1000 + n);
		expect_equal(base_of(ARCH_GET_GS), &words[n]);
		move_to(i / 50);
		sched_yield();
	}
}

static void gs_base(void)
{
	pid_t pids[6];
	int status;

	for (uint64_t i = 0; i < COUNT(pids); i++) {
		pids[i] = must(fork());
		if (pids[i] == 0) {
			gs_base_body((void *)i);
			_exit(0);
		}
	}
	for (size_t i = 0; i < COUNT(pids); i++) {
		must(waitpid(pids[i], &status, 0));
		expect_equal(status, 0);
	}
	expect_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff820000000000), -1);
	expect_equal(errno, EPERM);
	expect_equal(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000), -1);
}

/* ---- rdgsbase and friends -------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void change_gs(int number, siginfo_t *info, void *context)
{
	uint64_t base = (uint64_t)&words[60];

	(void)number, (void)info, (void)context;
	asm volatile("wrgsbase %0" : : "r"(base));
	signals++;
}

static void set_gs(void *base)
{
	asm volatile("wrgsbase %0" : : "r"(base));
}

static void base_instructions(void)
{
	uint64_t base;

	if (!(getauxval(AT_HWCAP2) & 2)) {
		/* A kernel that does not know of it would leave the base to the next process. */
		expect(faults(set_gs, words), "wrgsbase behind the kernel's back");
		expect_equal(caught.signal, SIGILL);
		return;
	}
	for (uint64_t i = 0; i < 40; i++) {
		base = (uint64_t)&words[i % 32];
		asm volatile("wrgsbase %0" : : "r"(base));
		move_to((int)i);
		usleep(1000);
		asm volatile("rdgsbase %0" : "=r"(base));
		expect_equal(base, &words[i % 32]);
		expect_equal(base_of(ARCH_GET_GS), &words[i % 32]);
		asm volatile("rdfsbase %0" : "=r"(base));
		expect_equal(base, base_of(ARCH_GET_FS));
	}
	/* Any canonical value may be set; the kernel's addresses are just useless. */
	base = 0xffff820000000000;
	asm volatile("wrgsbase %0" : : "r"(base));
	sched_yield();
	asm volatile("rdgsbase %0" : "=r"(base));
	expect_equal(base, 0xffff820000000000);
	on_signal(SIGUSR1, change_gs, 0);
	must(raise(SIGUSR1));
	asm volatile("rdgsbase %0" : "=r"(base));
	expect_equal(base, &words[60]); /* signals do not save it */
}

/* ---- Selectors ------------------------------------------------------------------------ */

static void load_fs(void *selector)
{
	asm volatile("mov %0, %%gs" : : "r"((uint32_t)(uintptr_t)selector));
}

static void load_ds(void *selector)
{
	asm volatile("mov %0, %%ds" : : "r"((uint32_t)(uintptr_t)selector));
}

static void load_es(void *selector)
{
	asm volatile("mov %0, %%es" : : "r"((uint32_t)(uintptr_t)selector));
}

static void selectors(void)
{
	static void (*const loads[])(void *) = { load_fs, load_ds, load_es };

	for (size_t i = 0; i < COUNT(loads); i++) {
		for (uint64_t null = 0; null < 4; null++) {
			expect(!faults(loads[i], (void *)null), "null selector: %d", caught.signal);
		}
		expect(!faults(loads[i], (void *)0x2bL), "user data: %d", caught.signal);
		sched_yield();
		/* Past the end, and the LDT that is not there. */
		expect(faults(loads[i], (void *)0xfff8L), "past the end");
		expect_equal(caught.signal, SIGSEGV);
		expect_equal(caught.trap, 13);
		expect_equal(caught.error, 0xfff8);
		expect(faults(loads[i], (void *)0x0fL), "no LDT");
		expect_equal(caught.error, 0x0c);
		expect(!faults(loads[i], (void *)0L), "null");
	}
}

/* ---- LDT ------------------------------------------------------------------------------- */

static int set_ldt(unsigned entry, void *base, bool code, bool gone)
{
	struct user_desc d = {
		.entry_number = entry,
		.base_addr = (unsigned)(uintptr_t)base,
		.limit = gone ? 0 : 0xfff,
		.seg_32bit = !gone,
		.contents = code ? MODIFY_LDT_CONTENTS_CODE : MODIFY_LDT_CONTENTS_DATA,
		.read_exec_only = gone,
		.seg_not_present = gone,
		.useable = !gone,
	};

	return (int)syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

static void *low_pages(size_t count)
{
	void *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	expect(p != MAP_FAILED, "mmap");
	return p;
}

static uint32_t through_gs(unsigned selector, uint64_t offset)
{
	uint32_t value;

	asm volatile("mov %1, %%gs; mov %%gs:(%2), %0" : "=r"(value) : "r"(selector), "r"(offset));
	return value;
}

static void *with_ldt(void *unused)
{
	(void)unused;
	move_to(1);
	return (void *)(uint64_t)through_gs(3 << 3 | 7, 8);
}

static void ldt(void)
{
	uint32_t *p = low_pages(1);
	pthread_t thread;
	void *result;
	int status;
	pid_t pid;

	p[2] = 0x1234;
	expect_equal(set_ldt(3, p, false, false), 0);
	expect_equal(through_gs(3 << 3 | 7, 8), 0x1234);
	expect_equal(set_ldt(600, p, false, false), 0); /* a second page of descriptors */
	expect_equal(through_gs(600 << 3 | 7, 8), 0x1234);
	must(pthread_create(&thread, NULL, with_ldt, NULL));
	pthread_join(thread, &result);
	expect_equal((intptr_t)result, 0x1234);
	/* A child has a copy; what it does stays with it. */
	pid = must(fork());
	if (pid == 0) {
		p[2] = 0x99;
		_exit(through_gs(3 << 3 | 7, 8) != 0x99 || set_ldt(3, NULL, false, true) ||
		      !faults(load_fs, (void *)(3L << 3 | 7)) || caught.error != (3 << 3 | 4));
	}
	for (int i = 0; i < 100; i++) {
		sched_yield();
		expect_equal(through_gs(3 << 3 | 7, 8), 0x1234);
	}
	must(waitpid(pid, &status, 0));
	expect_equal(status, 0);
	expect_equal(set_ldt(3, NULL, false, true), 0);
	expect(faults(load_fs, (void *)(3L << 3 | 7)), "a segment that is gone");
	expect_equal(caught.signal, SIGSEGV);
	expect(faults(load_fs, (void *)(100L << 3 | 7)), "an empty one");
	expect(set_ldt(8192, p, false, false) != 0, "an entry past the end");
}

/* 32-bit code in a 64-bit process: a far call into user_cs32 and back. */
static uint32_t call32(unsigned selector, const void *code, size_t size, uint32_t argument)
{
	uint8_t *low = low_pages(4);
	struct {
		uint32_t offset;
		uint16_t selector;
	} __attribute__((packed)) far = { .selector = (uint16_t)selector };
	uint32_t result = argument;

	memcpy(low, code, size);
	far.offset = selector & 4 ? 0 : (uint32_t)(uintptr_t)low;
	if (selector & 4) {
		expect_equal(set_ldt(selector >> 3, low, true, false), 0);
	}
	/* The stack must have a 32-bit address, too. */
	asm volatile("mov %%rsp, %%r12; mov %2, %%rsp; lcall *(%1); mov %%r12, %%rsp"
		     : "+a"(result)
		     : "r"(&far), "r"(low + 4 * PAGE - 64), "m"(far)
		     : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
	munmap(low, 4 * PAGE);
	return result;
}

static const uint8_t add_code[] = { 0x83, 0xc0, 0x05, 0x40, 0xcb };	   /* add $5; inc; lret */
static const uint8_t int80_code[] = { 0xcd, 0x80, 0xcb };		   /* int $0x80; lret */
static const uint8_t trap_code[] = { 0x0f, 0x0b, 0x83, 0xc0, 0x01, 0xcb }; /* ud2; add $1; lret */

static greg_t trapped_cs;

static void skip_ud2(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	trapped_cs = regs[REG_CSGSFS] & 0xffff;
	regs[REG_RIP] += 2;
	regs[REG_RAX] += 100;
}

static char handler_stack[65536];

static void code32(void)
{
	stack_t alternate = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };

	expect_equal(call32(0x23, add_code, sizeof(add_code), 7), 13);
	expect_equal(call32(0x23, int80_code, sizeof(int80_code), 20), getpid());
	must(sigaltstack(&alternate, NULL));
	on_signal(SIGILL, skip_ud2, SA_ONSTACK);
	expect_equal(call32(0x23, trap_code, sizeof(trap_code), 7), 108);
	expect_equal(trapped_cs, 0x23);
}

static void ldt_code(void)
{
	stack_t alternate = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };

	expect_equal(call32(5 << 3 | 7, add_code, sizeof(add_code), 7), 13);
	expect_equal(call32(5 << 3 | 7, int80_code, sizeof(int80_code), 20), getpid());
	must(sigaltstack(&alternate, NULL));
	on_signal(SIGILL, skip_ud2, SA_ONSTACK);
	expect_equal(call32(5 << 3 | 7, trap_code, sizeof(trap_code), 7), 108);
	expect_equal(trapped_cs, 5 << 3 | 7);
}

/* int 0x80 from 64-bit code: 32-bit numbers, and the upper registers live. */
static void int80(void)
{
	uint64_t rax = 20, r8 = 0x1234567890, r12 = 0xabcdef0123456789;

	asm volatile("mov %1, %%r8; mov %2, %%r12; int $0x80; mov %%r8, %1; mov %%r12, %2"
		     : "+a"(rax), "+m"(r8), "+m"(r12)
		     :
		     : "r8", "r9", "r10", "r11", "r12", "memory");
	expect_equal(rax, getpid());
	expect_equal(r12, 0xabcdef0123456789);
	rax = 9999;
	asm volatile("int $0x80" : "+a"(rax) : : "r8", "r9", "r10", "r11", "memory");
	expect_equal((int)rax, -ENOSYS);
}

/* A system call clobbers rcx and r11 and nothing else. */
static void syscall_registers(void)
{
	uint64_t out[8], rcx, flags;

	asm volatile(
		"mov $0x101, %%rbx; mov $0x102, %%rdx; mov $0x103, %%rsi; mov $0x104, %%rdi\n\t"
		"mov $0x108, %%r8; mov $0x109, %%r9; mov $0x10a, %%r10; mov $0x10f, %%r15\n\t"
		"mov $39, %%eax; std; stc; syscall; 1: pushf; pop %1; cld; lea 1b(%%rip), %%rax; sub %%rax, %%rcx; mov %%rcx, %0\n\t"
		"lea %2, %%rax; mov %%rbx, (%%rax); mov %%rdx, 8(%%rax); mov %%rsi, 16(%%rax); mov %%rdi, 24(%%rax)\n\t"
		"mov %%r8, 32(%%rax); mov %%r9, 40(%%rax); mov %%r10, 48(%%rax); mov %%r15, 56(%%rax)"
		: "=m"(rcx), "=m"(flags), "=m"(out)
		:
		: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r15",
		  "memory", "cc");
	static const uint64_t want[] = { 0x101, 0x102, 0x103, 0x104, 0x108, 0x109, 0x10a, 0x10f };

	expect_equal(rcx, 0);
	expect_equal(flags & 0x701, 0x601);
	for (size_t i = 0; i < COUNT(want); i++) {
		expect(out[i] == want[i], "register %zu is %lx", i, out[i]);
	}
}

static void program32(void)
{
	static const char *const names[] = { "/bin/compat32", "./compat32" };
	int status;
	pid_t pid;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (access(names[i], X_OK) != 0) {
			continue;
		}
		pid = must(fork());
		if (pid == 0) {
			execl(names[i], names[i], NULL);
			_exit(99);
		}
		must(waitpid(pid, &status, 0));
		expect(status == 0, "check %d of compat32.c, signal %d", status >> 8,
		       status & 0x7f);
		return;
	}
	skip("compat32 is not there");
}

const struct check segment_checks[] = {
	{ "segment-gs-base", gs_base },	    { "segment-base-instructions", base_instructions },
	{ "segment-selectors", selectors }, { "segment-ldt", ldt },
	{ "segment-code32", code32 },	    { "segment-ldt-code", ldt_code },
	{ "segment-int80", int80 },	    { "segment-syscall-registers", syscall_registers },
	{ "segment-program32", program32 }, { NULL, NULL },
};

// SPDX-License-Identifier: MIT
/*
 * Exceptions of user code arrive as the right signal, with the right address,
 * code and trap number.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <fcntl.h>

static void read_at(void *p)
{
	(void)*(volatile char *)p;
}

static void write_at(void *p)
{
	*(volatile char *)p = 1;
}

static void call_at(void *p)
{
	((void (*)(void))p)();
}

static void expect_fault(int signal, int code, uint64_t trap)
{
	expect_equal(caught.signal, signal);
	expect_equal(caught.code, code);
	expect_equal(caught.trap, trap);
}

static void unmapped(void)
{
	char *p = pages(2, PROT_READ);

	must(munmap(p + PAGE, PAGE));
	expect(faults(read_at, p + PAGE + 0x123), "no fault");
	expect_fault(SIGSEGV, SEGV_MAPERR, 14);
	expect_equal(caught.address, p + PAGE + 0x123);
	expect_equal(caught.cr2, p + PAGE + 0x123);
	expect_equal(caught.error, 4);
	expect(faults(write_at, p + PAGE + 0xfff), "no fault");
	expect_fault(SIGSEGV, SEGV_MAPERR, 14);
	expect_equal(caught.error, 6);
	expect(faults(read_at, NULL), "no fault");
	expect_equal(caught.address, 0);
}

static void protected(void)
{
	char *p = pages(1, PROT_READ | PROT_WRITE);

	*p = (char)0xc3;
	must(mprotect(p, PAGE, PROT_READ));
	expect(faults(write_at, p + 8), "no fault");
	expect_fault(SIGSEGV, SEGV_ACCERR, 14);
	expect_equal(caught.address, p + 8);
	expect_equal(caught.error, 7);
	expect(faults(call_at, p), "no fault");
	expect_fault(SIGSEGV, SEGV_ACCERR, 14);
	expect_equal(caught.address, p);
	expect_equal(caught.rip, p);
	expect_equal(caught.error, 0x15);
	must(mprotect(p, PAGE, PROT_NONE));
	expect(faults(read_at, p), "no fault");
	expect_fault(SIGSEGV, SEGV_ACCERR, 14);
}

/*
 * Kernel memory, and where a hypervisor may live: the same to a user. At
 * 0xffff800000000000 is the table of frames that the published interface lets
 * every guest read.
 */
static void kernel_addresses(void)
{
	static const uint64_t addresses[] = {
		0xffffffff81000000, 0xffff808000000000, 0xffff820000000000, 0xffff82d080000000,
		0xffff830000000000, 0xffff87ffffffffff, 0xffff888000000000, 0xffffffffffffffff,
	};

	for (size_t i = 0; i < COUNT(addresses); i++) {
		expect(faults(read_at, (void *)addresses[i]), "%lx is readable", addresses[i]);
		expect_fault(SIGSEGV, SEGV_MAPERR, 14);
		expect_equal(caught.address, addresses[i]);
		expect(faults(write_at, (void *)addresses[i]), "%lx is writable", addresses[i]);
		expect_fault(SIGSEGV, SEGV_MAPERR, 14);
		expect(faults(call_at, (void *)addresses[i]), "%lx is callable", addresses[i]);
		expect_fault(SIGSEGV, SEGV_MAPERR, 14);
	}
}

static void not_canonical(void)
{
	expect(faults(read_at, (void *)0x8000000000000000), "no fault");
	expect_fault(SIGSEGV, SI_KERNEL, 13);
	expect_equal(caught.address, 0);
	expect(faults(call_at, (void *)0x0000800000000000), "no fault");
	expect_fault(SIGSEGV, SI_KERNEL, 13);
}

static void stack_segment_body(void *unused)
{
	(void)unused;
	asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
		     :
		     : "r"(0x8000000000000000)
		     : "rax", "memory");
}

static void stack_segment(void)
{
	expect(faults(stack_segment_body, NULL), "no fault");
	expect_fault(SIGBUS, SI_KERNEL, 12);
}

static void file_end(void)
{
	int fd = must(memfd_create("end", 0));
	char *p;

	must(ftruncate(fd, (off_t)PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(p != MAP_FAILED, "mmap");
	expect(!faults(write_at, p), "signal %d", caught.signal);
	expect(faults(write_at, p + PAGE + 5), "no fault");
	expect_fault(SIGBUS, BUS_ADRERR, 14);
	expect_equal(caught.address, p + PAGE + 5);
}

static void divide(void *unused)
{
	(void)unused;
	asm volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; div %%ecx" : : : "rax", "rcx", "rdx");
}

static void divide_sse(void *unused)
{
	uint32_t control = 0x1f80 & ~(1U << 9);
	double zero = 0, one = 1;

	(void)unused;
	asm volatile("ldmxcsr %0; divsd %1, %2" : : "m"(control), "x"(zero), "x"(one));
}

static void divide_x87(void *unused)
{
	uint16_t control = 0x37f & ~(1U << 2);

	(void)unused;
	asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
}

static void arithmetic(void)
{
	expect(faults(divide, NULL), "no fault");
	expect_fault(SIGFPE, FPE_INTDIV, 0);
	expect_equal(caught.address, caught.rip);
	expect(faults(divide_x87, NULL), "no fault");
	expect_fault(SIGFPE, FPE_FLTDIV, 16);
}

static void vector_arithmetic(void)
{
	expect(faults(divide_sse, NULL), "no fault");
	expect_fault(SIGFPE, FPE_FLTDIV, 19);
	expect_equal(caught.address, caught.rip);
}

/* ---- Instructions that user code may not execute ------------------------- */

struct instruction {
	const char *text;
	uint8_t bytes[12];
	int signal, code;
	uint64_t trap, error;
	int rip; /* offset of the reported rip */
};

static const struct instruction instructions[] = {
	{ "ud2", { 0x0f, 0x0b }, SIGILL, ILL_ILLOPN, 6, 0, 0 },
	{ "ud1", { 0x0f, 0xb9, 0xc0 }, SIGILL, ILL_ILLOPN, 6, 0, 0 },
	{ "into", { 0xce }, SIGILL, ILL_ILLOPN, 6, 0, 0 },
	{ "int3", { 0xcc }, SIGTRAP, SI_KERNEL, 3, 0, 1 },
	{ "int $3", { 0xcd, 3 }, SIGTRAP, SI_KERNEL, 3, 0, 2 },
	{ "int $4", { 0xcd, 4 }, SIGSEGV, SI_KERNEL, 4, 0, 2 },
	{ "int $0", { 0xcd, 0 }, SIGSEGV, SI_KERNEL, 13, 0x02, 0 },
	{ "int $1", { 0xcd, 1 }, SIGSEGV, SI_KERNEL, 13, 0x0a, 0 },
	{ "int $2", { 0xcd, 2 }, SIGSEGV, SI_KERNEL, 13, 0x12, 0 },
	{ "int $6", { 0xcd, 6 }, SIGSEGV, SI_KERNEL, 13, 0x32, 0 },
	{ "int $13", { 0xcd, 13 }, SIGSEGV, SI_KERNEL, 13, 0x6a, 0 },
	{ "int $14", { 0xcd, 14 }, SIGSEGV, SI_KERNEL, 13, 0x72, 0 },
	{ "int $0x20", { 0xcd, 0x20 }, SIGSEGV, SI_KERNEL, 13, 0x102, 0 },
	{ "int $0x82", { 0xcd, 0x82 }, SIGSEGV, SI_KERNEL, 13, 0x412, 0 },
	{ "int $0xff", { 0xcd, 0xff }, SIGSEGV, SI_KERNEL, 13, 0x7fa, 0 },
	{ "hlt", { 0xf4 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "cli", { 0xfa }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "sti", { 0xfb }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "clts", { 0x0f, 0x06 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "invd", { 0x0f, 0x08 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "wbinvd", { 0x0f, 0x09 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "invlpg", { 0x0f, 0x01, 0x3f }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "sysret", { 0x48, 0x0f, 0x07 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "rdmsr", { 0x0f, 0x32 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "wrmsr", { 0x0f, 0x30 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "rdpmc", { 0x0f, 0x33 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov cr0, rax", { 0x0f, 0x20, 0xc0 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov cr3, rax", { 0x0f, 0x20, 0xd8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov rax, cr3", { 0x0f, 0x22, 0xd8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov cr4, rax", { 0x0f, 0x20, 0xe0 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov dr7, rax", { 0x0f, 0x21, 0xf8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "mov rax, dr7", { 0x0f, 0x23, 0xf8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "lgdt", { 0x0f, 0x01, 0x17 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "lidt", { 0x0f, 0x01, 0x1f }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "lldt", { 0x0f, 0x00, 0xd0 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "ltr", { 0x0f, 0x00, 0xd8 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "lmsw", { 0x0f, 0x01, 0xf0 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "in al, 0x61", { 0xe4, 0x61 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "out 0x80, al", { 0xe6, 0x80 }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "in dx", { 0xec }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
	{ "rep outsb", { 0xf3, 0x6e }, SIGSEGV, SI_KERNEL, 13, 0, 0 },
};

static void fill(uint8_t *code, const struct instruction *i)
{
	memset(code, 0x90, 32);
	memcpy(code, i->bytes, sizeof(i->bytes));
	for (size_t n = sizeof(i->bytes); n > 0 && code[n - 1] == 0; n--) {
		code[n - 1] = 0x90;
	}
	code[31] = 0xc3;
	/* "int $0" ends in a zero that means something. */
	if (i->bytes[0] == 0xcd) {
		code[1] = i->bytes[1];
	}
}

static void forbidden_instructions(void)
{
	uint8_t *code = pages(1, PROT_READ | PROT_WRITE | PROT_EXEC);
	char wrong[300] = "";

	for (size_t n = 0; n < COUNT(instructions); n++) {
		const struct instruction *i = &instructions[n];
		size_t used = strlen(wrong);
		bool faulted;

		fill(code, i);
		faulted = faults(call_at, code);
		if (!faulted || caught.signal != i->signal || caught.code != i->code ||
		    caught.trap != i->trap || caught.error != i->error ||
		    caught.rip != (uint64_t)code + (unsigned)i->rip) {
			snprintf(wrong + used, sizeof(wrong) - used,
				 "%s: signal %d code %d trap %ld error %lx rip +%ld; ", i->text,
				 caught.signal, caught.code, (long)caught.trap, (long)caught.error,
				 (long)(caught.rip - (uint64_t)code));
		}
	}
	expect(!wrong[0], "%s", wrong);
}

/* An instruction over the end of a page that can be executed. */
static void fetch_across_pages(void)
{
	uint8_t *code = pages(2, PROT_READ | PROT_WRITE | PROT_EXEC);

	code[PAGE - 1] = 0x0f; /* the first half of ud2 */
	must(mprotect(code + PAGE, PAGE, PROT_READ));
	expect(faults(call_at, code + PAGE - 1), "no fault");
	expect_fault(SIGSEGV, SEGV_ACCERR, 14);
	expect_equal(caught.address, code + PAGE);
	expect_equal(caught.rip, code + PAGE - 1);
}

/* A system call whose buffer is bad fails; it does not kill. */
static void bad_buffers(void)
{
	int fds[2];

	must(pipe(fds));
	must(write(fds[1], "x", 1));
	expect_equal(syscall(SYS_read, fds[0], 8L, 1L), -1);
	expect_equal(errno, EFAULT);
	expect_equal(write(fds[1], (void *)0xffff820000000000, 8), -1);
	expect_equal(errno, EFAULT);
	expect_equal(write(fds[1], (void *)0x8000000000000000, 8), -1);
	expect_equal(errno, EFAULT);
	expect_equal(open((char *)0xffffffff81000000, O_RDONLY), -1);
	expect_equal(errno, EFAULT);
}

const struct check fault_checks[] = {
	{ "fault-unmapped", unmapped },
	{ "fault-protected", protected },
	{ "fault-kernel-addresses", kernel_addresses },
	{ "fault-not-canonical", not_canonical },
	{ "fault-stack-segment", stack_segment },
	{ "fault-file-end", file_end },
	{ "fault-arithmetic", arithmetic },
	{ "fault-vector-arithmetic", vector_arithmetic },
	{ "fault-instructions", forbidden_instructions },
	{ "fault-fetch-across-pages", fetch_across_pages },
	{ "fault-bad-buffers", bad_buffers },
	{ NULL, NULL },
};

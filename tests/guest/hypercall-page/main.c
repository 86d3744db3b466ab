/* SPDX-License-Identifier: MIT */
/*
 * A kernel with a HYPERCALL_PAGE note gets its page filled: stubs of 32 bytes
 * that keep rcx and r11; that of iret goes away.
 */
#include <test.h>

extern char hypercall_page[];

static long call(unsigned int nr, unsigned long a1, unsigned long a2)
{
	unsigned long rcx = 0x1111, r11 = 0x2222;
	register unsigned long in_r11 __asm__("r11") = r11;
	long result;

	__asm__ __volatile__("call *%[stub]"
			     : "=a"(result), "+D"(a1), "+S"(a2), "+c"(rcx), "+r"(in_r11)
			     : [stub] "r"(hypercall_page + nr * 32)
			     : "rdx", "r8", "r9", "r10", "memory", "cc");
	EXPECT_RC(rcx, 0x1111);
	EXPECT_RC(in_r11, 0x2222);
	return result;
}

static uint64_t by_stub_iret(void)
{
	uint64_t got;

	__asm__ __volatile__("mov %%rsp, %%rbx\n\t"
			     "push $0xe02b\n\t"
			     "push %%rbx\n\t"
			     "push $0x202\n\t"
			     "push $0xe030\n\t"
			     "lea 1f(%%rip), %%rax\n\t"
			     "push %%rax\n\t"
			     "push $0\n\t"
			     "mov $0x77, %%eax\n\t"
			     "jmp *%1\n"
			     "1:\n\t"
			     : "=&a"(got)
			     : "r"(hypercall_page + 23 * 32)
			     : "rbx", "rcx", "r11", "memory", "cc");
	return got;
}

void test(void)
{
	EXPECT_RC(call(__HYPERVISOR_xen_version, XENVER_pagesize, 0), PAGE_SIZE);
	EXPECT_RC(call(__HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
	EXPECT_RC(call(63, 0, 0), -XEN_ENOSYS);
	EXPECT_RC(by_stub_iret(), 0x77);
}

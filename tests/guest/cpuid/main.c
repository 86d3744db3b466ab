/* SPDX-License-Identifier: MIT */
/*
 * CPUID behind the emulation prefix: says what runs below, and hides what a
 * ring 3 kernel cannot use.
 */
#include <test.h>
#include <xen/arch-x86/cpuid.h>

struct regs {
	uint32_t a, b, c, d;
};

static struct regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct regs r;

	__asm__ __volatile__(XEN_CPUID
			     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			     : "a"(leaf), "c"(sub));
	return r;
}

static void hidden(const char *what, uint32_t word, uint32_t bits)
{
	if (!test_expect((word & bits) == 0, 0, what)) {
		print("  %08x shows %08x\n", word, word & bits);
	}
}

static uint64_t forced_in_user(uint64_t leaf)
{
	return cpuid((uint32_t)leaf, 0).b;
}

void test(void)
{
	struct regs r = cpuid(XEN_CPUID_FIRST_LEAF, 0);
	uint32_t leaf, sub;
	struct trap t;

	EXPECT(r.b == XEN_CPUID_SIGNATURE_EBX);
	EXPECT(r.c == XEN_CPUID_SIGNATURE_ECX);
	EXPECT(r.d == XEN_CPUID_SIGNATURE_EDX);
	EXPECT(r.a >= XEN_CPUID_LEAF(2) && r.a < XEN_CPUID_LEAF(256));
	r = cpuid(XEN_CPUID_LEAF(1), 0);
	EXPECT_RC(r.a, 4 << 16 | 17);

	r = cpuid(1, 0);
	/* VME PSE SEP MTRR PGE PSE36; MONITOR VMX PCID x2APIC DEADLINE */
	hidden("leaf 1 edx", r.d, 1u << 1 | 1u << 3 | 1u << 12 | 1u << 13 | 1u << 17);
	hidden("leaf 1 ecx", r.c, 1u << 3 | 1u << 5 | 1u << 17 | 1u << 21 | 1u << 24);
	EXPECT((r.d & 1u << 9) && (r.d & 1u << 16)); /* APIC, PAT */
	EXPECT(r.c & 1u << 31);			     /* HYPERVISOR */
	/* OSXSAVE with XSAVE: the kernel must not believe there is none. */
	EXPECT(!(r.c & 1u << 26) || (r.c & 1u << 27));
	r = cpuid(7, 0);
	/* TSC_ADJUST SMEP INVPCID SMAP; UMIP PKU OSPKE SHSTK LA57; IBT */
	hidden("leaf 7 ebx", r.b, 1u << 1 | 1u << 7 | 1u << 10 | 1u << 20);
	hidden("leaf 7 ecx", r.c, 1u << 2 | 1u << 3 | 1u << 4 | 1u << 7 | 1u << 16);
	hidden("leaf 7 edx", r.d, 1u << 20);
	r = cpuid(0x80000001, 0);
	hidden("leaf 80000001 edx", r.d, 1u << 26);   /* 1 GiB pages */
	hidden("leaf 80000001 ecx", r.c, 1u << 2);    /* SVM */
	EXPECT((r.d & 1u << 11) && (r.d & 1u << 20)); /* SYSCALL, NX */
	r = cpuid(0xd, 1);
	hidden("leaf d.1 eax", r.a, 1u << 3); /* XSAVES */

	/* No leaf is a way to harm. */
	for (leaf = 0; leaf < 0x40; leaf++) {
		for (sub = 0; sub < 8; sub++) {
			(void)cpuid(leaf, sub);
			(void)cpuid(0x40000000 + leaf, sub);
			(void)cpuid(0x80000000 + leaf, sub);
		}
	}
	(void)cpuid(0xffffffff, 0xffffffff);
	(void)cpuid(0xd, 0xffffffff);
	(void)cpuid(0x7, 0xffffffff);
	(void)cpuid(0x40000003, 0xffffffff);
	EXPECT(user_run(forced_in_user, XEN_CPUID_FIRST_LEAF) == XEN_CPUID_SIGNATURE_EBX);
	TRAP_TRY(&t, __asm__ __volatile__("cpuid" : : "a"(0), "c"(0) : "rbx", "rdx"));
	EXPECT(!t.hit);
}

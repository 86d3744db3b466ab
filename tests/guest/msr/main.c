/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: the few that a PV kernel needs can be read, none
 * that matters to the machine can be written, the rest is #GP.
 */
#include <test.h>

#define MSR_APIC_BASE 0x1bu
#define MSR_PAT 0x277u
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ __volatile__("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ __volatile__("wrmsr"
			     :
			     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* A write may be ignored or refused; it must not be believed. */
static void unwritable(uint32_t msr, uint64_t value)
{
	struct trap t;
	volatile uint64_t before = 0, after = 0;
	bool readable;

	TRAP_TRY(&t, before = rdmsr(msr));
	readable = !t.hit;
	TRAP_TRY(&t, wrmsr(msr, value));
	EXPECT(!t.hit || t.vector == TRAP_GP);
	TRAP_TRY(&t, after = rdmsr(msr));
	EXPECT(t.hit == !readable);
	EXPECT(!readable || before == after || before == value);
}

static void bases(void)
{
	EXPECT_NO_TRAP(wrmsr(MSR_FS_BASE, 0x123000));
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_FS_BASE));
	EXPECT_RC(test_sink, 0x123000);
	EXPECT_NO_TRAP(wrmsr(MSR_GS_BASE, 0x124000));
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_GS_BASE));
	EXPECT_RC(test_sink, 0x124000);
	EXPECT_NO_TRAP(wrmsr(MSR_KERNEL_GS_BASE, 0x125000));
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_KERNEL_GS_BASE));
	EXPECT_RC(test_sink, 0x125000);
	EXPECT_TRAP(wrmsr(MSR_FS_BASE, NONCANONICAL), TRAP_GP, 0);
	EXPECT_TRAP(wrmsr(MSR_GS_BASE, NONCANONICAL), TRAP_GP, 0);
	EXPECT_TRAP(wrmsr(MSR_KERNEL_GS_BASE, NONCANONICAL_HIGH), TRAP_GP, 0);
	EXPECT_RC(rdmsr(MSR_GS_BASE), 0x124000);
}

void test(void)
{
	static const uint32_t numbers[] = {
		MSR_STAR,   MSR_LSTAR,	0xc0000083, MSR_FMASK,	0x174,	    0x175,	0x176,
		0x1d9,	    0x3a,	0x480,	    0x800,	0x808,	    0x830,	0x6e0,
		0x3b,	    0x79,	0x48,	    0x49,	0xc0010010, 0xc0010015, 0xc0010114,
		0xc0010117, 0xc001011f, 0x40000000, 0x40000001, 0x400000ff, 0xffffffff, 0x12345678,
		0xe7,	    0xda0,	0x6a0,	    0x6a2,	0xc0000103,
	};
	unsigned int i;

	bases();
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_EFER));
	EXPECT((test_sink & 0x501) == 0x501); /* SCE, LME, LMA */
	unwritable(MSR_EFER, 0);
	unwritable(MSR_EFER, ~0ul);
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_PAT));
	EXPECT_RC(test_sink, 0x0000050100070406);
	unwritable(MSR_PAT, 0);
	EXPECT_NO_TRAP(test_sink = rdmsr(MSR_APIC_BASE));
	unwritable(MSR_APIC_BASE, 0);
	unwritable(MSR_APIC_BASE, 0xfee00c00);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		unwritable(numbers[i], 0);
		unwritable(numbers[i], ~0ul);
		unwritable(numbers[i], 0x400000);
	}
	EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
}

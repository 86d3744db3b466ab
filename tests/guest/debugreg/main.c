/* SPDX-License-Identifier: MIT */
/*
 * set_debugreg and get_debugreg: a guest may watch itself but not the core,
 * and a breakpoint reaches the guest and nobody else.
 */
#include <test.h>

#define DR7_L0 1ul
#define DR7_G0 2ul
#define DR7_GD 0x2000ul
#define DR7_RW0(kind) ((unsigned long)(kind) << 16)
#define DR7_LEN0(n) ((unsigned long)(n) << 18)

static volatile uint64_t watched[2];

static void refused(void)
{
	static const unsigned long regs[] = { 8, 9, 99, 0xffffffff, 0x80000000ul };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		EXPECT_FAIL(hyp_set_debugreg(regs[i], 0));
	}
	EXPECT_FAIL(hyp_get_debugreg(8));
	EXPECT_FAIL(hyp_get_debugreg(0xffffffff));
	/* The core's memory is not to be watched. */
	for (i = 0; i < 4; i++) {
		EXPECT_FAIL(hyp_set_debugreg(i, CORE_START));
		EXPECT_FAIL(hyp_set_debugreg(i, CORE_MIDDLE));
		EXPECT_FAIL(hyp_set_debugreg(i, CORE_LAST_PAGE));
		EXPECT_FAIL(hyp_set_debugreg(i, NONCANONICAL));
	}
	/* Nor its ports, nor its use of the debug registers. */
	EXPECT_FAIL(hyp_set_debugreg(7, DR7_L0 | DR7_RW0(2)));
	if (hyp_set_debugreg(7, DR7_GD) == 0) {
		EXPECT((hyp_get_debugreg(7) & (long)DR7_GD) == 0);
	}
	if (hyp_set_debugreg(7, 0xffffffff00000000ul) == 0) {
		EXPECT((hyp_get_debugreg(7) >> 32) == 0);
	}
	EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	(void)hyp_set_debugreg(6, ~0ul);
	EXPECT((hyp_get_debugreg(6) & 0x1000) == 0);
}

static void watch_data(void)
{
	EXPECT_RC(hyp_set_debugreg(0, (unsigned long)&watched[0]), 0);
	EXPECT_RC(hyp_get_debugreg(0), (unsigned long)&watched[0]);
	EXPECT_RC(hyp_set_debugreg(6, 0), 0);
	EXPECT_RC(hyp_set_debugreg(7, DR7_L0 | DR7_G0 | DR7_RW0(1) | DR7_LEN0(2)), 0);
	EXPECT_TRAP(watched[0] = 1, TRAP_DB);
	EXPECT(hyp_get_debugreg(6) & 1);
	EXPECT_NO_TRAP(watched[1] = 1);
	/* The core writes there for us: it may or may not tell, but lives. */
	EXPECT_NO_TRAP((void)hyp_xen_version(XENVER_extraversion, (void *)watched));
	EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	EXPECT_NO_TRAP(watched[0] = 2);
}

static void single_step(void)
{
	struct trap t;

	EXPECT_RC(hyp_set_debugreg(6, 0), 0);
	TRAP_TRY(&t, __asm__ __volatile__("pushf\n\t"
					  "orl $0x100, (%%rsp)\n\t"
					  "popf\n\t"
					  "nop\n\t"
					  "nop" ::
						  : "memory", "cc"));
	EXPECT(t.hit && t.vector == TRAP_DB);
	EXPECT(hyp_get_debugreg(6) & 0x4000);
	/* Across a hypercall, too: no step is taken in the core. */
	EXPECT_TRAP(__asm__ __volatile__("pushf\n\t"
					 "orl $0x100, (%%rsp)\n\t"
					 "popf\n\t"
					 "syscall\n\t"
					 "nop"
					 : "=a"(test_sink)
					 : "a"(17ul), "D"(0ul), "S"(0ul)
					 : "rcx", "r11", "memory", "cc"),
		    TRAP_DB);
}

void test(void)
{
	refused();
	watch_data();
	single_step();
}

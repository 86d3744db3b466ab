/* SPDX-License-Identifier: MIT */
/*
 * fpu_taskswitch: with the virtual TS bit set the next FPU instruction is #NM,
 * once it is clear the registers still hold what they held.
 */
#include <test.h>

static uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ __volatile__("mov %%cr0, %0" : "=r"(value));
	return value;
}

static void set_xmm(uint64_t value)
{
	__asm__ __volatile__("movq %0, %%xmm5" : : "r"(value));
}

static uint64_t get_xmm(void)
{
	uint64_t value;

	__asm__ __volatile__("movq %%xmm5, %0" : "=r"(value));
	return value;
}

static uint64_t get_in_user(uint64_t arg)
{
	return get_xmm() + arg;
}

void test(void)
{
	static const unsigned long sets[] = { 1, 2, 0xffffffff };
	unsigned int i;
	struct trap t;

	set_xmm(0x1122334455667788);
	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		EXPECT_RC(hyp_fpu_taskswitch(sets[i]), 0);
		EXPECT_NO_TRAP(test_sink = read_cr0());
		EXPECT(test_sink & 8);
		EXPECT_TRAP(test_sink = get_xmm(), TRAP_NM);
		/* The bit goes as the exception is delivered. */
		EXPECT((read_cr0() & 8) == 0);
		EXPECT_RC(hyp_fpu_taskswitch(1), 0);
		EXPECT_RC(hyp_fpu_taskswitch(0), 0);
		EXPECT(get_xmm() == 0x1122334455667788);
	}
	EXPECT_RC(hyp_fpu_taskswitch(1), 0);
	TRAP_TRY(&t, user_run(get_in_user, 1));
	EXPECT(t.hit && t.vector == TRAP_NM);
	EXPECT_NO_TRAP(__asm__ __volatile__("clts"));
	EXPECT((read_cr0() & 8) == 0);
	EXPECT(get_xmm() == 0x1122334455667788);
	EXPECT_RC(user_run(get_in_user, 1), 0x1122334455667789);
}

/* SPDX-License-Identifier: MIT */
/*
 * set_segment_base: bases reach the guest's segments, canonical ones only;
 * those of user mode and of the kernel do not mix.
 */
#include <test.h>

static uint64_t words[4] = { 11, 22, 33, 44 };

static uint64_t at_fs(void)
{
	uint64_t value;

	__asm__ __volatile__("mov %%fs:0, %0" : "=r"(value));
	return value;
}

static uint64_t at_gs(void)
{
	uint64_t value;

	__asm__ __volatile__("mov %%gs:0, %0" : "=r"(value));
	return value;
}

static uint64_t user_gs(uint64_t arg)
{
	return at_gs() + arg;
}

static long set(unsigned int which, const void *base)
{
	return hyp_set_segment_base(which, (unsigned long)base);
}

void test(void)
{
	static const unsigned int which[] = { SEGBASE_FS, SEGBASE_GS_USER, SEGBASE_GS_KERNEL };
	unsigned int i;

	EXPECT_RC(set(SEGBASE_FS, &words[0]), 0);
	EXPECT_RC(at_fs(), 11);
	EXPECT_RC(set(SEGBASE_GS_KERNEL, &words[1]), 0);
	EXPECT_RC(set(SEGBASE_GS_USER, &words[2]), 0);
	EXPECT_RC(at_gs(), 22);
	EXPECT_RC(user_run(user_gs, 1), 34);
	EXPECT_RC(at_gs(), 22);
	for (i = 0; i < ARRAY_SIZE(which); i++) {
		EXPECT_FAIL(set(which[i], (void *)NONCANONICAL));
		EXPECT_FAIL(set(which[i], (void *)NONCANONICAL_HIGH));
	}
	EXPECT_RC(at_fs(), 11);
	EXPECT_RC(at_gs(), 22);
	EXPECT_FAIL(hyp_set_segment_base(4, 0));
	EXPECT_FAIL(hyp_set_segment_base(0xffffffff, 0));
	/* A base in the core is a base at which nothing can be read. */
	EXPECT_RC(set(SEGBASE_FS, (void *)CORE_MIDDLE), 0);
	EXPECT_TRAP(test_sink = at_fs(), TRAP_PF);
	EXPECT_RC(set(SEGBASE_FS, NULL), 0);
	/* Selectors for user mode; a bad one becomes null. */
	EXPECT_RC(hyp_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
	(void)hyp_set_segment_base(SEGBASE_GS_USER_SEL, 0xe008);
	(void)hyp_set_segment_base(SEGBASE_GS_USER_SEL, 0xfff8);
	(void)hyp_set_segment_base(SEGBASE_GS_USER_SEL, 0xffffffff);
	EXPECT_RC(at_gs(), 22);
	EXPECT_RC(set(SEGBASE_GS_USER, &words[3]), 0);
	EXPECT_RC(user_run(user_gs, 1), 45);
	EXPECT_RC(at_gs(), 22);
}

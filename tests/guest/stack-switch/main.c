/* SPDX-License-Identifier: MIT */
/*
 * stack_switch: a stack for entries from user mode may be refused; whatever
 * is accepted must not lead the core astray. (What happens on a stack that
 * cannot be used, the guest "crash" shows.)
 */
#include <test.h>

static uint64_t one(uint64_t arg)
{
	return arg + 1;
}

void test(void)
{
	static const unsigned long sps[] = {
		0,
		8,
		1,
		NONCANONICAL,
		CORE_START,
		CORE_MIDDLE,
		~0ul,
		CORE_LAST_PAGE,
		NONCANONICAL_HIGH,
		CORE_START + 8,
		0xffff880000000000ul,
	};
	static const unsigned long sss[] = { 0, 3, 8, 0xe008, 0xe010, 0xe02b, 0xffff, ~0ul };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sps); i++) {
		for (j = 0; j < ARRAY_SIZE(sss); j++) {
			long rc = hyp_stack_switch(sss[j], sps[i]);

			EXPECT(rc <= 0 && rc > -4096);
		}
	}
	/* user_run() sets a good one. */
	EXPECT_RC(user_run(one, 1), 2);
	EXPECT_RC(hyp_stack_switch(0xe02b, (unsigned long)page_alloc()), 0);
	EXPECT_RC(user_run(one, 2), 3);
}

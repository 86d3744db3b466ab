/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: whatever is not offered says so, for any command, count and
 * address, and touches nothing.
 */
#include <test.h>

static char args[4096];

void test(void)
{
	static const unsigned long counts[] = { 0,	    1,		2,	  0x7fffffff,
						0x80000000, 0xffffffff, 1ul << 32 };
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	unsigned int cmd, i;
	long rc;

	rc = hyp_grant_table_op(GNTTABOP_setup_table, &setup, 0);
	EXPECT(rc <= 0 && rc > -4096);
	for (cmd = 0; cmd < 16; cmd++) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			memset(args, 0xff, sizeof(args));
			rc = hyp_grant_table_op(cmd, (void *)UNMAPPED, counts[i]);
			EXPECT(rc <= 0 && rc > -4096);
			rc = hyp_grant_table_op(cmd, (void *)CORE_MIDDLE, counts[i]);
			EXPECT(rc <= 0 && rc > -4096);
			rc = hyp_grant_table_op(cmd, args, counts[i] & 3);
			EXPECT(rc <= 0 && rc > -4096);
		}
	}
	EXPECT_FAIL(hyp_grant_table_op(99, args, 1));
	EXPECT_FAIL(hyp_grant_table_op(0xffffffff, args, 1));
}

/* SPDX-License-Identifier: MIT */
/*
 * vm_assist: known types on and off, others refused.
 */
#include <test.h>

void test(void)
{
	static const unsigned long unknown[] = { 6, 31, 33, 63, 64, 1000, 0x80000000, 0xffffffff };
	unsigned int i;

	EXPECT_RC(hyp_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	EXPECT_RC(hyp_vm_assist(VMASST_CMD_enable, VMASST_TYPE_pae_extended_cr3), 0);
	EXPECT_RC(hyp_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	EXPECT_RC(hyp_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		EXPECT_FAIL(hyp_vm_assist(VMASST_CMD_enable, unknown[i]));
		EXPECT_FAIL(hyp_vm_assist(VMASST_CMD_disable, unknown[i]));
	}
	EXPECT_RC(hyp_vm_assist(2, VMASST_TYPE_writable_pagetables), -XEN_ENOSYS);
	EXPECT_FAIL(hyp_vm_assist(0xffffffff, 2));
	/* 32-bit matters: refused, or of no effect. */
	(void)hyp_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments);
}

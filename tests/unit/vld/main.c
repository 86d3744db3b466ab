/* SPDX-License-Identifier: MIT */
/* Runs the suites of this folder; each _test.c ends in its array of tests. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

extern CU_TestInfo console_tests[];
extern CU_TestInfo ending_tests[];
extern CU_TestInfo kill_tests[];
extern CU_TestInfo log_tests[];
extern CU_TestInfo restart_tests[];
extern CU_TestInfo ring_tests[];
extern CU_TestInfo scroll_tests[];

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "console", NULL, NULL, NULL, NULL, console_tests },
		{ "ending", NULL, NULL, NULL, NULL, ending_tests },
		{ "kill", NULL, NULL, NULL, NULL, kill_tests },
		{ "log", NULL, NULL, NULL, NULL, log_tests },
		{ "restart", NULL, NULL, NULL, NULL, restart_tests },
		{ "ring", NULL, NULL, NULL, NULL, ring_tests },
		{ "scroll", NULL, NULL, NULL, NULL, scroll_tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}

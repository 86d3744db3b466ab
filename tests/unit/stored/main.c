/* SPDX-License-Identifier: MIT */
/* Runs the suites of the store daemon's engine; each _test.c ends in its array of tests. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

extern CU_TestInfo model_tests[];
extern CU_TestInfo request_tests[];
extern CU_TestInfo ring_tests[];
extern CU_TestInfo state_tests[];
extern CU_TestInfo tree_tests[];
extern CU_TestInfo tx_tests[];
extern CU_TestInfo watch_tests[];

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "tree", NULL, NULL, NULL, NULL, tree_tests },
		{ "request", NULL, NULL, NULL, NULL, request_tests },
		{ "tx", NULL, NULL, NULL, NULL, tx_tests },
		{ "watch", NULL, NULL, NULL, NULL, watch_tests },
		{ "model", NULL, NULL, NULL, NULL, model_tests },
		{ "ring", NULL, NULL, NULL, NULL, ring_tests },
		{ "state", NULL, NULL, NULL, NULL, state_tests },
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

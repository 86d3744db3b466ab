/* SPDX-License-Identifier: MIT */
/* Runs the suites of this folder; each _test.c ends in its array of tests. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

extern CU_TestInfo ask_tests[];
extern CU_TestInfo conf_tests[];
extern CU_TestInfo create_tests[];
extern CU_TestInfo ganeti_tests[];
extern CU_TestInfo guests_tests[];
extern CU_TestInfo json_tests[];
extern CU_TestInfo sxp_tests[];
extern CU_TestInfo tables_tests[];
extern CU_TestInfo usage_tests[];

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "ask", NULL, NULL, world_reset, NULL, ask_tests },
		{ "conf", NULL, NULL, world_reset, NULL, conf_tests },
		{ "create", NULL, NULL, world_reset, NULL, create_tests },
		{ "ganeti", NULL, NULL, world_reset, NULL, ganeti_tests },
		{ "guests", NULL, NULL, world_reset, NULL, guests_tests },
		{ "json", NULL, NULL, world_reset, NULL, json_tests },
		{ "sxp", NULL, NULL, world_reset, NULL, sxp_tests },
		{ "tables", NULL, NULL, world_reset, NULL, tables_tests },
		{ "usage", NULL, NULL, world_reset, NULL, usage_tests },
		CU_SUITE_INFO_NULL,
	};
	unsigned int failures;

	/* "create -" reads no terminal. */
	if (!freopen("/dev/null", "r", stdin)) {
		return 2;
	}
	setenv("TZ", "UTC", 1);
	/* Nor what this machine has in /etc. */
	setenv("VL_CONF", WORLD_NO_FILE, 1);
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}

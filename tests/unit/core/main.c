/* SPDX-License-Identifier: MIT */
/*
 * Runs the suites of this folder; each _test.c ends in its array of tests.
 * With an argument: only the suites whose name holds it.
 */
#include "core_test.h"

#include <CUnit/Basic.h>

/* It does not agree with itself about this list. */
/* clang-format off */
#define SUITES(X) \
	X(heap) \
	X(page) \
	X(tlb) \
	X(mmu_update) \
	X(mmuext) \
	X(memory_op) \
	X(evtchn) \
	X(sched) \
	X(sched_sim) \
	X(vcpu_op) \
	X(trap) \
	X(emul) \
	X(calls) \
	X(elf) \
	X(dom0) \
	X(fail) \
	X(format) \
	X(cmdline) \
	X(multiboot) \
	X(pci) \
	X(gnttab) \
	X(gnttab_life) \
	X(domain) \
	X(control) \
	X(control_life) \
	X(cpu_vuln)
/* clang-format on */

#define DECLARE(name) extern CU_TestInfo name##_tests[];
#define ENTRY(name) { #name, NULL, NULL, core_setup, core_teardown, name##_tests },

SUITES(DECLARE)

int main(int argc, char **argv)
{
	CU_SuiteInfo all[] = { SUITES(ENTRY) CU_SUITE_INFO_NULL };
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 2;
	}
	for (unsigned int i = 0; all[i].pName != NULL; i++) {
		CU_SuiteInfo one[] = { all[i], CU_SUITE_INFO_NULL };

		if (argc > 1 && strstr(all[i].pName, argv[1]) == NULL) {
			continue;
		}
		if (CU_register_suites(one) != CUE_SUCCESS) {
			return 2;
		}
	}
	fake_init_default();
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}

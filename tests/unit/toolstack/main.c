/* SPDX-License-Identifier: MIT */
/* Runs the suites of this folder; each _test.c ends in its array of tests. */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "guest_help.h"

extern CU_TestInfo build_tests[];
extern CU_TestInfo ctl_tests[];
extern CU_TestInfo child_tests[];
extern CU_TestInfo config_alloc_tests[];
extern CU_TestInfo config_cfg_tests[];
extern CU_TestInfo config_device_tests[];
extern CU_TestInfo config_json_tests[];
extern CU_TestInfo config_limits_tests[];
extern CU_TestInfo config_xml_tests[];
extern CU_TestInfo decompress_tests[];
extern CU_TestInfo device_disk_tests[];
extern CU_TestInfo device_script_tests[];
extern CU_TestInfo device_vif_tests[];
extern CU_TestInfo file_io_tests[];
extern CU_TestInfo guest_create_tests[];
extern CU_TestInfo guest_killed_tests[];
extern CU_TestInfo guest_tests[];
extern CU_TestInfo kernel_cache_tests[];
extern CU_TestInfo kernel_image_tests[];
extern CU_TestInfo loop_tests[];
extern CU_TestInfo netlink_tests[];
extern CU_TestInfo script_run_tests[];
extern CU_TestInfo store_wire_tests[];
extern CU_TestInfo xml_ask_tests[];

int xml_ask_setup(void);
int xml_ask_teardown(void);

int main(void)
{
	CU_SuiteInfo suites[] = {
		{ "build", NULL, NULL, NULL, NULL, build_tests },
		{ "ctl", NULL, NULL, NULL, NULL, ctl_tests },
		{ "child", guest_suite, NULL, guest_setup, guest_teardown, child_tests },
		{ "config_alloc", NULL, NULL, NULL, NULL, config_alloc_tests },
		{ "config_cfg", NULL, NULL, NULL, NULL, config_cfg_tests },
		{ "config_device", NULL, NULL, NULL, NULL, config_device_tests },
		{ "config_json", NULL, NULL, NULL, NULL, config_json_tests },
		{ "config_limits", NULL, NULL, NULL, NULL, config_limits_tests },
		{ "config_xml", NULL, NULL, NULL, NULL, config_xml_tests },
		{ "decompress", NULL, NULL, NULL, NULL, decompress_tests },
		{ "device_disk", guest_suite, NULL, guest_setup, guest_teardown,
		  device_disk_tests },
		{ "device_script", guest_suite, NULL, guest_setup, guest_teardown,
		  device_script_tests },
		{ "device_vif", guest_suite, NULL, guest_setup, guest_teardown, device_vif_tests },
		{ "file_io", NULL, NULL, NULL, NULL, file_io_tests },
		{ "guest", guest_suite, NULL, guest_setup, guest_teardown, guest_tests },
		{ "guest_create", guest_suite, NULL, guest_setup, guest_teardown,
		  guest_create_tests },
		{ "guest_killed", guest_suite, NULL, guest_setup, guest_teardown,
		  guest_killed_tests },
		{ "kernel_cache", NULL, NULL, NULL, NULL, kernel_cache_tests },
		{ "kernel_image", NULL, NULL, NULL, NULL, kernel_image_tests },
		{ "loop", guest_suite, NULL, guest_setup, guest_teardown, loop_tests },
		{ "netlink", guest_suite, NULL, guest_setup, guest_teardown, netlink_tests },
		{ "script_run", guest_suite, NULL, guest_setup, guest_teardown, script_run_tests },
		{ "store_wire", NULL, NULL, NULL, NULL, store_wire_tests },
		{ "xml_ask", xml_ask_setup, xml_ask_teardown, NULL, NULL, xml_ask_tests },
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

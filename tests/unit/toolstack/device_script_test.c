/* SPDX-License-Identifier: MIT */
/*
 * Why a user's script has failed: all that was said was that it had.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "fake_store.h"
#include "guest_help.h"
#include "libvellum/device_part.h"

static int run(const char *script, const char *action)
{
	return device_script_run(&host, script, "vif", 7, 0, "vif7.0", action,
				 "network interface 0", &error);
}

static void its_own_words(void)
{
	const char *script = make_script("vif-mine", "echo 'no such bridge' >&2; exit 1");

	CU_ASSERT_EQUAL(run(script, "online"), -EIO);
	HAS(error.text, "network interface 0: its script ");
	HAS(error.text, "/vif-mine online has failed: no such bridge");
	script = make_script("vif-killed", "kill -9 $$");
	CU_ASSERT_EQUAL(run(script, "online"), -EIO);
	HAS(error.text, "/vif-killed online has failed: signal 9");
	CU_ASSERT_EQUAL(run("/none/there", "online"), -ENOENT);
	HAS(error.text, "cannot execute its script /none/there: No such file");
}

/*
 * Scripts in Xen's manner write their reason into the store, and their standard error
 * to a log of their own.
 */
static void a_reason_in_the_store(void)
{
	const char *node = "/local/domain/0/backend/vif/7/0/hotplug-error";
	const char *script = make_script("vif-mine", "echo other >&2; exit 2");
	const char *silent = make_script("vif-silent", "exit 2");

	fake_store_set(node, "/etc/xen/scripts/vif-mine failed;\n\033 no bridge ");
	CU_ASSERT_EQUAL(run(script, "online"), -EIO);
	HAS(error.text, "/vif-mine online has failed: ? no bridge");
	/* That was this one's reason, not the next one's. */
	CU_ASSERT_PTR_NULL(fake_store_get(node));
	CU_ASSERT_EQUAL(run(script, "offline"), -EIO);
	HAS(error.text, "/vif-mine offline has failed: other");
	fake_store_set(node, "");
	CU_ASSERT_EQUAL(run(silent, "offline"), -EIO);
	HAS(error.text, "/vif-silent offline has failed: exit code 2");
}

/* There is a reason also behind the longest path. */
static void long_paths(void)
{
	char file[300], command[700];

	snprintf(file, sizeof(file), "%s/%0200d", folder, 7);
	snprintf(command, sizeof(command), "cp %s %s",
		 make_script("x", "echo the reason >&2; exit 1"), file);
	CU_ASSERT_EQUAL(system(command), 0);
	CU_ASSERT_EQUAL(run(file, "online"), -EIO);
	HAS(error.text, "0007 online has failed: the reason");
	unlink(file);
}

CU_TestInfo device_script_tests[] = {
	{ "its own words", its_own_words },
	{ "a reason in the store", a_reason_in_the_store },
	{ "long paths", long_paths },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Interfaces of a network namespace of our own. */
#include "libvellum/netlink.h"

#include <errno.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "guest_help.h"

static void names(void)
{
	CU_ASSERT(netlink_name_valid("vif1.0"));
	CU_ASSERT(netlink_name_valid("fifteen-letters"));
	CU_ASSERT(!netlink_name_valid("sixteen-letters!"));
	CU_ASSERT(!netlink_name_valid(""));
	CU_ASSERT(!netlink_name_valid("."));
	CU_ASSERT(!netlink_name_valid(".."));
	CU_ASSERT(!netlink_name_valid("a/b"));
	CU_ASSERT(!netlink_name_valid("a b"));
	CU_ASSERT(!netlink_name_valid("a:b"));
	CU_ASSERT(!netlink_name_valid("\x80"));
}

static void links_are_found(void)
{
	struct netlink netlink = { 0 };
	struct netlink_link link;

	if (!machine_has_network()) {
		return;
	}
	CU_ASSERT_EQUAL_FATAL(netlink_open(&netlink, &error), 0);
	CU_ASSERT_EQUAL(machine_bridge("found", true), 0);
	CU_ASSERT_EQUAL(netlink_find(&netlink, "found", &link, &error), 1);
	CU_ASSERT(link.bridge && link.index > 0);
	CU_ASSERT_EQUAL(link.mtu, 1400);
	CU_ASSERT_STRING_EQUAL(link.name, "found");
	CU_ASSERT_EQUAL(netlink_bridges(&netlink, &link, &error), 2);
	CU_ASSERT_EQUAL(machine_bridge("found", false), 0);
	CU_ASSERT_EQUAL(netlink_find(&netlink, "lo", &link, &error), 1);
	CU_ASSERT(!link.bridge);
	CU_ASSERT_EQUAL(netlink_find(&netlink, "nothing", &link, &error), 0);
	CU_ASSERT_EQUAL(netlink_find(&netlink, "much-too-long-for-a-name", &link, &error), 0);
	CU_ASSERT_EQUAL(netlink_bridges(&netlink, &link, &error), 1);
	CU_ASSERT_STRING_EQUAL(link.name, "vlbr0");
	netlink_close(&netlink);
	netlink_close(&netlink);
}

static void what_cannot_be_is_reported(void)
{
	struct netlink netlink = { 0 };
	struct netlink_link bridge;

	if (!machine_has_network()) {
		return;
	}
	CU_ASSERT_EQUAL_FATAL(netlink_open(&netlink, &error), 0);
	CU_ASSERT_EQUAL_FATAL(netlink_find(&netlink, "vlbr0", &bridge, &error), 1);
	CU_ASSERT_EQUAL(netlink_rename(&netlink, bridge.index, "lo", &error), -EEXIST);
	HAS(error.text, "cannot rename the interface: File exists");
	CU_ASSERT_EQUAL(netlink_rename(&netlink, bridge.index, "a b", &error), -EINVAL);
	CU_ASSERT_EQUAL(netlink_set_mtu(&netlink, bridge.index, 20, &error), -EINVAL);
	CU_ASSERT(netlink_set_master(&netlink, bridge.index, bridge.index, &error) < 0);
	CU_ASSERT_EQUAL(netlink_set_up(&netlink, 4711, &error), -ENODEV);
	netlink_close(&netlink);
}

CU_TestInfo netlink_tests[] = {
	{ "names of interfaces", names },
	{ "links are found", links_are_found },
	{ "what cannot be is reported", what_cannot_be_is_reported },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Configurations as JSON: its structure, exact round trips, what is refused. */
#include "config_help.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#define INFO "\"c_info\":{\"name\":\"g\"}"
#define BASE INFO ",\"b_info\":{\"kernel\":\"/k\"}"

/* Members that scripts look at, by their paths. */
static void test_structure(void)
{
	struct vl_config *config = config_good(
		CONFIG_BASE "uuid='01234567-89ab-cdef-0123-456789abcdef'\n"
			    "vcpus=2\nmaxvcpus=3\nmemory=64\nmaxmem=128\ncpus='0,2'\n"
			    "cmdline='quiet'\non_crash='rename-restart'\n"
			    "bootloader='pygrub'\nbootargs='-q'\n"
			    "disk=['/a,,xvda,r']\nvif=['mac=00:16:3e:00:00:01,bridge=br0']\n");
	const char *name, *mac, *bridge, *kernel, *args, *crash, *vdev, *path, *type, *uuid;
	int max, target, vcpus, readwrite, devid, weight, up, last;
	struct vl_error error;
	json_t *root;
	char *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL_FATAL(vl_config_json(config, &text, &error), 0);
	root = json_loads(text, 0, NULL);
	CU_ASSERT_EQUAL_FATAL(
		json_unpack(root,
			    "{s:{s:s,s:s,s:s},s:{s:i,s:i,s:i,s:s,s:{s:[s]},s:{s:i},s:[i,i],s:[[i,i]"
			    "]},s:s,s:[{s:s,s:s,s:i}],s:[{s:i,s:s,s:s}]}",
			    "c_info", "type", &type, "name", &name, "uuid", &uuid, "b_info",
			    "max_memkb", &max, "target_memkb", &target, "max_vcpus", &vcpus,
			    "kernel", &kernel, "type.pv", "bootloader_args", &args, "sched_params",
			    "weight", &weight, "avail_vcpus", &up, &up, "vcpu_hard_affinity", &last,
			    &last, "on_crash", &crash, "disks", "pdev_path", &path, "vdev", &vdev,
			    "readwrite", &readwrite, "nics", "devid", &devid, "mac", &mac, "bridge",
			    &bridge),
		0);
	CU_ASSERT_STRING_EQUAL(type, "pv");
	CU_ASSERT_STRING_EQUAL(name, "g");
	CU_ASSERT_STRING_EQUAL(uuid, "01234567-89ab-cdef-0123-456789abcdef");
	CU_ASSERT_EQUAL(max, 131072);
	CU_ASSERT_EQUAL(target, 65536);
	CU_ASSERT_EQUAL(vcpus, 3);
	CU_ASSERT_EQUAL(weight, 256);
	CU_ASSERT_EQUAL(up, 1);
	CU_ASSERT_EQUAL(last, 2);
	CU_ASSERT_STRING_EQUAL(args, "-q");
	CU_ASSERT_STRING_EQUAL(crash, "rename_restart");
	CU_ASSERT_STRING_EQUAL(vdev, "xvda");
	CU_ASSERT_EQUAL(readwrite, 0);
	CU_ASSERT_EQUAL(devid, 0);
	CU_ASSERT_STRING_EQUAL(mac, "00:16:3e:00:00:01");
	json_decref(root);
	free(text);
	vl_config_free(config);
}

static void test_round_trips(void)
{
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct vl_config *config = config_random(seed), *again;
		struct vl_warnings warnings;
		struct vl_error error = { "" };
		const char *difference;
		char *text;

		CU_ASSERT_EQUAL_FATAL(vl_config_json(config, &text, &error), 0);
		if (vl_config_parse(text, strlen(text), "x.json", NULL, 0, &again, &warnings,
				    &error)) {
			printf("\n  %s\n%s\n", error.text, text);
			CU_FAIL_FATAL("what was written is refused");
		}
		CU_ASSERT_EQUAL(config_other_warnings(&warnings), 0);
		difference = config_difference(config, again);
		if (difference) {
			printf("\n  %s differs\n%s\n", difference, text);
		}
		CU_ASSERT_PTR_NULL_FATAL(difference);
		vl_warnings_free(&warnings);
		vl_config_free(config);
		vl_config_free(again);
		free(text);
	}
}

static void test_errors(void)
{
	static const char *const cases[][2] = {
		{ "{", "x.cfg:1: this is no JSON: string or '}' expected near end of file" },
		{ "{}", "x.cfg: the guest has no name" },
		{ "{\"a\":1,\n\"a\":2}",
		  "x.cfg:2: this is no JSON: duplicate object key near '\"a\"'" },
		{ "{\"c_info\":5}", "x.cfg: c_info is to be an object" },
		{ "{\"c_info\":{\"name\":5}}", "x.cfg: c_info/name is to be a string" },
		{ "{\"c_info\":{\"name\":\"a\\u001bb\"}}",
		  "x.cfg: name has control characters or is not UTF-8" },
		{ "{\"c_info\":{\"type\":\"hvm\"}}",
		  "x.cfg: only guests of type \"pv\" are supported" },
		{ "{\"c_info\":{\"uuid\":\"x\"}}", "x.cfg: uuid: \"x\" is no UUID" },
		{ "{\"c_info\":{\"driver_domain\":[]}}",
		  "x.cfg: c_info/driver_domain is to be true or false" },
		{ "{" INFO ",\"b_info\":{\"max_vcpus\":-1}}",
		  "x.cfg: b_info/max_vcpus is to be a number" },
		{ "{" INFO ",\"b_info\":{\"max_vcpus\":4294967297}}",
		  "x.cfg: maxvcpus: 4294967297 is not between 1 and 64" },
		{ "{" INFO ",\"b_info\":{\"target_memkb\":1.5}}",
		  "x.cfg: b_info/target_memkb is to be a number" },
		{ "{" INFO ",\"b_info\":{\"type.pv\":{\"bootloader_args\":[5]}}}",
		  "x.cfg: b_info/type.pv/bootloader_args is to be a list of strings" },
		{ "{" INFO ",\"b_info\":{\"avail_vcpus\":5}}",
		  "x.cfg: b_info/avail_vcpus is to be a list of numbers" },
		{ "{" INFO ",\"b_info\":{\"avail_vcpus\":[1]}}",
		  "x.cfg: b_info/avail_vcpus is to have all numbers from 0 to its highest" },
		{ "{" INFO ",\"b_info\":{\"avail_vcpus\":[64]}}",
		  "x.cfg: b_info/avail_vcpus is to be a list of numbers from 0 to 63" },
		{ "{" INFO ",\"b_info\":{\"vcpu_hard_affinity\":[5]}}",
		  "x.cfg: b_info/vcpu_hard_affinity is to be a list of numbers" },
		{ "{" INFO ",\"b_info\":{\"vcpu_hard_affinity\":{}}}",
		  "x.cfg: b_info/vcpu_hard_affinity is to be a list of at most 64 lists" },
		{ "{" INFO ",\"b_info\":{\"iomem\":5}}", "x.cfg: b_info/iomem is to be a list" },
		{ "{" INFO ",\"b_info\":{\"iomem\":[{\"start\":1}]}}",
		  "x.cfg: b_info/iomem is to be a number" },
		{ "{" INFO ",\"b_info\":{\"ioports\":[{\"first\":1,\"number\":65536}]}}",
		  "x.cfg: b_info/ioports has a range that cannot be" },
		{ "{" BASE ",\"disks\":{}}", "x.cfg: disks and nics are to be lists" },
		{ "{" BASE ",\"disks\":[5]}", "x.cfg: disks is to be a list of objects" },
		{ "{" BASE ",\"nics\":[5]}", "x.cfg: nics is to be a list of objects" },
		{ "{" BASE ",\"disks\":[{}]}", "x.cfg: a disk has no virtual device (vdev)" },
		{ "{" BASE ",\"disks\":[{\"format\":\"qcow2\"}]}",
		  "x.cfg: disks of format qcow2 are not supported: convert the image with "
		  "\"qemu-img convert -O raw\"" },
		{ "{" BASE ",\"disks\":[{\"vdev\":\"xvda\",\"readwrite\":\"no\"}]}",
		  "x.cfg: readwrite is to be true or false" },
		{ "{" BASE ",\"nics\":[{\"mac\":\"x\"}]}", "x.cfg: mac: \"x\" is no MAC address" },
		{ "{" BASE ",\"on_reboot\":\"no\"}", "x.cfg: on_reboot: \"no\" is no action" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		config_refused(cases[i][0], cases[i][1]);
	}
}

/* What others write: other spellings, members that are not known here. */
static void test_foreign(void)
{
	struct vl_config *config = config_warned(
		" {\"c_info\":{\"type\":\"pv\",\"name\":\"g\",\"run_hotplug_scripts\":\"True\","
		"\"driver_domain\":\"<default>\"},"
		"\"b_info\":{\"kernel\":\"/k\",\"claim_mode\":\"True\",\"odd\":1,"
		"\"type.pv\":{\"e820_host\":true,\"slack_memkb\":0},\"sched_params\":{\"x\":[]},"
		"\"vcpu_hard_affinity\":[[]]},"
		"\"disks\":[{\"pdev_path\":\"/a\",\"vdev\":\"xvda\",\"backend\":\"phy\","
		"\"readwrite\":true,\"discard_enable\":\"False\",\"colour\":2}],"
		"\"nics\":[{\"nictype\":\"vif\",\"zork\":1}],\"vfbs\":[]}",
		"x.cfg: vfbs is not known\n"
		"x.cfg: b_info/odd is not known\n"
		"x.cfg: e820_host has no effect here\n"
		"x.cfg: b_info/type.pv/slack_memkb is not known\n"
		"x.cfg: b_info/sched_params/x is not known\n"
		"x.cfg: colour is not known\n"
		"x.cfg: zork is not known");

	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_TRUE(config->e820_host);
	CU_ASSERT_FALSE(config->disks[0].discard);
	CU_ASSERT_FALSE(config->disks[0].readonly);
	CU_ASSERT_EQUAL(config->cpus_count, 0);
	vl_config_free(config);
}

/* An override of what a record says: equal sizes stay equal. */
static void test_overrides(void)
{
	static const char text[] = "{" INFO ",\"b_info\":{\"kernel\":\"/k\",\"cmdline\":\"a\","
				   "\"max_memkb\":65536,\"target_memkb\":65536,\"max_vcpus\":1,"
				   "\"avail_vcpus\":[0]},\"disks\":[{\"pdev_path\":\"/a\","
				   "\"vdev\":\"xvda\"}]}";
	static const char *const list[] = { "memory=128", "vcpus=2", "cmdline+= b",
					    "disk+=['/b,,xvdb']", "vif=['']" };
	static const char *const replace[] = { "disk=[]" };
	struct vl_config *config;

	CU_ASSERT_EQUAL_FATAL(
		vl_config_parse(text, strlen(text), "x.json", list, 5, &config, NULL, NULL), 0);
	CU_ASSERT_EQUAL(config->maxmem_kib, 131072);
	CU_ASSERT_EQUAL(config->maxvcpus, 2);
	CU_ASSERT_STRING_EQUAL(config->cmdline, "ab");
	CU_ASSERT_EQUAL(config->disk_count, 2);
	CU_ASSERT_EQUAL(config->vif_count, 1);
	vl_config_free(config);
	CU_ASSERT_EQUAL_FATAL(
		vl_config_parse(text, strlen(text), "x.json", replace, 1, &config, NULL, NULL), 0);
	CU_ASSERT_EQUAL(config->disk_count, 0);
	vl_config_free(config);
}

CU_TestInfo config_json_tests[] = {
	{ "structure", test_structure }, { "random round trips", test_round_trips },
	{ "errors", test_errors },	 { "what others write", test_foreign },
	{ "overrides", test_overrides }, CU_TEST_INFO_NULL,
};

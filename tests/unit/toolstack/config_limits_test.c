/* SPDX-License-Identifier: MIT */
/* What a file in xl.cfg syntax is warned about, and its limits. */
#include "config_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

static void test_warnings(void)
{
	static const char *const cases[][2] = {
		{ "cmdline='a'\nroot='b'\nextra='c'",
		  "x.cfg: root and extra are without effect beside cmdline" },
		{ "name='h'", "x.cfg:3: name is set again: line 1 is without effect" },
		/* The last was taken without a word. */
		{ "vif=['bridge=a, mtu=1500, bridge=b']",
		  "x.cfg:3: bridge of an interface is set again" },
		{ "pci=['01:00.0']", "x.cfg:3: pci is not supported and without effect" },
		{ "\npool='Pool-0'", "x.cfg:4: pool is not supported and without effect" },
		{ "cpus_soft='1'", "x.cfg:3: cpus_soft is not supported and without effect" },
		{ "channel=[]", "x.cfg:3: channel is not supported and without effect" },
		{ "p9=[]", "x.cfg:3: p9 is not supported and without effect" },
		{ "acpi=1", "x.cfg:3: acpi has no effect on a paravirtualized guest" },
		{ "vnc=1; zork=[['a'],]", "x.cfg:3: vnc has no effect on a paravirtualized guest\n"
					  "x.cfg:3: zork is not known" },
		{ "Memory=5", "x.cfg:3: Memory is not known" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), CONFIG_BASE "%s", cases[i][0]);
		vl_config_free(config_warned(text, cases[i][1]));
	}
}

/*
 * Keys that are kept, and change nothing, were taken without a word: whoever set
 * one had to find out by himself that the guest did not get what it says.
 */
static void test_idle(void)
{
	static const char *const cases[][2] = {
		{ "nomigrate=1", "x.cfg:3: nomigrate has no effect here" },
		{ "\ne820_host=1", "x.cfg:4: e820_host has no effect here" },
		{ "driver_domain='yes'", "x.cfg:3: driver_domain has no effect here" },
		{ "bootloader='pygrub'\nbootloader_args=['-q',\n'x']",
		  "x.cfg:4: bootloader_args has no effect here\n"
		  "x.cfg:2: kernel has no effect here, beside bootloader" },
		{ "bootargs='-q'", "x.cfg:3: bootloader_args has no effect here" },
		{ "vif=['gatewaydev=eth0',\n'netdev=eth1,bridge=b','bridge=c']",
		  "x.cfg:3: gatewaydev has no effect here\n"
		  "x.cfg:4: gatewaydev has no effect here" },
		{ "iomem=['f0,2@f0',\n'f8,1',\n'100,1@1a']",
		  "x.cfg:5: iomem: the GFN 1a has no effect here" },
		/* These say what is so anyway. */
		{ "nomigrate=0\ne820_host=0\ndriver_domain=0\nbootargs=''", "" },
		{ "vif=['gatewaydev=']\nbootloader_args=[]", "" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), CONFIG_BASE "%s", cases[i][0]);
		vl_config_free(config_warned(text, cases[i][1]));
	}
}

/*
 * A kernel, or a ramdisk, beside GRUB was dropped without a word: the guest ran
 * another kernel than its configuration said.
 */
static void test_unused(void)
{
	static const char *const cases[][2] = {
		{ "name='g'\nfirmware='pvgrub64'", "" },
		{ "name='g'\nbootloader='pygrub'\nkernel=''\nramdisk=''", "" },
		{ "name='g'\nkernel='/k'\nramdisk='/r'\nfirmware=''\nbootloader=''", "" },
		{ "name='g'\nkernel='/k'\n\nramdisk='/r'\nfirmware='pvgrub64'",
		  "x.cfg:2: kernel has no effect here, beside firmware\n"
		  "x.cfg:4: ramdisk has no effect here, beside firmware" },
		{ "name='g'\nfirmware='pvgrub64'\nbootloader='pvgrub'\nramdisk='/r'",
		  "x.cfg:4: ramdisk has no effect here, beside firmware\n"
		  "x.cfg:3: bootloader has no effect here, beside firmware" },
		{ "name='g'\nbootloader='pygrub'\nkernel='/k'\nkernel='/l'",
		  "x.cfg:4: kernel is set again: line 3 is without effect\n"
		  "x.cfg:4: kernel has no effect here, beside bootloader" },
		/* There are no lines in JSON. */
		{ "{\"c_info\":{\"name\":\"g\"},\"b_info\":{\"kernel\":\"/k\","
		  "\"type.pv\":{\"bootloader\":\"pygrub\"}}}",
		  "x.cfg: kernel has no effect here, beside bootloader" },
	};
	static const char *const argument = "kernel=/k";
	struct vl_warnings warnings = { 0 };
	const char *text = "name='g'\nfirmware='pvgrub64'";
	struct vl_config *config;
	struct vl_error error;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		vl_config_free(config_warned(cases[i][0], cases[i][1]));
	}
	CU_ASSERT_EQUAL_FATAL(vl_config_parse(text, strlen(text), "x.cfg", &argument, 1, &config,
					      &warnings, &error),
			      0);
	CU_ASSERT_EQUAL_FATAL(warnings.count, 1);
	CU_ASSERT_STRING_EQUAL(warnings.text[0],
			       "argument:1: kernel has no effect here, beside firmware");
	vl_warnings_free(&warnings);
	vl_config_free(config);
}

/* What hostile sizes meet. */
static void test_limits(void)
{
	size_t size = (size_t)2 << 20, used = 0;
	char *text = malloc(size);

	memset(text, ' ', size - 1);
	text[size - 1] = '\0';
	config_refused(text, "x.cfg: it is larger than 1024 KiB");
	for (int i = 0; i < 1100; i++) {
		used += (size_t)sprintf(text + used, "a%d=1\n", i);
	}
	config_refused(text, "x.cfg:1025: there are more than 1024 settings");
	used = (size_t)sprintf(text, CONFIG_BASE "vif=[");
	for (int i = 0; i < 257; i++) {
		used += (size_t)sprintf(text + used, "'',\n");
	}
	sprintf(text + used, "]");
	config_refused(text, "x.cfg:259: there are more than 256 interfaces");
	used = (size_t)sprintf(text, "vif=[");
	for (int i = 0; i < 4097; i++) {
		used += (size_t)sprintf(text + used, "1,");
	}
	config_refused(text, "x.cfg:1: the list of vif is too long");
	free(text);
}

/*
 * What the core has no room for was let through, up to 65536 frames and 256
 * ranges: a creation then failed late, and nobody was told because of what.
 */
static void test_core_limits(void)
{
	static const char *const cases[][2] = {
		{ "max_grant_frames=513",
		  "x.cfg:3: max_grant_frames: 513 is not between 0 and 512" },
		{ "\nmax_maptrack_frames=1025",
		  "x.cfg:4: max_maptrack_frames: 1025 is not between 0 and 1024" },
		{ "vcpus=65", "x.cfg:3: vcpus: 65 is not between 1 and 64" },
		{ "iomem=['1,1','2,1','3,1','4,1','5,1','6,1','7,1','8,1',\n'9,1']",
		  "x.cfg:4: iomem has more than 8 ranges" },
	};
	struct vl_config *config;
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), CONFIG_BASE "%s", cases[i][0]);
		config_refused(text, cases[i][1]);
	}
	config = config_good(CONFIG_BASE "max_grant_frames=512\nmax_maptrack_frames=1024\n"
					 "iomem=['1,1','2,1','3,1','4,1','5,1','6,1','7,1','8,1']");
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	CU_ASSERT_EQUAL(config->max_grant_frames, 512);
	CU_ASSERT_EQUAL(config->max_maptrack_frames, 1024);
	CU_ASSERT_EQUAL(config->iomem_count, 8);
	vl_config_free(config);
}

CU_TestInfo config_limits_tests[] = {
	{ "warnings", test_warnings },
	{ "keys that change nothing", test_idle },
	{ "what GRUB leaves unused", test_unused },
	{ "limits", test_limits },
	{ "limits of the core", test_core_limits },
	CU_TEST_INFO_NULL,
};

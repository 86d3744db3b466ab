/* SPDX-License-Identifier: MIT */
/* Domains in parentheses: their form, and that no value breaks out of its list. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "sxp_read.h"
#include "vl/sxp.h"
#include "world.h"

static char *print(const char *name, const struct vl_domain_info *info, const json_t *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	sxp_print(out, name, info, config);
	fclose(out);
	return text;
}

/* A configuration in which each string is the one. */
static json_t *config_of(const char *text)
{
	json_t *string = json_stringn_nocheck(text, strlen(text));
	json_t *config = json_pack(
		"{s:{s:O, s:O}, s:{s:O, s:O, s:O, s:i, s:i, s:{s:O, s:[O]}}, s:[{s:O, s:O, s:O, "
		"s:O, s:O, s:i, s:O}], s:[{s:O, s:O, s:O, s:O, s:i, s:i}], s:s, s:s, s:O}",
		"c_info", "name", string, "uuid", string, "b_info", "kernel", string, "ramdisk",
		string, "cmdline", string, "target_memkb", 524288, "max_vcpus", 2, "type.pv",
		"bootloader", string, "bootloader_args", string, "nics", "mac", string, "bridge",
		string, "ip", string, "ifname", string, "script", string, "mtu", 1500,
		"backend_domname", string, "disks", "pdev_path", string, "script", string,
		"backend_domname", string, "vdev", string, "readwrite", 1, "is_cdrom", 0,
		"on_poweroff", "destroy", "on_reboot", "rename_restart", "on_crash", string);

	json_decref(string);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	return config;
}

static const char whole[] = "(domain\n"
			    "    (domid 3)\n"
			    "    (name web)\n"
			    "    (uuid 30313233-3435-3637-3839-3a3b3c3d3e3f)\n"
			    "    (vcpus 2)\n"
			    "    (online_vcpus 1)\n"
			    "    (memory 256)\n"
			    "    (maxmem 257)\n"
			    "    (cpu_weight 256)\n"
			    "    (cpu_cap 0)\n"
			    "    (state -b----)\n"
			    "    (cpu_time 12.340000000)\n"
			    "    (on_poweroff destroy)\n"
			    "    (on_reboot rename-restart)\n"
			    "    (on_crash a\\040b)\n"
			    "    (bootloader 'a b')\n"
			    "    (bootloader_args 'a b')\n"
			    "    (image\n"
			    "        (linux\n"
			    "            (kernel 'a b')\n"
			    "            (ramdisk 'a b')\n"
			    "            (args 'a b')\n"
			    "        )\n"
			    "    )\n"
			    "    (device\n"
			    "        (vif\n"
			    "            (mac 'a b')\n"
			    "            (bridge 'a b')\n"
			    "            (ip 'a b')\n"
			    "            (vifname 'a b')\n"
			    "            (script 'a b')\n"
			    "            (mtu 1500)\n"
			    "            (backend 'a b')\n"
			    "        )\n"
			    "    )\n"
			    "    (device\n"
			    "        (vbd\n"
			    "            (dev a\\040b:disk)\n"
			    "            (mode w)\n"
			    "            (uname 'a b')\n"
			    "            (script 'a b')\n"
			    "            (backend 'a b')\n"
			    "        )\n"
			    "    )\n"
			    ")\n";

static void form(void)
{
	json_t *config = config_of("a b"),
	       *disk = json_array_get(json_object_get(config, "disks"), 0);
	char *text = print("web", &world_domain(3)->info, config);
	struct sxp_node all;

	CU_ASSERT_TEXT(text, whole);
	CU_ASSERT(sxp_read(text, &all));
	CU_ASSERT_EQUAL(all.count, 1);
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "domid", SXP_NUMBER), "3");
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "name", SXP_WORD), "web");
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "state", SXP_WORD), "-b----");
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "cpu_time", SXP_NUMBER), "12.340000000");
	sxp_free(&all);
	free(text);
	json_object_set_new(disk, "shared", json_string("True"));
	text = print("web", NULL, config);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "(mode w!)"));
	free(text);
	json_object_set_new(disk, "readwrite", json_integer(0));
	json_object_set_new(disk, "is_cdrom", json_integer(1));
	text = print("web", NULL, config);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "(dev a\\040b:cdrom)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "(mode r)"));
	free(text);
	json_decref(config);
}

/* What the core would tell is missing in a dry run, and nothing is made up for it. */
static void dry(void)
{
	json_t *config = json_pack("{s:{s:s}, s:{s:[i, i], s:i, s:i, s:i}}", "c_info", "name", "12",
				   "b_info", "avail_vcpus", 0, 1, "max_vcpus", 4, "target_memkb",
				   524288, "max_memkb", 1048576);
	char *text = print(NULL, NULL, config);

	CU_ASSERT_TEXT(text, "(domain\n    (name 12)\n    (vcpus 4)\n    (online_vcpus 2)\n"
			     "    (memory 512)\n    (maxmem 1024)\n)\n");
	free(text);
	json_decref(config);
}

static void states(void)
{
	static const struct {
		uint32_t flags, reason;
		const char *state;
	} cases[] = {
		{ VL_DOMAIN_running, 0, "r-----" },
		{ VL_DOMAIN_blocked, 0, "-b----" },
		{ VL_DOMAIN_paused, 0, "--p---" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_poweroff, "---s--" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_crash, "----c-" },
		{ VL_DOMAIN_dying, 0, "-----d" },
		{ 0, 0, "------" },
		{ VL_DOMAIN_running | VL_DOMAIN_blocked, 0, "r-----" },
		{ VL_DOMAIN_paused | VL_DOMAIN_running | VL_DOMAIN_blocked, 0, "--p---" },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_paused, SHUTDOWN_reboot, "---s--" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_suspend, "---s--" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_watchdog, "---s--" },
		{ VL_DOMAIN_shutdown, 4711, "---s--" },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_blocked, SHUTDOWN_crash, "----c-" },
		{ VL_DOMAIN_paused, SHUTDOWN_crash, "--p---" },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_crash, "-----d" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct vl_domain_info info = { .flags = cases[i].flags,
					       .shutdown_reason = cases[i].reason };
		char *text = print("a", &info, NULL);
		struct sxp_node all;

		CU_ASSERT(sxp_read(text, &all));
		CU_ASSERT_TEXT(sxp_value(&all.items[0], "state", SXP_WORD), cases[i].state);
		sxp_free(&all);
		free(text);
	}
}

/* ---- Hostile values ----------------------------------------------------------------- */

static const char *const string_keys[] = { "bootloader", "bootloader_args" };
static const char *const image_keys[] = { "kernel", "ramdisk", "args" };
static const char *const vif_keys[] = { "mac", "bridge", "ip", "vifname", "script", "backend" };
static const char *const vbd_keys[] = { "uname", "script", "backend" };

static void means(const struct sxp_node *list, const char *const *keys, size_t count,
		  const char *text)
{
	for (size_t i = 0; i < count; i++) {
		const struct sxp_node *item = sxp_nth(list, keys[i], 0);
		char *meant;

		CU_ASSERT_PTR_NOT_NULL_FATAL(item);
		meant = sxp_meaning(item);
		CU_ASSERT_TEXT(meant, text);
		free(meant);
	}
}

/* Several blanks are one to a reader that knows no quotes. */
static void join_blanks(const char *from, char *to)
{
	char last = 0;

	for (; *from; last = *from++) {
		if (*from != ' ' || last != ' ') {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* Wherever the text stands, it is read back, and all around it stays what it was. */
static void check_value(const char *hostile, const char *usual)
{
	static const char *const name_key[] = { "name" };
	json_t *config = config_of(hostile);
	char *text = print(hostile, &world_domain(3)->info, config), is[1024] = "", joined[64];
	const struct sxp_node *domain;
	struct sxp_node all;

	for (const char *c = text; *c; c++) {
		CU_ASSERT((*c >= ' ' && *c < 0x7f) || *c == '\n');
	}
	CU_ASSERT_FATAL(sxp_read(text, &all));
	sxp_shape(&all, is, sizeof(is));
	CU_ASSERT_TEXT(is, usual);
	domain = &all.items[0];
	CU_ASSERT_TEXT(sxp_value(domain, "domid", SXP_NUMBER), "3");
	CU_ASSERT_TEXT(sxp_value(domain, "state", SXP_WORD), "-b----");
	CU_ASSERT_EQUAL(sxp_nth(domain, "name", 0)->count, 2);
	means(domain, name_key, 1, hostile);
	join_blanks(hostile, joined);
	means(domain, string_keys, 2, joined);
	means(sxp_nth(sxp_nth(domain, "image", 0), "linux", 0), image_keys, 3, joined);
	means(sxp_nth(sxp_nth(domain, "device", 0), "vif", 0), vif_keys, 6, joined);
	means(sxp_nth(sxp_nth(domain, "device", 1), "vbd", 0), vbd_keys, 3, joined);
	sxp_free(&all);
	free(text);
	json_decref(config);
}

static void hostile(void)
{
	static const char *const texts[] = {
		"",
		" ",
		"  two  blanks  ",
		")",
		"a) (state r-----",
		"x)) (domain (domid 0) (name Domain-0",
		"(((((",
		"'",
		"a' b",
		"\"a b\"",
		"\\",
		"\\051",
		"a\\ b",
		"a\tb\nc\rd\ve\ff",
		"\x01\x1b[31m\x7f",
		"caf\xc3\xa9 \xc2\xa0\xe2\x80\x83\xe3\x80\x80 \xc2\x85",
		"\xff\xfe",
		"12",
		"1e5",
		"-1.5",
		"root=/dev/xvda1 ro 5 console=hvc0",
	};
	char usual[1024] = "";
	struct sxp_node all;

	CU_ASSERT(sxp_read(whole, &all));
	sxp_shape(&all, usual, sizeof(usual));
	sxp_free(&all);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		check_value(texts[i], usual);
	}
	/* Bytes that mean something are frequent. */
	srand(1);
	for (int n = 0; n < 2000; n++) {
		static const char special[] = "()'\"\\ \t\n0719e.";
		char text[24] = "";
		int length = rand() % 23;

		for (int i = 0; i < length; i++) {
			text[i] = rand() % 2 ? special[rand() % (int)(sizeof(special) - 1)] :
					       (char)(rand() % 255 + 1);
		}
		check_value(text, usual);
	}
}

/* A reader that knows numbers alone takes such a name for one; docs/vl.conf.md says so. */
static void number_as_name(void)
{
	static const char *const names[] = { "12", "1e5", "-1.5" };
	struct sxp_node all;

	for (size_t i = 0; i < 3; i++) {
		char *text = print(names[i], &world_domain(3)->info, NULL);

		CU_ASSERT(sxp_read(text, &all));
		CU_ASSERT_TEXT(sxp_value(&all.items[0], "name", SXP_NUMBER), names[i]);
		sxp_free(&all);
		free(text);
	}
}

CU_TestInfo sxp_tests[] = {
	{ "form", form },
	{ "dry", dry },
	{ "states", states },
	{ "hostile", hostile },
	{ "number_as_name", number_as_name },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Options of the boot line. */
#include "core_test.h"

#include <hv/cmdline.h>
#include <hv/printk.h>

static void parse(const char *line)
{
	fake_restore();
	fake_console_clear();
	cmdline_parse(line, false);
	cmdline_parse(line, true);
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "dom0_mem=512M", 512ull << 20 },
		{ "dom0_mem=2G", 2ull << 30 },
		{ "dom0_mem=1024", 1024ull << 10 },
		{ "dom0_mem=0x1000K", 4096ull << 10 },
		{ "dom0_mem=4096B", 4096 },
		{ "dom0_mem=1G,min:2G", 1ull << 30 },
		{ "dom0_mem=1G,max:512M", 512ull << 20 },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(cases[i].text);
		EQ(options.dom0_mem, cases[i].bytes);
		EQ(fake.console_used, 0);
	}
}

static void test_bad_values(void)
{
	static const char *const lines[] = {
		"dom0_mem=",	      "dom0_mem=1Q",	  "dom0_mem=99999999999999999999G",
		"dom0_mem=1G,",	      "com1=9600,7e1",	  "com1=1000000",
		"console=com2",	      "loglvl=loud",	  "dom0_max_vcpus=x",
		"dom0_max_vcpus=1-4", "noreboot=perhaps", "vellum wibble",
		"vellum wibble=1",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		parse(lines[i]);
		if (fake.console_used == 0) {
			printf("\n    no warning for %s", lines[i]);
		}
		CU_ASSERT(fake.console_used != 0);
		OK(options.dom0_mem);
		FALSE_(options.noreboot);
	}
}

static void test_many(void)
{
	parse("dom0_mem=256M  dom0_max_vcpus=4\tnoreboot no-smep smap=off "
	      "com1=115200,8n1,0x2f8 console=com1,vga loglvl=error/all "
	      "dma_reserve=1M");
	EQ(options.dom0_mem, 256 << 20);
	EQ(options.dom0_max_vcpus, 4);
	TRUE_(options.noreboot);
	TRUE_(options.no_smep);
	TRUE_(options.no_smap);
	EQ(options.com1_baud, 115200);
	EQ(options.com1_port, 0x2f8);
	TRUE_(options.console_com1);
	EQ(options.loglvl, LOG_DEBUG);
	EQ(options.dma_reserve, 1 << 20);
}

static void test_long(void)
{
	static char line[5000];

	memset(line, 'x', sizeof(line) - 1);
	parse(line);
	EQ(strlen(options.text), sizeof(options.text) - 1);
	for (unsigned int i = 0; i < sizeof(line) - 1; i += 2) {
		line[i] = ' ';
	}
	parse(line);
	TRUE_(fake.console_used != 0);
}

CU_TestInfo cmdline_tests[] = {
	{ "sizes", test_sizes },
	{ "values that do not parse warn", test_bad_values },
	{ "many options", test_many },
	{ "a line that is too long", test_long },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/*
 * What cluster managers do with vl's output, by their own rules: the list is cut
 * into six words behind its first line, states are matched, info is split at
 * colons.
 */
#include <CUnit/CUnit.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/sched.h>

#include "world.h"

static bool matches(const char *text, const char *pattern)
{
	regex_t regex;
	bool found;

	CU_ASSERT_EQUAL_FATAL(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

/* 'r' running, 's' shut down, 'c' crashed, '!' an error; p stands for nothing. */
static char meaning(char *state)
{
	if (state[2] == 'p') {
		state[2] = '-';
	}
	if (strchr(state, 'c')) {
		return 'c';
	}
	if (matches(state, "^(r--|rb-|-b-|---)(---|ss-|sr-)$") || !strcmp(state, "-----d")) {
		return 'r';
	}
	return matches(state, "^---s-[-d]$") ? 's' : '!';
}

static void list(void)
{
	static const struct {
		uint32_t flags, reason;
		char meaning;
	} cases[] = {
		{ VL_DOMAIN_running, 0, 'r' },
		{ VL_DOMAIN_running | VL_DOMAIN_blocked, 0, 'r' },
		{ VL_DOMAIN_blocked, 0, 'r' },
		{ VL_DOMAIN_paused, 0, 'r' },
		{ VL_DOMAIN_paused | VL_DOMAIN_blocked, 0, 'r' },
		{ 0, 0, 'r' },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_blocked, SHUTDOWN_poweroff, 's' },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_paused, SHUTDOWN_poweroff, 's' },
		{ VL_DOMAIN_shutdown, SHUTDOWN_reboot, 'r' },
		{ VL_DOMAIN_shutdown, SHUTDOWN_suspend, 'r' },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_blocked, SHUTDOWN_crash, 'c' },
		{ VL_DOMAIN_dying | VL_DOMAIN_blocked, 0, 'r' },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_poweroff, 's' },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_reboot, 'r' },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_suspend, 'r' },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_watchdog, 'r' },
		{ VL_DOMAIN_dying | VL_DOMAIN_shutdown, SHUTDOWN_crash, 'c' },
	};
	size_t count = sizeof(cases) / sizeof(*cases);
	const struct result *result;
	char *line, *rest;

	for (size_t i = 0; i < count; i++) {
		world_add((uint16_t)(20 + i), i == 4 ? "two words" : "guest", cases[i].flags)
			->info.shutdown_reason = cases[i].reason;
	}
	result = run("list");
	CU_ASSERT_EQUAL(result->rc, 0);
	rest = strchr(result->out, '\n') + 1;
	for (size_t row = 0; (line = strsep(&rest, "\n")) && *line; row++) {
		char name[64], state[16], more[8], dot;
		int id, memory, vcpus, fields;
		double seconds;

		fields = sscanf(line, "%63s %d %d %d %15s %lf %7s", name, &id, &memory, &vcpus,
				state, &seconds, more);
		CU_ASSERT_EQUAL(fields, 6);
		CU_ASSERT_EQUAL(memory, 256);
		CU_ASSERT_EQUAL(sscanf(strrchr(line, ' '), " %*d%c%*d", &dot), 1);
		if (row == 0) {
			CU_ASSERT_TEXT(name, "Domain-0");
		}
		if (row >= 3) {
			CU_ASSERT_EQUAL(meaning(state), cases[row - 3].meaning);
		}
	}
}

static void info(void)
{
	static const char *const wanted[] = {
		"total_memory",	    "free_memory",	"nr_cpus",   "nr_nodes",
		"cores_per_socket", "threads_per_core", "xen_major", "xen_minor",
	};
	char *text = strdup(run("info")->out), *rest = text, *line, *colon;
	unsigned int seen = 0;

	while ((line = strsep(&rest, "\n")) && *line) {
		colon = strchr(line, ':');
		CU_ASSERT_PTR_NOT_NULL_FATAL(colon);
		CU_ASSERT_EQUAL(colon - line, 23);
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
			if (!strncmp(line, wanted[i], strlen(wanted[i])) &&
			    line[strlen(wanted[i])] == ' ') {
				CU_ASSERT(matches(colon, "^: [0-9]+$"));
				seen |= 1u << i;
			}
		}
	}
	CU_ASSERT_EQUAL(seen, 0xff);
	free(text);
}

/* All lines in their order; the first four are the control domain's own. */
static void info_text(void)
{
	static const char text[] = "nr_cpus                : 4\n"
				   "max_cpu_id             : 3\n"
				   "nr_nodes               : 1\n"
				   "cores_per_socket       : 4\n"
				   "threads_per_core       : 1\n"
				   "cpu_mhz                : 2394.454\n"
				   "hw_caps                : 00000001:00000002:00000003:00000004:"
				   "00000005:00000006:00000007:deadbeef\n"
				   "virt_caps              : pv\n"
				   "total_memory           : 8192\n"
				   "free_memory            : 4096\n"
				   "sharing_freed_memory   : 0\n"
				   "sharing_used_memory    : 0\n"
				   "outstanding_claims     : 0\n"
				   "free_cpus              : 0\n"
				   "xen_major              : 4\n"
				   "xen_minor              : 17\n"
				   "xen_extra              : .0-vellum\n"
				   "xen_version            : 4.17.0-vellum\n"
				   "xen_caps               : xen-3.0-x86_64 \n"
				   "xen_scheduler          : credit2\n"
				   "xen_pagesize           : 4096\n"
				   "platform_params        : virt_start=0xffff800000000000\n"
				   "xen_changeset          : Vellum 0.1 abc\n"
				   "xen_commandline        : dom0_mem=1G console=com1\n"
				   "cc_compiler            : cc 12\n"
				   "cc_compile_by          : us\n"
				   "cc_compile_domain      : \n"
				   "cc_compile_date        : \n"
				   "build_id               : \n"
				   "xend_config_format     : 4\n";
	const struct result *result = run("info -x");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_EQUAL(strncmp(result->out, "host                   : ", 25), 0);
	CU_ASSERT_TEXT(strstr(result->out, "nr_cpus"), text);
	EXPECT("info free_memory", 0, "4096\n", "");
	EXPECT("info xen_caps", 0, "xen-3.0-x86_64 \n", "");
	EXPECT("info colour", 1, "", "vl: info has no field \"colour\"\n");
	EXPECT("info nr_cpus host", 2, "",
	       "vl: info: there are too many arguments: vl info [-n] [FIELD]\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(run("info -n")->out, "numa_info              :\n"));
}

CU_TestInfo ganeti_tests[] = {
	{ "list", list },
	{ "info", info },
	{ "info_text", info_text },
	CU_TEST_INFO_NULL,
};

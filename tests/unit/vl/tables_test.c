/* SPDX-License-Identifier: MIT */
/* The tables that people read and scripts cut into columns, to the character. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>
#include <xen/sched.h>

#include "vl/output.h"
#include "world.h"

#define LIST_HEAD "Name                                        ID   Mem VCPUs\tState\tTime(s)"
#define LIST_0 "Domain-0                                     0   256     2     r-----      12.3"
#define LIST_3 "web                                          3   256     1     -b----      12.3"
#define LIST_5 "db                                           5   256     1     --p---      12.3"
#define UUID_0 "00000000-0000-0000-0000-000000000000"
#define UUID_3 "30313233-3435-3637-3839-3a3b3c3d3e3f"
#define UUID_5 "50515253-5455-5657-5859-5a5b5c5d5e5f"

static void list(void)
{
	EXPECT("list", 0, LIST_HEAD "\n" LIST_0 "\n" LIST_3 "\n" LIST_5 "\n", "");
	EXPECT("list web", 0, LIST_HEAD "\n" LIST_3 "\n", "");
	EXPECT("list 5 web", 0, LIST_HEAD "\n" LIST_5 "\n" LIST_3 "\n", "");
	EXPECT("list Domain-0", 0, LIST_HEAD "\n" LIST_0 "\n", "");
	EXPECT("list nobody", 1, "", "vl: there is no guest \"nobody\"\n");
}

static void list_columns(void)
{
	struct world_domain *web = world_domain(3);

	web->info.flags = VL_DOMAIN_shutdown | VL_DOMAIN_blocked;
	web->info.shutdown_reason = SHUTDOWN_crash;
	EXPECT("list -v 3 5", 0,
	       LIST_HEAD
	       "   UUID                            Reason-Code\tSecurity Label\n"
	       "web                                          3   256     1     ---sc-      12.3 " UUID_3
	       "        3                -\n" LIST_5 " " UUID_5 "        -                -\n",
	       "");
	EXPECT("list -Z 5", 0, LIST_HEAD "   Security Label\n" LIST_5 "                -\n", "");
	EXPECT("list -c 5", 0, LIST_HEAD "         Cpupool\n" LIST_5 "          Pool-0\n", "");
	EXPECT("list -n 5", 0, LIST_HEAD " NODE Affinity\n" LIST_5 "  any node\n", "");
}

#define LIST_V LIST_HEAD "   UUID                            Reason-Code\tSecurity Label\n"
#define LIST_V_3                                                                                  \
	"web                                          3   256     1     ---sc-      12.3 " UUID_3 \
	"        3                -"

/*
 * Why a guest had crashed was not to be seen: xl's column has the number of the
 * reason, which is 3 for every crash.
 */
static void list_crash(void)
{
	struct world_domain *web = world_domain(3);

	web->info.flags = VL_DOMAIN_shutdown;
	web->info.shutdown_reason = SHUTDOWN_crash;
	web->crash = "unhandled page fault at 0x1c";
	EXPECT("list -v 3", 0, LIST_V LIST_V_3 "  crash: unhandled page fault at 0x1c\n", "");
	EXPECT("list -vcn 3", 0,
	       LIST_HEAD "   UUID                            Reason-Code\tSecurity Label"
			 "         Cpupool NODE Affinity\n" LIST_V_3
			 "          Pool-0  any node  crash: unhandled page fault at 0x1c\n",
	       "");
	EXPECT("list 3", 0,
	       LIST_HEAD "\n"
			 "web                                          3   256     1     ---sc-  "
			 "    12.3\n",
	       "");
	/* A guest may have a hand in it. */
	web->crash = "it\nsaid\t\x1b[2J\\\xff";
	EXPECT("list -v web", 0, LIST_V LIST_V_3 "  crash: it\\x0asaid\\x09\\x1b[2J\\x5c\\xff\n",
	       "");
	web->crash = "";
	EXPECT("list -v web", 0, LIST_V LIST_V_3 "\n", "");
	/* Of another reason there is none. */
	web->crash = "unhandled page fault at 0x1c";
	web->info.shutdown_reason = SHUTDOWN_poweroff;
	CU_ASSERT_PTR_NULL(strstr(run("list -v web")->out, "crash"));
}

#define END(name, domid, when, reason, crash)                                                      \
	"{\"name\": \"" name "\", \"domid\": " domid ", \"when\": " when ", \"reason\": \"" reason \
	"\", \"action\": \"destroy\", \"crash\": \"" crash "\"}"

/* With its domain went what was known of a guest: its end was in vld's log alone. */
static void list_ended(void)
{
	static const char db[] = "db (domain 4) has ended at 2026-11-23 16:20:11: crash: "
				 "it\\x1b[31m had no stack; action: destroy\n",
			  mail[] = "ma\\x20il (domain 6) has ended at 2026-11-23 16:20:12: "
				   "poweroff; action: destroy\n",
			  web[] = "web (domain 2) has ended at ?: ; action: \n";
	char all[1024];

	world.ended = "{\"ended\": [" END(
		"db", "4", "1795450811", "crash",
		"it\\u001b[31m had no stack") ", " END("ma il", "6", "1795450812", "poweroff",
						       "") ", {\"name\": \"web\", \"domid\": 2, \"when\": "
							   "9223372036854775807, \"crash\": 5}]}";
	snprintf(all, sizeof(all), "-\n\n%s%s%s", db, mail, web);
	CU_ASSERT_PTR_NOT_NULL(strstr(run("list -v")->out, all));
	snprintf(all, sizeof(all), LIST_V LIST_5 " " UUID_5 "        -                -\n\n%s", db);
	EXPECT("list -v db", 0, all, "");
	/* There is none of that name any more, as there was before. */
	EXPECT("list -v ma_il 6", 1, mail, "vl: there is no guest \"ma_il\"\n");
	EXPECT("list -v 2", 1, web, "vl: there is no guest \"2\"\n");
	EXPECT("list 2", 1, "", "vl: there is no guest \"2\"\n");
	EXPECT("list -v Domain-0", 0, LIST_V LIST_0 " " UUID_0 "        -                -\n", "");
	/* Scripts that know JSON, or nothing of this, get what they got. */
	EXPECT("list Domain-0", 0, LIST_HEAD "\n" LIST_0 "\n", "");
	CU_ASSERT_PTR_NULL(strstr(run("list -v --json")->out, "has ended"));
	CU_ASSERT_PTR_NULL(strstr(run("list -vl")->out, "has ended"));
	/* Nor is anything wrong where nobody keeps them. */
	world.ended = "[";
	CU_ASSERT_PTR_NULL(strstr(run("list -v")->out, "\n\n"));
	world.ended = NULL;
	EXPECT("list -v Domain-0", 0, LIST_V LIST_0 " " UUID_0 "        -                -\n", "");
	world.no_vld = "vld does not run";
	EXPECT("list -v Domain-0", 0, LIST_V LIST_0 " " UUID_0 "        -                -\n", "");
	world.no_store = "the store daemon does not run";
	EXPECT("list -v web", 1, "", "vl: the store daemon does not run\n");
}

/* Twenty are enough; and of each name, where one is asked for. */
static void list_many_ended(void)
{
	char ended[8192] = "{\"ended\": [" END("old", "1", "1", "reboot", "");
	size_t used = strlen(ended);
	const struct result *result;
	int lines = 0;

	for (int i = 0; i < 30; i++) {
		used += (size_t)snprintf(ended + used, sizeof(ended) - used,
					 ", {\"name\": \"new\", \"domid\": %d, \"when\": %d}",
					 i + 10, i);
	}
	snprintf(ended + used, sizeof(ended) - used, "]}");
	world.ended = ended;
	result = run("list -v");
	for (const char *at = result->out; (at = strstr(at, "has ended")) != NULL; at++) {
		lines++;
	}
	CU_ASSERT_EQUAL(lines, 20);
	CU_ASSERT_PTR_NOT_NULL(strstr(result->out, "\n\nnew (domain 20) has ended"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result->out, "\nnew (domain 39) has ended at 1970-01-01 "
						   "00:00:29: ; action: \n"));
	CU_ASSERT_PTR_NULL(strstr(result->out, "domain 19"));
	EXPECT("list -v old", 1,
	       "old (domain 1) has ended at 1970-01-01 00:00:01: reboot; action: destroy\n",
	       "vl: there is no guest \"old\"\n");
}

/* Domains that end while the list is made, and names that are no words. */
static void list_odd_names(void)
{
	world_add(9, NULL, VL_DOMAIN_dying | VL_DOMAIN_blocked);
	world_add(10, NULL, VL_DOMAIN_paused);
	world_add(11, "a b\n\x1b[31m\\\xc3\xa4", VL_DOMAIN_running);
	world_domain(0)->gone = world_domain(3)->gone = world_domain(5)->gone = true;
	EXPECT("list", 0,
	       LIST_HEAD
	       "\n"
	       "(dying)                                      9   256     1     -----d      12.3\n"
	       "(unnamed)                                   10   256     1     --p---      12.3\n"
	       "a\\x20b\\x0a\\x1b[31m\\x5c\\xc3\\xa4              11   256     1     r-----      12.3\n",
	       "");
}

static void states(void)
{
	static const struct {
		uint32_t flags, reason;
		const char *state;
	} cases[] = {
		{ 0, 0, "------" },
		{ VL_DOMAIN_running, 0, "r-----" },
		{ VL_DOMAIN_running | VL_DOMAIN_blocked, 0, "r-----" },
		{ VL_DOMAIN_blocked, 0, "-b----" },
		{ VL_DOMAIN_blocked | VL_DOMAIN_paused, 0, "-bp---" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_poweroff, "---s--" },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_blocked, SHUTDOWN_poweroff, "---s--" },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_running, SHUTDOWN_poweroff, "---s--" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_reboot, "---sr-" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_suspend, "---ss-" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_crash, "---sc-" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_watchdog, "---sw-" },
		{ VL_DOMAIN_shutdown, SHUTDOWN_soft_reset, "---sS-" },
		{ VL_DOMAIN_shutdown, 77, "---s?-" },
		{ VL_DOMAIN_shutdown | VL_DOMAIN_dying, SHUTDOWN_poweroff, "---s-d" },
		{ VL_DOMAIN_dying | VL_DOMAIN_paused | VL_DOMAIN_blocked, 0, "-----d" },
	};
	struct vl_domain_info info = { 0 };
	char state[OUTPUT_STATE_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		info.flags = cases[i].flags;
		info.shutdown_reason = cases[i].reason;
		output_state(&info, state);
		CU_ASSERT_TEXT(state, cases[i].state);
	}
}

static void times(void)
{
	char text[OUTPUT_TIME_SIZE];

	output_time(0, false, text);
	CU_ASSERT_TEXT(text, " 0:00:00");
	output_time(86399, false, text);
	CU_ASSERT_TEXT(text, "23:59:59");
	output_time(86400, false, text);
	CU_ASSERT_TEXT(text, "1 day,  0:00:00");
	output_time(98ull * 86400 + 8864, false, text);
	CU_ASSERT_TEXT(text, "98 days,  2:27:44");
	output_time(98ull * 86400 + 8864, true, text);
	CU_ASSERT_TEXT(text, "98 days,  2:27");
	output_time(UINT64_MAX / 1000000000, false, text);
	CU_ASSERT_TEXT(text, "213503 days, 23:34:33");
}

static void cpu_sets(void)
{
	char text[OUTPUT_CPUS_SIZE];

	output_cpus(~0ull, 64, text);
	CU_ASSERT_TEXT(text, "all");
	output_cpus(0xf, 4, text);
	CU_ASSERT_TEXT(text, "all");
	output_cpus(0xf, 8, text);
	CU_ASSERT_TEXT(text, "0-3");
	output_cpus(1ull << 63 | 1 | 0x70, 64, text);
	CU_ASSERT_TEXT(text, "0,4-6,63");
	output_cpus(0, 4, text);
	CU_ASSERT_TEXT(text, "none");
	output_cpus(0x5555555555555555, 64, text);
	CU_ASSERT_EQUAL(strlen(text), 5 * 2 + 27 * 3 - 1);
}

static void uptime(void)
{
	const struct result *result;

	EXPECT("uptime", 0,
	       "Name                                ID Uptime\n"
	       "Domain-0                             0 98 days,  1:34:27\n"
	       "web                                  3 98 days,  1:34:24\n"
	       "db                                   5 98 days,  1:34:22\n",
	       "");
	result = run("uptime -s db");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_EQUAL(result->out[0], ' ');
	CU_ASSERT_TEXT(result->out + 9, " up 98 days,  1:34, db (5)\n");
}

static void vm_list(void)
{
	EXPECT("vm-list", 0,
	       "UUID                                  ID    name\n" UUID_0
	       "  0    Domain-0\n" UUID_3 "  3    web\n" UUID_5 "  5    db\n",
	       "");
}

static void vcpu_list(void)
{
	EXPECT("vcpu-list 0 web", 0,
	       "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
	       "Soft)\n"
	       "Domain-0                             0     0    0   -b-      12.3  all / all\n"
	       "Domain-0                             0     1    0   r--       0.0  0,2 / all\n"
	       "web                                  3     0    3   -b-      12.3  all / all\n"
	       "web                                  3     1    -   --p       0.0  0,2 / all\n",
	       "");
}

/* A guest that ended at this moment made the verb fail, and the others were not shown. */
static void vcpu_list_meanwhile(void)
{
	world_domain(0)->gone = true;
	world_domain(3)->goes = true;
	EXPECT("vcpu-list", 0,
	       "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
	       "Soft)\n"
	       "db                                   5     0    1   -b-      12.3  all / all\n"
	       "db                                   5     1    -   --p       0.0  0,2 / all\n",
	       "");
	world_domain(5)->goes = true;
	EXPECT("vcpu-list 5", 1,
	       "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
	       "Soft)\n",
	       "vl: there is no domain 5\n");
}

static void sched(void)
{
	world_domain(5)->info.cap = 50;
	EXPECT("sched-credit2", 0,
	       "Cpupool Pool-0: ratelimit=0us\n"
	       "Name                                ID Weight  Cap\n"
	       "Domain-0                             0    256    0\n"
	       "web                                  3    256    0\n"
	       "db                                   5    256   50\n",
	       "");
	EXPECT("sched-credit2 -d db", 0,
	       "Name                                ID Weight  Cap\n"
	       "db                                   5    256   50\n",
	       "");
	EXPECT("sched-credit2 -s", 0, "Cpupool Pool-0: ratelimit=0us\n", "");
	EXPECT("sched-credit -s", 0,
	       "Cpupool Pool-0: tslice=10ms ratelimit=0us migration-delay=0us\n", "");
}

static void dmesg(void)
{
	EXPECT("dmesg", 0, "(core) one\n(d3) \\x1b[31mred\n", "");
	CU_ASSERT_TEXT(world.calls, "");
	EXPECT("dmesg -c", 0, "(core) one\n(d3) \\x1b[31mred\n", "");
	CU_ASSERT_PTR_NOT_NULL(strstr(world.calls, "clear\n"));
	world.rc = -EPERM;
	world.why = "the core does not let this domain read its log";
	EXPECT("dmesg", 1, "", "vl: the core does not let this domain read its log\n");
}

CU_TestInfo tables_tests[] = {
	{ "list", list },
	{ "list_columns", list_columns },
	{ "list_crash", list_crash },
	{ "list_ended", list_ended },
	{ "list_many_ended", list_many_ended },
	{ "list_odd_names", list_odd_names },
	{ "states", states },
	{ "times", times },
	{ "cpu_sets", cpu_sets },
	{ "uptime", uptime },
	{ "vm_list", vm_list },
	{ "vcpu_list", vcpu_list },
	{ "vcpu_list_meanwhile", vcpu_list_meanwhile },
	{ "sched", sched },
	{ "dmesg", dmesg },
	CU_TEST_INFO_NULL,
};

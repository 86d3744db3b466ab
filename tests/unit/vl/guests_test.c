/* SPDX-License-Identifier: MIT */
/* Verbs that act on guests which are there: what they call, wait for and say. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#include "world.h"

static void pause_and_unpause(void)
{
	EXPECT("pause web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "pause 3\n");
	EXPECT("unpause 5", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "unpause 5\n");
	EXPECT("pause 0", 1, "", "vl: the control domain cannot be paused by vl\n");
	EXPECT("unpause Domain-0", 1, "", "vl: the control domain cannot be unpaused by vl\n");
	CU_ASSERT_TEXT(world.calls, "");
	world.rc = -EINVAL;
	world.why = "domain 3 has no vCPU";
	EXPECT("unpause web", 1, "", "vl: domain 3 has no vCPU\n");
	EXPECT("pause web", 1, "", "vl: domain 3 has no vCPU\n");
}

static void destroy(void)
{
	/* One that had just ended by itself, and still was there, was started anew by vld
	 * after it had been destroyed "for good". */
	EXPECT("destroy web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "destroy 3\nforget web\n");
	EXPECT("destroy -f 5", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "destroy 5\nforget db\n");
	EXPECT("destroy -f 0", 1, "", "vl: the control domain cannot be destroyed by vl\n");
	EXPECT("destroy nobody", 1, "", "vl: there is no guest \"nobody\"\n");
	CU_ASSERT_TEXT(world.calls, "forget nobody\nforget nobody\n");
	/* Between two lives, so to speak. */
	world.restarts = "mail";
	EXPECT("destroy mail", 0, "", "Guest mail is not started anew\n");
	/* "there is no guest", it said whatever had failed. */
	world.forget_fails = -EIO;
	world.restarts = "mail";
	EXPECT("destroy mail", 1, "", "vl: mail was started again\n");
	EXPECT("destroy web", 1, "", "vl: mail was started again\n");
	world.forget_fails = -ECONNRESET;
	EXPECT("destroy mail", 1, "", "vl: mail was started again\n");
	world.forget_fails = 0;
	world.no_vld = "vld does not run";
	EXPECT("destroy mail", 1, "", "vl: there is no guest \"mail\"\n");
	EXPECT("destroy web db", 2, "",
	       "vl: destroy: there are too many arguments: vl destroy [-f] GUEST\n");
	CU_ASSERT_TEXT(world.calls, "");
}

static void rename_guest(void)
{
	EXPECT("rename web web--migratedaway", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "rename 3 web--migratedaway\n");
	world.rc = -EEXIST;
	world.why = "there is a guest \"db\" already";
	EXPECT("rename web db", 1, "", "vl: there is a guest \"db\" already\n");
	EXPECT("rename web", 2, "",
	       "vl: rename: there are too few arguments: vl rename GUEST NAME\n");
}

static void names_and_numbers(void)
{
	EXPECT("domid web", 0, "3\n", "");
	EXPECT("domid Domain-0", 0, "0\n", "");
	EXPECT("domid nobody", 1, "", "vl: there is no guest \"nobody\"\n");
	EXPECT("domname 5", 0, "db\n", "");
	EXPECT("domname 4", 1, "", "vl: there is no domain 4\n");
	EXPECT("domname web", 1, "", "vl: \"web\" is not the number of a domain\n");
	EXPECT("domname -1", 2, "",
	       "vl: domname: there is no option -1; see \"vl help domname\"\n");
	EXPECT("domname 16384", 1, "", "vl: \"16384\" is not the number of a domain\n");
	EXPECT("domname 99999999999999999999", 1, "",
	       "vl: \"99999999999999999999\" is not the number of a domain\n");
}

static void console(void)
{
	EXPECT("console web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "console web 29 scrollback\n");
	EXPECT("console -t pv -n 0 -e ^a 5", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "console 5 1 scrollback\n");
	EXPECT("console web -e q", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "console web 113 scrollback\n");
	EXPECT("console -t serial web", 1, "",
	       "vl: a console of type \"serial\" is not supported: guests have one, of type pv\n");
	EXPECT("console -n 1 web", 1, "",
	       "vl: console 1 is not supported: guests have one, number 0\n");
	EXPECT("console -e abc web", 2, "",
	       "vl: console: \"abc\" is neither a character nor ^ and a letter\n");
	EXPECT("console 0", 1, "", "vl: the control domain cannot be looked at by vl\n");
	world.over = true;
	EXPECT("console web", 0, "", "Domain 3 has ended: poweroff\n");
	world.over = false;
	world.rc = -ECONNRESET;
	world.why = "vld went away";
	EXPECT("console web", 1, "", "vl: vld went away\n");
	world.no_vld = "vld does not run";
	EXPECT("console web", 1, "", "vl: vld does not run\n");
}

/*
 * What a guest had written was kept for ten minutes after its end, and "there is no
 * guest" was all that was told of it.
 */
static void console_of_ended(void)
{
	world.kept = "mail";
	world.end = "crash";
	world.crash = "no page for its stack";
	EXPECT("console mail", 0, "", "Domain 3 has ended: crash: no page for its stack\n");
	CU_ASSERT_TEXT(world.calls, "console mail 29 scrollback\n");
	EXPECT("console -e q nobody", 1, "", "vl: there is no guest \"nobody\"\n");
	CU_ASSERT_TEXT(world.calls, "");
	world.kept = "4";
	EXPECT("console 4", 0, "", "Domain 3 has ended: crash: no page for its stack\n");
	world.rc = -EIO;
	world.why = "console output cannot be written";
	world.kept = NULL;
	EXPECT("console web", 1, "", "vl: console output cannot be written\n");
	world.no_vld = "vld does not run";
	EXPECT("console mail", 1, "", "vl: there is no guest \"mail\"\n");
	world.no_vld = NULL;
	world.no_store = "the store daemon does not run";
	EXPECT("console mail", 1, "", "vl: the store daemon does not run\n");
}

static void console_status(void)
{
	static const char
		head[] = "Name                                ID State     Console   "
			 "Viewers      Bytes Log\n",
		web[] = "web                                  3 running   attached        1 "
			"      4711 /var/log/web.log\n",
		mail[] = "mail                                 - restarts in 12 s\n";
	char all[512];

	snprintf(all, sizeof(all), "%s%s%s", head, web, mail);
	EXPECT("console --status", 0, all, "");
	snprintf(all, sizeof(all), "%s%s", head, web);
	EXPECT("console --status web", 0, all, "");
	EXPECT("console --status 3", 0, all, "");
	snprintf(all, sizeof(all), "%s%s", head, mail);
	EXPECT("console --status mail", 0, all, "");
	EXPECT("console --status nobody", 1, "", "vl: vld knows no guest \"nobody\"\n");
	EXPECT("console --json web", 2, "", "vl: console: --json goes with --status\n");
	world.status = "[";
	EXPECT("console --status --json", 1, "", "vl: vld's answer makes no sense\n");
	world.no_vld = "vld does not run";
	EXPECT("console --status", 1, "", "vl: vld does not run\n");
}

static void timestamps(void)
{
	const struct result *result = run("-T shutdown web");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_EQUAL(result->err[4], '-');
	CU_ASSERT_PTR_NOT_NULL(strstr(result->err, " UTC ["));
	CU_ASSERT_PTR_NOT_NULL(strstr(result->err, "] Shutting down domain 3\n"));
}

static void sched_set(void)
{
	EXPECT("sched-credit2 -d db -w 512", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "sched 5 512 0\n");
	EXPECT("sched-credit -d 3 -w 1 -c 200", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "sched 3 1 200\n");
	EXPECT("sched-credit2 --domain=3 --cap=10", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "sched 3 256 10\n");
	EXPECT("sched-credit2 -d 3 -w 0", 1, "", "vl: \"0\" is not a weight, which is 1..65535\n");
	EXPECT("sched-credit2 -d 3 -w 65536", 1, "",
	       "vl: \"65536\" is not a weight, which is 1..65535\n");
	EXPECT("sched-credit2 -d 3 -c -1", 1, "",
	       "vl: \"-1\" is not a cap, which is a percentage, or 0 for none\n");
	EXPECT("sched-credit2 -d 3 -c 201", 1, "",
	       "vl: a cap of 201 is more than the 2 virtual CPUs of domain 3 can use, which is 200\n");
	EXPECT("sched-credit2 -w 5", 2, "",
	       "vl: sched-credit2: say with -d whose weight or cap is set\n");
	EXPECT("sched-credit2 -p other", 1, "",
	       "vl: there is no CPU pool \"other\": all CPUs are in Pool-0\n");
	EXPECT("sched-credit -s -t 5", 1, "",
	       "vl: the scheduler has no such parameter to set: weights and caps are all\n");
}

static void vcpu_pin(void)
{
	EXPECT("vcpu-pin web 0 1", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "affinity 3 0 2\n");
	EXPECT("vcpu-pin web all 0-3,^2", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "affinity 3 0 b\naffinity 3 1 b\n");
	EXPECT("vcpu-pin web 1 all all", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "affinity 3 1 ffffffffffffffff\n");
	EXPECT("vcpu-pin -f 0 1 3 -", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "affinity 0 1 8\n");
	EXPECT("vcpu-pin web all - all", 0, "", "");
	EXPECT("-N vcpu-pin web 0 1-2", 0, "cpu: 1-2\n", "");
	CU_ASSERT_TEXT(world.calls, "");
	EXPECT("-N vcpu-pin web 0 -", 0, "", "");
	EXPECT("vcpu-pin web 2 1", 1, "",
	       "vl: \"2\" is not one of the virtual CPUs 0-1 of domain 3\n");
	EXPECT("vcpu-pin web 0 4", 1, "", "vl: \"4\" is not a list of the CPUs 0-3\n");
	EXPECT("vcpu-pin web 0 3-1", 1, "", "vl: \"3-1\" is not a list of the CPUs 0-3\n");
	EXPECT("vcpu-pin web 0 1,", 1, "", "vl: \"1,\" is not a list of the CPUs 0-3\n");
	EXPECT("vcpu-pin web 0 99999999999999999999", 1, "",
	       "vl: \"99999999999999999999\" is not a list of the CPUs 0-3\n");
	EXPECT("vcpu-pin web 0 1,^1", 1, "", "vl: \"1,^1\" leaves no CPU\n");
	EXPECT("vcpu-pin web 0 1 0-1", 1, "",
	       "vl: soft affinity is not supported: the core keeps to the hard one and prefers no "
	       "CPU of it\n");
	CU_ASSERT_TEXT(world.calls, "");
}

static void dumpxml(void)
{
	EXPECT("dumpxml web", 0, "<domain type='xen'><name>web</name></domain>\n", "");
	world_domain(5)->config = NULL;
	EXPECT("dumpxml db", 1, "", "vl: domain 5 has no record\n");
	EXPECT("dumpxml 0", 1, "", "vl: the control domain cannot be shown as XML by vl\n");
}

CU_TestInfo guests_tests[] = {
	{ "pause_and_unpause", pause_and_unpause },
	{ "destroy", destroy },
	{ "rename_guest", rename_guest },
	{ "names_and_numbers", names_and_numbers },
	{ "console", console },
	{ "console_of_ended", console_of_ended },
	{ "console_status", console_status },
	{ "timestamps", timestamps },
	{ "sched_set", sched_set },
	{ "vcpu_pin", vcpu_pin },
	{ "dumpxml", dumpxml },
	CU_TEST_INFO_NULL,
};

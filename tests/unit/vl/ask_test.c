/* SPDX-License-Identifier: MIT */
/*
 * "vl shutdown" and "vl reboot": whom they ask, how they wait, and that a guest
 * which is to be off is off in the end.
 */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>
#include <xen/sched.h>

#include "world.h"

static void has_ended(uint16_t domid, uint32_t reason)
{
	world_domain(domid)->info.flags = VL_DOMAIN_shutdown;
	world_domain(domid)->info.shutdown_reason = reason;
}

static void shutdown(void)
{
	EXPECT("shutdown web", 0, "", "Shutting down domain 3\n");
	CU_ASSERT_TEXT(world.calls, "ask 3 poweroff\n");
	EXPECT("reboot -F db", 0, "", "Rebooting domain 5\n");
	CU_ASSERT_TEXT(world.calls, "ask 5 reboot\n");
	EXPECT("reboot -a", 0, "", "Rebooting domain 3\nRebooting domain 5\n");
	EXPECT("shutdown -a", 0, "", "Shutting down domain 3\nShutting down domain 5\n");
	CU_ASSERT_TEXT(world.calls, "forget mail\nask 3 poweroff\nask 5 poweroff\n");
	EXPECT("shutdown 0", 1, "", "vl: the control domain cannot be shut down by vl\n");
	EXPECT("reboot 0", 1, "", "vl: the control domain cannot be rebooted by vl\n");
	EXPECT("shutdown", 2, "",
	       "vl: shutdown: there are too few arguments: vl shutdown [OPTIONS] -a|GUEST\n");
	EXPECT("shutdown -a web", 2, "",
	       "vl: shutdown: there are too many arguments: vl shutdown [OPTIONS] -a|GUEST\n");
	EXPECT("shutdown --limit=0 web", 2, "", "vl: shutdown: \"0\" is not a number of seconds\n");
	EXPECT("reboot --for-good web", 2, "",
	       "vl: reboot: there is no option --for-good; see \"vl help reboot\"\n");
	/* One that has ended is not asked: it could not answer. */
	has_ended(3, SHUTDOWN_poweroff);
	EXPECT("shutdown web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "wait 3\n");
	world.rc = -ENOSYS;
	world.why = "the kernel of guest db does not listen";
	EXPECT("shutdown db", 1, "",
	       "Shutting down domain 5\nvl: the kernel of guest db does not listen\n");
	EXPECT("shutdown -w db", 1, "",
	       "Shutting down domain 5\nDomain 5 is paused: it ends when it runs again\n"
	       "vl: the kernel of guest db does not listen\n");
}

static void end_one_by_one(int n)
{
	if (n == 1) {
		world_domain(5)->gone = true;
	}
	if (n == 3) {
		has_ended(3, SHUTDOWN_poweroff);
	}
}

static void shutdown_and_wait(void)
{
	world_domain(5)->info.flags = VL_DOMAIN_blocked;
	world.event = end_one_by_one;
	EXPECT("shutdown -aw", 0, "",
	       "Shutting down domain 3\nShutting down domain 5\nWaiting for 2 domains\n"
	       "Domain 5 has been destroyed\nDomain 3 has been shut down, reason code 0\n");
	CU_ASSERT_TEXT(world.calls, "forget mail\nwatch @releaseDomain\nask 3 poweroff\n"
				    "ask 5 poweroff\nwait 5\nwait 3\n");
	CU_ASSERT_EQUAL(world.events, 4);
	/* Preserved after its end: there is nothing to wait for. */
	EXPECT("shutdown -w web", 0, "",
	       "Waiting for 1 domain\nDomain 3 has been shut down, reason code 0\n");
	CU_ASSERT_EQUAL(world.events, 4);
}

static void reboot_anew(int n)
{
	if (n == 0) {
		world_domain(3)->gone = true;
		world_add(6, "web", VL_DOMAIN_running);
	}
}

static void end_at_last(int n)
{
	(void)n;
	world_domain(6)->gone = true;
}

static void reboot_and_wait(void)
{
	world.event = reboot_anew;
	EXPECT("reboot -w web", 0, "",
	       "Rebooting domain 3\nWaiting for 1 domain\nDomain 3 has been destroyed\n");
	/* The store daemon dies meanwhile: the core still knows. */
	world.event = end_at_last;
	world.store_lost = true;
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 6\nWaiting for 1 domain\nDomain 6 has been destroyed\n");
}

/*
 * One that ended between the look at it and the request, to reboot: "has ended
 * already", said a shutdown that was to wait, and the guest was started anew.
 */
static void ends_before_it_is_asked(void)
{
	world_domain(3)->ends = true;
	world.end = "reboot";
	world.action = "restart";
	world.restarts = "web";
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 3\nWaiting for 1 domain\n"
	       "Domain 3 has been shut down, reason code 1\nGuest web is not started anew\n");
	CU_ASSERT_TEXT(world.calls, "watch @releaseDomain\nask 3 poweroff\nwait 3\nforget web\n");
	/* "Has ended already", said one that was not to wait, and it was started anew, too. */
	world_reset();
	world_domain(3)->ends = true;
	world.end = "reboot";
	world.action = "restart";
	world.restarts = "web";
	EXPECT("shutdown web", 0, "", "Shutting down domain 3\nGuest web is not started anew\n");
	/* It may not have ended to reboot: who wants that is told. */
	world_reset();
	world_domain(3)->ends = true;
	EXPECT("reboot web", 1, "", "Rebooting domain 3\nvl: domain 3 has ended already\n");
}

/* "There is no guest", said shutdown of one that vld was to start a moment later. */
static void between_lives(void)
{
	world.restarts = "mail";
	EXPECT("shutdown mail", 0, "", "Guest mail is not started anew\n");
	CU_ASSERT_TEXT(world.calls, "forget mail\n");
	EXPECT("reboot mail", 0, "", "Guest mail is to be started anew already\n");
	EXPECT("shutdown nobody", 1, "", "vl: there is no guest \"nobody\"\n");
	EXPECT("reboot nobody", 1, "", "vl: there is no guest \"nobody\"\n");
	world.restarts = "mail";
	EXPECT("shutdown -a", 0, "",
	       "Guest mail is not started anew\n"
	       "Shutting down domain 3\nShutting down domain 5\n");
	world.forget_fails = -EIO;
	EXPECT("shutdown mail", 1, "", "vl: mail was started again\n");
	EXPECT("shutdown -a", 1, "",
	       "vl: mail was started again\n"
	       "Shutting down domain 3\nShutting down domain 5\n");
	world.status = "[";
	EXPECT("shutdown -a", 0, "", "Shutting down domain 3\nShutting down domain 5\n");
	world.no_vld = "vld does not run";
	EXPECT("shutdown mail", 1, "", "vl: there is no guest \"mail\"\n");
	EXPECT("reboot mail", 1, "", "vl: there is no guest \"mail\"\n");
}

static void second_ends(int n)
{
	(void)n;
	world_domain(8)->gone = true;
	world.end = "poweroff";
	world.action = "destroy";
}

/*
 * "There is no guest", said shutdown of one whose new life began between the look
 * into the store and the question to vld, or whose life ended between two looks.
 */
static void between_looks(void)
{
	world.unnamed = 1;
	EXPECT("shutdown web", 0, "", "Shutting down domain 3\n");
	CU_ASSERT_TEXT(world.calls, "forget web\nask 3 poweroff\n");
	world.unnamed = 1;
	EXPECT("reboot web", 0, "", "Rebooting domain 3\n");
	world.unnamed = 1;
	EXPECT("destroy web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "forget web\ndestroy 3\nforget web\n");
	world.loses = true;
	world.end = "reboot";
	world.action = "restart";
	world.restarts = "web";
	EXPECT("shutdown web", 0, "", "Guest web is not started anew\n");
	CU_ASSERT_TEXT(world.calls, "wait 3\nforget web\n");
	/* It has a new life as soon as vld has ended the old one. */
	world_add(7, "web", VL_DOMAIN_running);
	world_add(8, "web", VL_DOMAIN_running);
	world.loses = true;
	world.event = second_ends;
	EXPECT("shutdown -w web", 0, "",
	       "Waiting for 1 domain\nDomain 7 has been destroyed\nShutting down domain 8\n"
	       "Domain 8 has been destroyed\n");
	CU_ASSERT_TEXT(world.calls, "watch @releaseDomain\nwait 7\nforget web\n"
				    "ask 8 poweroff\nwait 8\n");
}

static void reboots_instead(int n)
{
	if (n == 0) {
		has_ended(3, SHUTDOWN_reboot);
	}
}

/* One that was rebooting, or crashed on its way, came up again and ran on. */
static void ends_otherwise(void)
{
	world.event = reboots_instead;
	world.end = "reboot";
	world.action = "restart";
	world.restarts = "web";
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 3\nWaiting for 1 domain\n"
	       "Domain 3 has been shut down, reason code 1\nGuest web is not started anew\n");
	CU_ASSERT_TEXT(world.calls, "watch @releaseDomain\nask 3 poweroff\nwait 3\nforget web\n");
	/* The same for one that has just ended, without a wait. */
	world.restarts = "web";
	EXPECT("shutdown web", 0, "", "Guest web is not started anew\n");
	CU_ASSERT_TEXT(world.calls, "wait 3\nforget web\n");
	/* A reboot is what reboot wants. */
	EXPECT("reboot web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "");
	/* It powered off, and its configuration says that it restarts. */
	world.end = "poweroff";
	EXPECT("shutdown web", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "wait 3\n");
	world.restarts = "web";
	EXPECT("shutdown --for-good web", 0, "",
	       "Waiting for 1 domain\nDomain 3 has been shut down, reason code 1\n"
	       "Guest web is not started anew\n");
}

static void lives_anew(int n)
{
	if (n == 0) {
		world_domain(3)->gone = true;
		world_add(6, "web", VL_DOMAIN_running);
		world.end = "reboot";
		world.action = "restart";
	}
	if (n == 1) {
		has_ended(6, SHUTDOWN_poweroff);
		world.end = "poweroff";
		world.action = "destroy";
	}
}

/* It was started anew before anybody could cancel that: the new life is asked, too. */
static void follows(void)
{
	world.event = lives_anew;
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 3\nWaiting for 1 domain\nDomain 3 has been destroyed\n"
	       "Shutting down domain 6\nDomain 6 has been shut down, reason code 0\n");
	CU_ASSERT_TEXT(world.calls, "watch @releaseDomain\nask 3 poweroff\nwait 3\nforget web\n"
				    "ask 6 poweroff\nwait 6\n");
}

/* The number is another guest's, which nobody has asked. */
static void number_again(int n)
{
	if (n == 0) {
		world_domain(3)->info.created++;
	}
}

static void same_number(void)
{
	world.event = number_again;
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 3\nWaiting for 1 domain\nDomain 3 has been destroyed\n");
}

static void deaf(int n)
{
	world.clock_s += 5;
	if (n == 6) {
		has_ended(3, SHUTDOWN_poweroff);
	}
}

/*
 * A kernel takes a request as soon as it can, and in an initramfs nobody is there
 * who could end the guest: the request was lost, and the wait went on for ever.
 */
static void asked_again(void)
{
	world.event = deaf;
	EXPECT("shutdown -w web", 0, "",
	       "Shutting down domain 3\nWaiting for 1 domain\n"
	       "Domain 3 has not ended yet and is asked again\n"
	       "Domain 3 has not ended yet and is asked again\n"
	       "Domain 3 has been shut down, reason code 0\n");
	CU_ASSERT_TEXT(world.calls, "watch @releaseDomain\nask 3 poweroff\nask 3 poweroff\n"
				    "ask 3 poweroff\nwait 3\n");
}

static void never(int n)
{
	(void)n;
	world.clock_s += 4;
}

static void limit(void)
{
	world.event = never;
	EXPECT("shutdown --limit=7 web", 1, "",
	       "Shutting down domain 3\nWaiting for 1 domain\n"
	       "vl: guest web (domain 3) has not ended within 7 s and is destroyed\n");
	CU_ASSERT_TEXT(world.calls,
		       "watch @releaseDomain\nask 3 poweroff\ndestroy 3\nforget web\n");
}

static void more_and_more(int n)
{
	if (n == 0) {
		world_domain(5)->gone = true;
		world_domain(3)->gone = true;
		world_add(6, "new", VL_DOMAIN_paused)->info.cpu_time = 0;
	} else {
		world_domain(6)->gone = true;
	}
}

/* The machine goes down: guests that are paused, or made meanwhile, are off, too. */
static void all_for_good(void)
{
	world.event = more_and_more;
	EXPECT("shutdown -a --for-good --limit=100", 0, "",
	       "Shutting down domain 3\nShutting down domain 5\n"
	       "Domain 5 is paused and is let run, to end\nWaiting for 2 domains\n"
	       "Domain 3 has been destroyed\nDomain 5 has been destroyed\n"
	       "Shutting down domain 6\nDomain 6 has never run and is destroyed\n"
	       "Domain 6 has been destroyed\n");
	CU_ASSERT_TEXT(world.calls, "forget mail\nwatch @releaseDomain\nask 3 poweroff\n"
				    "unpause 5\nask 5 poweroff\nwait 3\nwait 5\nforget mail\n"
				    "destroy 6\nforget new\nwait 6\nforget mail\n");
}

CU_TestInfo ask_tests[] = {
	{ "shutdown", shutdown },
	{ "shutdown_and_wait", shutdown_and_wait },
	{ "reboot_and_wait", reboot_and_wait },
	{ "ends_before_it_is_asked", ends_before_it_is_asked },
	{ "between_lives", between_lives },
	{ "between_looks", between_looks },
	{ "ends_otherwise", ends_otherwise },
	{ "follows", follows },
	{ "same_number", same_number },
	{ "asked_again", asked_again },
	{ "limit", limit },
	{ "all_for_good", all_for_good },
	CU_TEST_INFO_NULL,
};

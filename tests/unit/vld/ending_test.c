/* SPDX-License-Identifier: MIT */
/* What follows when guests end. */
#include "vld/ending.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xen/sched.h>

#include "vld/ends.h"
#include "vld/guests.h"
#include "vld/restart.h"
#include "fake.h"

static struct fake fake;
static struct vld *vld;

static void begin(void)
{
	fake_begin(&fake);
	vld = fake_vld(&fake);
}

static void end(void)
{
	vld_stop(vld);
	fake_end(&fake);
}

static const char *end_word(uint16_t domid, const char *key)
{
	const char *word = json_string_value(json_object_get(ends_find(vld, domid), key));

	return word ? word : "";
}

static void poweroff_destroys(void)
{
	struct fake_domain *web;
	char *text;

	begin();
	web = fake_add_old(vld, &fake, "web");
	fake_print(&fake, web, "bye\n", 4);
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_FALSE(web->mapped);
	CU_ASSERT_FALSE(web->bound);
	CU_ASSERT_EQUAL(fake.shared->ends, 1);
	CU_ASSERT_EQUAL(fake.shared->starts, 0);
	CU_ASSERT_STRING_EQUAL(end_word(1, "reason"), "poweroff");
	CU_ASSERT_STRING_EQUAL(end_word(1, "action"), "destroy");
	CU_ASSERT_STRING_EQUAL(end_word(1, "console"), "bye\n");
	CU_ASSERT_STRING_EQUAL(end_word(1, "name"), "web");
	text = fake_file(fake.logs, "guest-web.log");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "bye\n["));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "has ended: poweroff"));
	free(text);
	end();
}

/* Nothing of a guest that writes and is destroyed at once is lost. */
static void last_words(void)
{
	struct fake_domain *web;
	char *text;
	int fd;

	begin();
	web = fake_add_old(vld, &fake, "web");
	fd = fake_connect(&fake);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(fake_ask(vld, fd, "{\"do\":\"console\",\"guest\":\"web\"}\n"), "true"));
	fake_print(&fake, web, "last words\n", 11);
	web->pending = false; /* the event is lost with the domain */
	web->there = false;
	fake_changed(&fake);
	char seen[64] = "";
	CU_ASSERT_EQUAL(fake_receive(vld, fd, 50, seen, sizeof(seen) - 1), 11);
	text = fake_file(fake.logs, "guest-web.log");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "last words\n"));
	free(text);
	CU_ASSERT_STRING_EQUAL(end_word(1, "reason"), "destroyed");
	close(fd);
	/* The scroll-back is there for a while, by name and by number. */
	fd = fake_connect(&fake);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, "{\"do\":\"console\",\"guest\":\"web\"}\n"),
				      "\"over\":true"));
	CU_ASSERT_EQUAL(fake_receive(vld, fd, 50, seen, sizeof(seen)), 11);
	close(fd);
	vld->options.keep = 0;
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_PTR_NULL(vld->guests);
	text = fake_file(fake.run, "console/1");
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	end();
}

static void reboot_restarts(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	CU_ASSERT_TRUE(fake.shared->domains[2].there);
	CU_ASSERT_TRUE(fake.shared->domains[2].mapped);
	CU_ASSERT_STRING_EQUAL(fake.shared->domains[2].name, "web");
	CU_ASSERT_STRING_EQUAL(end_word(1, "action"), "restart");
	CU_ASSERT_PTR_NULL(vld->restarts);
	end();
}

/*
 * One that was renamed while it ran.  Its restart was planned under the old name:
 * it could not be cancelled by the new one, and a new guest with the old name
 * took its place in the plan.
 */
static void renamed(void)
{
	struct fake_domain *web;

	begin();
	fake.shared->start_fails = -ENOMEM;
	web = fake_add_old(vld, &fake, "web");
	strcpy(web->name, "old");
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vld->restarts);
	CU_ASSERT_STRING_EQUAL(vld->restarts->name, "old");
	CU_ASSERT_STRING_EQUAL(end_word(1, "name"), "old");
	CU_ASSERT_EQUAL(restart_forget(vld, "old"), 0);
	end();
}

/*
 * One that was renamed while it ran, and then another with its old name: both wrote
 * to one log, and after a new start of vld the one over what the other had written.
 */
static void renamed_beside(void)
{
	struct fake_domain *old, *web;
	char *text;

	begin();
	old = fake_add_old(vld, &fake, "web");
	fake_print(&fake, old, "one\n", 4);
	fake_run(vld, 20);
	strcpy(old->name, "old");
	fake_print(&fake, old, "two\n", 4); /* alone, it keeps its log */
	fake_run(vld, 20);
	web = fake_add_old(vld, &fake, "web");
	fake_print(&fake, old, "three\n", 6);
	fake_print(&fake, web, "new\n", 4);
	fake_run(vld, 20);
	vld = fake_again(&fake, vld);
	fake_print(&fake, old, "four\n", 5);
	fake_print(&fake, web, "newer\n", 6);
	fake_run(vld, 20);
	text = fake_file(fake.logs, "guest-web.log");
	CU_ASSERT_STRING_EQUAL(text, "one\ntwo\nnew\nnewer\n");
	free(text);
	text = fake_file(fake.logs, "guest-old.log");
	CU_ASSERT_STRING_EQUAL(text, "three\nfour\n");
	free(text);
	end();
}

static void actions_of_crash(enum vl_action action, unsigned int ends, unsigned int starts)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	web->actions.crash = action;
	strcpy(web->crash.text, "it wrote to a page table");
	fake_shutdown(&fake, web, SHUTDOWN_crash);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->ends, ends);
	CU_ASSERT_EQUAL(fake.shared->starts, starts);
	CU_ASSERT_STRING_EQUAL(end_word(1, "crash"), "it wrote to a page table");
	CU_ASSERT_STRING_EQUAL(end_word(1, "reason"), "crash");
}

static void crash_actions(void)
{
	char path[100], *text;
	struct stat info;

	actions_of_crash(VL_ACTION_DESTROY, 1, 0);
	/* The last lines of consoles are in it. */
	snprintf(path, sizeof(path), "%s/ended.json", fake.run);
	CU_ASSERT_EQUAL(stat(path, &info), 0);
	CU_ASSERT_EQUAL(info.st_mode & 0137, 0);
	text = fake_file(fake.run, "ended.json");
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "it wrote to a page table"));
	free(text);
	end();
	actions_of_crash(VL_ACTION_RESTART, 1, 1);
	end();
	actions_of_crash(VL_ACTION_COREDUMP_DESTROY, 1, 0);
	end();
	actions_of_crash(VL_ACTION_COREDUMP_RESTART, 1, 1);
	end();
	actions_of_crash(VL_ACTION_SOFT_RESET, 1, 0);
	end();
	actions_of_crash(VL_ACTION_PRESERVE, 0, 0);
	CU_ASSERT_TRUE(fake.shared->domains[1].there);
	CU_ASSERT_FALSE(fake.shared->domains[1].mapped);
	vld = fake_again(&fake, vld); /* still the same */
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(fake.shared->ends, 0);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), 1);
	end();
	actions_of_crash(VL_ACTION_RENAME_RESTART, 0, 1);
	CU_ASSERT_STRING_EQUAL(fake.shared->domains[1].name, "web-1");
	CU_ASSERT_STRING_EQUAL(fake.shared->domains[2].name, "web");
	CU_ASSERT_TRUE(fake.shared->domains[2].mapped);
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	vld = fake_again(&fake, vld);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	end();
}

/*
 * A long name makes room for the number behind it.  It was cut in the middle of a
 * character: no guest can be named so, and this one was neither renamed nor restarted.
 */
static void preserved_under_a_long_name(void)
{
	struct fake_domain *web;
	char name[128] = "a";

	begin();
	for (int i = 0; i < 60; i++) {
		strcat(name, "\xc3\xa4");
	}
	web = fake_add_old(vld, &fake, name);
	web->actions.crash = VL_ACTION_RENAME_RESTART;
	fake_shutdown(&fake, web, SHUTDOWN_crash);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	/* 49 characters of two bytes, and the first one. */
	CU_ASSERT_EQUAL(strlen(web->name), strlen("-1") + 99);
	CU_ASSERT_STRING_EQUAL(web->name + 97, "\xc3\xa4-1");
	end();
}

static void others_are_left_alone(void)
{
	struct fake_domain *saved, *strange, *new;

	begin();
	saved = fake_add_old(vld, &fake, "saved");
	strange = fake_add_old(vld, &fake, "strange");
	strange->has_config = false;
	new = fake_add(&fake, "new");
	new->info.flags |= VL_DOMAIN_paused;
	fake_shutdown(&fake, saved, SHUTDOWN_suspend);
	fake_shutdown(&fake, strange, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_TRUE(saved->there && saved->mapped);
	CU_ASSERT_TRUE(strange->there);
	CU_ASSERT_TRUE(new->there);
	CU_ASSERT_EQUAL(fake.shared->ends, 0);
	end();
}

/* As time passes. */
static void retry_now(uint16_t domid)
{
	guests_get(vld, domid)->retry = 0;
	fake_changed(&fake);
	fake_run(vld, 30);
}

/*
 * Any failure to read a guest's record was taken for a wish to preserve it: one
 * moment without memory, and a guest that was to restart stayed down for good.
 */
static void record_is_read_later(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	web->config_fails = -ENOMEM;
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(guests_get(vld, 1)->state, GUEST_ENDING);
		CU_ASSERT_TRUE(guests_get(vld, 1)->retry > vld_seconds());
		CU_ASSERT_EQUAL(json_array_size(vld->ends), 0);
		retry_now(1);
	}
	web->config_fails = 0;
	retry_now(1);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	CU_ASSERT_STRING_EQUAL(end_word(1, "action"), "restart");
	end();
}

/* One that is damaged for good: the guest kept its memory and its disks for ever. */
static void record_is_damaged(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	web->config_fails = -EINVAL;
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	CU_ASSERT_TRUE(web->there);
	retry_now(1);
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(fake.shared->starts, 0);
	CU_ASSERT_STRING_EQUAL(end_word(1, "action"), "destroy");
	end();
}

static void end_can_fail(void)
{
	struct fake_domain *web;

	begin();
	fake.shared->end_fails = -EIO;
	web = fake_add_old(vld, &fake, "web");
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_TRUE(web->there);
	CU_ASSERT_EQUAL(fake.shared->ends, 1);
	fake_changed(&fake); /* not before its time */
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->ends, 1);
	fake.shared->end_fails = 0;
	guests_get(vld, 1)->retry = 0;
	fake_changed(&fake);
	fake_run(vld, 30);
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), 1);
	end();
}

/*
 * A backend that does not let go in time fails the end, which takes away all the rest
 * but the record.  Nobody looked at that before the next creation.
 */
static void record_is_left(void)
{
	struct fake_domain *web;

	begin();
	for (int i = 0; i < 1000 && vld->sweep_due; i++) {
		fake_run(vld, 10);
	}
	fake.shared->end_fails = -ETIMEDOUT;
	fake.shared->end_fails_late = true;
	web = fake_add_old(vld, &fake, "web");
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	for (int i = 0; i < 1000 && !fake.shared->sweeps; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(fake.shared->ends, 1);
	CU_ASSERT_EQUAL(fake.shared->sweeps, 1);
	/* Once is enough. */
	vld->sweep_due = 1;
	for (int i = 0; i < 1000 && vld->sweep_due; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_EQUAL(fake.shared->sweeps, 1);
	end();
}

/* Killed between the first note of an end and what follows from it. */
static void end_is_finished(void)
{
	struct fake_domain *web;

	begin();
	fake.shared->end_fails = -EIO;
	web = fake_add_old(vld, &fake, "web");
	fake_shutdown(&fake, web, SHUTDOWN_reboot);
	fake_run(vld, 30);
	fake.shared->end_fails = 0;
	vld = fake_again(&fake, vld);
	CU_ASSERT_FALSE(web->there);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(fake.shared->starts, 1);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), 1);
	/* One that went while no vld ran. */
	fake_run(vld, 30);
	vld_stop(vld);
	fake.shared->domains[2].there = false;
	vld = fake_vld(&fake);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), 2);
	CU_ASSERT_EQUAL(guests_get(vld, 2)->state, GUEST_ENDED);
	/* Why, nobody has seen; before, it was said that somebody had destroyed it. */
	CU_ASSERT_STRING_EQUAL(end_word(2, "reason"), "unknown");
	CU_ASSERT_STRING_EQUAL(end_word(2, "action"), "none");
	/* One that goes as vld looks was destroyed, also after a new start. */
	fake_add(&fake, "db");
	fake_run(vld, 30);
	vld = fake_again(&fake, vld);
	fake.shared->domains[3].there = false;
	fake_changed(&fake);
	fake_run(vld, 30);
	CU_ASSERT_STRING_EQUAL(end_word(3, "reason"), "destroyed");
	end();
}

static void dying_is_tried_again(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	web->busy = 2;
	web->info.flags |= VL_DOMAIN_dying; /* somebody destroyed it; vld has it mapped */
	for (int i = 0; i < 3; i++) {
		fake_changed(&fake);
		fake_run(vld, 20);
		CU_ASSERT_FALSE(web->mapped);
	}
	CU_ASSERT_FALSE(web->there);
	CU_ASSERT_EQUAL(web->busy, 0);
	end();
}

static void waiting(void)
{
	struct fake_domain *web;
	char answer[2048] = "";
	const char *text;
	int fd;

	begin();
	web = fake_add_old(vld, &fake, "web");
	strcpy(web->crash.text, "no \"idea\"");
	fd = fake_connect(&fake);
	text = "{\"do\":\"wait\",\"domid\":1}\n";
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	CU_ASSERT_EQUAL(fake_receive(vld, fd, 30, answer, sizeof(answer)), 0);
	fake_shutdown(&fake, web, SHUTDOWN_crash);
	CU_ASSERT_TRUE(fake_receive(vld, fd, 50, answer, sizeof(answer) - 1) > 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"ok\":true"));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"reason\":\"crash\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "no \\\"idea\\\""));
	/* Asked later, and of a later vld, it is the same. */
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, text), "\"reason\":\"crash\""));
	close(fd);
	vld = fake_again(&fake, vld);
	fd = fake_connect(&fake);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, text), "\"reason\":\"crash\""));
	close(fd);
	end();
}

/*
 * The end of a guest whose name is no ASCII was told under another name: "vl shutdown
 * -w" looked in vain for the restart of that one, and the guest was started anew.
 */
static void names_of_ends(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "w\303\244b");
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_STRING_EQUAL(end_word(1, "name"), "w\303\244b");
	web = fake_add_old(vld, &fake, "w\344b");
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_STRING_EQUAL(end_word(2, "name"), "w?b");
	end();
}

static void many_ends(void)
{
	const char *answer, *last;
	int fd;

	begin();
	vld->options.keep_count = 3;
	for (int i = 0; i < 130; i++) {
		struct fake_domain *web;

		fake.shared->next = (uint16_t)(1 + i % 30);
		web = fake_add(&fake, "web");
		web->info.created = 1000u + (unsigned int)i;
		guests_scan(vld);
		web->there = false;
		guests_scan(vld);
	}
	CU_ASSERT_EQUAL(json_array_size(vld->ends), ENDS_MAX);
	CU_ASSERT_TRUE(vld->guests && vld->guests->next && vld->guests->next->next &&
		       !vld->guests->next->next->next);
	vld = fake_again(&fake, vld);
	CU_ASSERT_EQUAL(json_array_size(vld->ends), ENDS_MAX);
	/* Whoever wanted them all had to read the file. */
	fd = fake_connect(&fake);
	answer = fake_ask(vld, fd, "{\"do\":\"ended\"}\n");
	last = strrchr(answer, '{');
	CU_ASSERT_PTR_EQUAL(strstr(answer, "{\"ok\":true,\"ended\":[{"), answer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_PTR_NOT_NULL(strstr(last, "\"name\":\"web\",\"domid\":10,\"when\":"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(last, ",\"reason\":\"destroyed\",\"action\":\"none\",\"crash\":\"\"}]}"));
	close(fd);
	end();
}

static void store_goes_away(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add_old(vld, &fake, "web");
	fake.shared->no_store = true;
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_FALSE(vld->watching);
	fake_print(&fake, web, "x", 1); /* consoles do not need it */
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(web->page.out_cons, 1);
	fake_shutdown(&fake, web, SHUTDOWN_poweroff);
	fake.shared->no_store = false;
	for (int i = 0; i < 2000 && web->there; i++) {
		fake_run(vld, 10);
	}
	CU_ASSERT_TRUE(vld->watching);
	CU_ASSERT_FALSE(web->there);
	end();
}

CU_TestInfo ending_tests[] = {
	{ "poweroff: destroyed, logged, recorded", poweroff_destroys },
	{ "last words of a guest that is gone", last_words },
	{ "reboot: a new domain", reboot_restarts },
	{ "a guest that was renamed", renamed },
	{ "another guest with the name it had", renamed_beside },
	{ "each action of a crash", crash_actions },
	{ "preserved under a long name", preserved_under_a_long_name },
	{ "suspended, unknown and new guests are left alone", others_are_left_alone },
	{ "a record that cannot be read just now", record_is_read_later },
	{ "a record that is damaged", record_is_damaged },
	{ "an end that fails is tried again", end_can_fail },
	{ "a record that a failed end has left is looked for", record_is_left },
	{ "a new vld finishes what the last began", end_is_finished },
	{ "a dying guest is destroyed again", dying_is_tried_again },
	{ "waiting for an end", waiting },
	{ "ends under the names of their guests", names_of_ends },
	{ "a hundred ends are kept", many_ends },
	{ "the store goes away and comes back", store_goes_away },
	CU_TEST_INFO_NULL,
};

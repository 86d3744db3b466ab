/* SPDX-License-Identifier: MIT */
/* Log files of guests: rotation, a full disk, stamps, and going on after a kill. */
#include "vld/guest_log.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake.h"

static struct fake fake;
static struct scroll scroll;
static struct guest_log guest_log;

static void begin(uint64_t limit, bool stamps)
{
	struct scroll_owner owner = { .domid = 3 };
	struct vl_error error;
	char path[100];
	bool old;

	fake_begin(&fake);
	snprintf(path, sizeof(path), "%s/scroll", fake.folder);
	CU_ASSERT_EQUAL_FATAL(scroll_open(&scroll, path, 16384, &owner, &old, &error), 0);
	CU_ASSERT_EQUAL(guest_log_init(&guest_log, fake.folder, "web", limit, stamps), 0);
}

static void end(void)
{
	guest_log_done(&guest_log);
	scroll_close(&scroll);
	fake_end(&fake);
}

static void print(const char *text)
{
	scroll_write(&scroll, text, strlen(text));
}

static void numbered(int from, int to)
{
	char line[32];

	for (int i = from; i < to; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		print(line);
		guest_log_update(&guest_log, &scroll);
	}
}

/* Each line from `from` to `to` once and in order, from a text at *text on. */
static bool has_numbered(const char *text, int from, int to)
{
	char line[32];

	for (int i = from; i < to; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		if (strncmp(text, line, strlen(line)) != 0) {
			return false;
		}
		text += strlen(line);
	}
	return *text == '\0';
}

static void log_rotates(void)
{
	char *now, *before, *both;

	begin(1000, false);
	numbered(0, 150);
	before = fake_file(fake.folder, "guest-web.log.1");
	now = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(strlen(before) <= 1000 && strlen(before) > 900);
	CU_ASSERT_TRUE(asprintf(&both, "%s%s", before, now) > 0);
	CU_ASSERT_TRUE(has_numbered(both, 0, 150));
	free(both);
	free(now);
	free(before);
	end();
}

static void log_names(void)
{
	struct guest_log named;

	CU_ASSERT_EQUAL(guest_log_init(&named, "/l", "../../etc/x\n", 1, false), 0);
	CU_ASSERT_STRING_EQUAL(named.path, "/l/guest-.._.._etc_x_.log");
	guest_log_done(&named);
}

static void log_stamps(void)
{
	char *text;

	begin(100000, true);
	print("one\ntw");
	guest_log_update(&guest_log, &scroll);
	print("o\n\nend");
	guest_log_update(&guest_log, &scroll);
	guest_log_line(&guest_log, &scroll, "it has ended");
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_EQUAL(text[0], '[');
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "] one\n["));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "] two\n["));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "] \n["));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "] end\n["));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "] vld: it has ended\n"));
	free(text);
	end();
}

/* Sizes of files limited to that of now and some more: a disk with that much room. */
static void disk_room(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void log_full_disk(void)
{
	char *text, *said, *rest, missing[80];
	size_t more;

	signal(SIGXFSZ, SIG_IGN);
	begin(100000, false);
	numbered(0, 10);
	disk_room(100);
	numbered(10, 100);
	CU_ASSERT_TRUE(guest_log.failing);
	CU_ASSERT_EQUAL(scroll.header->lost_log, 0);
	disk_room(RLIM_INFINITY);
	numbered(100, 101); /* all of it comes late */
	CU_ASSERT_FALSE(guest_log.failing);
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(has_numbered(text, 0, 101));
	free(text);

	/* More than the scroll-back keeps is lost, and counted. */
	disk_room(1000);
	numbered(101, 4000);
	disk_room(RLIM_INFINITY);
	numbered(4000, 4001);
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(scroll.header->lost_log > 10000);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "line 4000\n"));
	/* Nothing in the log told that something was missing, nor where. */
	snprintf(missing, sizeof(missing),
		 "vld: %llu bytes are missing here: ", (unsigned long long)scroll.header->lost_log);
	said = strstr(text, missing);
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	CU_ASSERT_PTR_NULL(strstr(said + 1, "vld: "));
	said = memrchr(text, '[', (size_t)(said - text));
	rest = strchr(said, '\n') + 1;
	/* The line begins one, whatever was before it. */
	more = (size_t)(said - text) + strlen(rest) + scroll.header->lost_log -
	       scroll_head(&scroll);
	CU_ASSERT_TRUE(more <= 1);
	free(text);
	end();
}

/*
 * A guest that had nothing more to say: what was kept of its output stayed out of
 * the log although there was room again.
 */
static void log_comes_late(void)
{
	struct fake_domain *web;
	struct vld *vld;
	char away[100], *text;

	fake_begin(&fake);
	vld = fake_vld(&fake);
	web = fake_add(&fake, "web");
	fake_run(vld, 20);
	snprintf(away, sizeof(away), "%s/away", fake.folder);
	CU_ASSERT_EQUAL(rename(fake.logs, away), 0);
	fake_print(&fake, web, "kept\n", 5);
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(web->page.out_cons, 5); /* the guest goes on */
	CU_ASSERT_EQUAL(rename(away, fake.logs), 0);
	text = strdup("");
	for (int i = 0; i < 2000 && !*text; i++) {
		fake_run(vld, 10);
		free(text);
		text = fake_file(fake.logs, "guest-web.log");
	}
	CU_ASSERT_STRING_EQUAL(text, "kept\n");
	free(text);
	vld_stop(vld);
	fake_end(&fake);
}

static void log_goes_on(void)
{
	struct scroll_header *header = scroll.header;
	struct log_mark mark;
	char *text;

	begin(100000, false);
	header = scroll.header;
	numbered(0, 5);
	mark = header->log[header->log_current];
	numbered(5, 9);
	/* As if vld had been killed before it moved its mark. */
	header->log[header->log_current] = mark;
	guest_log_done(&guest_log);
	CU_ASSERT_EQUAL(guest_log_init(&guest_log, fake.folder, "web", 100000, false), 0);
	numbered(9, 20);
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(has_numbered(text, 0, 20));
	free(text);

	/* Taken away by somebody: a new one, from there on. */
	snprintf(fake.logs, sizeof(fake.logs), "%s/guest-web.log", fake.folder);
	CU_ASSERT_EQUAL(unlink(fake.logs), 0);
	numbered(20, 30);
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(has_numbered(text, 20, 30));
	free(text);

	/* A file that was there before the guest is added to. */
	guest_log_done(&guest_log);
	memset(header->log, 0, sizeof(header->log));
	header->head = 0;
	CU_ASSERT_EQUAL(guest_log_init(&guest_log, fake.folder, "web", 100000, false), 0);
	numbered(30, 40);
	text = fake_file(fake.folder, "guest-web.log");
	CU_ASSERT_TRUE(has_numbered(text, 20, 40));
	free(text);
	end();
}

/*
 * A vld that ended with bytes that it had taken and not logged.  The next one
 * logged them when the guest wrote again, and a quiet guest's were missing.
 */
static void log_catches_up(void)
{
	struct vld *vld;
	char *text;

	fake_begin(&fake);
	vld = fake_vld(&fake);
	fake_run(vld, 15);
	CU_ASSERT_EQUAL(rmdir(fake.logs), 0);
	fake_print(&fake, fake_add(&fake, "web"), "taken\n", 6);
	fake_run(vld, 20);
	CU_ASSERT_EQUAL(fake.shared->domains[1].page.out_cons, 6);
	vld = fake_again(&fake, vld); /* makes the folder */
	text = fake_file(fake.logs, "guest-web.log");
	CU_ASSERT_STRING_EQUAL(text, "taken\n");
	free(text);
	vld_stop(vld);
	fake_end(&fake);
}

CU_TestInfo log_tests[] = {
	{ "a log that is full becomes .1", log_rotates },
	{ "a name stays in its folder", log_names },
	{ "time stamps at the beginning of lines", log_stamps },
	{ "a full disk costs what the scroll-back forgets", log_full_disk },
	{ "what was kept comes when there is room", log_comes_late },
	{ "after a kill it goes on at the same byte", log_goes_on },
	{ "what the last vld had taken is logged by the next", log_catches_up },
	CU_TEST_INFO_NULL,
};

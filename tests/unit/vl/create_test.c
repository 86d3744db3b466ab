/* SPDX-License-Identifier: MIT */
/* vl create: configurations, what follows each other, and the exit codes. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static char path[] = "/tmp/vellum-create-XXXXXX";

static void write_file(const char *text)
{
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Runs "create" with the file in the place of @. */
static const struct result *run_create(const char *before, const char *after)
{
	char line[256];

	snprintf(line, sizeof(line), "%s%s%s", before, path, after);
	return run(line);
}

static const char *parsing(void)
{
	static char line[64];

	snprintf(line, sizeof(line), "Parsing config from %s\n", path);
	return line;
}

static void starts(void)
{
	const struct result *result;

	write_file("name=new");
	result = run_create("create ", "");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->out, parsing());
	CU_ASSERT_TEXT(result->err, "");
	CU_ASSERT_TEXT(world.calls, "start new\n");
	result = run_create("create -q -p ", "");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->out, "");
	CU_ASSERT_TEXT(world.calls, "create new\n");
	result = run_create("create -e -qf ", " name=other");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(world.calls, "start other\n");
	result = run_create("cr ", " -q");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(world.calls, "start new\n");
	result = run_create("-v create -q ", "");
	CU_ASSERT_TEXT(result->err, "kernel\nmemory\n");
	result = run_create("-t create -q ", "");
	CU_ASSERT_TEXT(result->err, "\r\033[Kkernel\r\033[Kmemory\r\033[K");
	unlink(path);
}

static void without_a_file(void)
{
	EXPECT("create name=new", 0, "Parsing config from command line\n", "");
	CU_ASSERT_TEXT(world.calls, "start new\n");
	EXPECT("create", 2, "",
	       "vl: create: a configuration is missing: vl create [OPTIONS] [FILE] "
	       "[KEY=VALUE...]\n");
	EXPECT("create -f", 2, "", "vl: create: option -f wants a value\n");
	EXPECT("create --defconfig", 2, "", "vl: create: option --defconfig wants a value\n");
	EXPECT("create -q a b", 2, "",
	       "vl: create: \"b\" is not KEY=VALUE, and the configuration is a already\n");
	EXPECT("create -q /proc/nowhere", 3, "",
	       "vl: /proc/nowhere cannot be read: No such file or directory\n");
	EXPECT("create -V name=a", 2, "",
	       "vl: create: a VNC viewer is not supported: guests have no graphics\n");
	CU_ASSERT_TEXT(world.calls, "");
}

static void dry_run(void)
{
	static const char json[] =
		"{\n    \"domid\": null,\n    \"config\": {\n        \"c_info\": {\n"
		"            \"type\": \"pv\",\n            \"name\": \"new\"\n"
		"        }\n    }\n}\n";

	world.no_core = "this is no control domain"; /* it is not asked for */
	EXPECT("create -n name=new", 0, json, "Parsing config from command line\n");
	EXPECT("-N create -q name=new", 0, json, "");
	CU_ASSERT_TEXT(world.calls, "");
}

static void warns(void)
{
	EXPECT("create odd=1 name=new", 0, "Parsing config from command line\n",
	       "vl: warning: command line: unknown key odd=1\n");
	EXPECT("create -q odd=1 name=new", 0, "", "");
}

static void exit_codes(void)
{
	static const struct {
		int rc, code;
	} cases[] = {
		{ -EIO, 3 },	{ -EEXIST, 3 }, { -EPERM, 3 },
		{ -ENOMEM, 5 }, { -EINVAL, 6 }, { -ETIMEDOUT, 9 },
	};

	world.why = "the sentence";
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world.rc = cases[i].rc;
		EXPECT("create -q name=new", cases[i].code, "", "vl: the sentence\n");
		CU_ASSERT_TEXT(world.calls, "start new\n");
	}
	EXPECT("create -q bad=", 6, "", "vl: command line: line 1: this is no value\n");
	world.no_store = "the store daemon does not run";
	EXPECT("create -q name=new", 3, "", "vl: the store daemon does not run\n");
	world.no_core = "this is no control domain";
	EXPECT("create -q name=new", 3, "", "vl: this is no control domain\n");
}

static void with_console(void)
{
	EXPECT("create -qc name=new", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "start new\nconsole 7 29 scrollback\n");
	/* vld has not seen it yet. */
	world.late = 1;
	EXPECT("create -qc name=new", 0, "", "");
	CU_ASSERT_TEXT(world.calls, "start new\nconsole 7 29 scrollback\n");
}

static void in_foreground(void)
{
	EXPECT("create -qF name=new", 0, "", "Domain 7 has ended: poweroff\n");
	CU_ASSERT_TEXT(world.calls, "start new\nwait 7\n");
	world.vld_restarts = 1;
	EXPECT("create -qF name=new", 0, "", "Domain 7 has ended: poweroff\n");
	world.end = "crash";
	world.crash = "no page for its stack";
	EXPECT("create -qF name=new", 1, "", "Domain 7 has ended: crash: no page for its stack\n");
	world.crash = NULL;
	world.end = "destroyed";
	EXPECT("create -qF name=new", 1, "", "Domain 7 has ended: destroyed\n");
	world.end = "reboot";
	EXPECT("create -qF name=new", 0, "", "Domain 7 has ended: reboot\n");
	world.action = "restart";
	EXPECT("create -qF name=new", 0, "",
	       "Domain 7 has ended: reboot\nDomain 8 is guest new now\n"
	       "Domain 8 has ended: poweroff\n");
	CU_ASSERT_TEXT(world.calls, "start new\nwait 7\nwait 8\n");
}

#define DUE "{\"restarts\": [{\"name\": \"www\"}, {\"name\": \"new\", \"in\": 1}]}"
#define NONE_DUE "{\"restarts\": []}"
#define REBOOTED "Domain 7 has ended: reboot\n"
#define LIVES "Domain 8 is guest new now\nDomain 8 has ended: poweroff\n"

static void made_at_third(int n)
{
	world.status = n < 2 ? DUE : NONE_DUE;
	if (n == 2) {
		world_make_anew();
	}
}

static void cancelled_at_third(int n)
{
	world.status = n < 2 ? DUE : NONE_DUE;
}

static void gone(int n)
{
	(void)n;
	world.status = NULL;
	world.clock_s += 4;
}

/* vld, or the store, is started anew, and this takes its time. */
static void away_for_a_while(int n)
{
	world.status = n > 20 ? NONE_DUE : n % 6 < 3 ? NULL : DUE;
	world.clock_s += n % 6 == 0 ? 9 : 0;
	if (n == 20) {
		world_make_anew();
	}
}

static void expect_end(void (*asked)(int n), const char *end, int code, const char *said)
{
	world.end = end;
	world.action = "restart";
	world.asked = asked;
	world.questions = 0;
	world.status = DUE;
	EXPECT("create -qF name=new", code, "", said);
	if (world_domain(8)) {
		world_domain(8)->gone = true;
	}
}

/*
 * Where vld was not to make the next life any more, because of "vl destroy" or "vl
 * shutdown" between two lives, it was waited for through ten minutes, and then that
 * was a failure; so it was where the guest had been renamed, and lived on.
 */
static void next_life(void)
{
	expect_end(made_at_third, "reboot", 0, REBOOTED LIVES);
	expect_end(cancelled_at_third, "reboot", 0, REBOOTED "Guest new is not started anew\n");
	expect_end(cancelled_at_third, "crash", 1,
		   "Domain 7 has ended: crash\nGuest new is not started anew\n");
	expect_end(away_for_a_while, "reboot", 0, REBOOTED LIVES);
	expect_end(gone, "reboot", 1,
		   REBOOTED "vl: vld does not answer: guest new is not followed any more\n");
	world.renamed = "www";
	expect_end(made_at_third, "reboot", 0,
		   REBOOTED "Domain 8 is guest www now\nDomain 8 has ended: poweroff\n");
	world.renamed = NULL;
	/* The old domain may stay, under the same name: it is no next life. */
	world_add(7, "new", VL_DOMAIN_shutdown);
	expect_end(cancelled_at_third, "reboot", 0, REBOOTED "Guest new is not started anew\n");
}

static void next_at_second(int n)
{
	world.status = n == 0 ? DUE : NONE_DUE;
	if (n == 1) {
		world_make_anew();
	}
}

/* A next life that could not be begun counted as the end of the guest. */
static void next_life_fails(void)
{
	world.end = "destroyed";
	world.action = "none";
	world.asked = next_at_second;
	EXPECT("create -qF name=new", 0, "", "Domain 7 has ended: destroyed\n" LIVES);
}

static void without_vld(void)
{
	world.no_vld = "vld does not run";
	EXPECT("create -q name=new", 0, "",
	       "vl: warning: vld does not run: until it runs nobody takes what the guest writes, "
	       "and nothing follows its end\n");
	CU_ASSERT_TEXT(world.calls, "start new\n");
	EXPECT("create -qc name=new", 3, "", "vl: vld does not run\n");
	CU_ASSERT_TEXT(world.calls, "");
	EXPECT("create -qF name=new", 3, "", "vl: vld does not run\n");
	CU_ASSERT_TEXT(world.calls, "");
}

CU_TestInfo create_tests[] = {
	{ "starts", starts },
	{ "without_a_file", without_a_file },
	{ "dry_run", dry_run },
	{ "warns", warns },
	{ "exit_codes", exit_codes },
	{ "with_console", with_console },
	{ "in_foreground", in_foreground },
	{ "next_life", next_life },
	{ "next_life_fails", next_life_fails },
	{ "without_vld", without_vld },
	CU_TEST_INFO_NULL,
};

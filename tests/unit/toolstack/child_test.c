/* SPDX-License-Identifier: MIT */
/*
 * Programs that are started and awaited, and their last words: what a script gave as
 * its reason went to /dev/null, and all that was left of it was "has failed".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "guest_help.h"
#include "libvellum/child.h"
#include "libvellum/common.h"

/* On a busy machine nothing takes so long. */
#define LONG_MS 60000

static char said[CHILD_LINE_SIZE];

static int run(const char *text, int limit_ms)
{
	char path[128], where[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *argv[] = { path, folder, NULL }, *environment[] = { where, NULL };
	unsigned int open = descriptors();
	int rc;

	snprintf(path, sizeof(path), "%s", make_script("script", text));
	memset(said, 'x', sizeof(said) - 1);
	rc = child_run(argv, environment, limit_ms, said);
	CU_ASSERT_EQUAL(descriptors(), open);
	return rc;
}

static int exit_code(const char *text)
{
	int rc = run(text, LONG_MS);

	CU_ASSERT_FATAL(rc >= 0);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -WTERMSIG(rc);
}

/* One that does not end; on a busy machine it takes a while until it has said something. */
static void time_runs_out(const char *text)
{
	for (int limit_ms = 500; limit_ms < 2 * LONG_MS; limit_ms *= 2) {
		CU_ASSERT_EQUAL(run(text, limit_ms), -ETIMEDOUT);
		if (*said) {
			return;
		}
	}
}

static void the_last_line_is_kept(void)
{
	CU_ASSERT_EQUAL(exit_code("echo first >&2; echo 'no such bridge' >&2; exit 3"), 3);
	CU_ASSERT_STRING_EQUAL(said, "no such bridge");
	/* Blanks and empty lines are none, and one without an end is. */
	CU_ASSERT_EQUAL(exit_code("printf 'one\\n\\t two \\n \\n\\n' >&2"), 0);
	CU_ASSERT_STRING_EQUAL(said, "two");
	CU_ASSERT_EQUAL(exit_code("printf 'one\\ntwo' >&2"), 0);
	CU_ASSERT_STRING_EQUAL(said, "two");
	CU_ASSERT_EQUAL(exit_code("echo to nobody; read x; exit 1"), 1);
	CU_ASSERT_STRING_EQUAL(said, "");
	/* A terminal does not do what it says. */
	CU_ASSERT_EQUAL(exit_code("printf 'a\\033[2Jb\\177\\303\\244\\000c\\n' >&2"), 0);
	CU_ASSERT_STRING_EQUAL(said, "a?[2Jb????c");
	CU_ASSERT_EQUAL(run("exec sleep 1000", 0), -ETIMEDOUT);
}

static void a_flood(void)
{
	/* Much more than a pipe holds, in lines and as one. */
	CU_ASSERT_EQUAL(exit_code("yes 'not this' | head -c 3000000 >&2; echo >&2; echo that >&2;"
				  "exit 1"),
			1);
	CU_ASSERT_STRING_EQUAL(said, "that");
	CU_ASSERT_EQUAL(exit_code("head -c 3000000 /dev/zero | tr '\\0' z >&2; exit 1"), 1);
	CU_ASSERT_EQUAL(strlen(said), CHILD_LINE_SIZE - 1);
	CU_ASSERT_EQUAL(strspn(said, "z"), CHILD_LINE_SIZE - 1);
	/* Without an end, but for ours, which comes within a word. */
	time_runs_out("exec yes more >&2");
	CU_ASSERT(*said && !strncmp(said, "more", strlen(said)));
}

static void somebody_is_left(void)
{
	char text[128], *written = NULL;
	int64_t begin = vl_now_ms();
	long left;

	/* It has its parent's stderr, and is not waited for. */
	CU_ASSERT_EQUAL(exit_code("sleep 1000 & echo $! > $1/left; echo done >&2; exit 4"), 4);
	CU_ASSERT_STRING_EQUAL(said, "done");
	CU_ASSERT(vl_now_ms() - begin < LONG_MS / 2);
	written = read_text(in_folder("left"));
	left = strtol(written ? written : "", NULL, 10);
	CU_ASSERT(left > 1 && kill((pid_t)left, SIGKILL) == 0);
	free(written);
	/* What it says, much as it is, neither ends it nor keeps it waiting. */
	CU_ASSERT_EQUAL(exit_code("mkfifo $1/go; (read x < $1/go; i=0;"
				  "while [ $i -lt 30 ]; do i=$((i + 1));"
				  " printf '%08000d' 0 >&2 2>/dev/null; done;"
				  "printf '%08000d' 0 >&2; echo alive > $1/end) & exit 0"),
			0);
	snprintf(text, sizeof(text), "echo > %s/go", folder);
	CU_ASSERT_EQUAL(system(text), 0);
	written = NULL;
	for (int i = 0; i < 3000 && !(written && *written); i++) {
		free(written);
		usleep(20000);
		written = read_text(in_folder("end"));
	}
	CU_ASSERT_STRING_EQUAL(written ? written : "", "alive\n");
	free(written);
}

static void ended_by_force(void)
{
	CU_ASSERT_EQUAL(exit_code("echo 'I go' >&2; kill -TERM $$"), -SIGTERM);
	CU_ASSERT_STRING_EQUAL(said, "I go");
	/* With all that it has started. */
	time_runs_out("echo 'I wait for the disk' >&2; sleep 1000 | cat");
	CU_ASSERT_STRING_EQUAL(said, "I wait for the disk");
	CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
}

static void none_there(void)
{
	char path[] = "/none/there";
	char *argv[] = { path, NULL }, *environment[] = { NULL };
	unsigned int open = descriptors();

	CU_ASSERT_EQUAL(child_run(argv, environment, LONG_MS, said), -ENOENT);
	CU_ASSERT_STRING_EQUAL(said, "");
	CU_ASSERT_EQUAL(descriptors(), open);
}

CU_TestInfo child_tests[] = {
	{ "the last line is kept", the_last_line_is_kept },
	{ "a flood", a_flood },
	{ "somebody is left", somebody_is_left },
	{ "ended by force", ended_by_force },
	{ "none there", none_there },
	CU_TEST_INFO_NULL,
};

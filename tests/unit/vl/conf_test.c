/* SPDX-License-Identifier: MIT */
/* vl.conf, which says in what form configurations are printed: by the real parser. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sxp_read.h"
#include "world.h"

static char path[] = "/tmp/vellum-conf-XXXXXX";

/* Runs a line with this as vl.conf. */
static const struct result *run_with(const char *conf, const char *line)
{
	const struct result *result;
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, conf, strlen(conf)), (ssize_t)strlen(conf));
	close(fd);
	setenv("VL_CONF", path, 1);
	result = run(line);
	setenv("VL_CONF", WORLD_NO_FILE, 1);
	unlink(path);
	return result;
}

/* "FILE:" and the text, as on stderr. */
static const char *of_file(const char *before, const char *after)
{
	static char text[512];

	snprintf(text, sizeof(text), "%s%s:%s", before, path, after);
	return text;
}

static void list(void)
{
	static const char sxp[] = "# as the monitor wants it\noutput_format = \"sxp\" # so\n";
	const struct result *result;
	struct sxp_node all;

	/* Made anew between two looks, or not named yet: such names have parentheses. */
	world_domain(5)->name = NULL;
	result = run_with(sxp, "list -l");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->err, "");
	CU_ASSERT_FATAL(sxp_read(result->out, &all));
	CU_ASSERT_EQUAL_FATAL(all.count, 3);
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "name", SXP_WORD), "Domain-0");
	CU_ASSERT_TEXT(sxp_value(&all.items[0], "state", SXP_WORD), "r-----");
	CU_ASSERT_TEXT(sxp_value(&all.items[1], "name", SXP_WORD), "web");
	CU_ASSERT_TEXT(sxp_value(&all.items[2], "name", SXP_WORD), "\\050unnamed\\051");
	CU_ASSERT_TEXT(sxp_value(&all.items[2], "state", SXP_WORD), "--p---");
	sxp_free(&all);
	result = run_with(sxp, "list --long web");
	CU_ASSERT_EQUAL(strncmp(result->out, "(domain\n    (domid 3)\n", 22), 0);
	/* Whoever asks for JSON gets it. */
	CU_ASSERT_EQUAL(run_with(sxp, "list -l --json")->out[0], '[');
	CU_ASSERT_EQUAL(run_with(sxp, "--json list -l")->out[0], '[');
	CU_ASSERT_EQUAL(run_with(sxp, "list --json")->out[0], '[');
	CU_ASSERT_EQUAL(strncmp(run_with(sxp, "list")->out, "Name ", 5), 0);
	CU_ASSERT_EQUAL(run_with("output_format='json'", "list -l")->out[0], '[');
	CU_ASSERT_EQUAL(run_with("", "list -l")->out[0], '[');
	CU_ASSERT_EQUAL(run("list -l")->out[0], '[');
	/* All, or nothing. */
	world_domain(3)->config = "bad";
	result = run_with(sxp, "list -l");
	CU_ASSERT_EQUAL(result->rc, 1);
	CU_ASSERT_TEXT(result->out, "");
	CU_ASSERT_TEXT(result->err, "vl: record: line 1: this is no value\n");
}

static void dry_run(void)
{
	const struct result *result = run_with("output_format='sxp'", "-N create -q name=new");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->out, "(domain\n    (name new)\n)\n");
	CU_ASSERT_TEXT(result->err, "");
	CU_ASSERT_EQUAL(run("create -nq name=new")->out[0], '{');
	/* A guest is made whatever is in it. */
	result = run_with("output_format=", "create -q name=new");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_TEXT(result->err, "");
	CU_ASSERT_TEXT(world.calls, "start new\n");
	result = run_with("\noutput_format=", "create -nq name=new");
	CU_ASSERT_EQUAL(result->rc, 6);
	CU_ASSERT_TEXT(result->out, "");
	CU_ASSERT_TEXT(result->err,
		       of_file("vl: ",
			       "2: the value of output_format is missing or not complete\n"));
}

static void broken(void)
{
	static const struct {
		const char *conf, *message;
	} cases[] = {
		{ "output_format=sxp", "1: output_format: \"sxp\" needs quotes\n" },
		{ "#\n\noutput_format='xml'\n",
		  "3: output_format: \"xml\" is neither \"json\" nor \"sxp\"\n" },
		{ "output_format=['sxp']",
		  "1: output_format is to be a single value, not a list\n" },
		{ "\noutput_format='sxp", "2: a string is not closed by ' on its line\n" },
		{ "odd=1\nif True:", "2: = is expected after \"if\"\n" },
		{ "output_format='sxp'\n<domain>",
		  "2: \"<\" is not expected here: strings need quotes, and Python code is not "
		  "run\n" },
	};
	const struct result *result;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		result = run_with(cases[i].conf, "list -l");
		CU_ASSERT_EQUAL(result->rc, 1);
		CU_ASSERT_TEXT(result->out, "");
		CU_ASSERT_TEXT(result->err, of_file("vl: ", cases[i].message));
		/* No concern of those that do not look at it. */
		CU_ASSERT_EQUAL(run_with(cases[i].conf, "list -l --json")->rc, 0);
		CU_ASSERT_TEXT(run_with(cases[i].conf, "list")->err, "");
		CU_ASSERT_TEXT(run_with(cases[i].conf, "domid web")->out, "3\n");
	}
	setenv("VL_CONF", "/", 1);
	EXPECT("list -l", 1, "", "vl: cannot read /: Is a directory\n");
	setenv("VL_CONF", WORLD_NO_FILE, 1);
}

static void unknown_key(void)
{
	static const char conf[] = "output_format='sxp'\n\nautoballoon=0\n";
	const struct result *result = run_with(conf, "list -l");

	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_EQUAL(result->out[0], '(');
	CU_ASSERT_TEXT(result->err, of_file("vl: warning: ", "3: autoballoon is not known\n"));
	result = run_with(conf, "create -n name=a");
	CU_ASSERT_EQUAL(result->rc, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result->err, "3: autoballoon is not known\n"));
	CU_ASSERT_TEXT(run_with(conf, "create -qn name=a")->err, "");
	CU_ASSERT_TEXT(run_with(conf, "list")->err, "");
}

CU_TestInfo conf_tests[] = {
	{ "list", list },     { "dry_run", dry_run },
	{ "broken", broken }, { "unknown_key", unknown_key },
	CU_TEST_INFO_NULL,
};

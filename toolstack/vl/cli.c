/* SPDX-License-Identifier: MIT */
/*
 * A run of vl: global flags, the verb, messages, options, and the names and
 * numbers of guests.  Nothing is opened before a verb asks for it, so that what
 * needs no core or store works everywhere and starts at once.
 */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "generated/version.h"
#include "output.h"
#include "verbs.h"

#define LONGS_MAX 20

/* ---- Messages ---------------------------------------------------------------- */

/* One line, whatever bytes the sentence quotes. */
static void print_line(FILE *file, const char *format, va_list args)
{
	char text[1024], escaped[2 * sizeof(text)];

	vsnprintf(text, sizeof(text), format, args);
	for (char *c = text; *c; c++) {
		if (*c == '\n' || *c == '\t') {
			*c = ' ';
		}
	}
	fprintf(file, "%s\n", output_text(text, strlen(text), escaped, sizeof(escaped)));
}

static void print_sentence(const char *format, va_list args)
{
	fflush(stdout);
	print_line(stderr, format, args);
}

void cli_line(FILE *file, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(file, format, args);
	va_end(args);
}

int cli_fail(const char *format, ...)
{
	va_list args;

	fputs("vl: ", stderr);
	va_start(args, format);
	print_sentence(format, args);
	va_end(args);
	return CLI_FAIL;
}

int cli_usage(const char *format, ...)
{
	va_list args;

	fputs("vl: ", stderr);
	va_start(args, format);
	print_sentence(format, args);
	va_end(args);
	return CLI_USAGE;
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	struct timespec now;
	struct tm tm;
	char text[32];
	va_list args;

	if (cli->timestamps && clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	    gmtime_r(&now.tv_sec, &tm)) {
		strftime(text, sizeof(text), "%F %T UTC", &tm);
		fprintf(stderr, "%s [%d] ", text, (int)getpid());
	}
	va_start(args, format);
	print_sentence(format, args);
	va_end(args);
}

/* ---- Arguments --------------------------------------------------------------- */

static int stop(struct cli *cli, int status)
{
	cli->status = status;
	return CLI_STOP;
}

/* How many options a word that begins with -- can be short for. */
static int matches(const struct option *longs, const char *word)
{
	size_t length = strcspn(word + 2, "=");
	int count = 0;

	for (; longs->name; longs++) {
		count += strncmp(longs->name, word + 2, length) == 0;
	}
	return count;
}

/* What getopt_long() could not take, in words. */
static int bad_option(struct cli *cli, char **argv, const struct option *longs, int answer)
{
	const char *verb = cli->verb->name, *word = argv[optind - 1];
	char letter[] = { '-', (char)optopt, '\0' };

	/* A letter may stand in the middle of a word that is not used up. */
	if (strncmp(word, "--", 2) != 0 || (optopt && !matches(longs, word))) {
		word = letter;
	}
	if (answer == ':') {
		return stop(cli, cli_usage("%s: option %s wants a value", verb, word));
	}
	if (word != letter && optopt) {
		return stop(cli, cli_usage("%s: option %s takes no value", verb, word));
	}
	if (word != letter && matches(longs, word) > 1) {
		return stop(cli, cli_usage("%s: several options begin with %s; see \"vl help %s\"",
					   verb, word, verb));
	}
	return stop(cli,
		    cli_usage("%s: there is no option %s; see \"vl help %s\"", verb, word, verb));
}

int cli_option(struct cli *cli, int argc, char **argv, const char *shorts,
	       const struct option *longs)
{
	static const struct option json = { "json", no_argument, NULL, 'J' };
	static const struct option help = { "help", no_argument, NULL, 'h' };
	struct option all[LONGS_MAX + 3] = { 0 };
	char letters[80];
	size_t count = 0;
	int option;

	while (longs && longs[count].name && count < LONGS_MAX) {
		all[count] = longs[count];
		count++;
	}
	all[count++] = help;
	if (cli->verb->flags & VERB_JSON) {
		all[count++] = json;
	}
	snprintf(letters, sizeof(letters), ":h%s", shorts);
	opterr = 0;
	option = getopt_long(argc, argv, letters, all, NULL);
	switch (option) {
	case 'J':
		cli->json = true;
		return cli_option(cli, argc, argv, shorts, longs);
	case 'h':
		verb_help(cli->verb);
		return stop(cli, CLI_OK);
	case '?':
	case ':':
		return bad_option(cli, argv, all, option);
	default:
		return option;
	}
}

int cli_no_options(struct cli *cli, int argc, char **argv, bool *go_on)
{
	int option = cli_option(cli, argc, argv, "", NULL);

	*go_on = option == CLI_END;
	return *go_on ? CLI_OK : cli->status;
}

int cli_arguments(const struct cli *cli, int argc, int min, int max)
{
	const char *verb = cli->verb->name;
	int count = argc - optind;

	if (count >= min && count <= max) {
		return CLI_OK;
	}
	return cli_usage("%s: there are too %s arguments: vl %s%s%s", verb,
			 count < min ? "few" : "many", verb, *cli->verb->arguments ? " " : "",
			 cli->verb->arguments);
}

bool cli_number(const char *text, unsigned long long max, unsigned long long *number)
{
	char *end;

	if (*text < '0' || *text > '9') {
		return false;
	}
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end && *number <= max;
}

/* ---- Core, store, guests ----------------------------------------------------- */

int cli_host(struct cli *cli)
{
	struct vl_error error;

	if (cli->open) {
		return CLI_OK;
	}
	if (vl_host_open(&cli->host, &error)) {
		return cli_fail("%s", error.text);
	}
	cli->open = true;
	return CLI_OK;
}

int cli_find(struct cli *cli, const char *name, uint16_t *domid)
{
	struct vl_error error;
	int rc = cli_host(cli);

	if (rc == CLI_OK && vl_guest_find(&cli->host, name, domid, &error)) {
		rc = cli_fail("%s", error.text);
	}
	return rc;
}

int cli_find_guest(struct cli *cli, const char *name, const char *participle, uint16_t *domid)
{
	int rc = cli_find(cli, name, domid);

	if (rc == CLI_OK && *domid == 0) {
		rc = cli_fail("the control domain cannot be %s by vl", participle);
	}
	return rc;
}

/* ---- The run ----------------------------------------------------------------- */

static int run_verb(struct cli *cli, int argc, char **argv)
{
	cli->verb = verb_find(argv[0]);
	if (!cli->verb) {
		return CLI_FAIL;
	}
	if (!cli->verb->run) {
		return cli_fail("%s is not supported: %s", cli->verb->name, cli->verb->summary);
	}
	if (cli->dry_run && !(cli->verb->flags & VERB_DRY_RUN)) {
		return cli_fail("%s has no dry run", cli->verb->name);
	}
	if (cli->json && !(cli->verb->flags & VERB_JSON)) {
		return cli_usage("%s has no --json", cli->verb->name);
	}
	optind = 0;
	return cli->verb->run(cli, argc, argv);
}

/* Flags before the verb; CLI_STOP: cli->status. */
static int global_flags(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option;

	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+hvNftT", longs, NULL)) != -1) {
		switch (option) {
		case 'v':
			cli->verbose++;
			break;
		case 'N':
			cli->dry_run = true;
			break;
		case 'f':
			cli->force = true;
			break;
		case 't':
			cli->carriage_return = true;
			break;
		case 'T':
			cli->timestamps = true;
			break;
		case 'J':
			cli->json = true;
			break;
		case 'h':
			return stop(cli, cmd_help(cli, 1, argv));
		case 'V':
			printf("vl %s (%s)\n", VELLUM_VERSION, VELLUM_CHANGESET);
			return stop(cli, CLI_OK);
		default:
			return stop(cli, cli_usage("there is no global option %s; see \"vl help\"",
						   argv[optind - 1]));
		}
	}
	return optind;
}

int cli_run(int argc, char **argv)
{
	struct cli cli = { 0 };
	int first = global_flags(&cli, argc, argv), rc = cli.status;

	if (first != CLI_STOP) {
		if (first >= argc) {
			rc = cli_fail("a verb is missing; see \"vl help\"");
		} else {
			rc = run_verb(&cli, argc - first, argv + first);
		}
	}
	if (cli.open) {
		vl_host_close(&cli.host);
	}
	if ((fflush(stdout) || ferror(stdout)) && rc == CLI_OK) {
		rc = cli_fail("the output cannot be written: %s", strerror(errno));
	}
	return rc;
}

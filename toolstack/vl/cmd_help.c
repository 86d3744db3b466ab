/* SPDX-License-Identifier: MIT */
/* vl help: all verbs, or how one is used.  Opens nothing; scripts probe with it. */
#include <stdio.h>

#include "verbs.h"

static void print_all(void)
{
	puts("Usage: vl [-v] [-N] [-f] [-t] [-T] [--json] VERB [ARGUMENTS]\n"
	     "       vl help VERB, vl --version\n\n"
	     "  -v      more words      -N  dry run: change nothing (create, vcpu-pin)\n"
	     "  -f      accepted        -t  progress on one line\n"
	     "  -T      time and process before each line of progress\n"
	     "  --json  tables for programs\n\n"
	     "Verbs, which may be shortened while one alone fits:\n");
	for (const struct verb *verb = verbs; verb->name; verb++) {
		if (verb->run) {
			printf("  %-15s %s\n", verb->name, verb->summary);
		}
	}
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	const struct verb *verb;

	/* "vl --help" comes here without a verb, and without arguments. */
	if (cli->verb) {
		bool go_on;
		int rc = cli_no_options(cli, argc, argv, &go_on);

		if (!go_on) {
			return rc;
		}
	}
	if (!cli->verb || optind >= argc) {
		print_all();
		return CLI_OK;
	}
	verb = verb_find(argv[optind]);
	if (!verb) {
		return CLI_FAIL;
	}
	verb_help(verb);
	return CLI_OK;
}

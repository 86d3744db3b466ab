/* SPDX-License-Identifier: MIT */
/* vl console: this terminal on the console of a guest. */
#include <errno.h>
#include <string.h>

#include "console.h"
#include "verbs.h"

/* A character as it is, or ^ and the letter that it is with Ctrl; -1: neither. */
static int parse_escape(const char *text)
{
	if (text[0] == '^' && text[1] && !text[2]) {
		return text[1] & 0x1f;
	}
	return text[0] && !text[1] ? (unsigned char)text[0] : -1;
}

/* Guests that have ended are vld's alone; all others have to be there. */
static int attach(struct cli *cli, const char *guest, int escape)
{
	struct vl_error error;
	uint16_t domid;
	int rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	rc = vl_guest_find(&cli->host, guest, &domid, &error);
	if (rc == -ESRCH) {
		return console_kept(cli, guest, escape, &error);
	}
	if (rc) {
		return cli_fail("%s", error.text);
	}
	return domid ? console_attach(cli, guest, escape) :
		       cli_fail("the control domain cannot be looked at by vl");
}

int cmd_console(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "escape", required_argument, NULL, 'e' },
		{ "status", no_argument, NULL, 'S' },
		{ 0 },
	};
	int escape = VL_CONSOLE_ESCAPE, option, rc;
	bool status = false;

	while ((option = cli_option(cli, argc, argv, "t:n:e:", longs)) != CLI_END) {
		switch (option) {
		case 't':
			if (strcmp(optarg, "pv") != 0) {
				return cli_fail("a console of type \"%s\" is not supported: guests "
						"have one, of type pv",
						optarg);
			}
			break;
		case 'n':
			if (strcmp(optarg, "0") != 0) {
				return cli_fail("console %s is not supported: guests have one, "
						"number 0",
						optarg);
			}
			break;
		case 'e':
			escape = parse_escape(optarg);
			if (escape < 0) {
				return cli_usage("console: \"%s\" is neither a character nor ^ and "
						 "a letter",
						 optarg);
			}
			break;
		case 'S':
			status = true;
			break;
		default:
			return cli->status;
		}
	}
	if (cli->json && !status) {
		return cli_usage("console: --json goes with --status");
	}
	rc = cli_arguments(cli, argc, status ? 0 : 1, 1);
	if (rc == CLI_OK && status) {
		return console_status(cli, optind < argc ? argv[optind] : NULL);
	}
	return rc == CLI_OK ? attach(cli, argv[optind], escape) : rc;
}

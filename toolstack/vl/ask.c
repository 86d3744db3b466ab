/* SPDX-License-Identifier: MIT */
/*
 * Asks one guest or all to end by itself.  Guests that have ended already are not
 * asked: they could not answer.  What comes behind that is follow.c's.
 */
#include "ask.h"

#include <errno.h>
#include <stdlib.h>

#include "restarts.h"

/* 1: it can be asked; 0: it was ended, as there is nobody to ask; negative: said. */
static int let_run(struct cli *cli, const struct vl_domain_info *info)
{
	struct vl_error error;

	if (info->cpu_time == 0) {
		cli_say(cli, "Domain %u has never run and is destroyed", info->domid);
		return restarts_destroy(cli, info->domid) == CLI_OK ? 0 : -1;
	}
	cli_say(cli, "Domain %u is paused and is let run, to end", info->domid);
	if (vl_ctl_unpause(cli->host.ctl, info->domid, &error)) {
		cli_fail("%s", error.text);
		return -1;
	}
	return 1;
}

int ask_domain(struct cli *cli, const struct ask *ask, const struct vl_domain_info *info)
{
	struct vl_error error;
	int run;

	cli_say(cli, "%s domain %u", ask->doing, info->domid);
	if (ask->for_good && (info->flags & VL_DOMAIN_paused)) {
		run = let_run(cli, info);
		if (run <= 0) {
			return run < 0 ? CLI_FAIL : CLI_OK;
		}
	} else if (ask->wait && (info->flags & VL_DOMAIN_paused)) {
		cli_say(cli, "Domain %u is paused: it ends when it runs again", info->domid);
	}
	/* What follows from its end, if it has ended meanwhile, is seen later. */
	if (vl_guest_ask(&cli->host, info->domid, ask->what, &error) &&
	    !((ask->wait || ask->for_off) &&
	      domain_ended(cli, (uint16_t)info->domid, info->created))) {
		return cli_fail("%s", error.text);
	}
	return CLI_OK;
}

static int ask_one(struct cli *cli, const struct ask *ask, const char *name)
{
	struct vl_domain_info info;
	struct vl_error error;
	uint16_t domid;
	int rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	rc = restarts_find(cli, name, ask->for_off, &domid, &error);
	if (rc == 0) {
		return CLI_OK;
	}
	if (rc > 0 && domid == 0) {
		return cli_fail("the control domain cannot be %s by vl", ask->participle);
	}
	if (rc > 0) {
		rc = vl_ctl_info(cli->host.ctl, domid, &info, &error);
	}
	if (rc == -ESRCH && domid) {
		/* Gone since: what follows from its end is to be seen. */
		info = (struct vl_domain_info){ .domid = domid, .flags = VL_DOMAIN_dying };
	} else if (rc < 0) {
		return cli_fail("%s", error.text);
	}
	return follow(cli, ask, &info, 1);
}

/* Restarts first: what is undone of them is not there any more to be asked. */
static int ask_all(struct cli *cli, const struct ask *ask)
{
	struct vl_domain_info *infos;
	struct vl_error error;
	size_t count;
	int followed, rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	if (ask->for_off) {
		rc = restarts_forget_all(cli);
	}
	if (vl_ctl_list(cli->host.ctl, 1, &infos, &count, &error)) {
		return cli_fail("%s", error.text);
	}
	followed = follow(cli, ask, infos, count);
	free(infos);
	return rc == CLI_OK ? followed : rc;
}

int ask_guests(struct cli *cli, int argc, char **argv, struct ask *ask)
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "wait", no_argument, NULL, 'w' },
		{ "for-good", no_argument, NULL, 'G' },
		{ "limit", required_argument, NULL, 'L' },
		{ 0 },
	};
	/* Who reboots is not off for good: the first two alone. */
	static const struct option reboots[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "wait", no_argument, NULL, 'w' },
		{ 0 },
	};
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "awF", ask->for_off ? longs : reboots)) !=
	       CLI_END) {
		switch (option) {
		case 'a':
			ask->all = true;
			break;
		case 'w':
			ask->wait = true;
			break;
		case 'F': /* ACPI's button instead: PV guests have none */
			break;
		case 'G':
			ask->for_good = ask->wait = true;
			break;
		case 'L':
			if (!cli_number(optarg, 1000000000, &ask->limit) || ask->limit == 0) {
				return cli_usage("%s: \"%s\" is not a number of seconds",
						 cli->verb->name, optarg);
			}
			ask->wait = true;
			break;
		default:
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, ask->all ? 0 : 1, ask->all ? 0 : 1);
	if (rc != CLI_OK) {
		return rc;
	}
	return ask->all ? ask_all(cli, ask) : ask_one(cli, ask, argv[optind]);
}

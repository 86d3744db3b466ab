/* SPDX-License-Identifier: MIT */
/*
 * Asks one guest or all to end by itself.  Guests that have ended already are not
 * asked: they could not answer.  What comes behind that is follow.c's.
 */
#include "ask.h"

#include <errno.h>

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

/* Who waits for an end sees what follows from this one. */
static bool ended_meanwhile(struct cli *cli, const struct vl_domain_info *info)
{
	struct vl_domain_info now;
	int rc = vl_ctl_info(cli->host.ctl, info->domid, &now, NULL);

	return rc == -ESRCH || (!rc && (now.created != info->created || has_ended(&now)));
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
	if (vl_guest_ask(&cli->host, info->domid, ask->what, &error) &&
	    !(ask->wait && ended_meanwhile(cli, info))) {
		return cli_fail("%s", error.text);
	}
	return CLI_OK;
}

/*
 * There is no domain of that name, but a guest may be between two lives.  CLI_OK:
 * so, and all is done; -1: it lives again, as *domid.
 */
static int between_lives(struct cli *cli, const struct ask *ask, const char *name,
			 const struct vl_error *not_found, uint16_t *domid)
{
	struct vl_error error;
	int forgotten = ask->for_off ? restarts_forget(name, &error) : 0;

	if (forgotten < 0) {
		return cli_fail("%s", error.text);
	}
	if (forgotten > 0) {
		cli_say(cli, "Guest %s is not started anew", name);
		return CLI_OK;
	}
	if (!ask->for_off && restarts_has(name)) {
		cli_say(cli, "Guest %s is to be started anew already", name);
		return CLI_OK;
	}
	/* Its new life may have begun between the two looks. */
	return vl_guest_find(&cli->host, name, domid, NULL) ? cli_fail("%s", not_found->text) : -1;
}

static int ask_one(struct cli *cli, const struct ask *ask, char *name)
{
	struct domains domains;
	struct vl_error error;
	uint16_t domid;
	int rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	rc = vl_guest_find(&cli->host, name, &domid, &error);
	if (rc == -ESRCH) {
		rc = between_lives(cli, ask, name, &error, &domid);
		if (rc >= 0) {
			return rc;
		}
	} else if (rc) {
		return cli_fail("%s", error.text);
	}
	if (domid == 0) {
		return cli_fail("the control domain cannot be %s by vl", ask->participle);
	}
	rc = domains_get(cli, &name, 1, &domains);
	if (rc == CLI_OK) {
		rc = follow(cli, ask, &domains);
		domains_free(&domains);
	}
	return rc;
}

/* Restarts first: what is undone of them is not there any more to be asked. */
static int ask_all(struct cli *cli, const struct ask *ask)
{
	struct domains domains;
	int followed, rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	if (ask->for_off) {
		rc = restarts_forget_all(cli);
	}
	followed = domains_get(cli, NULL, 0, &domains);
	if (followed == CLI_OK) {
		followed = follow(cli, ask, &domains);
		domains_free(&domains);
	}
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

/* SPDX-License-Identifier: MIT */
/*
 * Asks one guest or all to end by itself and waits, if that is wanted, until
 * none of them runs.  Guests that have ended already are not asked: they could
 * not answer.
 */
#include "ask.h"

#include <stdlib.h>

static int ask(struct cli *cli, const struct vl_domain_info *info, const char *what,
	       const char *doing)
{
	struct vl_error error;

	if (info->flags & (VL_DOMAIN_shutdown | VL_DOMAIN_dying)) {
		return CLI_OK;
	}
	cli_say(cli, "%s domain %u", doing, info->domid);
	if (vl_guest_ask(&cli->host, info->domid, what, &error)) {
		return cli_fail("%s", error.text);
	}
	return CLI_OK;
}

/* All are asked, even if one of them cannot be. */
static int ask_all(struct cli *cli, const struct domains *domains, const char *what,
		   const char *doing, bool wait)
{
	uint16_t *domids = calloc(domains->count + 1, sizeof(*domids));
	size_t count = 0;
	int rc = CLI_OK, waited;

	if (!domids) {
		return cli_fail("there is no memory left");
	}
	if (wait && domains_wait_begin(cli) != CLI_OK) {
		free(domids);
		return CLI_FAIL;
	}
	for (size_t i = 0; i < domains->count; i++) {
		const struct vl_domain_info *info = &domains->list[i].info;

		if (info->flags & VL_DOMAIN_control) {
			continue;
		}
		if (ask(cli, info, what, doing) == CLI_OK) {
			domids[count++] = info->domid;
		} else {
			rc = CLI_FAIL;
		}
	}
	if (wait && count > 0) {
		cli_say(cli, "Waiting for %zu domain%s", count, count > 1 ? "s" : "");
		waited = domains_wait(cli, domids, count);
		rc = rc == CLI_OK ? waited : rc;
	}
	free(domids);
	return rc;
}

int ask_guests(struct cli *cli, int argc, char **argv, const char *what, const char *doing,
	       const char *participle)
{
	static const struct option longs[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "wait", no_argument, NULL, 'w' },
		{ 0 },
	};
	bool all = false, wait = false;
	struct domains domains;
	uint16_t domid;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "awF", longs)) != CLI_END) {
		switch (option) {
		case 'a':
			all = true;
			break;
		case 'w':
			wait = true;
			break;
		case 'F': /* ACPI's button instead: PV guests have none */
			break;
		default:
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, all ? 0 : 1, all ? 0 : 1);
	if (rc == CLI_OK && !all) {
		rc = cli_find_guest(cli, argv[optind], participle, &domid);
	}
	if (rc == CLI_OK) {
		rc = domains_get(cli, argv + optind, argc - optind, &domains);
	}
	if (rc == CLI_OK) {
		rc = ask_all(cli, &domains, what, doing, wait);
		domains_free(&domains);
	}
	return rc;
}

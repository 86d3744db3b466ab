/* SPDX-License-Identifier: MIT */
/* vl unpause: a paused guest runs again, also one that create -p has made. */
#include "verbs.h"

int cmd_unpause(struct cli *cli, int argc, char **argv)
{
	struct vl_error error;
	uint16_t domid;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 1, 1);
	if (rc == CLI_OK) {
		rc = cli_find_guest(cli, argv[optind], "unpaused", &domid);
	}
	if (rc == CLI_OK && vl_ctl_unpause(cli->host.ctl, domid, &error)) {
		rc = cli_fail("%s", error.text);
	}
	return rc;
}

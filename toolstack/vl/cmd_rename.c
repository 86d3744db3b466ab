/* SPDX-License-Identifier: MIT */
/* vl rename: gives a guest another name. */
#include "verbs.h"

int cmd_rename(struct cli *cli, int argc, char **argv)
{
	struct vl_error error;
	uint16_t domid;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 2, 2);
	if (rc == CLI_OK) {
		rc = cli_find_guest(cli, argv[optind], "renamed", &domid);
	}
	if (rc == CLI_OK && vl_guest_rename(&cli->host, domid, argv[optind + 1], &error)) {
		rc = cli_fail("%s", error.text);
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/* vl domid: the number of a guest, alone on a line. */
#include <stdio.h>

#include "verbs.h"

int cmd_domid(struct cli *cli, int argc, char **argv)
{
	uint16_t domid;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 1, 1);
	if (rc == CLI_OK) {
		rc = cli_find(cli, argv[optind], &domid);
	}
	if (rc == CLI_OK) {
		printf("%u\n", domid);
	}
	return rc;
}

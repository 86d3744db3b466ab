/* SPDX-License-Identifier: MIT */
/* vl destroy: ends a guest at once, as if its power was cut. */
#include "verbs.h"

int cmd_destroy(struct cli *cli, int argc, char **argv)
{
	struct vl_error error;
	uint16_t domid;
	int option, rc;

	/* xl's -f is for the control domain, which the core ends for nobody. */
	while ((option = cli_option(cli, argc, argv, "f", NULL)) != CLI_END) {
		if (option != 'f') {
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, 1, 1);
	if (rc == CLI_OK) {
		rc = cli_find_guest(cli, argv[optind], "destroyed", &domid);
	}
	if (rc == CLI_OK && vl_guest_destroy(&cli->host, domid, &error)) {
		rc = cli_fail("%s", error.text);
	}
	return rc;
}

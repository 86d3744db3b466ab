/* SPDX-License-Identifier: MIT */
/* vl destroy: ends a guest at once, as if its power was cut, and for good. */
#include "restarts.h"
#include "verbs.h"

static int destroy(struct cli *cli, const char *name)
{
	struct vl_error error;
	uint16_t domid;
	int rc = cli_host(cli);

	if (rc != CLI_OK) {
		return rc;
	}
	rc = restarts_find(cli, name, true, &domid, &error);
	if (rc <= 0) {
		return rc ? cli_fail("%s", error.text) : CLI_OK;
	}
	if (domid == 0) {
		return cli_fail("the control domain cannot be destroyed by vl");
	}
	return restarts_destroy(cli, domid);
}

int cmd_destroy(struct cli *cli, int argc, char **argv)
{
	int option, rc;

	/* xl's -f is for the control domain, which the core ends for nobody. */
	while ((option = cli_option(cli, argc, argv, "f", NULL)) != CLI_END) {
		if (option != 'f') {
			return cli->status;
		}
	}
	rc = cli_arguments(cli, argc, 1, 1);
	return rc == CLI_OK ? destroy(cli, argv[optind]) : rc;
}

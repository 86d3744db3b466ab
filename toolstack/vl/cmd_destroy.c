/* SPDX-License-Identifier: MIT */
/* vl destroy: ends a guest at once, as if its power was cut, and for good. */
#include <errno.h>

#include "restarts.h"
#include "verbs.h"

static int destroy(struct cli *cli, const char *name)
{
	struct vl_error error;
	uint16_t domid;
	int rc, forgotten = 0;

	if (cli_host(cli) != CLI_OK) {
		return CLI_FAIL;
	}
	rc = vl_guest_find(&cli->host, name, &domid, &error);
	if (rc == -ESRCH) {
		struct vl_error why;

		forgotten = restarts_forget(name, &why);
		if (forgotten < 0) {
			return cli_fail("%s", why.text);
		}
	}
	if (forgotten) {
		cli_say(cli, "Guest %s is not started anew", name);
		return CLI_OK;
	}
	if (rc) {
		return cli_fail("%s", error.text);
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

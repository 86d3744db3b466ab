/* SPDX-License-Identifier: MIT */
/* vl destroy: ends a guest at once, as if its power was cut, and for good. */
#include <errno.h>
#include <stdlib.h>

#include "libvellum/vld_client.h"
#include "verbs.h"

/*
 * One that has ended and is to start anew in a while, or just now: it does not.
 * 1: so; 0: that was not to be; or what has failed.
 */
static int forget_restart(const char *name, struct vl_error *error)
{
	struct vl_vld *vld;
	int rc = -ECONNRESET;

	/* vld may have been started anew meanwhile. */
	for (int i = 0; i < 3 && rc == -ECONNRESET; i++) {
		if (vl_vld_open(&vld, NULL, NULL)) {
			return 0;
		}
		rc = vl_vld_forget(vld, name, error);
		vl_vld_close(vld);
	}
	return rc == -ESRCH ? 0 : rc ? rc : 1;
}

static int destroy(struct cli *cli, const char *name)
{
	struct vl_error error;
	char *own_name = NULL;
	uint16_t domid;
	int rc, forgotten = 0;

	if (cli_host(cli) != CLI_OK) {
		return CLI_FAIL;
	}
	rc = vl_guest_find(&cli->host, name, &domid, &error);
	if (rc == -ESRCH) {
		struct vl_error why;

		forgotten = forget_restart(name, &why);
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
	/* Its name goes with it. */
	if (vl_guest_name(&cli->host, domid, &own_name, NULL)) {
		own_name = NULL;
	}
	rc = vl_guest_destroy(&cli->host, domid, &error) ? cli_fail("%s", error.text) : CLI_OK;
	/* It may have ended by itself a moment ago. */
	if (rc == CLI_OK && own_name && forget_restart(own_name, &error) < 0) {
		rc = cli_fail("%s", error.text);
	}
	free(own_name);
	return rc;
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

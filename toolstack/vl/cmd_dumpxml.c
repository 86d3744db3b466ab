/* SPDX-License-Identifier: MIT */
/* vl dumpxml: a guest's configuration as libvirt writes domains; create reads it. */
#include <stdio.h>
#include <stdlib.h>

#include "verbs.h"

int cmd_dumpxml(struct cli *cli, int argc, char **argv)
{
	struct vl_config *config;
	struct vl_error error;
	uint16_t domid;
	char *text;
	bool go_on;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 1, 1);
	if (rc == CLI_OK) {
		rc = cli_find_guest(cli, argv[optind], "shown as XML", &domid);
	}
	if (rc != CLI_OK) {
		return rc;
	}
	if (vl_guest_config(&cli->host, domid, &config, &error)) {
		return cli_fail("%s", error.text);
	}
	rc = vl_config_xml(config, &text, &error);
	vl_config_free(config);
	if (rc) {
		return cli_fail("%s", error.text);
	}
	fputs(text, stdout);
	free(text);
	return CLI_OK;
}

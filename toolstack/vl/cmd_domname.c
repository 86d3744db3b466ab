/* SPDX-License-Identifier: MIT */
/* vl domname: the name of a guest, alone on a line. */
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "verbs.h"

int cmd_domname(struct cli *cli, int argc, char **argv)
{
	char escaped[OUTPUT_NAME_SIZE];
	unsigned long long domid;
	struct vl_error error;
	bool go_on;
	char *name;
	int rc = cli_no_options(cli, argc, argv, &go_on);

	if (!go_on) {
		return rc;
	}
	rc = cli_arguments(cli, argc, 1, 1);
	if (rc != CLI_OK) {
		return rc;
	}
	if (!cli_number(argv[optind], VL_DOMID_END - 1, &domid)) {
		return cli_fail("\"%s\" is not the number of a domain", argv[optind]);
	}
	rc = cli_host(cli);
	if (rc == CLI_OK && vl_guest_name(&cli->host, (uint16_t)domid, &name, &error)) {
		rc = cli_fail("%s", error.text);
	}
	if (rc == CLI_OK) {
		puts(output_name(name, escaped, sizeof(escaped)));
		free(name);
	}
	return rc;
}

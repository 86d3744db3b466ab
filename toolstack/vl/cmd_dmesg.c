/* SPDX-License-Identifier: MIT */
/* vl dmesg: the core's messages, which quote guests: only what a terminal may see. */
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "verbs.h"

static int print_log(bool clear)
{
	char buffer[16384], text[4 * sizeof(buffer) + 8];
	struct vl_error error;
	struct vl_ctl *ctl;
	uint64_t pos = 0;
	int size;

	if (vl_ctl_open(&ctl, &error)) {
		return cli_fail("%s", error.text);
	}
	while ((size = vl_ctl_log(ctl, &pos, buffer, sizeof(buffer), clear, &error)) > 0) {
		fputs(output_text(buffer, (size_t)size, text, sizeof(text)), stdout);
	}
	vl_ctl_close(ctl);
	return size ? cli_fail("%s", error.text) : CLI_OK;
}

int cmd_dmesg(struct cli *cli, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "clear", no_argument, NULL, 'c' },
		{ 0 },
	};
	bool clear = false;
	int option, rc;

	while ((option = cli_option(cli, argc, argv, "c", longs)) != CLI_END) {
		if (option != 'c') {
			return cli->status;
		}
		clear = true;
	}
	rc = cli_arguments(cli, argc, 0, 0);
	return rc == CLI_OK ? print_log(clear) : rc;
}

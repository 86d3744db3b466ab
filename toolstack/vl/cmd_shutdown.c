/* SPDX-License-Identifier: MIT */
/* vl shutdown: asks guests to power off. */
#include "ask.h"
#include "verbs.h"

int cmd_shutdown(struct cli *cli, int argc, char **argv)
{
	struct ask ask = {
		.what = "poweroff",
		.doing = "Shutting down",
		.participle = "shut down",
		.for_off = true,
	};

	return ask_guests(cli, argc, argv, &ask);
}

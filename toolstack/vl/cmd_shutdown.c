/* SPDX-License-Identifier: MIT */
/* vl shutdown: asks guests to power off. */
#include "ask.h"
#include "verbs.h"

int cmd_shutdown(struct cli *cli, int argc, char **argv)
{
	return ask_guests(cli, argc, argv, "poweroff", "Shutting down", "shut down");
}

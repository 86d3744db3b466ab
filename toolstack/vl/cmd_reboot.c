/* SPDX-License-Identifier: MIT */
/* vl reboot: asks guests to reboot; what follows is up to their on_reboot. */
#include "ask.h"
#include "verbs.h"

int cmd_reboot(struct cli *cli, int argc, char **argv)
{
	struct ask ask = { .what = "reboot", .doing = "Rebooting", .participle = "rebooted" };

	return ask_guests(cli, argc, argv, &ask);
}

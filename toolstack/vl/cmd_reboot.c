/* SPDX-License-Identifier: MIT */
/* vl reboot: asks guests to reboot; what follows is up to their on_reboot. */
#include "ask.h"
#include "verbs.h"

int cmd_reboot(struct cli *cli, int argc, char **argv)
{
	return ask_guests(cli, argc, argv, "reboot", "Rebooting", "rebooted");
}

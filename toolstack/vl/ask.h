/* SPDX-License-Identifier: MIT */
/* What "vl shutdown" and "vl reboot" have in common: they ask guests, and wait. */
#ifndef VL_ASK_H
#define VL_ASK_H

#include "cli.h"

/** what: as vl_guest_ask() takes it; doing: "Shutting down"; participle: "shut down". */
int ask_guests(struct cli *cli, int argc, char **argv, const char *what, const char *doing,
	       const char *participle);

#endif

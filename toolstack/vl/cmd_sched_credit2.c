/* SPDX-License-Identifier: MIT */
/* vl sched-credit2: shows or sets weights and caps. */
#include "sched.h"
#include "verbs.h"

int cmd_sched_credit2(struct cli *cli, int argc, char **argv)
{
	return sched_credit(cli, argc, argv, "ratelimit=0us");
}

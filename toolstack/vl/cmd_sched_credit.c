/* SPDX-License-Identifier: MIT */
/* vl sched-credit: as sched-credit2, under the name that older scripts use. */
#include "sched.h"
#include "verbs.h"

int cmd_sched_credit(struct cli *cli, int argc, char **argv)
{
	return sched_credit(cli, argc, argv, "tslice=10ms ratelimit=0us migration-delay=0us");
}

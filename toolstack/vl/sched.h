/* SPDX-License-Identifier: MIT */
/* What "vl sched-credit2" and "vl sched-credit" have in common: all but a line. */
#ifndef VL_SCHED_H
#define VL_SCHED_H

#include "cli.h"

/** parameters: the line above the table. */
int sched_credit(struct cli *cli, int argc, char **argv, const char *parameters);

#endif

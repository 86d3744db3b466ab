/* SPDX-License-Identifier: MIT */
/* The table of verbs, and those that are in it: each in the file cmd_VERB.c. */
#ifndef VL_VERBS_H
#define VL_VERBS_H

#include "cli.h"

/** All, in the order of help; ended by one without a name. */
extern const struct verb verbs[];
/**
 * The verb of that name or of which it is a prefix that fits no other.  Null:
 * there is none, or there are several; it was said which.
 */
const struct verb *verb_find(const char *name);
void verb_help(const struct verb *verb);

int cmd_console(struct cli *cli, int argc, char **argv);
int cmd_create(struct cli *cli, int argc, char **argv);
int cmd_destroy(struct cli *cli, int argc, char **argv);
int cmd_dmesg(struct cli *cli, int argc, char **argv);
int cmd_domid(struct cli *cli, int argc, char **argv);
int cmd_domname(struct cli *cli, int argc, char **argv);
int cmd_dumpxml(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_info(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_pause(struct cli *cli, int argc, char **argv);
int cmd_reboot(struct cli *cli, int argc, char **argv);
int cmd_rename(struct cli *cli, int argc, char **argv);
int cmd_sched_credit(struct cli *cli, int argc, char **argv);
int cmd_sched_credit2(struct cli *cli, int argc, char **argv);
int cmd_shutdown(struct cli *cli, int argc, char **argv);
int cmd_unpause(struct cli *cli, int argc, char **argv);
int cmd_uptime(struct cli *cli, int argc, char **argv);
int cmd_vcpu_list(struct cli *cli, int argc, char **argv);
int cmd_vcpu_pin(struct cli *cli, int argc, char **argv);
int cmd_vm_list(struct cli *cli, int argc, char **argv);

#endif

/* SPDX-License-Identifier: MIT */
/* What stands on the command line of a guest's kernel module, before "--". */
#ifndef BOOT_GUESTS_OPTIONS_H
#define BOOT_GUESTS_OPTIONS_H

struct domain;

struct guest_options {
	uint64_t mem;  /* bytes */
	uint64_t cpus; /* where its vCPUs may run; 0: anywhere */
	unsigned int vcpus;
	unsigned int weight, cap; /* sched_set_params() */
};

/**
 * Steps over the options and the "--" behind them.  False: a value cannot be
 * used.
 */
bool guest_options_parse(const char **line, struct guest_options *o);
/** Weight, cap and CPUs, to a domain that has been built and not run yet. */
void guest_options_apply(const struct guest_options *o, struct domain *d);

#endif

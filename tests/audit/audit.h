/* SPDX-License-Identifier: MIT */
/*
 * The parts of the auditor, for each other and for tests on the fake machine.
 * What the hypervisor calls is in hv/audit.h, which says what the auditor is.
 * Each returns the number of differences found and prints the first 20.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <hv/audit.h>

unsigned int audit_all(void);
unsigned int audit_pages(void);
unsigned int audit_events(void);
unsigned int audit_grants(void);
unsigned int audit_sched(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The auditor: recomputes from scratch what the core believes (frame owners,
 * types, counts, ports, timers, run queues) and reports each difference.  All
 * vCPUs must be off the CPUs or the caller must be the only one running.
 */
#ifndef HV_AUDIT_H
#define HV_AUDIT_H

#ifdef CONFIG_AUDIT
#define AUDIT_AT_SHUTDOWN true
#else
#define AUDIT_AT_SHUTDOWN false
#endif

/**
 * A domain asks for its shutdown: stops every other vCPU of the machine for
 * good, audits, and panics if anything differs.  No lock may be held.
 */
void audit_at_shutdown(void);
/** Number of differences found; each is printed (first 20). */
unsigned int audit_all(void);
unsigned int audit_pages(void);
unsigned int audit_events(void);
unsigned int audit_sched(void);
/**
 * For audit_pages() to be told, while it runs, of a frame that a private
 * structure holds with one use as `type` (PGT_*).
 */
void audit_page_held(unsigned long mfn, uint64_t type);

#endif

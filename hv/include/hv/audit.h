/* SPDX-License-Identifier: MIT */
/*
 * The auditor: recomputes from scratch what the core believes (frame owners,
 * types, counts, ports, grants, timers, run queues) and reports each difference.  All
 * vCPUs must be off the CPUs or the caller must be the only one running.  It is
 * in tests/audit, part of every test on the fake machine and, with
 * CONFIG_AUDIT, of the hypervisor.
 */
#ifndef HV_AUDIT_H
#define HV_AUDIT_H

/**
 * A domain asks for its shutdown: stops every other vCPU of the machine for
 * good, audits, and panics if anything differs.  No lock may be held.
 */
#ifdef CONFIG_AUDIT
void audit_at_shutdown(void);
#else
#define audit_at_shutdown() ((void)0)
#endif

#endif

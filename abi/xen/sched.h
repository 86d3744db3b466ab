/* SPDX-License-Identifier: MIT */
/*
 * sched_op: a vCPU gives up its processor, waits, or ends its domain.
 *
 * int sched_op(int cmd, void *arg). Times are nanoseconds of system time
 * unless a field says otherwise. Errors: -XEN_EINVAL argument out of range,
 * -XEN_EPERM and -XEN_ESRCH for calls about another domain, -XEN_ENOSYS
 * unknown command.
 */
#ifndef VL_ABI_XEN_SCHED_H
#define VL_ABI_XEN_SCHED_H

#include "event_channel.h"

/* Let others run first. arg is null; 0. */
#define SCHEDOP_yield 0
/* Clear the event mask and wait until an event is pending, as one step. arg
 * is null; 0. */
#define SCHEDOP_block 1
/* End or suspend the caller's domain: struct sched_shutdown. */
#define SCHEDOP_shutdown 2
/* Wait for one of a few ports: struct sched_poll. */
#define SCHEDOP_poll 3
/* Mark another domain as shut down: struct sched_remote_shutdown. */
#define SCHEDOP_remote_shutdown 4
/* Only note the reason for a shutdown to come: struct sched_shutdown. */
#define SCHEDOP_shutdown_code 5
/* Set, renew or end a watchdog: struct sched_watchdog. */
#define SCHEDOP_watchdog 6
/* Run the calling vCPU on one processor for a while, for firmware calls of
 * the control domain: struct sched_pin_override. */
#define SCHEDOP_pin_override 7

struct sched_shutdown {
	unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_shutdown sched_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_shutdown_t);

/*
 * Returns when one of the ports is pending, masked or not, when the timeout
 * has come (0: never), or for no reason at all. At most 128 ports.
 */
struct sched_poll {
	XEN_GUEST_HANDLE(evtchn_port_t) ports;
	unsigned int nr_ports;
	uint64_t timeout; /* absolute */
};
typedef struct sched_poll sched_poll_t;
DEFINE_XEN_GUEST_HANDLE(sched_poll_t);

struct sched_remote_shutdown {
	domid_t domain_id;
	unsigned int reason; /* SHUTDOWN_* */
};
typedef struct sched_remote_shutdown sched_remote_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_remote_shutdown_t);

/*
 * With id 0 a new watchdog is made and its id, from 1, returned; -XEN_ENOSPC
 * when the domain has enough. With an id the timeout starts anew, or ends
 * with 0. An expired watchdog shuts the domain down with SHUTDOWN_watchdog.
 */
struct sched_watchdog {
	uint32_t id;
	uint32_t timeout; /* seconds */
};
typedef struct sched_watchdog sched_watchdog_t;
DEFINE_XEN_GUEST_HANDLE(sched_watchdog_t);

struct sched_pin_override {
	int32_t pcpu; /* negative ends it */
};
typedef struct sched_pin_override sched_pin_override_t;
DEFINE_XEN_GUEST_HANDLE(sched_pin_override_t);

/* Why a domain stopped; the toolstack acts on it. */
#define SHUTDOWN_poweroff 0   /* finished */
#define SHUTDOWN_reboot 1     /* wants to start anew */
#define SHUTDOWN_suspend 2    /* state may be saved */
#define SHUTDOWN_crash 3      /* gave up */
#define SHUTDOWN_watchdog 4   /* did not renew a watchdog */
#define SHUTDOWN_soft_reset 5 /* hardware-virtualised guests: kexec */
#define SHUTDOWN_MAX 5

#endif

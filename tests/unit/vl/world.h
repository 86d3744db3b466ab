/* SPDX-License-Identifier: MIT */
/*
 * A little world in place of libvellum: a core, a store, guests and vld as plain
 * data.  Tests fill it, run vl, and look at what it printed and called.
 */
#ifndef TESTS_UNIT_VL_WORLD_H
#define TESTS_UNIT_VL_WORLD_H

#include <stdbool.h>

#include "libvellum/guest.h"

#define WORLD_DOMAINS 32
/** As VL_CONF where a test sets no other: there is no vl.conf. */
#define WORLD_NO_FILE "/proc/nowhere"

struct world_domain {
	struct vl_domain_info info;
	const char *name;   /* null: the store knows none */
	const char *config; /* xl.cfg text; null: no record */
	const char *crash;
	struct vl_vcpu_info vcpus[4];
	bool gone;
	bool goes; /* is gone when its vCPUs are asked for */
	bool ends; /* reboots just before it is asked */
};

struct world {
	struct world_domain domains[WORLD_DOMAINS];
	size_t count;
	struct vl_host_info host;
	const char *log;
	const char *no_core, *no_store, *no_vld; /* sentence of a failure to open */
	int rc;				  /* every call that changes something returns this, */
	const char *why;		  /* with this sentence */
	const char *end, *action, *crash; /* how guests end, as vld tells it */
	const char *status;		  /* vld's, as JSON; null: it goes away */
	void (*asked)(int n);		  /* before the n-th question for that, from 0 */
	int questions;
	char made[64];	      /* what the guest that is created is called, */
	const char *renamed;  /* and in the end */
	const char *ended;    /* the ends that it keeps, as JSON; null: it is old */
	const char *kept;     /* a guest that has ended, whose scroll-back vld has */
	const char *restarts; /* vld is to make this guest anew, until that is cancelled */
	int unnamed;	      /* so often the store does not know the name of a guest yet */
	bool loses;	      /* a guest goes as soon as it has been found */
	int forget_fails;     /* cancelling that gives this */
	int late;	      /* so often vld does not know a guest yet */
	bool over;	      /* guests end while their console is shown */
	void (*event)(int n); /* before the n-th event of the store, from 0 */
	int events;
	bool store_lost;      /* after the next event */
	unsigned int clock_s; /* so much later is it than it is */
	int vld_restarts;     /* so often vld goes away before it answers a wait */
	char calls[2048];     /* what was changed, a line each */
	int open;	      /* handles */
};
extern struct world world;

/** The control domain, web (3, blocked) and db (5, paused); nothing fails. */
void world_reset(void);
/** The guest that was created and ended lives again, as domain 8. */
void world_make_anew(void);
struct world_domain *world_add(uint16_t domid, const char *name, uint32_t flags);
struct world_domain *world_domain(uint16_t domid);

/** A run of vl. */
struct result {
	int rc;
	char out[32768], err[8192];
};
/** Arguments separated by blanks, without "vl". */
const struct result *run(const char *line);
const struct result *run_args(const char *const *args);

#define CU_ASSERT_TEXT(is, shall) world_compare(__FILE__, __LINE__, (is), (shall))
void world_compare(const char *file, int line, const char *is, const char *shall);
/** Runs a line and compares all that there is. */
#define EXPECT(line, code, stdout_is, stderr_is)                              \
	do {                                                                  \
		const struct result *expected = run(line);                    \
		world_compare_number(__FILE__, __LINE__, expected->rc, code); \
		CU_ASSERT_TEXT(expected->out, stdout_is);                     \
		CU_ASSERT_TEXT(expected->err, stderr_is);                     \
	} while (0)
void world_compare_number(const char *file, int line, long is, long shall);

#endif

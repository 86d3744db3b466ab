/* SPDX-License-Identifier: MIT */
/*
 * From the entry point to guest_main(), and the end of a guest.
 */
#include "shim.h"

void shim_start(const struct start_info *si) __attribute__((noreturn));

const struct start_info *shim_start_info;

/* The frame behind this page gives way to the one that the core shares. */
static union {
	struct shared_info shared;
	char page[PAGE_SIZE];
} shared_page __attribute__((aligned(4096)));

struct shared_info *shim_shared = &shared_page.shared;

void shim_shutdown(unsigned int reason)
{
	struct sched_shutdown op = { reason };

	for (;;) {
		(void)hyp_sched_op(SCHEDOP_shutdown, &op);
	}
}

void shim_panic(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	(void)vformat(line, sizeof(line), fmt, ap);
	va_end(ap);
	print("shim: %s\n", line);
	shim_shutdown(SHUTDOWN_crash);
}

void shim_start(const struct start_info *si)
{
	shim_start_info = si;
	mm_init();
	if (va_set((unsigned long)shim_shared, si->shared_info | PTE_RW) != 0) {
		shim_panic("cannot map shared_info");
	}
	traps_init();
	evtchn_init();
	events_on();
	guest_main();
	shim_shutdown(SHUTDOWN_poweroff);
}

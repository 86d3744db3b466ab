/* SPDX-License-Identifier: MIT */
/*
 * Guests from boot modules, for tests and demonstrations without a toolstack:
 * a module whose command line begins with the word "guest" is the kernel of
 * one, and the module behind it, unless that is a guest too, its ramdisk.  The
 * n-th of them is domain n.
 *
 * Built at start-up by the calls that build the control domain, and before it,
 * since that takes all the memory there is.  A guest that
 * shuts down, for whatever reason, is destroyed.  That is long work that no
 * vCPU could be charged with: CPUs do it in pieces on their way out of the
 * core, for a short time if they have a vCPU to run, else until they get one.
 * A guest whose frames others still map is looked at again
 * each time.
 */
#include <hv/guests.h>

#include <hv/boot.h>
#include <hv/build.h>
#include <hv/cmdline.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#include "options.h"

#define MARK "guest"
#define MARK_LEN (sizeof(MARK) - 1)
#define CONTROL_MIN (256ull << 20) /* stays free, if it is not said how much */
#define OVERHEAD (4ull << 20)	   /* what a guest takes of the heap besides its memory */
#define PIECE_NS 200000ull

/* Atomic; NULL: none, or somebody is at work on it. */
static struct domain *guest[BOOT_MODULES_MAX];

/* ---- Start-up ------------------------------------------------------------------ */

INIT_TEXT bool boot_guests_is(unsigned int i)
{
	const char *line = i < boot_info.module_count ? boot_info.module[i].cmdline : "";

	return strncmp(line, MARK, MARK_LEN) == 0 &&
	       (line[MARK_LEN] == ' ' || line[MARK_LEN] == '\0');
}

static INIT_TEXT struct domain *build_guest(unsigned int id, unsigned int module)
{
	const char *line = boot_info.module[module].cmdline + MARK_LEN;
	unsigned long free = heap_free_frames();
	uint64_t keep = options.dom0_mem != 0 ? options.dom0_mem : CONTROL_MIN;
	struct guest_options o;
	bool good = guest_options_parse(&line, &o);
	struct domain *d;
	char name[16];
	struct build_spec s = {
		.id = (uint16_t)id,
		.name = name,
		.kernel = module,
		.ramdisk = boot_guests_is(module + 1) ? ~0u : module + 1,
		.cmdline = line,
		.frames = o.mem >> PAGE_SHIFT,
		.vcpus = o.vcpus,
	};

	format(name, sizeof(name), MARK " %u", id);
	if (!good) {
		pr_err("%s: a value cannot be used; it is left out", name);
		return NULL;
	}
	if (s.frames + ((keep + OVERHEAD) >> PAGE_SHIFT) > free) {
		pr_err("%s: %lu MiB of memory (mem) is too much: of %lu MiB %lu MiB stay free; "
		       "it is left out",
		       name, (unsigned long)(o.mem >> 20), free >> (20 - PAGE_SHIFT),
		       (unsigned long)(keep >> 20));
		return NULL;
	}
	d = build_domain(&s);
	if (d != NULL) {
		guest_options_apply(&o, d);
	}
	/* A reference of our own: the toolstack may destroy it as well. */
	return d != NULL ? domain_get(d->id) : NULL;
}

INIT_TEXT void boot_guests_build(void)
{
	unsigned int count = 0;

	for (unsigned int i = 1; i < boot_info.module_count; i++) {
		if (boot_guests_is(i)) {
			guest[count] = build_guest(count + 1, i);
			count++;
		} else if (i > 1 && !boot_guests_is(i - 1)) {
			pr_warn("module %u is neither a guest nor the ramdisk of one", i);
		}
	}
}

/* ---- The end of a guest ---------------------------------------------------------- */

/* One piece; true when nothing is left. */
static bool destroy(struct domain *d)
{
	struct percpu *cpu = this_cpu();
	bool idle = cpu->curr == NULL || !cpu->curr->running;
	int rc;

	if (!d->shutting_down && READ_ONCE(d->state) == DOM_ALIVE) {
		return false;
	}
	cpu->work_end = idle ? ~0ull : time_now() + PIECE_NS;
	rc = domain_destroy(d);
	cpu->work_end = 0;
	if (rc == 0) {
		domain_put(d);
	}
	return rc == 0;
}

void boot_guests_reap(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(guest); i++) {
		struct domain *d = NULL;

		if (READ_ONCE(guest[i]) != NULL) {
			d = __atomic_exchange_n(&guest[i], NULL, __ATOMIC_ACQ_REL);
		}
		if (d != NULL && !destroy(d)) {
			__atomic_store_n(&guest[i], d, __ATOMIC_RELEASE);
		}
	}
}

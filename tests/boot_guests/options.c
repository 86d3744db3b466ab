/* SPDX-License-Identifier: MIT */
/*
 * Options of guests from boot modules: mem, vcpus, weight, cap, cpus.
 * boot_guests.c calls at start-up, on one CPU and before any guest runs, so
 * there is no lock.  The walk over the words, and sizes and counts, are
 * cmdline.c's.  Text may have any content: what is not known is reported and
 * skipped, and a value that no domain can have makes the guest be left out.
 */
#include "options.h"

#include <arch/cpu.h>

#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/domain.h>
#include <hv/sched.h>
#include <hv/vcpu.h>

/* CPU or FIRST-LAST */
static INIT_TEXT bool parse_cpus(const char **s, void *to)
{
	unsigned int first = 0, last;
	bool ok = cmdline_count(s, &first);

	last = first;
	if (ok && **s == '-') {
		++*s;
		ok = cmdline_count(s, &last);
	}
	ok = ok && first <= last && last < 64;
	*(uint64_t *)to = ok ? ~0ull >> (63 - (last - first)) << first : 0;
	return ok && (*(uint64_t *)to & cpu_online_mask()) != 0;
}

INIT_TEXT bool guest_options_parse(const char **line, struct guest_options *o)
{
	const struct option table[] = {
		{ "mem", cmdline_size, &o->mem, false },
		{ "vcpus", cmdline_count, &o->vcpus, false },
		{ "weight", cmdline_count, &o->weight, false },
		{ "cap", cmdline_count, &o->cap, false },
		{ "cpus", parse_cpus, &o->cpus, false },
	};
	bool good;

	*o = (struct guest_options){ .mem = 128 << 20, .vcpus = 1, .weight = SCHED_WEIGHT };
	good = cmdline_walk(line, table, ARRAY_SIZE(table), true);
	*line += **line == ' ';
	return good && o->weight != 0 && o->weight <= SCHED_WEIGHT_MAX &&
	       (o->vcpus > MAX_VCPUS || o->cap <= 100 * o->vcpus);
}

INIT_TEXT void guest_options_apply(const struct guest_options *o, struct domain *d)
{
	for (unsigned int i = 0; o->cpus != 0 && i < d->max_vcpus; i++) {
		CHECK(vcpu_set_affinity(d->vcpu[i], o->cpus) == 0);
	}
	CHECK(sched_set_params(d, o->weight, o->cap) == 0);
}

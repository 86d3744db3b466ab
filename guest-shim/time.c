/* SPDX-License-Identifier: MIT */
/*
 * System time, computed from the record that the core keeps in vcpu_info.
 */
#include "shim.h"

uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

uint64_t time_ns(void)
{
	const struct vcpu_time_info *t = &evtchn_vcpu_info()->time;
	uint32_t version;
	uint64_t delta, ns;

	do {
		version = READ_ONCE(t->version);
		barrier();
		delta = rdtsc() - t->tsc_timestamp;
		if (t->tsc_shift >= 0) {
			delta <<= t->tsc_shift;
		} else {
			delta >>= -t->tsc_shift;
		}
		ns = t->system_time +
		     (uint64_t)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		barrier();
	} while ((version & 1) != 0 || version != READ_ONCE(t->version));
	return ns;
}

void spin_ns(uint64_t ns)
{
	uint64_t end = time_ns() + ns;

	while (time_ns() < end) {
		__asm__ __volatile__("pause");
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Does each guest get the part of a processor that weights and caps give it?
 * All guests compute without end; each measures for some seconds how long it
 * ran, beginning at the same moment of the machine's time, and compares with
 * what its command line says: part=P (per mille of one processor, one vCPU),
 * within 3 % of that. seconds=N, for the control domain as well, which sleeps
 * meanwhile; with "latency" it sleeps in small pieces and tells how late it was
 * woken among the busy guests.
 */
#include <test.h>

#define NS_PER_S 1000000000ul
#define NS_PER_US 1000ul
#define BEGIN_NS (2 * NS_PER_S) /* after the core's start: all have begun */
#define NAP_NS 7000000ul
#define NAPS_MAX 2000
#define LATE_MAX_NS 20000000ul /* two slices */

static uint64_t late[NAPS_MAX];

/* The number behind "name=" on the command line. */
static unsigned long number(const char *name)
{
	const char *at = (const char *)shim_start_info->cmd_line;
	unsigned long value = 0;

	for (; *at != '\0'; at++) {
		const char *n = name, *p = at;

		while (*n != '\0' && *n == *p) {
			n++;
			p++;
		}
		if (*n == '\0' && *p == '=') {
			for (p++; *p >= '0' && *p <= '9'; p++) {
				value = value * 10 + (unsigned long)(*p - '0');
			}
			return value;
		}
	}
	NEED(!"a number is missing on the command line");
	return 0;
}

static uint64_t running_ns(void)
{
	struct vcpu_runstate_info info;

	NEED(hyp_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
	return info.time[RUNSTATE_running];
}

static void spin_until(uint64_t end)
{
	while (time_ns() < end) {
		test_sink++;
	}
}

static void compute(uint64_t end)
{
	unsigned long part = number("part"), got;
	uint64_t start, ran;

	spin_until(BEGIN_NS);
	start = time_ns();
	ran = running_ns();
	NEED(start < end);
	spin_until(end);
	ran = running_ns() - ran;
	got = ran * 100000 / (time_ns() - start); /* hundredths of per mille */
	print("%lu.%lu per mille of a processor, %lu expected\n", got / 100, got / 10 % 10, part);
	EXPECT(got >= part * 97 && got <= part * 103);
	/* Those that end later must not profit. */
	spin_until(end + NS_PER_S);
}

static void nap(uint64_t until)
{
	struct sched_poll poll = { .timeout = until };

	EXPECT_RC(hyp_sched_op(SCHEDOP_poll, &poll), 0);
}

static void measure_latency(uint64_t end)
{
	unsigned int count = 0, i;

	nap(BEGIN_NS);
	while (time_ns() < end && count < NAPS_MAX) {
		uint64_t until = time_ns() + NAP_NS, value;

		nap(until);
		value = time_ns() - until;
		for (i = count++; i > 0 && late[i - 1] > value; i--) {
			late[i] = late[i - 1];
		}
		late[i] = value;
	}
	NEED(count > 10);
	print("woken %u times, late by us: median %lu, 99 %% %lu, most %lu\n", count,
	      late[count / 2] / NS_PER_US, late[count * 99 / 100] / NS_PER_US,
	      late[count - 1] / NS_PER_US);
	EXPECT(late[count * 9 / 10] < LATE_MAX_NS);
}

void test(void)
{
	uint64_t end = BEGIN_NS + number("seconds") * NS_PER_S;

	if (!is_control()) {
		compute(end);
	} else if (test_arg("latency")) {
		measure_latency(end);
		nap(end + 2 * NS_PER_S);
	} else {
		nap(end + 2 * NS_PER_S);
	}
}

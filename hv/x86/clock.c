/* SPDX-License-Identifier: MIT */
/*
 * The time-stamp counter: its rate, measured against the ACPI timer, how
 * it turns into nanoseconds, and the battery clock at start-up.  All
 * of it is written at start-up, before guests run.
 */
#include <x86.h>

#define PM_TIMER_HZ 3579545u
#define NS_PER_S 1000000000ull
#define WINDOW_MS 50 /* length of the measurement */

struct arch_clock arch_clock;
static uint64_t start_ticks; /* arch_now() is 0 here; 0: not yet */

/* Not before earlier loads are done. */
uint64_t arch_ticks(void)
{
	uint32_t lo, hi;

	__asm__ __volatile__("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

uint64_t arch_now(void)
{
	uint64_t t = arch_ticks() - start_ticks;

	/*
	 * Not calibrated yet, or a counter a little behind the boot CPU's,
	 * right after the start.
	 */
	if (unlikely(arch_clock.hz == 0 || (int64_t)t < 0)) {
		return 0;
	}
	t = arch_clock.shift >= 0 ? t << arch_clock.shift : t >> -arch_clock.shift;
	return (unsigned __int128)t * arch_clock.mul >> 32;
}

void clock_delay_us(unsigned int us)
{
	uint64_t end = arch_now() + us * 1000ull;

	while (arch_now() < end) {
		arch_cpu_relax();
	}
}

/* ---- Calibration --------------------------------------------------------- */

struct sample {
	uint64_t tsc;
	uint32_t timer;
};

/* Timer and counter at one moment: the closest of several tries. */
static INIT_TEXT struct sample take_sample(void)
{
	struct sample best = { 0, 0 };
	uint64_t least = ~0ull;

	for (unsigned int i = 0; i < 16; i++) {
		uint64_t before = arch_ticks();
		uint32_t timer = inl(acpi_info.pm_timer);
		uint64_t took = arch_ticks() - before;

		if (took < least) {
			least = took;
			best = (struct sample){ before + took / 2, timer };
		}
	}
	return best;
}

#define STUCK_TRIES 100000u

static INIT_TEXT uint64_t measure(void)
{
	const uint32_t wanted = PM_TIMER_HZ / 1000 * WINDOW_MS;
	struct sample a = take_sample(), b = a;
	unsigned int tries = 0;
	uint32_t passed;

	do {
		uint32_t before = b.timer;

		b = take_sample();
		passed = (b.timer - a.timer) & acpi_info.pm_timer_mask;
		/* However fast a read is, one of so many sees it tick. */
		tries = b.timer == before ? tries + 1 : 0;
		if (tries > STUCK_TRIES) {
			boot_failed("the ACPI timer does not run");
		}
	} while (passed < wanted);
	return mul_div(b.tsc - a.tsc, PM_TIMER_HZ, passed);
}

static INIT_TEXT void set_scale(uint64_t hz)
{
	uint64_t scaled;

	/* mul wants to be as large as 32 bits hold. */
	for (scaled = hz; scaled > 2 * NS_PER_S; scaled >>= 1) {
		arch_clock.shift--;
	}
	for (; scaled <= NS_PER_S; scaled <<= 1) {
		arch_clock.shift++;
	}
	arch_clock.mul = mul_div(NS_PER_S, 1ull << (32 - arch_clock.shift), hz);
	arch_clock.hz = hz;
}

/* ---- Battery clock ------------------------------------------------------- */

/* Seconds, minutes, hours, day, month, year, and the two status registers. */
static INIT_TEXT void rtc_sample(uint8_t value[8])
{
	static INIT_DATA uint8_t reg[8] = { 0, 2, 4, 7, 8, 9, 10, 11 };

	for (unsigned int i = 0; i < 8; i++) {
		outb(0x70, reg[i]);
		value[i] = inb(0x71);
	}
}

static INIT_TEXT uint64_t days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
	/* Years that begin in March put the leap day last. */
	unsigned int y = month <= 2 ? year - 1 : year;
	unsigned int m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* The clock counts 24 hours, as all firmware sets it up. */
static INIT_TEXT uint64_t read_rtc(void)
{
	uint8_t t[8], again[8];
	unsigned int tries = 0;

	do {
		rtc_sample(t);
		rtc_sample(again);
	} while (((t[6] & 0x80) != 0 || memcmp(t, again, 8) != 0) && ++tries < 1000);
	for (unsigned int i = 0; i < 6 && (t[7] & 4) == 0; i++) { /* decimal digits */
		t[i] = (t[i] >> 4) * 10 + (t[i] & 15);
	}
	if (t[4] < 1 || t[4] > 12 || t[3] < 1 || t[3] > 31) {
		pr_warn("battery clock: no valid date, starting at 1970");
		return 0;
	}
	return days_since_1970(2000 + t[5], t[4], t[3]) * 86400 + t[2] * 3600 + t[1] * 60 + t[0];
}

INIT_TEXT void clock_init(void)
{
	uint64_t hz;

	if (acpi_info.pm_timer == 0) {
		boot_failed(
			"ACPI: the firmware describes no ACPI timer (FADT), which Vellum measures time with");
	}
	hz = measure();
	if (hz < 1000000) {
		boot_failed("the time-stamp counter does not run at a usable rate");
	}
	set_scale(hz);
	arch_clock.stable = cpu_features.tsc_invariant || cpu_features.hypervisor;
	arch_clock.wallclock = read_rtc();
	start_ticks = arch_ticks();
	pr_info("clock: TSC at %llu kHz%s", (unsigned long long)hz / 1000,
		arch_clock.stable ? "" : ", not invariant");
}

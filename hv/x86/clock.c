/* SPDX-License-Identifier: MIT */
/*
 * The time-stamp counter: its rate, measured against the ACPI timer or the
 * PIT, how it turns into nanoseconds, and the battery clock at start-up.  All
 * of it is written at start-up; after that only clock_mark_unstable() changes
 * anything, before guests run.
 */
#include <x86.h>

#include <hv/check.h>
#include <hv/printk.h>

#define PM_TIMER_HZ 3579545u
#define PIT_HZ 1193182u
#define NS_PER_S 1000000000ull
#define WINDOW_MS 15 /* length of one measurement */
#define ROUNDS_MAX 15

static struct arch_clock rate;
static uint64_t start_ticks; /* arch_now() is 0 here; 0: not yet */
static uint64_t wallclock;   /* at start_ticks */

const struct arch_clock *arch_clock(void)
{
	return &rate;
}

uint64_t arch_ticks(void)
{
	return rdtsc_ordered();
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
	uint64_t t = ticks - start_ticks;

	/* A counter a little behind the boot CPU's, right after the start. */
	if (unlikely((int64_t)t < 0)) {
		return 0;
	}
	t = rate.shift >= 0 ? t << rate.shift : t >> -rate.shift;
	return (uint64_t)((unsigned __int128)t * rate.mul >> 32);
}

uint64_t arch_now(void)
{
	if (unlikely(rate.hz == 0)) {
		return 0;
	}
	return ticks_to_ns(rdtsc_ordered());
}

uint64_t clock_ns_to_ticks(uint64_t ns)
{
	return mul_div(ns, rate.hz, NS_PER_S);
}

uint64_t clock_deadline(uint64_t ns)
{
	/* Beyond a year the sum could wrap; an early interrupt is harmless. */
	ns = MIN(ns, 1ull << 55);
	return start_ticks + clock_ns_to_ticks(ns) + 1;
}

void clock_delay_us(unsigned int us)
{
	uint64_t start = rdtsc_ordered();
	uint64_t wanted = clock_ns_to_ticks(us * 1000ull);

	while (rdtsc_ordered() - start < wanted) {
		arch_cpu_relax();
	}
}

uint64_t arch_wallclock(void)
{
	return wallclock;
}

void clock_mark_unstable(void)
{
	rate.stable = false;
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
	unsigned int i;

	for (i = 0; i < 8; i++) {
		uint64_t before = rdtsc_ordered();
		uint32_t timer = inl(acpi_info.pm_timer);
		uint64_t after = rdtsc_ordered();

		if (after - before < least) {
			least = after - before;
			best.tsc = before + (after - before) / 2;
			best.timer = timer;
		}
	}
	return best;
}

static INIT_TEXT uint64_t measure_pm_timer(void)
{
	const uint32_t mask = acpi_info.pm_timer_32 ? ~0u : 0xffffff;
	const uint32_t wanted = PM_TIMER_HZ / 1000 * WINDOW_MS;
	struct sample a = take_sample(), b;
	unsigned int tries = 0;
	uint32_t passed;

	do {
		b = take_sample();
		passed = (b.timer - a.timer) & mask;
		/* About a microsecond each: a timer that stands still. */
		if (++tries > 1000000) {
			return 0;
		}
	} while (passed < wanted);
	return mul_div(b.tsc - a.tsc, PM_TIMER_HZ, passed);
}

/* Channel 2 counts down once; its output shows the end. */
static INIT_TEXT uint64_t measure_pit(void)
{
	const uint32_t count = PIT_HZ / 1000 * WINDOW_MS;
	uint8_t gate = inb(0x61) & 0xfc;
	uint64_t start, end;
	unsigned int tries = 0;

	outb(0x61, gate);
	outb(0x43, 0xb0); /* channel 2, both bytes, mode 0 */
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
	start = rdtsc_ordered();
	outb(0x61, gate | 1);
	while ((inb(0x61) & 0x20) == 0) {
		if (++tries > 10000000) {
			return 0;
		}
	}
	end = rdtsc_ordered();
	outb(0x61, gate);
	return (end - start) * PIT_HZ / count;
}

static INIT_TEXT uint64_t measure(bool *by_pm_timer)
{
	if (*by_pm_timer) {
		uint64_t hz = measure_pm_timer();

		if (hz != 0) {
			return hz;
		}
		*by_pm_timer = false;
	}
	return measure_pit();
}

static INIT_TEXT uint64_t median(uint64_t *v, unsigned int n)
{
	unsigned int i, k;

	for (i = 1; i < n; i++) {
		uint64_t x = v[i];

		for (k = i; k > 0 && v[k - 1] > x; k--) {
			v[k] = v[k - 1];
		}
		v[k] = x;
	}
	return v[n / 2];
}

/* Measures until the middle three agree within 1/4096, about 0.02 %. */
static INIT_TEXT uint64_t calibrate(bool *by_pm_timer)
{
	uint64_t hz[ROUNDS_MAX];
	uint64_t mid = 0;
	unsigned int n;

	for (n = 1; n <= ROUNDS_MAX; n++) {
		hz[n - 1] = measure(by_pm_timer);
		mid = median(hz, n);
		if (n >= 3 && hz[n / 2 + 1] - hz[n / 2 - 1] <= mid >> 12) {
			return mid;
		}
	}
	pr_warn("clock: measurements differ, the rate may be inexact");
	return mid;
}

static INIT_TEXT void set_scale(uint64_t hz)
{
	uint64_t scaled = hz;
	int shift = 0;

	/* mul wants to be as large as 32 bits hold. */
	while (scaled > 2 * NS_PER_S) {
		scaled >>= 1;
		shift--;
	}
	while (scaled <= NS_PER_S) {
		scaled <<= 1;
		shift++;
	}
	/* Exact division: hz << shift loses bits only for shift < 0. */
	if (shift >= 0) {
		rate.mul = (uint32_t)((NS_PER_S << 32) / scaled);
	} else {
		rate.mul =
			(uint32_t)mul_div(NS_PER_S, 1ull << (32 - shift), hz);
	}
	rate.shift = (int8_t)shift;
	rate.hz = hz;
}

/* ---- Battery clock ------------------------------------------------------- */

static INIT_TEXT uint8_t rtc_read(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static INIT_TEXT unsigned int from_bcd(uint8_t v, bool is_binary)
{
	return is_binary ? v : (v >> 4) * 10u + (v & 15);
}

static INIT_TEXT uint64_t days_since_1970(unsigned int year, unsigned int month,
					  unsigned int day)
{
	/* Years that begin in March put the leap day last. */
	unsigned int y = month <= 2 ? year - 1 : year;
	unsigned int m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 +
	       day - 1 - 719468;
}

static INIT_TEXT uint64_t read_rtc(void)
{
	static const INIT_DATA uint8_t reg[6] = { 0, 2, 4, 7, 8, 9 };
	uint8_t now[6], again[6], status;
	unsigned int i, tries, t[6];
	bool same;

	for (tries = 0; tries < 1000; tries++) {
		same = (rtc_read(0x0a) & 0x80) == 0; /* not in update */
		for (i = 0; i < 6; i++) {
			now[i] = rtc_read(reg[i]);
		}
		for (i = 0; i < 6; i++) {
			again[i] = rtc_read(reg[i]);
			same = same && again[i] == now[i];
		}
		if (same) {
			break;
		}
	}
	status = rtc_read(0x0b);
	for (i = 0; i < 6; i++) {
		uint8_t v = i == 2 ? now[i] & 0x7f : now[i];

		t[i] = from_bcd(v, (status & 4) != 0);
	}
	if ((status & 2) == 0) { /* twelve-hour clock */
		t[2] = t[2] % 12 + ((now[2] & 0x80) != 0 ? 12 : 0);
	}
	if (t[4] < 1 || t[4] > 12 || t[3] < 1 || t[3] > 31) {
		pr_warn("battery clock: no valid date, starting at 1970");
		return 0;
	}
	return days_since_1970(2000 + t[5], t[4], t[3]) * 86400 + t[2] * 3600 +
	       t[1] * 60 + t[0];
}

INIT_TEXT void clock_init(void)
{
	bool by_pm_timer = acpi_info.pm_timer != 0;
	uint64_t hz = calibrate(&by_pm_timer);

	if (hz < 1000000) {
		panic("the time-stamp counter does not run at a usable rate");
	}
	set_scale(hz);
	rate.stable = cpu_features.tsc_invariant || cpu_features.hypervisor;
	wallclock = read_rtc();
	start_ticks = rdtsc_ordered();
	pr_info("clock: TSC at %llu.%03llu MHz by %s%s",
		(unsigned long long)(hz / 1000000),
		(unsigned long long)(hz / 1000 % 1000),
		by_pm_timer ? "the ACPI timer" : "the PIT",
		rate.stable ? "" : ", not invariant");
}

// SPDX-License-Identifier: MIT
/*
 * Clocks and timers: time never goes back, on no CPU and by no way of asking,
 * and nothing ends early. Upper limits are wide: the machine may be busy.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <pthread.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define LATE 3.0 /* seconds that something may come late */

static int64_t clock_ns(clockid_t clock, bool by_system_call)
{
	struct timespec t;

	if (by_system_call) {
		must(syscall(SYS_clock_gettime, clock, &t));
	} else {
		must(clock_gettime(clock, &t));
	}
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* vDSO and system call in turns: the same clock. */
static void ways_agree(void)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME,
					    CLOCK_MONOTONIC_RAW };

	for (size_t c = 0; c < COUNT(clocks); c++) {
		int64_t last = clock_ns(clocks[c], false);

		for (int i = 0; i < 4000; i++) {
			int64_t next = clock_ns(clocks[c], i & 1);

			expect(next >= last, "clock %d goes back %lld ns", (int)clocks[c],
			       (long long)(last - next));
			expect(next - last < 5000000000LL, "clock %d jumps", (int)clocks[c]);
			last = next;
		}
	}
	time_t seconds = time(NULL);

	expect(clock_ns(CLOCK_REALTIME, true) / 1000000000 - seconds <= 5, "time()");
}

static void across_cpus(void)
{
	int64_t last = 0;

	needs_cpus(2);
	for (int i = 0; i < 400; i++) {
		move_to(i);
		for (int n = 0; n < 20; n++) {
			int64_t next = clock_ns(CLOCK_MONOTONIC, n & 1);

			expect(next >= last, "goes back %lld ns on CPU %d",
			       (long long)(last - next), i % cpu_count());
			last = next;
		}
	}
}

/* Two CPUs publish the time to one another. */
static volatile int64_t latest;
static volatile int stop;
static volatile int64_t worst;

static void *publish(void *cpu)
{
	move_to((int)(intptr_t)cpu);
	while (!stop) {
		int64_t seen = __atomic_load_n(&latest, __ATOMIC_SEQ_CST),
			mine = clock_ns(CLOCK_MONOTONIC, false);

		if (mine < seen && seen - mine > worst) {
			worst = seen - mine;
		}
		while (mine > seen &&
		       !__atomic_compare_exchange_n(&latest, &seen, mine, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST)) {}
	}
	return NULL;
}

static void between_cpus(void)
{
	pthread_t threads[4];

	needs_cpus(2);
	for (long i = 0; i < cpu_count() && i < 4; i++) {
		must(pthread_create(&threads[i], NULL, publish, (void *)i));
	}
	sleep(1);
	stop = 1;
	for (int i = 0; i < cpu_count() && i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	expect(worst == 0, "one CPU is %lld ns behind another", (long long)worst);
}

static void sleeps(void)
{
	static const long lengths[] = { 1, 1000, 100000, 1000000, 20000000, 200000000 };

	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct timespec length = { 0, lengths[i] };
		int64_t start = clock_ns(CLOCK_MONOTONIC, true), took;

		must(nanosleep(&length, NULL));
		took = clock_ns(CLOCK_MONOTONIC, true) - start;
		expect(took >= lengths[i], "%ld ns took %lld", lengths[i], (long long)took);
		expect((double)took / 1e9 < LATE, "%ld ns took %lld", lengths[i], (long long)took);
	}
	int64_t until = clock_ns(CLOCK_REALTIME, true) + 100000000;
	struct timespec when = { until / 1000000000, until % 1000000000 };

	expect_equal(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, NULL), 0);
	expect(clock_ns(CLOCK_REALTIME, true) >= until, "too early");
}

/* A second by the clock is a second by sleeping, near enough. */
static void rates(void)
{
	double start = now(), took;
	uint64_t tsc = __builtin_ia32_rdtsc();

	for (int i = 0; i < 20; i++) {
		usleep(50000);
	}
	took = now() - start;
	expect(took >= 1 && took < 1 + LATE, "%f s", took);
	expect(__builtin_ia32_rdtsc() > tsc, "rdtsc");
}

static void timer_descriptor(void)
{
	int fd = must(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec spec = { { 0, 10000000 }, { 0, 10000000 } };
	uint64_t count, total = 0;
	double start = now();

	must(timerfd_settime(fd, 0, &spec, NULL));
	while (total < 50) {
		must(read(fd, &count, 8));
		total += count;
	}
	expect(now() - start >= (double)total * 0.01 - 0.0001, "%ld in %f s", (long)total,
	       now() - start);
	expect(now() - start < 0.5 + LATE, "%f s", now() - start);
}

static volatile sig_atomic_t alarms;

static void count(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	alarms++;
}

static void interval_timers(void)
{
	static const int kinds[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	static const int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct itimerval timer = { { 0, 20000 }, { 0, 20000 } };
		double end = now() + 20;

		alarms = 0;
		on_signal(signals[i], count, SA_RESTART);
		must(setitimer(kinds[i], &timer, NULL));
		while (alarms < 10 && now() < end) {}
		timer = (struct itimerval){ 0 };
		must(setitimer(kinds[i], &timer, NULL));
		expect(alarms >= 10, "timer %d: %d signals", kinds[i], (int)alarms);
	}
}

static void posix_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec spec = { { 0, 5000000 }, { 0, 1 } };
	timer_t timer;
	double end = now() + 20;

	on_signal(SIGRTMIN, count, SA_RESTART);
	must(timer_create(CLOCK_BOOTTIME, &event, &timer));
	must(timer_settime(timer, 0, &spec, NULL));
	while (alarms < 20 && now() < end) {
		pause();
	}
	expect(alarms >= 20, "%d signals", (int)alarms);
	must(timer_delete(timer));
}

static void cpu_clocks(void)
{
	int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID, false), used, last = start;
	struct timespec resolution;

	for (int i = 0; i < 2000; i++) {
		int64_t next = clock_ns(CLOCK_PROCESS_CPUTIME_ID, false);

		expect(next >= last, "goes back");
		last = next;
	}
	used = clock_ns(CLOCK_THREAD_CPUTIME_ID, false);
	sleep(1);
	expect(clock_ns(CLOCK_THREAD_CPUTIME_ID, false) - used < 500000000, "sleep costs CPU");
	must(clock_getres(CLOCK_MONOTONIC, &resolution));
	expect_equal(resolution.tv_nsec, 1);
}

const struct check time_checks[] = {
	{ "time-ways-agree", ways_agree },
	{ "time-across-cpus", across_cpus },
	{ "time-between-cpus", between_cpus },
	{ "time-sleeps", sleeps },
	{ "time-rates", rates },
	{ "time-timerfd", timer_descriptor },
	{ "time-interval-timers", interval_timers },
	{ "time-posix-timer", posix_timer },
	{ "time-cpu-clocks", cpu_clocks },
	{ NULL, NULL },
};

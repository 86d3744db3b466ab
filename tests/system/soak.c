/* SPDX-License-Identifier: MIT */
/*
 * A control domain's busy day in one static program: processes that fork,
 * signal, map, protect, sleep, switch and compute at once, each checking every
 * result.  Run by t-soak.py as "soak SECONDS"; prints one line for each kind of
 * work and ends with 0 if none saw anything wrong.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define NS 1000000000ull

static uint64_t end_ns;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static int running(void)
{
	return now() < end_ns;
}

static void fail(const char *what)
{
	printf("SOAK wrong: %s\n", what);
	fflush(stdout);
	_exit(1);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Copy on write: parent and child must not see each other's writes. */
static long work_fork(uint32_t seed)
{
	static uint32_t data[4 * PAGE / 4];
	long rounds = 0;

	while (running()) {
		uint32_t value = next_random(&seed);
		int status;
		pid_t pid;

		for (size_t i = 0; i < sizeof(data) / 4; i++) {
			data[i] = value + (uint32_t)i;
		}
		pid = fork();
		if (pid < 0) {
			fail("fork");
		}
		if (pid == 0) {
			for (size_t i = 0; i < sizeof(data) / 4; i++) {
				if (data[i] != value + (uint32_t)i) {
					_exit(1);
				}
				data[i] = 0;
			}
			_exit(42);
		}
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 42) {
			fail("child's memory or exit status");
		}
		for (size_t i = 0; i < sizeof(data) / 4; i++) {
			if (data[i] != value + (uint32_t)i) {
				fail("child wrote the parent's memory");
			}
		}
		rounds++;
	}
	return rounds;
}

static volatile sig_atomic_t signals_seen;
static volatile sig_atomic_t faults_seen;
static char *volatile fault_page;

static void on_signal(int sig)
{
	(void)sig;
	signals_seen++;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_addr != fault_page) {
		fail("fault at another address");
	}
	faults_seen++;
	mprotect(fault_page, PAGE, PROT_READ | PROT_WRITE);
}

static long work_signal(uint32_t seed)
{
	struct sigaction act = { .sa_handler = on_signal };
	struct itimerval every = { { 0, 3000 }, { 0, 3000 } };
	long sent = 0;

	(void)seed;
	sigaction(SIGUSR1, &act, NULL);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	while (running()) {
		int before = signals_seen;

		kill(getpid(), SIGUSR1);
		if (signals_seen == before) {
			fail("a signal to oneself was not there at once");
		}
		sent++;
	}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	if (signals_seen <= sent) {
		fail("the interval timer never fired");
	}
	return sent;
}

static long work_protect(uint32_t seed)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	long rounds = 0;

	sigaction(SIGSEGV, &act, NULL);
	while (running()) {
		size_t pages = 1 + next_random(&seed) % 64;
		char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		size_t at = next_random(&seed) % pages;
		int before = faults_seen;

		if (p == MAP_FAILED) {
			fail("mmap");
		}
		for (size_t i = 0; i < pages; i++) {
			p[i * PAGE] = (char)i;
		}
		mprotect(p, pages * PAGE, PROT_READ);
		fault_page = p + at * PAGE;
		*fault_page = 77; /* faults, is let through, is repeated */
		if (faults_seen != before + 1 || *fault_page != 77) {
			fail("a write to a read-only page");
		}
		for (size_t i = 0; i < pages; i++) {
			if (i != at && p[i * PAGE] != (char)i) {
				fail("mapped memory changed");
			}
		}
		munmap(p, pages * PAGE);
		rounds++;
	}
	return rounds;
}

/* Vector registers must survive every switch of process, vCPU and mode. */
static long work_vector(uint32_t seed)
{
	long rounds = 0;

	while (running()) {
		uint64_t in = ((uint64_t)next_random(&seed) << 32) | seed;
		uint64_t low, high;

		__asm__ volatile("movq %2, %%xmm5\n\t"
				 "movq %2, %%xmm15\n\t"
				 "mov $20000, %%ecx\n"
				 "1:\tdec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "movq %%xmm5, %0\n\t"
				 "movq %%xmm15, %1"
				 : "=&r"(low), "=&r"(high)
				 : "r"(in)
				 : "ecx", "xmm5", "xmm15");
		if (low != in || high != in) {
			fail("a vector register changed");
		}
		if (rounds % 16 == 0) {
			sched_yield();
		}
		rounds++;
	}
	return rounds;
}

static long work_pipe(uint32_t seed)
{
	int to[2], back[2];
	long rounds = 0;
	pid_t pid;

	if (pipe(to) != 0 || pipe(back) != 0) {
		fail("pipe");
	}
	pid = fork();
	if (pid == 0) {
		uint32_t x;

		close(to[1]);
		while (read(to[0], &x, sizeof(x)) == sizeof(x)) {
			x = ~x;
			if (write(back[1], &x, sizeof(x)) != sizeof(x)) {
				_exit(1);
			}
		}
		_exit(0);
	}
	while (running()) {
		uint32_t x = next_random(&seed), y = 0;

		if (write(to[1], &x, sizeof(x)) != sizeof(x) ||
		    read(back[0], &y, sizeof(y)) != sizeof(y) || y != ~x) {
			fail("pipe round trip");
		}
		rounds++;
	}
	close(to[1]);
	waitpid(pid, NULL, 0);
	return rounds;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t latest;

/* One clock for all CPUs: no thread may see a time before another's. */
static void *clock_thread(void *arg)
{
	long *rounds = arg;

	while (running()) {
		pthread_mutex_lock(&mutex);
		uint64_t t = now();

		if (t < latest) {
			fail("the clock went back between CPUs");
		}
		latest = t;
		pthread_mutex_unlock(&mutex);
		(*rounds)++;
	}
	return NULL;
}

static long work_clock(uint32_t seed)
{
	pthread_t thread[4];
	long rounds[4] = { 0 }, sum = 0;

	(void)seed;
	for (int i = 0; i < 4; i++) {
		pthread_create(&thread[i], NULL, clock_thread, &rounds[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		sum += rounds[i];
	}
	return sum;
}

static long work_sleep(uint32_t seed)
{
	long rounds = 0;

	while (running()) {
		uint64_t ns = 100000 + next_random(&seed) % 5000000;
		struct timespec t = { 0, (long)ns };
		uint64_t start = now(), slept;

		nanosleep(&t, NULL);
		slept = now() - start;
		if (slept < ns) {
			fail("woke up too early");
		}
		if (slept > ns + 20 * NS) {
			fail("overslept by 20 seconds");
		}
		rounds++;
	}
	return rounds;
}

static const struct {
	const char *name;
	long (*run)(uint32_t seed);
} works[] = {
	{ "fork", work_fork },	   { "signal", work_signal },  { "protect", work_protect },
	{ "vector", work_vector }, { "vector2", work_vector }, { "pipe", work_pipe },
	{ "clock", work_clock },   { "sleep", work_sleep },
};
#define WORKS (sizeof(works) / sizeof(works[0]))

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc != 2 || atoi(argv[1]) <= 0) {
		fprintf(stderr, "usage: soak SECONDS\n");
		return 2;
	}
	end_ns = now() + (uint64_t)atoi(argv[1]) * NS;
	for (size_t i = 0; i < WORKS; i++) {
		if (fork() == 0) {
			long n = works[i].run((uint32_t)i * 7919 + 1);

			printf("SOAK %s: %ld rounds\n", works[i].name, n);
			fflush(stdout);
			_exit(n > 0 ? 0 : 1);
		}
	}
	for (size_t i = 0; i < WORKS; i++) {
		int status;

		wait(&status);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			failed++;
		}
	}
	printf("SOAK end: %d of %zu failed\n", failed, WORKS);
	return failed != 0;
}

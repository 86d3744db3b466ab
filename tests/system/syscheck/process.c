// SPDX-License-Identifier: MIT
/*
 * Processes and threads: fork, vfork, clone, exec, wait, futexes and what hangs
 * on them, and the switches between them.
 */
#define _GNU_SOURCE
#include "syscheck.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

static void exit_code(void *code)
{
	_exit((int)(intptr_t)code);
}

static void forks(void)
{
	int status;

	for (long i = 0; i < 100; i++) {
		expect_equal(child(exit_code, (void *)(i & 0x7f)), i & 0x7f);
	}
	for (int i = 0; i < 60; i++) {
		pid_t pid = must(fork());

		if (pid == 0) {
			_exit(i);
		}
	}
	for (int i = 0, sum = 0; i < 60; i++) {
		must(wait(&status));
		sum += WEXITSTATUS(status);
		expect(i < 59 || sum == 59 * 60 / 2, "%d", sum);
	}
}

static int grandchildren(int depth)
{
	int status, pid = fork();

	if (pid == 0) {
		_exit(depth ? grandchildren(depth - 1) + 1 : 0);
	}
	must(waitpid(pid, &status, 0));
	return WEXITSTATUS(status);
}

static void deep_forks(void)
{
	expect_equal(grandchildren(20), 20);
}

static void run_program(void)
{
	static char big[100000];
	char *arguments[] = { "syscheck", "--exec", big, big, "x", NULL };
	char *environment[] = { big, NULL };
	int status;
	pid_t pid;

	memset(big, 'a', sizeof(big) - 1);
	for (volatile int i = 0; i < 20; i++) {
		pid = i % 2 ? fork() : vfork();
		if (pid == 0) {
			execve("/proc/self/exe", arguments, environment);
			_exit(99);
		}
		must(waitpid(pid, &status, 0));
		expect_equal(status, 3 << 8);
	}
}

/* ---- Threads --------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int turn, total;
static __thread uint64_t own;

static void *take_turns(void *which)
{
	int me = (int)(intptr_t)which;

	own = (uint64_t)me * 1000;
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me) {
			pthread_cond_wait(&turn_changed, &mutex);
		}
		total++;
		own++;
		turn = (turn + 1) % 8;
		pthread_cond_broadcast(&turn_changed);
		pthread_mutex_unlock(&mutex);
	}
	return (void *)own;
}

static void threads(void)
{
	pthread_t thread[8];
	void *result;

	for (long i = 0; i < 8; i++) {
		must(pthread_create(&thread[i], NULL, take_turns, (void *)i));
	}
	for (long i = 0; i < 8; i++) {
		pthread_join(thread[i], &result);
		expect_equal((intptr_t)result, i * 1000 + 100);
	}
	expect_equal(total, 800);
}

static volatile uint64_t atomic;

static void *add(void *cpu)
{
	move_to((int)(intptr_t)cpu);
	for (int i = 0; i < 200000; i++) {
		__atomic_fetch_add(&atomic, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void atomics(void)
{
	pthread_t thread[4];

	for (long i = 0; i < 4; i++) {
		must(pthread_create(&thread[i], NULL, add, (void *)i));
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
	}
	expect_equal(atomic, 800000);
}

static void *hold(void *lock)
{
	pthread_mutex_lock(lock);
	return NULL; /* dies with the lock */
}

static void robust(void)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t lock;
	pthread_t thread;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&lock, &attributes);
	must(pthread_create(&thread, NULL, hold, &lock));
	pthread_join(thread, NULL);
	expect_equal(pthread_mutex_lock(&lock), EOWNERDEAD);
	pthread_mutex_consistent(&lock);
	expect_equal(pthread_mutex_unlock(&lock), 0);
}

static void futex_timeout(void)
{
	static uint32_t word = 1;
	struct timespec limit = { 0, 50000000 };
	double start = now(), took;

	expect_equal(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &limit, NULL, 0), -1);
	expect_equal(errno, ETIMEDOUT);
	took = now() - start;
	expect(took >= 0.05 && took < 5, "%f s", took);
	expect_equal(syscall(SYS_futex, &word, FUTEX_WAIT, 2, &limit, NULL, 0), -1);
	expect_equal(errno, EAGAIN);
}

/* ---- Channels between processes ----------------------------------------------------------- */

static int to_child[2], to_parent[2];

static void echo(void *unused)
{
	uint32_t value;

	(void)unused;
	while (read(to_child[0], &value, 4) == 4 && value) {
		value *= 2;
		must(write(to_parent[1], &value, 4));
	}
}

static void pipes(void)
{
	int status;
	pid_t pid;

	must(pipe(to_child));
	must(pipe(to_parent));
	pid = must(fork());
	if (pid == 0) {
		echo(NULL);
		_exit(0);
	}
	for (uint32_t i = 1; i <= 2000; i++) {
		uint32_t value = i;

		if (i % 100 == 0) {
			move_to((int)i / 100);
		}
		must(write(to_child[1], &value, 4));
		expect_equal(read(to_parent[0], &value, 4), 4);
		expect_equal(value, 2 * i);
	}
	must(write(to_child[1], "\0\0\0\0", 4));
	must(waitpid(pid, &status, 0));
	expect_equal(status, 0);
}

static void descriptors(void)
{
	int event = must(eventfd(3, 0)), fd;
	struct signalfd_siginfo info;
	uint64_t value = 4;
	sigset_t set;

	must(write(event, &value, 8));
	must(read(event, &value, 8));
	expect_equal(value, 7);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &set, NULL));
	fd = must(signalfd(-1, &set, 0));
	must(raise(SIGUSR1));
	expect_equal(read(fd, &info, sizeof(info)), sizeof(info));
	expect_equal(info.ssi_signo, SIGUSR1);
	expect_equal(info.ssi_pid, getpid());
}

static void busy(void *unused)
{
	(void)unused;
	for (double end = now() + 0.3; now() < end;) {}
}

static void usage(void)
{
	struct rusage {
		struct timeval user, system;
		long rest[14];
	} before, after;
	double took;

	must(syscall(SYS_getrusage, -1, &before));
	expect_equal(child(busy, NULL), 0);
	must(syscall(SYS_getrusage, -1, &after));
	took = (double)(after.user.tv_sec + after.system.tv_sec - before.user.tv_sec -
			before.system.tv_sec) +
	       (double)(after.user.tv_usec + after.system.tv_usec - before.user.tv_usec -
			before.system.tv_usec) /
		       1e6;
	expect(took > 0.001 && took < 20, "%f s of CPU", took);
}

/* Where the kernel runs a process is where the CPU says it is. */
static void placement(void)
{
	uint32_t cpu, limit;

	for (int i = 0; i < 2 * cpu_count(); i++) {
		move_to(i);
		expect_equal(sched_getcpu(), i % cpu_count());
		must(syscall(SYS_getcpu, &cpu, NULL, NULL));
		expect_equal(cpu, i % cpu_count());
		/* The number is also the limit of a segment, which lsl reads. */
		asm volatile("mov $0x7b, %%ecx; lsl %%ecx, %0" : "=r"(limit) : : "ecx", "cc");
		expect_equal(limit & 0xfff, i % cpu_count());
	}
}

const struct check process_checks[] = {
	{ "process-fork", forks },
	{ "process-deep-fork", deep_forks },
	{ "process-exec", run_program },
	{ "process-threads", threads },
	{ "process-atomics", atomics },
	{ "process-robust-mutex", robust },
	{ "process-futex-timeout", futex_timeout },
	{ "process-pipes", pipes },
	{ "process-descriptors", descriptors },
	{ "process-usage", usage },
	{ "process-placement", placement },
	{ NULL, NULL },
};

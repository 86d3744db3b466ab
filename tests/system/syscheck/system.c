// SPDX-License-Identifier: MIT
/* Calls that reach for the machine: ports, counters, and what a process may forbid itself. */
#define _GNU_SOURCE
#include "syscheck.h"

#include <cpuid.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/utsname.h>
#include <asm/prctl.h>

/* 0x80 is where start-up codes go: a write does nothing. */
static void write_port(void *port)
{
	outb(0x55, (unsigned short)(uintptr_t)port);
}

static void ports(void)
{
	if (ioperm(0x80, 1, 1) != 0) {
		skip("ioperm: %s", strerror(errno));
	}
	for (int i = 0; i < 8; i++) {
		move_to(i);
		expect(!faults(write_port, (void *)0x80L), "not allowed after ioperm()");
		expect(faults(write_port, (void *)0x81L), "a port that was not asked for");
		expect_equal(caught.signal, SIGSEGV);
		expect_equal(caught.trap, 13);
		sched_yield();
	}
	/* A child inherits none of it: Linux gives the bitmap to threads alone. */
	must(ioperm(0x80, 1, 0));
	expect(faults(write_port, (void *)0x80L), "still allowed");
	must(iopl(3));
	expect(!faults(write_port, (void *)0x80L), "not allowed after iopl()");
	must(iopl(0));
	expect(faults(write_port, (void *)0x80L), "still allowed after iopl(0)");
}

static void cli(void *unused)
{
	(void)unused;
	asm volatile("cli");
}

static void interrupt_flag(void)
{
	uint64_t flags;

	if (iopl(3) != 0) {
		skip("iopl: %s", strerror(errno));
	}
	/* Linux makes it do nothing, or refuses it. */
	faults(cli, NULL);
	asm volatile("pushf; pop %0" : "=r"(flags));
	expect(flags & 0x200, "a process may hold interrupts off");
}

/* ---- Time stamp counter, cpuid -------------------------------------------------------- */

static void read_tsc(void *unused)
{
	(void)unused;
	(void)__builtin_ia32_rdtsc();
}

static void forbid_tsc(void)
{
	must(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
	for (int i = 0; i < 4; i++) {
		expect(faults(read_tsc, NULL), "rdtsc works");
		expect_equal(caught.signal, SIGSEGV);
		expect_equal(caught.trap, 13);
		sched_yield();
	}
	must(prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0));
	expect(!faults(read_tsc, NULL), "rdtsc does not work");
}

static void same_cpuid(void)
{
	uint32_t first[4], next[4], mask[4];

	for (uint32_t leaf = 0; leaf < 8; leaf++) {
		if (leaf == 4 || leaf == 6) {
			continue;
		}
		move_to(0);
		__cpuid_count(leaf, 0, first[0], first[1], first[2], first[3]);
		memset(mask, 0xff, sizeof(mask));
		mask[1] = leaf == 1 ? 0x00ffffff : mask[1]; /* the APIC's number */
		for (int cpu = 1; cpu < cpu_count(); cpu++) {
			move_to(cpu);
			__cpuid_count(leaf, 0, next[0], next[1], next[2], next[3]);
			for (int i = 0; i < 4; i++) {
				expect((first[i] & mask[i]) == (next[i] & mask[i]),
				       "leaf %u, register %d", leaf, i);
			}
		}
	}
}

/* ---- seccomp ------------------------------------------------------------------------------ */

static void install_filter(uint32_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { COUNT(code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void ask_parent(void *unused)
{
	(void)unused;
	syscall(SYS_getppid);
}

static void filters(void)
{
	install_filter(SECCOMP_RET_ERRNO | ENOTTY);
	errno = 0;
	expect_equal(syscall(SYS_getppid), -1);
	expect_equal(errno, ENOTTY);
	install_filter(SECCOMP_RET_TRAP);
	expect(faults(ask_parent, NULL), "no signal");
	expect_equal(caught.signal, SIGSYS);
	install_filter(SECCOMP_RET_KILL_PROCESS);
	expect_equal(child(ask_parent, NULL), 128 + SIGSYS);
	expect(syscall(SYS_getpid) > 0, "getpid");
}

/* ---- Others ---------------------------------------------------------------------------------- */

static void personalities(void)
{
	struct utsname name;

	must(personality(PER_LINUX32));
	must(uname(&name));
	expect(strcmp(name.machine, "i686") == 0, "%s", name.machine);
	must(personality(PER_LINUX));
	must(uname(&name));
	expect(strcmp(name.machine, "x86_64") == 0, "%s", name.machine);
}

static void read_at(void *p)
{
	(void)*(volatile char *)p;
}

static void call_old_time(void *result)
{
	*(long *)result = ((long (*)(long *))0xffffffffff600400)(NULL);
}

/* The old fixed page at the top: execution is emulated, reading is a fault. */
static void old_page(void)
{
	long (*volatile old_time)(long *) = (long (*)(long *))0xffffffffff600400;
	long t = time(NULL), u;

	if (faults(call_old_time, &u)) {
		skip("this kernel has none");
	}
	u = old_time(NULL);
	expect(u - t >= 0 && u - t <= 5, "%ld after %ld", u, t);
	expect(faults(read_at, (void *)0xffffffffff600000), "readable");
	expect_equal(caught.signal, SIGSEGV);
	expect_equal(caught.address, 0xffffffffff600000);
}

static void restartable(void)
{
	const struct rseq *area =
		(const struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (__rseq_size == 0) {
		skip("the library registers none");
	}
	for (int i = 0; i < 2 * cpu_count(); i++) {
		move_to(i);
		expect_equal(*(volatile uint32_t *)&area->cpu_id, i % cpu_count());
	}
}

static void barriers(void)
{
	long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	expect(offered > 0, "%ld", offered);
	must(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	must(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	for (int i = 0; i < 50; i++) {
		must(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	}
	if (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) {
		must(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0,
			     0));
		must(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
	}
}

static void software_counters(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.size = sizeof(attributes),
		.exclude_kernel = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
	uint64_t before, after;
	char *p = pages(100, PROT_READ | PROT_WRITE);

	if (fd < 0) {
		skip("perf_event_open: %s", strerror(errno));
	}
	must(read(fd, &before, 8));
	for (int i = 0; i < 100; i++) {
		p[(unsigned)i * PAGE] = 1;
	}
	must(read(fd, &after, 8));
	expect(after - before >= 100 && after - before < 120, "%ld faults", (long)(after - before));
}

const struct check system_checks[] = {
	{ "system-ports", ports },
	{ "system-interrupt-flag", interrupt_flag },
	{ "system-forbid-tsc", forbid_tsc },
	{ "system-same-cpuid", same_cpuid },
	{ "system-seccomp", filters },
	{ "system-personality", personalities },
	{ "system-vsyscall", old_page },
	{ "system-rseq", restartable },
	{ "system-membarrier", barriers },
	{ "system-software-counters", software_counters },
	{ NULL, NULL },
};

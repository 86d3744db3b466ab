/* SPDX-License-Identifier: MIT */
/*
 * Runs the storms, one after the other: all CPUs at once for some time, then a
 * rest, in which everything is counted from scratch, and on.
 *
 *     build/race/race [-t SECONDS] [-s SEED] [STORM...]
 *
 * SECONDS are for all storms together.  ThreadSanitizer ends the program at its
 * first report; so does every check of the core and of the fake machine.
 */
#include "race.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <xen/xen.h>

#include <audit/audit.h>
#include <hv/check.h>
#include <hv/entry.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/sched.h>

#define CALL_RIP fake_va(FAKE_PFN_CODE, 0)
#define EVENT_RIP fake_va(FAKE_PFN_CODE, 0x100)
#define NMI_RIP fake_va(FAKE_PFN_CODE, 0x220) /* 16 bytes for each vector */
#define SYSCALL_LEN 2
#define REST_EVERY_US 100000

static const struct storm *const storms[] = {
	&types_storm, &events_storm, &fifo_storm,    &wake_storm,   &sched_storm,
	&vcpus_storm, &grants_storm, &destroy_storm, &gntdie_storm,
};

struct fake_guest race_guest[RACE_DOMAINS];
struct race_vcpu race_vcpu[RACE_DOMAINS][RACE_VCPUS];

static bool let[RACE_DOMAINS]; /* atomic: its vCPUs may begin */
static const struct storm *storm;
static uint64_t base_seed = 1;

/* One line per finding that is not the core's own. */
void race_must(bool good, const char *what)
{
	if (!good) {
		fake_die("storm %s: %s", storm->name, what);
	}
}

/* ---- Guests -------------------------------------------------------------------- */

uint32_t race_random(struct race_vcpu *rv)
{
	rv->seed = rv->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rv->seed >> 33);
}

uint64_t race_args(const struct race_vcpu *rv)
{
	return FAKE_ARGS + rv->v->id * 512ull;
}

/* Into the core with what the registers say, and out again, with any vCPU. */
static void enter(struct vcpu *v)
{
	v->regs.rip = CALL_RIP + SYSCALL_LEN;
	fake.cpus[fake_self()].inside = true;
	hypercall_dispatch(&v->regs);
	fake_exit();
}

void race_call_args(struct race_vcpu *rv, unsigned int op, unsigned long nr, const uint64_t args[5])
{
	struct guest_regs *r = &rv->v->regs;

	r->rax = nr;
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	r->r10 = args[3];
	r->r8 = args[4];
	rv->op = op;
	rv->in_call = true;
	enter(rv->v);
}

void race_call_struct(struct race_vcpu *rv, unsigned int op, unsigned long nr, uint64_t cmd,
		      const void *arg, size_t n)
{
	if (fake_guest_write(race_args(rv), arg, n)) {
		race_call(rv, op, nr, cmd, race_args(rv));
	}
}

/* Its frame: rcx, r11, rip, cs, rflags, rsp, ss. */
static void return_from_handler(struct race_vcpu *rv, bool event)
{
	struct guest_regs *r = &rv->v->regs;
	uint64_t frame[7];

	fake_get(r->rsp, frame, sizeof(frame));
	r->rip = frame[2];
	r->rsp = frame[5];
	if (event) {
		/* Handled by the storm's own steps; masked until the next block. */
		__atomic_store_n(&rv->v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	}
}

static void one_step(struct race_vcpu *rv, struct vcpu *v)
{
	rv->v = v;
	rv->steps++;
	if (v->regs.rip == EVENT_RIP) {
		return_from_handler(rv, true);
	} else if (v->regs.rip == NMI_RIP) {
		return_from_handler(rv, false);
	} else if (rv->in_call && v->regs.rip == CALL_RIP) {
		enter(v); /* it was interrupted */
	} else {
		if (v->regs.rip != CALL_RIP && v->regs.rip != CALL_RIP + SYSCALL_LEN) {
			fake_die("storm %s: d%uv%u is at %#lx", storm->name, v->domain->id, v->id,
				 (unsigned long)v->regs.rip);
		}
		rv->result = rv->in_call ? (long)v->regs.rax : 0;
		rv->called = rv->in_call;
		rv->in_call = false;
		/* Nothing of rv is ours afterwards: another CPU may run it. */
		storm->step(rv);
	}
}

void race_let(unsigned int id, bool on)
{
	__atomic_store_n(&let[id], on, __ATOMIC_RELEASE);
}

void race_guest_mode(void)
{
	struct vcpu *v = this_cpu()->curr;
	unsigned int steps = 1 + race_cpu_random() % 64;

	while (this_cpu()->curr == v && steps-- > 0) {
		if (race_interrupted()) {
			race_interrupt();
			return;
		}
		if (!__atomic_load_n(&let[v->domain->id], __ATOMIC_ACQUIRE)) {
			return;
		}
		one_step(&race_vcpu[v->domain->id][v->id], v);
	}
}

/* ---- Checks while all rest --------------------------------------------------------- */

/* A vCPU that sleeps although an event waits for it has lost its wake-up. */
static void check_sleepers(const struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v != NULL && (v->pause_flags & (PAUSE_BLOCKED | PAUSE_POLL)) != 0 &&
		    vcpu_event_pending(v)) {
			fake_die("d%uv%u sleeps (flags %x) and an event is pending", d->id, v->id,
				 v->pause_flags);
		}
		if (v != NULL && (v->pause_flags & PAUSE_POLL) != 0 && v->poll_port != 0 &&
		    evtchn_is_pending(v->domain, v->poll_port)) {
			fake_die("d%uv%u polls port %u, which is pending", d->id, v->id,
				 v->poll_port);
		}
	}
}

static void check(void)
{
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		race_must(fake.percpu[i].ranks_held == 0, "a CPU rests with a lock");
	}
	if (audit_all() != 0) {
		fake_die("storm %s: the audit found differences", storm->name);
	}
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		check_sleepers(d);
		if (d->crashed && !storm->may_crash) {
			fake_die("storm %s: domain %u crashed: %s", storm->name, d->id,
				 d->crash_reason);
		}
	}
	if (storm->quiet != NULL) {
		storm->quiet();
	}
}

/* ---- Running ----------------------------------------------------------------------- */

static uint64_t all_steps(void)
{
	uint64_t n = 0;

	for (unsigned int d = 0; d < RACE_DOMAINS; d++) {
		for (unsigned int i = 0; i < RACE_VCPUS; i++) {
			n += race_vcpu[d][i].steps;
		}
	}
	return n;
}

void race_vcpus_reset(unsigned int id)
{
	struct fake_guest *g = &race_guest[id];

	for (unsigned int i = 0; i < RACE_VCPUS; i++) {
		struct race_vcpu *rv = &race_vcpu[id][i];
		uint64_t steps = rv->steps;

		*rv = (struct race_vcpu){ .g = g,
					  .steps = steps,
					  .seed = (base_seed + steps) * 1000 + id * 10 + i };
	}
}

static void prepare(void)
{
	fake_restore();
	fake_cpu_set(0);
	memset(race_vcpu, 0, sizeof(race_vcpu));
	memset(race_guest, 0, sizeof(race_guest));
	for (unsigned int i = 0; i < storm->domains; i++) {
		race_must(fake_guest_create(&race_guest[i], (uint16_t)i, RACE_PAGES, storm->vcpus,
					    i == 0),
			  "a domain cannot be created");
		race_vcpus_reset(i);
		race_let(i, true);
	}
	if (storm->start != NULL) {
		storm->start();
	}
}

static void run(double seconds)
{
	struct timespec from, now;
	unsigned int rests = 0;
	double spent;

	prepare();
	clock_gettime(CLOCK_MONOTONIC, &from);
	race_threads_start();
	do {
		usleep(REST_EVERY_US);
		race_rest();
		check();
		rests++;
		clock_gettime(CLOCK_MONOTONIC, &now);
		spent = (double)(now.tv_sec - from.tv_sec) +
			(double)(now.tv_nsec - from.tv_nsec) / 1e9;
		race_go_on();
	} while (spent < seconds);
	race_threads_stop();
	check();
	printf("ok - %s: %lu steps, %u rests, %.0f s\n", storm->name, all_steps(), rests, spent);
	fflush(stdout);
}

static bool chosen(const char *name, char **names)
{
	bool any = *names != NULL, found = false;

	for (; *names != NULL; names++) {
		found |= strcmp(*names, name) == 0;
	}
	return !any || found;
}

int main(int argc, char **argv)
{
	static const struct fake_config config = { .low_frames = 2048, .cpus = FAKE_CPUS };
	double seconds = 30;
	unsigned int count = 0;
	int opt;

	while ((opt = getopt(argc, argv, "t:s:")) != -1) {
		if (opt == 't') {
			seconds = atof(optarg);
		} else if (opt == 's') {
			base_seed = strtoull(optarg, NULL, 0);
		} else {
			return 2;
		}
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(storms); i++) {
		count += chosen(storms[i]->name, argv + optind);
	}
	printf("1..%u\n", count);
	fflush(stdout);
	fake_init(&config);
	fake_snapshot();
	for (unsigned int i = 0; i < ARRAY_SIZE(storms); i++) {
		if (chosen(storms[i]->name, argv + optind)) {
			storm = storms[i];
			run(seconds / count);
		}
	}
	return 0;
}

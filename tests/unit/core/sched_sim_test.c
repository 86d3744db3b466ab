/* SPDX-License-Identifier: MIT */
/*
 * The scheduler under load: N CPUs, a clock of the test's, and vCPUs that spin,
 * sleep, pass work on, or try to get more than their share.  All of it is
 * deterministic.  After each step no CPU may idle while somebody waits who may
 * run there.
 */
#include "core_test.h"

#include <hv/sched.h>
#include <hv/vtime.h>

#define MS 1000000ull
#define S (1000 * MS)
#define STEP (MS / 10)
#define DOMAINS 6
#define WORKS 16

struct work {
	struct vcpu *v;
	uint64_t burst, pause; /* runs and sleeps in turn; burst 0: spins */
	bool yields;
	struct vcpu *next; /* who is woken as it goes to sleep */
	uint64_t ran, wake_at, woken_at, latency;
};

static struct fake_guest dom[DOMAINS];
static struct work work[WORKS];
static unsigned int works;

static void machine(unsigned int cpus)
{
	fake.config.cpus = cpus;
	memset(work, 0, sizeof(work));
	works = 0;
}

static struct domain *domain(unsigned int id, unsigned int vcpus, uint32_t weight, uint32_t cap)
{
	if (!fake_guest_create(&dom[id], (uint16_t)id, 12, vcpus, false)) {
		fake_die("domain %u cannot be created", id);
	}
	OK(sched_set_params(dom[id].d, weight, cap));
	for (unsigned int i = 0; i < vcpus; i++) {
		work[works++].v = dom[id].d->vcpu[i];
	}
	return dom[id].d;
}

static struct work *work_of(const struct vcpu *v)
{
	struct work *w = work;

	while (w->v != v) {
		w++;
	}
	return w;
}

static void wake(struct work *w)
{
	w->wake_at = 0;
	w->woken_at = fake.now;
	sched_wake(w->v, PAUSE_BLOCKED);
	fake_settle();
}

/* The one that runs on the CPU has run for a step. */
static void act(struct work *w)
{
	w->ran += STEP;
	if (w->burst != 0 && w->ran >= w->burst) {
		w->ran = 0;
		sched_sleep(w->v, PAUSE_BLOCKED);
		if (w->next != NULL) {
			sched_wake(w->next, PAUSE_BLOCKED);
		} else {
			w->wake_at = fake.now + w->pause;
		}
		fake_exit();
	} else if (w->yields) {
		sched_yield();
		fake_exit();
	}
	fake_settle();
}

static void none_idles(void)
{
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		fake_cpu_set(i);
		for (struct vcpu *v = sched_queue; v != NULL && me() == NULL; v = v->rq_next) {
			if ((v->affinity >> i & 1) != 0) {
				fake_die("CPU %u idles and d%uv%u waits", i, v->domain->id, v->id);
			}
		}
	}
}

static void step(void)
{
	struct vcpu *v;

	fake_advance(STEP);
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		fake_cpu_set(i);
		v = me();
		if (v != NULL) {
			struct work *w = work_of(v);

			if (w->woken_at != 0) {
				w->latency = MAX(w->latency, fake.now - STEP - w->woken_at);
				w->woken_at = 0;
			}
			act(w);
		}
	}
	for (unsigned int i = 0; i < works; i++) {
		if (work[i].wake_at != 0 && work[i].wake_at <= fake.now) {
			wake(&work[i]);
		}
	}
	fake_settle();
	none_idles();
}

static void simulate(uint64_t ns)
{
	for (uint64_t end = fake.now + ns; fake.now < end;) {
		step();
	}
}

/* What the domain has run so far, in ns. */
static uint64_t used(const struct domain *d)
{
	struct vcpu_runstate_info r;
	uint64_t sum = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		runstate_read(d->vcpu[i], &r);
		sum += r.time[RUNSTATE_running];
	}
	return sum;
}

/* Within 3 %. */
static void about(uint64_t ns, uint64_t expected, int line)
{
	if (ns < expected / 100 * 97 || ns > expected / 100 * 103) {
		printf("\n    line %d: %llu ms, not %llu", line, (unsigned long long)(ns / MS),
		       (unsigned long long)(expected / MS));
		CU_FAIL("not the share that it should be");
	}
}
#define ABOUT(ns, expected) about(ns, expected, __LINE__)

/* ---- Shares ------------------------------------------------------------------- */

static void test_equal(void)
{
	/* Four on two CPUs, then three. */
	machine(2);
	for (unsigned int i = 0; i < 4; i++) {
		(void)domain(i, 1, SCHED_WEIGHT, 0);
	}
	simulate(20 * S);
	for (unsigned int i = 0; i < 4; i++) {
		ABOUT(used(dom[i].d), 10 * S);
	}
	sched_sleep(dom[3].d->vcpu[0], PAUSE_DOWN);
	simulate(20 * S);
	for (unsigned int i = 0; i < 3; i++) {
		ABOUT(used(dom[i].d), 10 * S + 40 * S / 3);
	}
}

static void test_weights(void)
{
	machine(2);
	(void)domain(0, 2, 256, 0);
	(void)domain(1, 2, 512, 0);
	simulate(10 * S);
	ABOUT(used(dom[0].d), 20 * S / 3);
	ABOUT(used(dom[1].d), 40 * S / 3);
	/* Another weight counts at once. */
	OK(sched_set_params(dom[0].d, 1536, 0));
	simulate(10 * S);
	ABOUT(used(dom[0].d), 20 * S / 3 + 15 * S);
	EQ(sched_set_params(dom[0].d, 0, 0), -XEN_EINVAL);
	EQ(sched_set_params(dom[0].d, 65536, 0), -XEN_EINVAL);
	EQ(sched_set_params(dom[0].d, 256, 201), -XEN_EINVAL);
	EQ(dom[0].d->weight, 1536);
}

static void test_weight_is_the_domains(void)
{
	machine(2);
	(void)domain(0, 4, 256, 0);
	(void)domain(1, 1, 256, 0);
	simulate(20 * S);
	ABOUT(used(dom[0].d), 20 * S);
	ABOUT(used(dom[1].d), 20 * S);
	/* And its vCPUs share it. */
	for (unsigned int i = 0; i < 4; i++) {
		struct vcpu_runstate_info r;

		runstate_read(dom[0].d->vcpu[i], &r);
		ABOUT(r.time[RUNSTATE_running], 5 * S);
	}
}

static void test_many_vcpus_at_once(void)
{
	/* More weight than it can use, and a crowd that wakes together. */
	machine(1);
	(void)domain(0, 8, 256, 0);
	(void)domain(1, 1, 256, 0);
	for (unsigned int i = 0; i < 8; i++) {
		work[i].burst = 20 * MS;
		work[i].pause = 5 * MS;
	}
	work[8].burst = STEP;
	work[8].pause = 20 * MS;
	simulate(10 * S);
	TRUE_(work[8].latency <= 11 * STEP);
	work[8].burst = 0;
	simulate(10 * S);
	ABOUT(used(dom[1].d), 10 * S / 2 + 10 * S / 201);
}

static void test_caps(void)
{
	machine(2);
	(void)domain(0, 1, 256, 30);
	(void)domain(1, 2, 65535, 50);
	(void)domain(2, 2, 1, 0);
	simulate(10 * S);
	ABOUT(used(dom[0].d), 3 * S);
	ABOUT(used(dom[1].d), 5 * S);
	/* What they may not use is not lost. */
	ABOUT(used(dom[2].d), 12 * S);
	OK(sched_set_params(dom[0].d, 256, 5));
	simulate(10 * S);
	ABOUT(used(dom[0].d), 3500 * MS);
	OK(sched_set_params(dom[0].d, 256, 0));
	OK(sched_set_params(dom[1].d, 256, 0));
	OK(sched_set_params(dom[2].d, 256, 0));
	simulate(10 * S);
	ABOUT(used(dom[0].d), 3500 * MS + 20 * S / 3);
}

static void test_cap_of_one_that_runs(void)
{
	/* Alone for long, without an end of slice; what it ran is no debt. */
	machine(1);
	(void)domain(0, 1, 256, 0);
	simulate(10 * S);
	OK(sched_set_params(dom[0].d, 256, 10));
	simulate(10 * S);
	ABOUT(used(dom[0].d), 11 * S);
	TRUE_(used(dom[0].d) <= 10 * S + 1030 * MS);
}

/* ---- Where ---------------------------------------------------------------------- */

static void test_affinity(void)
{
	struct vcpu *v;

	machine(3);
	for (unsigned int i = 0; i < 5; i++) {
		(void)domain(i, 1, 256, 0);
	}
	OK(sched_set_params(dom[1].d, 512, 0));
	/* Two share CPU 0 by their weights whatever goes on elsewhere. */
	OK(vcpu_set_affinity(dom[0].d->vcpu[0], 1));
	OK(vcpu_set_affinity(dom[1].d->vcpu[0], 1));
	OK(vcpu_set_affinity(dom[2].d->vcpu[0], 6));
	OK(vcpu_set_affinity(dom[3].d->vcpu[0], 6));
	OK(vcpu_set_affinity(dom[4].d->vcpu[0], 6));
	fake_settle();
	simulate(9 * S);
	ABOUT(used(dom[0].d), 3 * S);
	ABOUT(used(dom[1].d), 6 * S);
	ABOUT(used(dom[4].d), 6 * S);
	/* One that sleeps now and then is not at a loss. */
	work[0].burst = 3 * MS;
	work[0].pause = STEP;
	simulate(9 * S);
	ABOUT(used(dom[0].d), 6 * S);
	/* A running one goes at once. */
	v = dom[2].d->vcpu[0];
	while (!v->running) {
		step();
	}
	OK(vcpu_set_affinity(v, 1ull << (3 - v->cpu)));
	fake_settle();
	FALSE_(v->running && (v->affinity >> v->cpu & 1) == 0);
	simulate(S);
	EQ(1ull << v->cpu, v->affinity);
	/* One that sleeps, loaded on an idle CPU. */
	for (unsigned int i = 0; i < 5; i++) {
		sched_sleep(dom[i].d->vcpu[0], PAUSE_DOWN);
	}
	fake_settle();
	OK(vcpu_set_affinity(v, 1));
	fake_settle();
	sched_wake(v, PAUSE_DOWN);
	fake_settle();
	TRUE_(v->running);
	EQ(v->cpu, 0);
	EQ(vcpu_set_affinity(v, 0), -XEN_EINVAL);
	EQ(vcpu_set_affinity(v, 8), -XEN_EINVAL);
}

/* ---- When ----------------------------------------------------------------------- */

static void test_latency(void)
{
	machine(2);
	for (unsigned int i = 0; i < 4; i++) {
		(void)domain(i, 1, 256, 0);
	}
	(void)domain(4, 1, 256, 0);
	work[4].burst = 2 * STEP;
	work[4].pause = 7 * MS;
	simulate(10 * S);
	/* A grain, at most, and the step of the simulation. */
	TRUE_(work[4].latency <= 11 * STEP);
	for (unsigned int i = 0; i < 4; i++) {
		ABOUT(used(dom[i].d), (20 * S - used(dom[4].d)) / 4);
	}
}

static void test_history_does_not_count(void)
{
	/* One was alone for long, and woke often; another one comes. */
	machine(1);
	(void)domain(0, 1, 1, 0);
	work[0].burst = 3 * MS;
	work[0].pause = STEP;
	simulate(20 * S);
	OK(sched_set_params(dom[0].d, 256, 0));
	(void)domain(1, 1, 256, 0);
	work[0].burst = 0;
	simulate(2 * S);
	ABOUT(used(dom[1].d), S);
	/* One spun alone, the other one slept. */
	sched_sleep(dom[1].d->vcpu[0], PAUSE_DOWN);
	simulate(20 * S);
	sched_wake(dom[1].d->vcpu[0], PAUSE_DOWN);
	fake_settle();
	simulate(2 * S);
	ABOUT(used(dom[1].d), 2 * S);
}

static void test_no_ticks(void)
{
	machine(2);
	(void)domain(0, 1, 256, 0);
	(void)domain(1, 1, 256, 0);
	simulate(S);
	EQ(fake.cpus[0].deadline, ~0ull);
	EQ(fake.cpus[1].deadline, ~0ull);
	(void)domain(2, 1, 256, 0);
	simulate(S);
	TRUE_(fake.cpus[0].deadline <= fake.now + 20 * MS);
	TRUE_(fake.cpus[1].deadline <= fake.now + 20 * MS);
	sched_sleep(dom[2].d->vcpu[0], PAUSE_DOWN);
	simulate(S);
	EQ(fake.cpus[0].deadline, ~0ull);
	EQ(fake.cpus[1].deadline, ~0ull);
}

/* ---- Cheats --------------------------------------------------------------------- */

static void cheat(uint64_t burst, uint64_t pause, bool yields)
{
	core_setup();
	machine(1);
	(void)domain(0, 1, 256, 0);
	(void)domain(1, 1, 256, 0);
	work[1].burst = burst;
	work[1].pause = pause;
	work[1].yields = yields;
	simulate(5 * S);
	TRUE_(used(dom[0].d) >= 5 * S / 200 * 97);
}

static void test_cheats(void)
{
	/* asleep whenever a slice ends; storms of wake-ups; of yields */
	cheat(99 * STEP, STEP, false);
	cheat(9 * STEP, STEP, false);
	cheat(STEP, STEP, false);
	cheat(0, 0, true);
	cheat(50 * STEP, STEP, true);
}

static void test_relay(void)
{
	/* Four vCPUs, one at a time; none of them has ever run for long. */
	machine(1);
	(void)domain(0, 1, 256, 0);
	(void)domain(1, 4, 256, 0);
	for (unsigned int i = 1; i < 5; i++) {
		work[i].burst = 5 * MS;
		work[i].next = work[i % 4 + 1].v;
		if (i > 1) {
			sched_sleep(work[i].v, PAUSE_BLOCKED);
		}
	}
	fake_settle();
	simulate(5 * S);
	ABOUT(used(dom[0].d), 5 * S / 2);
}

static void test_two_cheats(void)
{
	/* They try to keep a CPU from looking at those who wait elsewhere. */
	machine(2);
	for (unsigned int i = 0; i < 5; i++) {
		(void)domain(i, 1, 256, 0);
	}
	work[0].burst = 9 * MS;
	work[0].pause = STEP;
	work[1] = (struct work){ .v = work[1].v, .burst = 9 * MS, .pause = STEP };
	simulate(10 * S);
	for (unsigned int i = 0; i < 2; i++) {
		TRUE_(used(dom[i].d) <= 4 * S / 100 * 103);
	}
}

/* ---- Anything -------------------------------------------------------------------- */

static void test_random(void)
{
	machine(4);
	for (unsigned int i = 0; i < 5; i++) {
		(void)domain(i, 2, 256, 0);
	}
	for (unsigned int i = 0; i < 30000; i++) {
		struct work *w = &work[fake_random() % works];
		uint32_t what = fake_random() % 16;

		fake_cpu_set(fake_random() % 4);
		if (what < 4) {
			sched_sleep(w->v, PAUSE_DOWN);
		} else if (what < 8) {
			sched_wake(w->v, PAUSE_DOWN);
		} else if (what == 8) {
			OK(vcpu_set_affinity(w->v, 1 + fake_random() % 15));
		} else if (what == 9) {
			OK(sched_set_params(w->v->domain, 1 + fake_random() % 65535,
					    fake_random() % 2 * (fake_random() % 200)));
		} else if (what == 10) {
			timer_set(&w->v->singleshot, fake.now + fake_random() % MS);
		} else if (what == 11 && me() != NULL) {
			sched_yield();
		} else if (what == 12 && this_cpu()->curr != w->v) {
			sched_sleep(w->v, PAUSE_DOWN);
			while (!sched_unloaded(w->v)) {
				arch_cpu_relax();
			}
			FALSE_(w->v->loaded);
		} else {
			fake_advance(fake_random() % (2 * MS));
		}
		if (fake_random() % 2 == 0) {
			fake_settle();
			none_idles();
		}
		if (i % 100 == 0) {
			fake_settle();
			OK(audit_sched());
		}
	}
}

CU_TestInfo sched_sim_tests[] = {
	{ "equal shares", test_equal },
	{ "weights", test_weights },
	{ "a weight is the domain's", test_weight_is_the_domains },
	{ "a crowd", test_many_vcpus_at_once },
	{ "caps", test_caps },
	{ "a cap for one that runs", test_cap_of_one_that_runs },
	{ "affinity", test_affinity },
	{ "latency", test_latency },
	{ "history does not count", test_history_does_not_count },
	{ "no ticks", test_no_ticks },
	{ "cheats", test_cheats },
	{ "a relay", test_relay },
	{ "two cheats", test_two_cheats },
	{ "anything", test_random },
	CU_TEST_INFO_NULL,
};

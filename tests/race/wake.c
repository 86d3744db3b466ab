/* SPDX-License-Identifier: MIT */
/*
 * No wake-up is lost: vCPUs block, poll, yield and set timers, and send events
 * to each other, four of them to two CPUs of the machine.  That none sleeps
 * with an event pending is checked at each rest (main.c).  vCPU 0 of each
 * domain never sleeps, so that there is always a sender.
 */
#include "race.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include <hv/evtchn.h>
#include <hv/sched.h>

enum {
	OP_NONE,
	OP_WAKE,
	OP_KICK,
	OP_VIRQ
};

/* By vCPU: an IPI that makes an upcall, and one that is masked and polled for. */
static uint32_t wake_port[2][RACE_VCPUS], kick_port[2][RACE_VCPUS]; /* atomic */

static void op(struct race_vcpu *rv, unsigned int note, uint64_t cmd, const void *arg, size_t n)
{
	race_call_struct(rv, note, __HYPERVISOR_event_channel_op, cmd, arg, n);
}

static void bind(struct race_vcpu *rv)
{
	unsigned int dom = rv->v->domain->id, id = rv->v->id;
	uint32_t port;

	if (rv->called && rv->op >= OP_WAKE && rv->op <= OP_KICK) {
		race_must(rv->result == 0, "no IPI port");
		fake_get(race_args(rv) + offsetof(struct evtchn_bind_ipi, port), &port,
			 sizeof(port));
		if (rv->op == OP_KICK) {
			__atomic_fetch_or(&rv->v->domain->shared->evtchn_mask[port / 64],
					  1ul << port % 64, __ATOMIC_SEQ_CST);
		}
		WRITE_ONCE((rv->op == OP_WAKE ? wake_port : kick_port)[dom][id], port);
	}
	rv->op = OP_NONE;
	if (rv->note < 2) {
		rv->note++;
		op(rv, rv->note == 1 ? OP_WAKE : OP_KICK, EVTCHNOP_bind_ipi,
		   &(struct evtchn_bind_ipi){ id, 0 }, sizeof(struct evtchn_bind_ipi));
	} else if (rv->note == 2) {
		rv->note++;
		op(rv, OP_VIRQ, EVTCHNOP_bind_virq, &(struct evtchn_bind_virq){ VIRQ_TIMER, id, 0 },
		   sizeof(struct evtchn_bind_virq));
	}
}

/* Two levels, as evtchn_2l.c has the guest's part. */
static void consume(struct race_vcpu *rv)
{
	struct vcpu_info *info = rv->v->info;
	struct shared_info *s = rv->v->domain->shared;
	xen_ulong_t sel;

	__atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	sel = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	for (; sel != 0; sel &= sel - 1) {
		unsigned int w = (unsigned int)__builtin_ctzl(sel);
		xen_ulong_t mask = __atomic_load_n(&s->evtchn_mask[w], __ATOMIC_SEQ_CST);

		__atomic_fetch_and(&s->evtchn_pending[w], mask, __ATOMIC_SEQ_CST);
	}
}

static void poll(struct race_vcpu *rv)
{
	uint32_t port = READ_ONCE(kick_port[rv->v->domain->id][rv->v->id]);
	struct {
		struct sched_poll poll;
		evtchn_port_t port;
	} a = { .poll = { .nr_ports = 1 }, .port = port };

	__atomic_fetch_and(&rv->v->domain->shared->evtchn_pending[port / 64], ~(1ul << port % 64),
			   __ATOMIC_SEQ_CST);
	if (race_below(rv, 2)) {
		a.poll.timeout = arch_now() + race_below(rv, 4000000);
	}
	a.poll.ports.p = (void *)(race_args(rv) + offsetof(__typeof__(a), port));
	race_call_struct(rv, OP_NONE, __HYPERVISOR_sched_op, SCHEDOP_poll, &a, sizeof(a));
}

static void send(struct race_vcpu *rv)
{
	unsigned int dom = rv->v->domain->id, to = race_below(rv, RACE_VCPUS);
	uint32_t port = READ_ONCE((race_below(rv, 2) ? wake_port : kick_port)[dom][to]);

	if (port != 0) {
		op(rv, OP_NONE, EVTCHNOP_send, &port, sizeof(port));
	}
}

static void step(struct race_vcpu *rv)
{
	bool sleeps = rv->v->id != 0;

	if (rv->note < 3 || (rv->called && rv->op != OP_NONE)) {
		bind(rv);
		return;
	}
	rv->op = OP_NONE;
	switch (race_below(rv, sleeps ? 8 : 4)) {
	case 0 ... 1:
		send(rv);
		return;
	case 2:
		race_call(rv, OP_NONE, __HYPERVISOR_set_timer_op,
			  arch_now() + race_below(rv, 4000000));
		return;
	case 3:
		race_call(rv, OP_NONE, __HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		return;
	case 4 ... 5:
		consume(rv);
		race_call(rv, OP_NONE, __HYPERVISOR_sched_op, SCHEDOP_block, 0);
		return;
	default:
		poll(rv);
		return;
	}
}

static void start(void)
{
	memset(wake_port, 0, sizeof(wake_port));
	memset(kick_port, 0, sizeof(kick_port));
}

/* ---- The same with vCPUs that are moved and domains that are held back ---------- */

#define RESTS_MAX 100u /* without a step of a vCPU that never sleeps */

static uint64_t last_steps[2];
static unsigned int rests_without[2];

static void sched_step(struct race_vcpu *rv)
{
	unsigned int id = race_below(rv, 2), vcpu = race_below(rv, RACE_VCPUS);
	uint32_t r = race_random(rv), cap = r % 3 == 0 ? 0 : 20 + (r >> 8) % 380;

	if (rv->v->domain->id != 0 || rv->v->id != 0 || race_below(rv, 4) != 0 || rv->note < 3 ||
	    (rv->called && rv->op != OP_NONE)) {
		step(rv);
		return;
	}
	/* As a toolstack would; one at a time. */
	fake.cpus[fake_self()].inside = true;
	if ((r & 0x100000) != 0) {
		race_must(sched_set_params(race_guest[id].d, 1 + (r >> 4) % 1000, cap) == 0,
			  "weight or cap");
	} else {
		race_must(vcpu_set_affinity(race_guest[id].d->vcpu[vcpu],
					    1 + race_below(rv, (1u << FAKE_CPUS) - 1)) == 0,
			  "affinity");
	}
	fake_exit();
}

/* Whoever can run does so some time. */
static void sched_quiet(void)
{
	for (unsigned int id = 0; id < 2; id++) {
		uint64_t now = race_vcpu[id][0].steps;

		rests_without[id] = now == last_steps[id] ? rests_without[id] + 1 : 0;
		last_steps[id] = now;
		race_must(rests_without[id] < RESTS_MAX, "a vCPU that can run does not");
	}
}

static void sched_start(void)
{
	start();
	memset(rests_without, 0, sizeof(rests_without));
}

const struct storm sched_storm = { .name = "sched",
				   .domains = 2,
				   .vcpus = RACE_VCPUS,
				   .start = sched_start,
				   .step = sched_step,
				   .quiet = sched_quiet };

const struct storm wake_storm = {
	.name = "wake", .domains = 2, .vcpus = RACE_VCPUS, .start = start, .step = step
};

/* SPDX-License-Identifier: MIT */
/*
 * Event channels of two domains, made, joined, sent to, moved, closed and reset
 * from all vCPUs at once, by the two-level and by the FIFO transport, with
 * guests that write what they like into the FIFO's words.
 */
#include "mm.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include <hv/evtchn.h>

#define PORTS 16u
#define CONTROL_PFN 24u /* control blocks, 4 to a page by vCPU */
#define ARRAY_PFN 25u
#define GARBAGE_WORDS 40u

static uint32_t ports[RACE_DOMAINS][PORTS]; /* atomic: numbers seen lately */

enum {
	OP_NONE,
	OP_ALLOC,
	OP_BIND,
	OP_IPI,
	OP_VIRQ
};

static uint32_t some_port(struct race_vcpu *rv, unsigned int dom)
{
	return READ_ONCE(ports[dom][race_below(rv, PORTS)]);
}

static uint32_t own_port(struct race_vcpu *rv)
{
	return some_port(rv, rv->v->domain->id);
}

static void op(struct race_vcpu *rv, unsigned int note, uint64_t cmd, const void *arg, size_t n)
{
	race_call_struct(rv, note, __HYPERVISOR_event_channel_op, cmd, arg, n);
}

/* The number that the last call returned, from where it stands. */
static void note_port(struct race_vcpu *rv)
{
	static const uint8_t at[] = {
		[OP_ALLOC] = offsetof(struct evtchn_alloc_unbound, port),
		[OP_BIND] = offsetof(struct evtchn_bind_interdomain, local_port),
		[OP_IPI] = offsetof(struct evtchn_bind_ipi, port),
		[OP_VIRQ] = offsetof(struct evtchn_bind_virq, port),
	};
	uint32_t port;

	if (rv->called && rv->op > OP_NONE && rv->op <= OP_VIRQ && rv->result == 0 &&
	    fake_guest_read(race_args(rv) + at[rv->op], &port, sizeof(port))) {
		WRITE_ONCE(ports[rv->v->domain->id][race_below(rv, PORTS)], port);
	}
}

static void make(struct race_vcpu *rv)
{
	domid_t other = rv->v->domain->id ^ 1;
	uint32_t vcpu = race_below(rv, 4);

	switch (race_below(rv, 6)) {
	case 0:
		op(rv, OP_ALLOC, EVTCHNOP_alloc_unbound,
		   &(struct evtchn_alloc_unbound){ DOMID_SELF,
						   race_below(rv, 3) ? other : DOMID_SELF, 0 },
		   sizeof(struct evtchn_alloc_unbound));
		return;
	case 1 ... 3:
		other = race_below(rv, 4) ? other : DOMID_SELF;
		op(rv, OP_BIND, EVTCHNOP_bind_interdomain,
		   &(struct evtchn_bind_interdomain){
			   other, other == DOMID_SELF ? own_port(rv) : some_port(rv, other & 1),
			   0 },
		   sizeof(struct evtchn_bind_interdomain));
		return;
	case 4:
		op(rv, OP_IPI, EVTCHNOP_bind_ipi, &(struct evtchn_bind_ipi){ vcpu, 0 },
		   sizeof(struct evtchn_bind_ipi));
		return;
	default:
		op(rv, OP_VIRQ, EVTCHNOP_bind_virq,
		   &(struct evtchn_bind_virq){ race_below(rv, 3), vcpu, 0 },
		   sizeof(struct evtchn_bind_virq));
		return;
	}
}

static void change(struct race_vcpu *rv)
{
	uint32_t port = own_port(rv);

	switch (race_below(rv, 5)) {
	case 0:
		op(rv, OP_NONE, EVTCHNOP_close, &port, sizeof(port));
		return;
	case 1:
		op(rv, OP_NONE, EVTCHNOP_bind_vcpu,
		   &(struct evtchn_bind_vcpu){ port, race_below(rv, 4) },
		   sizeof(struct evtchn_bind_vcpu));
		return;
	case 2:
		op(rv, OP_NONE, EVTCHNOP_set_priority,
		   &(struct evtchn_set_priority){ port, race_below(rv, 16) },
		   sizeof(struct evtchn_set_priority));
		return;
	case 3:
		op(rv, OP_NONE, EVTCHNOP_status,
		   &(struct evtchn_status){ .dom = DOMID_SELF, .port = port },
		   sizeof(struct evtchn_status));
		return;
	default:
		op(rv, OP_NONE, EVTCHNOP_unmask, &port, sizeof(port));
		return;
	}
}

static void fifo(struct race_vcpu *rv)
{
	if (race_below(rv, 2)) {
		uint32_t vcpu = race_below(rv, 4);

		op(rv, OP_NONE, EVTCHNOP_init_control,
		   &(struct evtchn_init_control){ .control_gfn = rv->g->mfn[CONTROL_PFN],
						  .offset = vcpu * 128,
						  .vcpu = vcpu },
		   sizeof(struct evtchn_init_control));
	} else {
		op(rv, OP_NONE, EVTCHNOP_expand_array,
		   &(struct evtchn_expand_array){ rv->g->mfn[ARRAY_PFN + race_below(rv, 2)] },
		   sizeof(struct evtchn_expand_array));
	}
}

static void garbage(struct race_vcpu *rv)
{
	uint64_t words = (uint64_t)race_random(rv) << 33 ^ race_random(rv);
	uint64_t at = race_below(rv, GARBAGE_WORDS) * 8ull;

	(void)fake_guest_write(fake_va(race_below(rv, 3) ? ARRAY_PFN : CONTROL_PFN, (uint32_t)at),
			       &words, sizeof(words));
}

/* An honest two-level guest, more or less. */
static void consume(struct race_vcpu *rv)
{
	struct vcpu *v = rv->v;
	xen_ulong_t *word = &v->domain->shared->evtchn_pending[0];

	if (v->info != NULL) {
		(void)__atomic_exchange_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
		(void)__atomic_exchange_n(&v->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
	}
	(void)__atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);
}

void events_step(struct race_vcpu *rv)
{
	uint32_t port = own_port(rv);

	note_port(rv);
	rv->called = false;
	rv->op = OP_NONE;
	switch (race_below(rv, 32)) {
	case 0 ... 8:
		make(rv);
		return;
	case 9 ... 16:
		op(rv, OP_NONE, EVTCHNOP_send, &port, sizeof(port));
		return;
	case 17 ... 22:
		change(rv);
		return;
	case 23 ... 24:
		fifo(rv);
		return;
	case 25 ... 26:
		garbage(rv);
		return;
	case 27:
		if (race_below(rv, 8) == 0) {
			op(rv, OP_NONE, EVTCHNOP_reset, &(struct evtchn_reset){ DOMID_SELF },
			   sizeof(struct evtchn_reset));
		}
		return;
	case 28:
		race_call(rv, OP_NONE, __HYPERVISOR_set_timer_op, arch_now() + 500000);
		return;
	case 29:
		race_call(rv, OP_NONE, __HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		return;
	case 30: {
		__atomic_fetch_xor(&rv->v->domain->shared->evtchn_mask[0], 1ul << (port & 63),
				   __ATOMIC_SEQ_CST);
		return;
	}
	default:
		consume(rv);
		return;
	}
}

const struct storm events_storm = {
	.name = "events", .domains = 2, .vcpus = 4, .step = events_step
};

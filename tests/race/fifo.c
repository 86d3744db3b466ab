/* SPDX-License-Identifier: MIT */
/*
 * No event is lost in the FIFO: an honest guest with four vCPUs takes events
 * from its queues as Linux does, masks and unmasks ports and moves them between
 * vCPUs, while all of its vCPUs and those of the control domain send.  At each
 * rest every event that is pending and not masked must be in a queue that the
 * guest will look at.
 */
#include "race.h"

#include <xen/event_channel.h>
#include <xen/xen.h>

#include <hv/evtchn.h>

#define PORTS 12u /* the first half IPIs, the others from the control domain */
#define CONTROL_PFN 24u
#define ARRAY_PFN 25u
#define QUEUES EVTCHN_FIFO_MAX_QUEUES

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)

enum {
	OP_NONE,
	OP_SETUP
};

static uint32_t port[PORTS], remote_port[PORTS]; /* written before `ready` */
static uint32_t ready;				 /* atomic: domains set up, 0 to 2 */
static uint32_t local_head[RACE_VCPUS][QUEUES];	 /* own vCPU */
static uint64_t taken;				 /* atomic: events handled */

/* The guest shares these with the core; both use atomic operations only. */
static uint32_t *word_of(uint32_t p)
{
	return (uint32_t *)frame_ptr(race_guest[1].mfn[ARRAY_PFN]) + p % 1024;
}

static struct evtchn_fifo_control_block *control_of(unsigned int vcpu)
{
	return (void *)((char *)frame_ptr(race_guest[1].mfn[CONTROL_PFN]) + vcpu * 128);
}

static void op(struct race_vcpu *rv, unsigned int note, uint64_t cmd, const void *arg, size_t n)
{
	race_call_struct(rv, note, __HYPERVISOR_event_channel_op, cmd, arg, n);
}

/* ---- Setting up, a call at a time --------------------------------------------- */

static void set_up_ports(struct race_vcpu *rv, uint32_t i)
{
	if (i < PORTS / 2) {
		op(rv, OP_SETUP, EVTCHNOP_bind_ipi, &(struct evtchn_bind_ipi){ i % RACE_VCPUS, 0 },
		   sizeof(struct evtchn_bind_ipi));
	} else {
		op(rv, OP_SETUP, EVTCHNOP_alloc_unbound,
		   &(struct evtchn_alloc_unbound){ DOMID_SELF, 0, 0 },
		   sizeof(struct evtchn_alloc_unbound));
	}
}

/* The guest: control blocks, an array page, ports. */
static void set_up_guest(struct race_vcpu *rv)
{
	uint32_t step = (uint32_t)rv->note;

	if (rv->called && rv->op == OP_SETUP) {
		race_must(rv->result == 0, "a call of the guest's set-up failed");
		if (step > RACE_VCPUS) {
			uint32_t at = step - RACE_VCPUS - 1;

			fake_get(race_args(rv) +
					 (at < PORTS / 2 ?
						  offsetof(struct evtchn_bind_ipi, port) :
						  offsetof(struct evtchn_alloc_unbound, port)),
				 &port[at], sizeof(port[at]));
		}
		step++;
		rv->note = step;
	}
	if (step < RACE_VCPUS) {
		op(rv, OP_SETUP, EVTCHNOP_init_control,
		   &(struct evtchn_init_control){ .control_gfn = rv->g->mfn[CONTROL_PFN],
						  .offset = step * 128,
						  .vcpu = step },
		   sizeof(struct evtchn_init_control));
	} else if (step == RACE_VCPUS) {
		op(rv, OP_SETUP, EVTCHNOP_expand_array,
		   &(struct evtchn_expand_array){ rv->g->mfn[ARRAY_PFN] },
		   sizeof(struct evtchn_expand_array));
	} else if (step - RACE_VCPUS - 1 < PORTS) {
		set_up_ports(rv, step - RACE_VCPUS - 1);
	} else {
		__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
	}
}

/* The control domain binds to the second half. */
static void set_up_control(struct race_vcpu *rv)
{
	uint32_t at = PORTS / 2 + (uint32_t)rv->note;

	if (rv->called && rv->op == OP_SETUP) {
		race_must(rv->result == 0, "the control domain cannot bind");
		fake_get(race_args(rv) + offsetof(struct evtchn_bind_interdomain, local_port),
			 &remote_port[at], sizeof(remote_port[at]));
		rv->note++;
		at++;
	}
	if (at < PORTS) {
		op(rv, OP_SETUP, EVTCHNOP_bind_interdomain,
		   &(struct evtchn_bind_interdomain){ 1, port[at], 0 },
		   sizeof(struct evtchn_bind_interdomain));
	} else {
		__atomic_store_n(&ready, 2, __ATOMIC_RELEASE);
	}
}

/* ---- The guest's side of the protocol ------------------------------------------- */

/* Out of the queue, and who is next: one operation. */
static uint32_t clear_linked(uint32_t *word)
{
	uint32_t was = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	while (!__atomic_compare_exchange_n(word, &was, was & ~(LINKED | EVTCHN_FIFO_LINK_MASK),
					    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
	return was & EVTCHN_FIFO_LINK_MASK;
}

static void take_one(unsigned int vcpu, unsigned int q, uint32_t *bits)
{
	uint32_t head = local_head[vcpu][q];
	uint32_t *word, now;

	if (head == 0) {
		head = __atomic_load_n(&control_of(vcpu)->head[q], __ATOMIC_SEQ_CST);
	}
	word = word_of(head);
	local_head[vcpu][q] = clear_linked(word);
	if (local_head[vcpu][q] == 0) {
		*bits &= ~(1u << q);
	}
	now = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	if ((now & (PENDING | MASKED)) == PENDING) {
		__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
	}
}

static void take_all(struct race_vcpu *rv)
{
	unsigned int vcpu = rv->v->id;
	uint32_t *bits_at = &control_of(vcpu)->ready;
	uint32_t bits;

	__atomic_store_n(&rv->v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	bits = __atomic_exchange_n(bits_at, 0, __ATOMIC_SEQ_CST);
	while (bits != 0) {
		take_one(vcpu, (unsigned int)__builtin_ctz(bits), &bits);
		bits |= __atomic_exchange_n(bits_at, 0, __ATOMIC_SEQ_CST);
	}
}

/* Without the core's help only while nothing is pending. */
static bool clear_masked(uint32_t *word)
{
	uint32_t was = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	for (;;) {
		if ((was & MASKED) == 0) {
			return true;
		}
		if ((was & PENDING) != 0) {
			return false;
		}
		was &= ~BUSY;
		if (__atomic_compare_exchange_n(word, &was, was & ~MASKED, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST)) {
			return true;
		}
	}
}

static void guest_step(struct race_vcpu *rv)
{
	uint32_t i = race_below(rv, PORTS), p = port[i];

	switch (race_below(rv, 10)) {
	case 0 ... 3:
		i %= PORTS / 2;
		op(rv, OP_NONE, EVTCHNOP_send, &port[i], sizeof(port[i]));
		return;
	case 4:
		__atomic_fetch_or(word_of(p), MASKED, __ATOMIC_SEQ_CST);
		return;
	case 5 ... 6:
		if (!clear_masked(word_of(p))) {
			op(rv, OP_NONE, EVTCHNOP_unmask, &p, sizeof(p));
		}
		return;
	case 7:
		op(rv, OP_NONE, EVTCHNOP_bind_vcpu,
		   &(struct evtchn_bind_vcpu){ p, race_below(rv, RACE_VCPUS) },
		   sizeof(struct evtchn_bind_vcpu));
		return;
	case 8:
		op(rv, OP_NONE, EVTCHNOP_set_priority,
		   &(struct evtchn_set_priority){ p, race_below(rv, 3) * 7 },
		   sizeof(struct evtchn_set_priority));
		return;
	default:
		take_all(rv);
		return;
	}
}

static void step(struct race_vcpu *rv)
{
	uint32_t phase = __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
	unsigned int id = rv->v->domain->id;

	if (phase == 2 && id == 1) {
		guest_step(rv);
	} else if (phase == 2) {
		uint32_t p = remote_port[PORTS / 2 + race_below(rv, PORTS / 2)];

		op(rv, OP_NONE, EVTCHNOP_send, &p, sizeof(p));
	} else if (phase == 0 && id == 1 && rv->v->id == 0) {
		set_up_guest(rv);
	} else if (phase == 1 && id == 0 && rv->v->id == 0) {
		set_up_control(rv);
	}
}

/* ---- While all rest ---------------------------------------------------------------- */

static void quiet(void)
{
	bool seen[1024] = { false };

	if (ready != 2) {
		return;
	}
	for (unsigned int v = 0; v < RACE_VCPUS; v++) {
		const struct evtchn_fifo_control_block *c = control_of(v);

		for (unsigned int q = 0; q < QUEUES; q++) {
			uint32_t p = (c->ready >> q & 1) != 0 ? c->head[q] : 0;

			race_must(local_head[v][q] == 0, "the guest stopped within a queue");
			for (; p != 0; p = *word_of(p) & EVTCHN_FIFO_LINK_MASK) {
				race_must(p < 1024 && !seen[p],
					  "a port is in two places of the queues");
				race_must((*word_of(p) & LINKED) != 0,
					  "a queue leads to a port that is not linked");
				seen[p] = true;
			}
		}
	}
	for (unsigned int i = 0; i < PORTS; i++) {
		uint32_t word = *word_of(port[i]);

		if ((word & (PENDING | MASKED)) == PENDING && !seen[port[i]]) {
			fake_die("port %u is pending and in no queue: word %#x", port[i], word);
		}
		race_must((word & LINKED) == 0 || seen[port[i]], "linked and in no queue");
	}
}

static void start(void)
{
	ready = 0;
	memset(local_head, 0, sizeof(local_head));
}

const struct storm fifo_storm = { .name = "fifo",
				  .domains = 2,
				  .vcpus = RACE_VCPUS,
				  .start = start,
				  .step = step,
				  .quiet = quiet };

/* SPDX-License-Identifier: MIT */
/*
 * Domains die under load: vCPU 0 of the control domain destroys and creates two
 * domains whose vCPUs change page types and ports on all CPUs, while its other
 * vCPUs send to them, map their frames, give them memory and shut them down.
 *
 * A destruction has to end.  It did not if a frame was given to the domain just
 * as it began to die: the frame came after the search for the domain's frames
 * had passed it, and the domain stayed half destroyed for ever, with its number
 * and its memory (domain_destroy() changed the state without the domain lock).
 * And nobody may find a frame that is about to go: a mapping of shared_info made
 * between the last look at its count and the end of the domain stopped the
 * machine (domain_destroy() looked, and did not take the frame back).
 */
#include "mm.h"

#include <stdio.h>

#include <vl/control.h>
#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <hv/domain.h>
#include <hv/evtchn.h>

#define TOOL_PFN 36u	   /* and the next: lists and contexts of the toolstack */
#define TRIES_PATIENT 200u /* then nobody maps its frames any more */
#define TRIES_MAX 200000u

static bool dying[RACE_DOMAINS];     /* d0v0 only */
static uint32_t tries[RACE_DOMAINS]; /* atomic: since it began to die */

/* In the core as a hypercall would be, and out of it. */
static void destroy(unsigned int id)
{
	struct fake_guest *g = &race_guest[id];
	int rc;

	fake.cpus[fake_self()].inside = true;
	rc = domain_destroy(g->d);
	if (rc == 0) {
		g->d = NULL;
		dying[id] = false;
		WRITE_ONCE(tries[id], 0);
	} else {
		WRITE_ONCE(tries[id], tries[id] + 1);
		race_must(tries[id] < TRIES_MAX, "a domain cannot be destroyed");
	}
	fake_exit();
}

static void create(unsigned int id, void (*created)(unsigned int))
{
	struct fake_guest *g = &race_guest[id];

	fake.cpus[fake_self()].inside = true;
	race_let(id, false);
	race_vcpus_reset(id);
	/* Its number may be taken as long as somebody holds the last one. */
	if (fake_guest_create(g, (uint16_t)id, RACE_PAGES, 2, false)) {
		created(id);
		race_let(id, true);
	} else {
		/* Half made: others did something to it meanwhile. */
		dying[id] = g->d != NULL;
	}
	fake_exit();
}

static void killer_step(struct race_vcpu *rv, void (*created)(unsigned int),
			void (*otherwise)(struct race_vcpu *))
{
	unsigned int id = 1 + race_below(rv, 2);

	if (race_guest[id].d == NULL) {
		create(id, created);
	} else if (dying[id] || race_below(rv, 64) == 0) {
		dying[id] = true;
		destroy(id);
	} else {
		otherwise(rv);
	}
}

/* What a toolstack asks and does on its other CPUs meanwhile. */
static void toolstack(struct race_vcpu *rv, domid_t id)
{
	static const struct {
		uint32_t op, words[4];
	} calls[] = {
		{ VL_CTL_pause, { 0 } },
		{ VL_CTL_unpause, { 0 } },
		{ VL_CTL_domain_info, { 0, 3 } },
		{ VL_CTL_vcpu_info, { 0, 2 } },
		{ VL_CTL_set_sched, { 512, 0 } },
		{ VL_CTL_set_affinity, { 0, 0, 3 } },
		{ VL_CTL_set_max_frames, { RACE_PAGES + 64 } },
		{ VL_CTL_set_context, { 1 } },
		{ VL_CTL_get_context, { 1 } },
		{ VL_CTL_set_ioports,
		  {
			  0x300,
			  0,
			  8,
			  0,
		  } },
		{ VL_CTL_set_target, { 1 } },
		{ VL_CTL_set_target, { 2 } },
		{ VL_CTL_crash_reason, { 0 } },
	};
	unsigned int i = race_below(rv, ARRAY_SIZE(calls));
	union {
		uint32_t w[32];
		struct vl_list list;
		struct vl_context context;
	} a = { 0 };

	memcpy(a.w, calls[i].words, sizeof(calls[i].words));
	if (calls[i].op == VL_CTL_domain_info || calls[i].op == VL_CTL_vcpu_info) {
		a.list.list = fake_va(TOOL_PFN, 0);
	} else if (calls[i].op == VL_CTL_set_context || calls[i].op == VL_CTL_get_context) {
		a.context.context = fake_va(TOOL_PFN, 0);
	}
	fake_put(race_args(rv), &a, sizeof(a));
	race_call(rv, 0, __HYPERVISOR_vl_control, VL_CONTROL(calls[i].op), id, race_args(rv));
}

static bool impatient(void)
{
	return READ_ONCE(tries[1]) > TRIES_PATIENT || READ_ONCE(tries[2]) > TRIES_PATIENT;
}

static void populate(struct race_vcpu *rv, domid_t id)
{
	struct {
		struct xen_memory_reservation r;
		xen_pfn_t frame;
	} a = { .frame = 1 };

	a.r.nr_extents = 1;
	a.r.domid = id;
	a.r.extent_start.p = (void *)(race_args(rv) + offsetof(__typeof__(a), frame));
	race_call_struct(rv, 0, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &a, sizeof(a));
}

static void control_step(struct race_vcpu *rv)
{
	domid_t id = (domid_t)(1 + race_below(rv, 2));

	rv->op = 0;
	if (impatient()) {
		mm_unmap_foreign(rv);
		return;
	}
	switch (race_below(rv, 10)) {
	case 0 ... 1:
		mm_map_foreign(rv);
		return;
	case 8 ... 9:
		toolstack(rv, id);
		return;
	case 2:
		populate(rv, id);
		return;
	case 3:
		if (race_below(rv, 32) == 0) {
			race_call_struct(rv, 0, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown,
					 &(struct sched_remote_shutdown){ id, SHUTDOWN_reboot },
					 sizeof(struct sched_remote_shutdown));
		}
		return;
	case 4:
		race_call_struct(rv, 0, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
				 &(struct evtchn_alloc_unbound){ id, 0, 0 },
				 sizeof(struct evtchn_alloc_unbound));
		return;
	case 5:
		race_call_struct(rv, 0, __HYPERVISOR_event_channel_op, EVTCHNOP_reset,
				 &(struct evtchn_reset){ id }, sizeof(struct evtchn_reset));
		return;
	default:
		events_step(rv);
		return;
	}
}

static void step(struct race_vcpu *rv)
{
	if (rv->v->domain->id == 0) {
		if (rv->v->id == 0) {
			killer_step(rv, mm_publish, events_step);
		} else {
			control_step(rv);
		}
	} else if (race_below(rv, 2)) {
		mm_step(rv);
	} else {
		events_step(rv);
	}
}

static void grants_die_step(struct race_vcpu *rv)
{
	if (rv->v->domain->id != 0 || rv->v->id != 0) {
		grants_step(rv);
		return;
	}
	/* A call of its own is to be followed up first. */
	grants_end_only(impatient());
	if (rv->called) {
		grants_step(rv);
	} else {
		killer_step(rv, grants_created, grants_step);
	}
}

static void grants_die_start(void)
{
	memset(dying, 0, sizeof(dying));
	memset(tries, 0, sizeof(tries));
	grants_start(RACE_DOMAINS);
}

static void start(void)
{
	memset(dying, 0, sizeof(dying));
	memset(tries, 0, sizeof(tries));
	for (unsigned int i = 0; i < RACE_DOMAINS; i++) {
		mm_publish(i);
	}
}

const struct storm destroy_storm = {
	.name = "destroy", .domains = 3, .vcpus = 2, .start = start, .step = step, .may_crash = true
};

const struct storm gntdie_storm = { .name = "gntdie",
				    .domains = 3,
				    .vcpus = 2,
				    .start = grants_die_start,
				    .step = grants_die_step,
				    .may_crash = true };

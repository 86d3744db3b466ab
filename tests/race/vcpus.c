/* SPDX-License-Identifier: MIT */
/*
 * vCPUs of two domains go down and come up, set each other's timers, register
 * and change the areas that the core writes to, and ask for each other's run
 * states, all at once.  vCPU 0 stays up: a domain with none up ends.
 */
#include "race.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#define AREA_PFN 20u
#define AREAS (RACE_VCPUS + 1u)
#define INFO_PFN 30u

static void vcpu_op(struct race_vcpu *rv, uint64_t cmd, uint32_t vcpu, const void *arg, size_t n)
{
	if (n == 0 || fake_guest_write(race_args(rv), arg, n)) {
		race_call(rv, 0, __HYPERVISOR_vcpu_op, cmd, vcpu, race_args(rv));
	}
}

/* Each vCPU has a page for its areas, and the first bytes of the next one: two
 * in the same place would be overwritten by each other, as the guest asked. */
static uint64_t area(struct race_vcpu *rv, uint32_t vcpu)
{
	uint32_t r = race_random(rv);

	return (r & 7) == 0 ?
		       0 :
		       fake_va(AREA_PFN + vcpu, (r & 8) != 0 ? 4080 : 512 + 64 * (r >> 4 & 31));
}

static void areas(struct race_vcpu *rv, uint32_t other)
{
	union {
		struct vcpu_register_runstate_memory_area runstate;
		struct vcpu_register_time_memory_area time;
		struct vcpu_register_vcpu_info info;
	} a = { 0 };

	switch (race_below(rv, 4)) {
	case 0:
		a.runstate.addr.p = area(rv, other);
		vcpu_op(rv, VCPUOP_register_runstate_memory_area, other, &a, sizeof(a.runstate));
		return;
	case 1:
		a.time.addr.p = area(rv, other);
		vcpu_op(rv, VCPUOP_register_vcpu_time_memory_area, other, &a, sizeof(a.time));
		return;
	case 2:
		a.info.mfn = rv->g->mfn[INFO_PFN];
		a.info.offset = 64 * other;
		vcpu_op(rv, VCPUOP_register_vcpu_info, other, &a, sizeof(a.info));
		return;
	default:
		race_call(rv, 0, __HYPERVISOR_vm_assist, race_below(rv, 2),
			  VMASST_TYPE_runstate_update_flag);
		return;
	}
}

/* A mapping of an area's page comes and goes; the core has the frame anyway. */
static void remap(struct race_vcpu *rv)
{
	uint32_t pfn = AREA_PFN + race_below(rv, AREAS);
	uint64_t pte = (uint64_t)rv->g->mfn[pfn] << PAGE_SHIFT | 0x65;

	race_call(rv, 0, __HYPERVISOR_update_va_mapping, fake_va(pfn, 0),
		  race_below(rv, 3) ? pte | 2 : pte, UVMF_NONE);
}

static void timers(struct race_vcpu *rv, uint32_t other)
{
	struct vcpu_set_singleshot_timer s = { arch_now() + race_below(rv, 4000000), 0 };

	switch (race_below(rv, 4)) {
	case 1:
		vcpu_op(rv, VCPUOP_stop_periodic_timer, other, NULL, 0);
		return;
	case 2:
		vcpu_op(rv, VCPUOP_set_singleshot_timer, rv->v->id, &s, sizeof(s));
		return;
	default:
		vcpu_op(rv, VCPUOP_stop_singleshot_timer, rv->v->id, NULL, 0);
		return;
	}
}

static void step(struct race_vcpu *rv)
{
	uint32_t other = race_below(rv, RACE_VCPUS);

	switch (race_below(rv, 12)) {
	case 0 ... 1:
		vcpu_op(rv, VCPUOP_up, other, NULL, 0);
		return;
	case 2:
		if (other != 0) {
			vcpu_op(rv, VCPUOP_down, other, NULL, 0);
		}
		return;
	case 3:
		vcpu_op(rv, VCPUOP_is_up, other, NULL, 0);
		return;
	case 4:
		vcpu_op(rv, VCPUOP_get_runstate_info, other, NULL, 0);
		return;
	case 5:
		vcpu_op(rv, VCPUOP_send_nmi, other, NULL, 0);
		return;
	case 6 ... 7:
		areas(rv, other);
		return;
	case 8:
		remap(rv);
		return;
	case 9 ... 10:
		timers(rv, other);
		return;
	default:
		if (rv->v->id == 0 || race_below(rv, 2)) {
			race_call(rv, 0, __HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		} else {
			race_call(rv, 0, __HYPERVISOR_sched_op, SCHEDOP_block, 0);
		}
		return;
	}
}

const struct storm vcpus_storm = {
	.name = "vcpus", .domains = 2, .vcpus = RACE_VCPUS, .step = step
};

/* SPDX-License-Identifier: MIT */
/* One generator for each hypercall number; the memory ones are in mm.c. */
#include "gen.h"

#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#include <hv/trap.h>

static uint64_t gen_ptr(struct input *in, uint64_t area)
{
	return in_u8(in) < 0xf8 ? area : gen_va(in);
}

/* Raw words, small or pointers: for structures without a generator. */
static void gen_raw(struct input *in, struct fake_guest *g, uint64_t area, unsigned int words)
{
	for (unsigned int i = 0; i < words; i++) {
		uint8_t kind = in_u8(in);
		uint64_t w = kind < 0x60 ? kind :
			     kind < 0x90 ? gen_va(in) :
			     kind < 0xa0 ? gen_mfn(in, g) :
			     kind < 0xc0 ? in_u8(in) | (uint64_t)in_u8(in) << 32 :
			     kind < 0xf0 ? in_u32(in) :
					   in_u64(in);

		try_put(area + i * 8, &w, 8);
	}
}

static uint32_t gen_port(struct input *in)
{
	uint8_t kind = in_u8(in);

	if (kind < 0xe0) {
		return kind % 24;
	}
	return kind < 0xf0 ? 4090u + (kind & 15) :
	       kind < 0xf8 ? 131071u - (kind & 7) * 3 :
			     in_u32(in);
}

static uint32_t gen_vcpu(struct input *in)
{
	uint8_t kind = in_u8(in);

	return kind < 0xe0 ? kind % (FUZZ_VCPUS + 1) : in_u32(in);
}

static void gen_evtchn(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	union {
		struct evtchn_alloc_unbound alloc;
		struct evtchn_bind_interdomain inter;
		struct evtchn_bind_virq virq;
		struct evtchn_bind_pirq pirq;
		struct evtchn_bind_vcpu vcpu;
		struct evtchn_init_control control;
		struct evtchn_expand_array expand;
		struct evtchn_set_priority priority;
		struct evtchn_status status;
		uint8_t raw[64];
	} u;

	memset(&u, 0, sizeof(u));
	call->args[0] = in_u8(in) % 16;
	switch (call->args[0]) {
	case EVTCHNOP_bind_interdomain:
		u.inter.remote_dom = (domid_t)gen_domid(in);
		u.inter.remote_port = gen_port(in);
		break;
	case EVTCHNOP_bind_virq:
		u.virq.virq = in_u8(in) % 26;
		u.virq.vcpu = gen_vcpu(in);
		break;
	case EVTCHNOP_bind_pirq:
		u.pirq.pirq = in_u8(in) % 40;
		u.pirq.flags = in_u8(in) & 1;
		break;
	case EVTCHNOP_status:
		u.status.dom = (domid_t)gen_domid(in);
		u.status.port = gen_port(in);
		break;
	case EVTCHNOP_alloc_unbound:
		u.alloc.dom = (domid_t)gen_domid(in);
		u.alloc.remote_dom = (domid_t)gen_domid(in);
		break;
	case EVTCHNOP_bind_ipi:
		u.virq.virq = gen_vcpu(in);
		break;
	case EVTCHNOP_bind_vcpu:
		u.vcpu.port = gen_port(in);
		u.vcpu.vcpu = gen_vcpu(in);
		break;
	case EVTCHNOP_reset:
		u.alloc.dom = (domid_t)gen_domid(in);
		break;
	case EVTCHNOP_init_control:
		u.control.control_gfn = gen_mfn(in, g);
		u.control.offset = (uint32_t)in_u8(in) << 4;
		u.control.vcpu = gen_vcpu(in);
		break;
	case EVTCHNOP_expand_array:
		u.expand.array_gfn = gen_mfn(in, g);
		break;
	case EVTCHNOP_set_priority:
		u.priority.port = gen_port(in);
		u.priority.priority = in_u8(in) % 18;
		break;
	default: /* close, send, unmask */
		u.vcpu.port = gen_port(in);
		break;
	}
	try_put(area, &u, sizeof(u));
	call->args[1] = gen_ptr(in, area);
}

static void gen_context(struct input *in, struct fake_guest *g, uint64_t at)
{
	struct vcpu_guest_context c;

	memset(&c, 0, sizeof(c));
	c.flags = in_u8(in) < 0xc0 ? VGCF_in_kernel : in_u32(in);
	c.user_regs.rip = in_u8(in) < 0xe0 ? fake_va(FAKE_PFN_CODE, 0) : gen_va(in);
	c.user_regs.cs = FLAT_KERNEL_CS;
	c.user_regs.ss = FLAT_KERNEL_SS;
	c.user_regs.rflags = in_u16(in);
	c.user_regs.rsp = fake_va(FAKE_PFN_STACK, 0xc00);
	c.kernel_sp = c.user_regs.rsp;
	c.kernel_ss = in_u16(in);
	c.ctrlreg[3] = xen_pfn_to_cr3(in_u8(in) < 0xc0 ? g->mfn[FAKE_PFN_L4] : gen_mfn(in, g));
	c.ctrlreg[1] = in_u8(in) < 0xc0 ? 0 : xen_pfn_to_cr3(gen_mfn(in, g));
	c.event_callback_eip = gen_va(in);
	c.syscall_callback_eip = gen_va(in);
	c.gdt_ents = in_u16(in) & 0x1fff;
	for (unsigned int i = 0; i < 4; i++) {
		c.gdt_frames[i] = gen_mfn(in, g);
	}
	c.ldt_base = gen_va(in);
	c.ldt_ents = in_u8(in);
	c.fs_base = gen_va(in);
	c.gs_base_kernel = gen_va(in);
	c.debugreg[7] = in_u32(in);
	for (unsigned int i = 0; i < 32; i++) {
		c.trap_ctxt[i].vector = (uint8_t)i;
		c.trap_ctxt[i].cs = FLAT_KERNEL_CS;
		c.trap_ctxt[i].address = fake_va(FAKE_PFN_CODE, 0x200);
	}
	try_put(at, &c, sizeof(c));
}

static void gen_vcpu_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	uint64_t words[2] = { 0, 0 };

	call->args[0] = in_u8(in) % 16;
	call->args[1] = gen_vcpu(in);
	call->args[2] = area;
	switch (call->args[0]) {
	case VCPUOP_initialise:
		call->args[2] = fake_va(FAKE_PFN_SCRATCH + 8, 0);
		gen_context(in, g, call->args[2]);
		break;
	case VCPUOP_register_vcpu_info:
		words[0] = gen_mfn(in, g);
		words[1] = in_u16(in) & 0x1fff;
		break;
	case VCPUOP_set_periodic_timer:
	case VCPUOP_set_singleshot_timer:
		words[0] = in_u8(in) < 0x80 ? fake.now + in_u32(in) : in_u64(in);
		words[1] = in_u8(in) & 1;
		break;
	default:
		words[0] = gen_va(in);
		break;
	}
	try_put(area, words, sizeof(words));
	if (in_u8(in) >= 0xf8) {
		call->args[2] = gen_va(in);
	}
}

static void gen_trap_table(struct input *in, struct call *call, uint64_t area)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct trap_info t = { 0 };

		t.vector = in_u8(in);
		t.flags = in_u8(in) & 7;
		t.cs = in_u8(in) < 0xc0 ? FLAT_KERNEL_CS : in_u16(in);
		t.address = i == 3 ? 0 : gen_va(in);
		try_put(area + i * sizeof(t), &t, sizeof(t));
	}
	call->args[0] = gen_ptr(in, area);
}

static void gen_gdt(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t mfn = gen_mfn(in, g);

		try_put(area + i * 8, &mfn, 8);
	}
	call->args[0] = gen_ptr(in, area);
	call->args[1] = in_u8(in) < 0xf0 ? in_u16(in) & 0x7ff : in_u32(in);
}

static void gen_iret(struct input *in)
{
	struct vcpu *v = fake_running();
	struct iret_context frame = {
		.rip = in_u8(in) < 0xc0 ? fake_va(FAKE_PFN_CODE, 0) : gen_va(in),
		.cs = in_u8(in) < 0x80 ? FLAT_KERNEL_CS :
		      in_u8(in) < 0xc0 ? FLAT_KERNEL_CS & ~3u :
					 in_u16(in),
		.rflags = in_u32(in),
		.rsp = in_u8(in) < 0xc0 ? v->regs.rsp : gen_va(in),
		.ss = in_u8(in) < 0xc0 ? FLAT_KERNEL_SS : in_u16(in),
		.flags = in_u16(in),
	};

	v->regs.rsp = in_u8(in) < 0xf8 ? fake_va(FAKE_PFN_STACK, 0x800) : gen_va(in);
	try_put(v->regs.rsp, &frame, sizeof(frame));
}

static void gen_sched_op(struct input *in, struct call *call, uint64_t area)
{
	struct sched_poll poll = { 0 };
	uint32_t ports[4];
	uint8_t n = in_u8(in);

	call->args[0] = n % 9;
	call->args[1] = gen_ptr(in, area);
	if (call->args[0] == SCHEDOP_poll) {
		poll.ports.p = (void *)(uintptr_t)gen_ptr(in, area + 64);
		poll.nr_ports = n < 0xf0 ? n & 3 : in_u32(in);
		poll.timeout = in_u8(in) < 0x80 ? fake.now + in_u16(in) : in_u64(in);
		try_put(area, &poll, sizeof(poll));
		for (unsigned int i = 0; i < 4; i++) {
			ports[i] = gen_port(in);
		}
		try_put(area + 64, ports, sizeof(ports));
	} else {
		uint32_t w[2] = { in_u8(in) % 8, in_u8(in) % 8 };

		try_put(area, w, sizeof(w));
	}
}

static void gen_platform(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	uint32_t head[2] = { in_u8(in) % 34 + 31, XENPF_INTERFACE_VERSION };

	if (in_u8(in) >= 0xf0) {
		head[0] = in_u8(in);
		head[1] = in_u32(in);
	}
	gen_raw(in, g, area + 8, 6);
	try_put(area, head, sizeof(head));
	call->args[0] = gen_ptr(in, area);
}

static void gen_small(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	switch (call->nr) {
	case __HYPERVISOR_set_gdt:
		gen_gdt(in, g, call, area);
		return;
	case __HYPERVISOR_set_trap_table:
		gen_trap_table(in, call, area);
		return;
	case __HYPERVISOR_update_descriptor:
		call->args[0] = gen_entry_maddr(in, g);
		call->args[1] = in_u64(in);
		return;
	case __HYPERVISOR_update_va_mapping:
	case __HYPERVISOR_update_va_mapping_otherdomain:
		call->args[0] = gen_va(in);
		call->args[1] = gen_pte(in, g);
		call->args[2] = in_u8(in) < 0xc0 ? in_u8(in) & 7 : gen_va(in) | (in_u8(in) & 7);
		call->args[3] = gen_domid(in);
		return;
	case __HYPERVISOR_iret:
		gen_iret(in);
		return;
	case __HYPERVISOR_set_timer_op:
		call->args[0] = in_u8(in) < 0xc0 ? fake.now + in_u32(in) : in_u64(in);
		return;
	case __HYPERVISOR_callback_op: {
		struct callback_register r = { .type = in_u8(in) % 9, .flags = in_u8(in) & 3 };

		r.address = gen_va(in);
		try_put(area, &r, sizeof(r));
		call->args[0] = in_u8(in) % 3;
		call->args[1] = gen_ptr(in, area);
		return;
	}
	default: /* registers decide, with a few words behind a pointer */
		gen_raw(in, g, area, 4);
		call->args[0] = in_u8(in) % 32;
		call->args[1] = in_u8(in) < 0x80 ? gen_ptr(in, area) : gen_va(in);
		call->args[2] = in_u8(in) < 0x80 ? in_u8(in) : gen_va(in);
		return;
	}
}

static const uint8_t numbers[] = {
	1,  1,	1,  1,	20, 20, 26, 26, 26, 20, 14, 14, 14, 22, 12, 12, 12, 32,
	32, 32, 32, 24, 24, 2,	10, 29, 29, 23, 0,  3,	4,  5,	7,  8,	9,  15,
	17, 18, 20, 21, 25, 28, 30, 33, 33, 27, 31, 34, 48, 55, 55, 55, 55,
};

bool gen_call(struct input *in, struct fake_guest *g, struct call *call, unsigned int offset)
{
	uint64_t area = FAKE_ARGS + offset;
	uint8_t nr;

	if (in->at == in->end) {
		return false;
	}
	nr = in_u8(in);
	memset(call, 0, sizeof(*call));
	call->nr = nr < 0xfc ? numbers[nr % sizeof(numbers)] : in_u32(in);
	switch (call->nr) {
	case __HYPERVISOR_mmu_update:
		gen_mmu_update(in, g, call, area);
		break;
	case __HYPERVISOR_mmuext_op:
		gen_mmuext_op(in, g, call, area);
		break;
	case __HYPERVISOR_memory_op:
		gen_memory_op(in, g, call, area);
		break;
	case __HYPERVISOR_grant_table_op:
		gen_grant_table_op(in, g, call, area);
		break;
	case __HYPERVISOR_event_channel_op:
		gen_evtchn(in, g, call, area);
		break;
	case __HYPERVISOR_vcpu_op:
		gen_vcpu_op(in, g, call, area);
		break;
	case __HYPERVISOR_sched_op:
		gen_sched_op(in, call, area);
		break;
	case __HYPERVISOR_platform_op:
		gen_platform(in, g, call, area);
		break;
	case __HYPERVISOR_arch_7:
		gen_control(in, g, call, area);
		break;
	default:
		gen_small(in, g, call, area);
		break;
	}
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Sequences that bytes alone hardly ever find: frames given away properly, a
 * tree of page tables of its own, event queues in use, the instructions that
 * are emulated.  Each leaves the guest somewhere new for what comes next.
 */
#include "gen.h"

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/physdev.h>

#include <hv/mm.h>
#include <hv/trap.h>

/*
 * False: the vCPU runs no more, or is no longer in its kernel.  Another one that
 * runs in its place is none of the sequence: it may be the control domain's.
 */
static bool issue(unsigned long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct vcpu *v = fake_running();

	if (v == NULL || !v->in_kernel) {
		return false;
	}
	v->regs.rip = fake_va(FAKE_PFN_CODE, 0);
	v->regs.rsp = fake_va(FAKE_PFN_STACK, 0xe00);
	(void)fake_hypercall(nr, (const uint64_t[5]){ a, b, c, d });
	return fake_running() == v && v->in_kernel;
}

static bool unmap(unsigned int pfn)
{
	return issue(__HYPERVISOR_update_va_mapping, fake_va(pfn, 0), 0, UVMF_NONE, 0);
}

static void exchange(struct input *in, struct fake_guest *g)
{
	struct xen_memory_exchange e = { .in = { .domid = DOMID_SELF },
					 .out = { .domid = DOMID_SELF } };
	unsigned int first = 16 + in_u8(in) % 16;
	uint8_t kind = in_u8(in);

	for (unsigned int i = 0; i < 4; i++) {
		uint64_t mfn = g->mfn[first + i], pfn = first + i;

		if (!unmap(first + i)) {
			return;
		}
		try_put(FAKE_ARGS + 512 + i * 8, &mfn, 8);
		try_put(FAKE_ARGS + 768 + i * 8, &pfn, 8);
	}
	e.in.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 512);
	e.out.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 768);
	e.in.nr_extents = 4;
	e.out.extent_order = kind & 1 ? 0 : kind & 2 ? 1 : 2;
	e.out.nr_extents = 4u >> e.out.extent_order;
	e.out.mem_flags = kind & 0xc0 ? 0 : XENMEMF_address_bits(22);
	try_put(FAKE_ARGS, &e, sizeof(e));
	if (!issue(__HYPERVISOR_memory_op, XENMEM_exchange, FAKE_ARGS, 0, 0)) {
		return;
	}
	/* Goes on with what it got. */
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t mfn = 0;

		if (fake_guest_read(FAKE_ARGS + 768 + i * 8, &mfn, 8) && mfn < frame_max) {
			g->mfn[first + i] = mfn;
		}
	}
}

/* Tables at pfns n .. n + 3, L4 first; some entries are left to chance. */
static void tree(struct input *in, struct fake_guest *g)
{
	unsigned int n = 16 + in_u8(in) % 16;
	unsigned int level = 4 - (in_u8(in) & 3);
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE + level - 1 };

	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int k = 0; k < 3; k++) {
			unsigned int slot = in_u8(in);
			uint64_t pte = in_u8(in) & 0x40 ?
					       gen_pte(in, g) :
					       (uint64_t)g->mfn[n + i + 1] << PAGE_SHIFT | 0x67;

			slot = slot < 128 ? slot & 7 : slot * 2;
			try_put(fake_va(n + i, slot * 8), &pte, 8);
		}
		if (!unmap(n + i)) {
			return;
		}
	}
	op.arg1.mfn = g->mfn[n + 4 - level];
	if (level == 4 && in_u8(in) & 1) {
		op.cmd = MMUEXT_NEW_USER_BASEPTR;
	}
	fake.preempt_countdown = in_u8(in) & 15;
	try_put(FAKE_ARGS, &op, sizeof(op));
	(void)issue(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, DOMID_SELF);
}

static void queues(struct input *in, struct fake_guest *g)
{
	uint64_t w[4] = { g->mfn[32], (uint64_t)(in_u8(in) & 1) << 32 };
	unsigned int n = in_u8(in) & 15;

	try_put(FAKE_ARGS, w, 32);
	if (!issue(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, FAKE_ARGS, 0, 0)) {
		return;
	}
	w[0] = g->mfn[33];
	try_put(FAKE_ARGS, w, 32);
	if (!issue(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, FAKE_ARGS, 0, 0)) {
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		uint32_t port[2] = { in_u8(in) & 7, in_u8(in) & 15 };
		unsigned int cmd = port[1] < 4	? EVTCHNOP_bind_ipi :
				   port[1] < 12 ? EVTCHNOP_send :
				   port[1] < 14 ? EVTCHNOP_unmask :
						  EVTCHNOP_set_priority;

		if (cmd == EVTCHNOP_bind_ipi) {
			port[0] &= 1;
		} else {
			uint32_t word = in_u32(in);

			try_put(fake_va(33, port[0] * 4), &word, word & 1 ? 4 : 0);
		}
		try_put(FAKE_ARGS, port, sizeof(port));
		if (!issue(__HYPERVISOR_event_channel_op, cmd, FAKE_ARGS, 0, 0)) {
			return;
		}
	}
}

/* A table with entries in it, and perhaps operations on others' entries. */
static void grants(struct input *in, struct fake_guest *g)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	unsigned int n = in_u8(in) % 4;
	struct call call;

	s.frame_list.p = (void *)(uintptr_t)(FAKE_ARGS + 512);
	try_put(FAKE_ARGS, &s, sizeof(s));
	if (!issue(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, FAKE_ARGS, 1, 0)) {
		return;
	}
	grant_entries(in, g);
	for (unsigned int i = 0; i < n; i++) {
		gen_grant_table_op(in, g, &call, FAKE_ARGS);
		if (!issue(__HYPERVISOR_grant_table_op, call.args[0], call.args[1], call.args[2],
			   0)) {
			return;
		}
		/* Fills the TLB with what was mapped. */
		for (unsigned int pfn = 16; pfn < 36; pfn++) {
			uint8_t byte;

			(void)fake_guest_read(fake_va(pfn, 0), &byte, 1);
		}
	}
}

static void instruction(struct input *in, struct fake_guest *g)
{
	static const uint8_t insns[][7] = {
		{ 0x0f, 0x30 },
		{ 0x0f, 0x32 },
		{ 0x0f, 0x22, 0xc0 },
		{ 0x0f, 0x22, 0xd8 },
		{ 0x0f, 0x22, 0xe0 },
		{ 0x0f, 0x20, 0xe0 },
		{ 0x0f, 0x23, 0xf8 },
		{ 0x0f, 0x23, 0xc0 },
		{ 0x0f, 0x01, 0xd1 },
		{ 0xec },
		{ 0xed },
		{ 0xee },
		{ 0xef },
		{ 0xf3, 0x6c },
		{ 0xf3, 0x6f },
		{ 0x65, 0x6d },
		{ 0x64, 0xf3, 0x6e },
		{ 0x0f, 0x06 },
		{ 0xfa },
		{ 0x0f, 0x09 },
		{ 0x0f, 0x01, 0xf9 },
		{ 0x48, 0x89, 0x37 },
		{ 0x48, 0x87, 0x37 },
		{ 0xf0, 0x48, 0x0f, 0xb1, 0x37 },
		{ 0xf0, 0x48, 0x0f, 0xb3, 0x37 },
		{ 0xf0, 0x80, 0x27, 0xfd },
		{ 0xf0, 0x80, 0x0f, 0x02 },
		{ 0x66, 0xc7, 0x07, 0x67, 0 },
		{ 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 },
		{ 0xcd, 0x80 },
	};
	static const uint32_t msrs[] = { 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000080,
					 0x277,	     0x1b,	 0x10,	     0x1a0 };
	static const uint16_t ports[] = { 0x70, 0x3f8, 0xcf8, 0xcfc, 0xcfe, 0xcf9, 0xffff, 0x20 };
	unsigned int which = in_u8(in) % ARRAY_SIZE(insns);
	struct physdev_set_iopl iopl = { in_u8(in) & 3 };
	struct guest_regs *r;
	bool store = which >= 21 && which <= 27;

	try_put(FAKE_ARGS, &iopl, sizeof(iopl));
	if (!issue(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, FAKE_ARGS, 0, 0)) {
		return;
	}
	r = &fake_running()->regs;
	r->rip = fake_va(FAKE_PFN_CODE, 0);
	try_put(r->rip, insns[which], 7);
	r->rcx = msrs[in_u8(in) & 7];
	r->rdx = ports[in_u8(in) & 7];
	if (which == 8) {
		r->rcx = 0;
		r->rdx = 0;
	}
	r->rax = in_u8(in) & 1 ? in_u32(in) : gen_va(in);
	r->rsi = gen_pte(in, g);
	r->rdi = in_u8(in) & 0x40 ? gen_va(in) : fake_va(FAKE_PFN_L1, in_u8(in) * 8);
	if (!store && which >= 13 && which <= 16) {
		r->rsi = gen_va(in);
		r->rcx = in_u8(in);
	}
	fake_exception(store	   ? TRAP_PF :
		       which == 28 ? TRAP_UD :
				     TRAP_GP,
		       store	   ? 7 :
		       which == 29 ? 0x80 * 8 + 2 :
				     0,
		       store ? r->rdi : 0);
}

void macro(struct input *in, struct fake_guest *g)
{
	switch (in_u8(in) & 7) {
	case 0:
		exchange(in, g);
		break;
	case 1:
	case 2:
		tree(in, g);
		break;
	case 3:
		queues(in, g);
		break;
	case 4:
		(void)unmap(16 + in_u8(in) % 24);
		break;
	case 5:
		gen_pci(in, g);
		break;
	case 6:
		grants(in, g);
		break;
	default:
		instruction(in, g);
		break;
	}
}

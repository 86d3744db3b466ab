/* SPDX-License-Identifier: MIT */
/* vl_control: arguments that mean something, and some that do not. */
#include "gen.h"

#include <vl/control.h>
#include <xen/xen.h>

static void fill(struct input *in, struct fake_guest *g, unsigned int op, uint32_t *w)
{
	uint64_t *q = (uint64_t *)(void *)w;

	switch (op) {
	case VL_CTL_create: {
		struct vl_create *c = (void *)w;

		*c = (struct vl_create){ .vcpus = in_u8(in) % 5, .max_frames = in_u8(in) };
		c->grant_frames = in_u8(in) % 4;
		c->maptrack_frames = in_u8(in) % 4;
		c->event_ports = in_u8(in) % 8;
		return;
	}
	case VL_CTL_set_max_frames:
		q[0] = in_u8(in) < 0xc0 ? in_u8(in) : in_u64(in);
		return;
	case VL_CTL_set_sched:
		w[0] = in_u16(in);
		w[1] = in_u8(in);
		return;
	case VL_CTL_set_context:
	case VL_CTL_get_context:
		w[0] = in_u8(in) % 3;
		q[1] = gen_va(in);
		return;
	case VL_CTL_set_affinity:
		w[0] = in_u8(in) % 3;
		q[1] = in_u8(in);
		return;
	case VL_CTL_domain_info:
	case VL_CTL_vcpu_info:
		w[0] = op == VL_CTL_vcpu_info ? in_u8(in) % 3 : 0;
		w[1] = in_u8(in) < 0xf0 ? in_u8(in) % 8 : in_u32(in);
		q[1] = gen_va(in);
		return;
	case VL_CTL_log_read:
		q[0] = in_u8(in) < 0x80 ? in_u16(in) : in_u64(in);
		q[1] = gen_va(in);
		w[4] = in_u16(in);
		w[5] = in_u8(in) & 1;
		return;
	case VL_CTL_set_ioports:
	case VL_CTL_set_iomem:
		q[0] = op == VL_CTL_set_iomem ? gen_mfn(in, g) : in_u16(in);
		q[1] = in_u8(in);
		w[4] = in_u8(in) & 1;
		return;
	case VL_CTL_set_target:
		w[0] = gen_domid(in);
		return;
	case VL_CTL_grant:
		w[0] = in_u8(in) % 10;
		w[1] = gen_domid(in);
		q[1] = gen_mfn(in, g);
		return;
	default:
		return;
	}
}

void gen_control(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	uint32_t w[32] = { 0 };
	uint8_t kind = in_u8(in);
	unsigned int op = kind % 20;

	fill(in, g, op, w);
	if (in_u8(in) >= 0xf0) {
		w[in_u8(in) % ARRAY_SIZE(w)] = in_u32(in);
	}
	try_put(area, w, sizeof(w));
	call->args[0] = kind < 0xfc ? VL_CONTROL(op) : in_u64(in);
	call->args[1] = gen_domid(in);
	call->args[2] = in_u8(in) < 0xf0 ? area : gen_va(in);
}

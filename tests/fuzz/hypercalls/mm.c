/* SPDX-License-Identifier: MIT */
/* Generators for the calls that handle memory. */
#include "gen.h"

#include <xen/memory.h>

#include <hv/mm.h>

void try_put(uint64_t va, const void *data, size_t n)
{
	(void)fake_guest_write(va, data, n);
}

static uint64_t gen_count(struct input *in, unsigned int have)
{
	static const uint64_t odd[] = { 0,	    1,		0x7fffffff, 0x80000000,
					0x80000001, 0xffffffff, ~0ull,	    0x100000001 };
	uint8_t kind = in_u8(in);

	if (kind < 0xe0) {
		return have;
	}
	if (kind < 0xf0) {
		return odd[kind & 7];
	}
	/* A continuation that never was. */
	return have | MM_PREEMPTED;
}

static uint64_t gen_foreign(struct input *in)
{
	uint32_t frames = gen_domid(in);
	uint8_t kind = in_u8(in);

	if (kind >= 0xe0) {
		frames |= (1 + (kind & 3)) << 16;
	}
	return frames;
}

void gen_mmu_update(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	unsigned int n = in_u8(in) % 5;

	for (unsigned int i = 0; i < n; i++) {
		struct mmu_update r;
		uint8_t cmd = in_u8(in);

		r.ptr = gen_entry_maddr(in, g);
		r.val = gen_pte(in, g);
		if (cmd < 0x20) {
			r.ptr |= MMU_MACHPHYS_UPDATE;
			r.val = in_u32(in);
		} else if (cmd < 0x60) {
			r.ptr |= MMU_PT_UPDATE_PRESERVE_AD;
		} else if (cmd < 0x70) {
			r.ptr |= cmd & 7;
		}
		try_put(area + i * sizeof(r), &r, sizeof(r));
	}
	call->args[0] = in_u8(in) < 0xf8 ? area : gen_va(in);
	call->args[1] = gen_count(in, n);
	call->args[2] = in_u8(in) < 0x80 ? 0 : gen_va(in);
	call->args[3] = gen_foreign(in);
}

void gen_mmuext_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	unsigned int n = in_u8(in) % 4;

	for (unsigned int i = 0; i < n; i++) {
		struct mmuext_op op = { .cmd = in_u8(in) % 22 };

		switch (op.cmd) {
		case MMUEXT_INVLPG_LOCAL:
		case MMUEXT_INVLPG_MULTI:
		case MMUEXT_INVLPG_ALL:
		case MMUEXT_TLB_FLUSH_MULTI:
			op.arg1.linear_addr = gen_va(in);
			op.arg2.vcpumask.p = (void *)(uintptr_t)gen_va(in);
			break;
		case MMUEXT_SET_LDT:
			op.arg1.linear_addr = gen_va(in) & (in_u8(in) < 0xf0 ? PAGE_MASK : ~0ull);
			op.arg2.nr_ents = in_u16(in);
			break;
		default:
			op.arg1.mfn = gen_mfn(in, g);
			op.arg2.src_mfn = op.cmd == MMUEXT_COPY_PAGE ? gen_mfn(in, g) : 0;
		}
		try_put(area + i * sizeof(op), &op, sizeof(op));
	}
	call->args[0] = in_u8(in) < 0xf8 ? area : gen_va(in);
	call->args[1] = gen_count(in, n);
	call->args[2] = in_u8(in) < 0x80 ? 0 : gen_va(in);
	call->args[3] = gen_foreign(in);
}

static void gen_reservation(struct input *in, struct fake_guest *g,
			    struct xen_memory_reservation *r, uint64_t list)
{
	static const uint64_t counts[] = { 0x7fffffff, 0xffffffff, ~0ull, 1ull << 52,
					   1ull << 63, 1ull << 58, 4096,  513 };
	uint8_t n = in_u8(in);

	r->extent_start.p = (void *)(uintptr_t)(n < 0xf0 ? list : gen_va(in));
	r->nr_extents = n < 0xe0 ? n & 3 : counts[n & 7];
	r->extent_order = in_u8(in);
	if (r->extent_order < 0xf0) {
		r->extent_order &= 1;
	}
	r->mem_flags = in_u8(in) < 0xc0 ? 0 : in_u32(in);
	r->domid = (domid_t)gen_domid(in);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t frame = in_u8(in) < 0xc0 ? gen_mfn(in, g) : in_u16(in);

		try_put(list + i * 8, &frame, 8);
	}
}

void gen_memory_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	static const uint8_t common[] = {
		XENMEM_increase_reservation, XENMEM_decrease_reservation,
		XENMEM_populate_physmap,     XENMEM_exchange,
		XENMEM_decrease_reservation, XENMEM_populate_physmap,
		XENMEM_machine_memory_map,   XENMEM_machphys_mfn_list,
	};
	union {
		struct xen_memory_reservation r;
		struct xen_memory_exchange e;
		uint64_t raw[12];
	} u;
	uint8_t kind = in_u8(in);

	memset(&u, 0, sizeof(u));
	call->args[0] = kind < 0xd0 ? common[kind & 7] : in_u8(in) % 32;
	if (kind >= 0xf8) {
		call->args[0] |= (uint64_t)in_u32(in) << 6;
	}
	switch (call->args[0]) {
	case XENMEM_exchange:
		gen_reservation(in, g, &u.e.in, area + 128);
		gen_reservation(in, g, &u.e.out, area + 192);
		u.e.nr_exchanged = in_u8(in) < 0xf0 ? 0 : in_u64(in);
		if (kind & 8) { /* the two sides as they should be */
			u.e.out = u.e.in;
			u.e.out.extent_start.p = (void *)(uintptr_t)(area + 192);
		}
		break;
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		gen_reservation(in, g, &u.r, area + 128);
		break;
	default:
		u.raw[0] = in_u32(in);
		u.raw[1] = gen_va(in);
		u.raw[2] = gen_va(in);
		break;
	}
	try_put(area, &u, sizeof(u));
	call->args[1] = in_u8(in) < 0xf8 ? area : gen_va(in);
}

/* SPDX-License-Identifier: MIT */
/*
 * Interesting values: frames of all kinds of owners, edges of the address
 * space, entries with sensible and senseless flags.
 */
#include "gen.h"

#include <hv/mm.h>

struct fake_guest fuzz_guest[FUZZ_DOMAINS];

uint8_t in_u8(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

uint16_t in_u16(struct input *in)
{
	uint16_t low = in_u8(in);

	return (uint16_t)(low | in_u8(in) << 8);
}

uint32_t in_u32(struct input *in)
{
	uint32_t low = in_u16(in);

	return low | (uint32_t)in_u16(in) << 16;
}

uint64_t in_u64(struct input *in)
{
	uint64_t low = in_u32(in);

	return low | (uint64_t)in_u32(in) << 32;
}

unsigned long gen_mfn(struct input *in, const struct fake_guest *g)
{
	uint8_t kind = in_u8(in);
	const struct fake_guest *other;

	if (kind < 0x80) { /* one of its own, tables in a quarter */
		unsigned int pfn = kind & 0x3f;

		if (kind & 0x40) {
			pfn &= 7;
		}
		return g->mfn[pfn % g->pages];
	}
	other = &fuzz_guest[kind & 3];
	switch (kind >> 2 & 0x1f) {
	case 0:
	case 1:
	case 2:
	case 3:
		return other->mfn[in_u8(in) % other->pages];
	case 4:
		return other->d != NULL ? ptr_frame(other->d->shared) : 0;
	case 5:
		return other->d != NULL ? ptr_frame(other->d) : 0;
	case 6:
		return FAKE_IO_FRAME;
	case 7:
		return FAKE_RESERVED + (kind & 3);
	case 8:
		return FAKE_HOLE_START + (kind & 3);
	case 9:
		return FAKE_DEVICE + (kind & 3);
	case 10:
		return FAKE_LAPIC;
	case 11:
		return FAKE_CORE_START;
	case 12:
		return frame_max - 1 + (kind & 3);
	case 13:
		return ~0ul >> (kind & 3) * 12;
	case 14:
		return 0;
	case 15:
		return in_u16(in);
	case 16:
		return in_u32(in);
	case 17:
		return in_u64(in);
	case 18: /* what its own tables map now */
		return pte_mfn(((uint64_t *)frame_ptr(g->mfn[FAKE_PFN_L1]))[in_u8(in)]);
	default: /* anything that the heap may have given it since */
		return FAKE_HOLE_END + in_u16(in) % 1280;
	}
}

uint64_t gen_va(struct input *in)
{
	static const uint64_t edges[] = {
		0,
		0x1000,
		0x7ffffffff000,
		0x7fffffffffff,
		0x7ffffffffff8,
		0x800000000000,
		0xffff7fffffffffff,
		0xffff800000000000,
		0xffff800000001000,
		0xffff87ffffffffff,
		0xffff87fffffffff8,
		0xffff880000000000,
		0xffffffff80000000,
		0xffffffffffffffff,
		0xfffffffffffff000,
		0xffff840000000000,
	};
	uint8_t kind = in_u8(in);

	if (kind < 0xc0) {
		static const uint16_t offsets[] = { 0, 8, 0x100, 0xff8 };

		return fake_va(kind % (FUZZ_PAGES + 2), offsets[kind & 3]);
	}
	if (kind < 0xd0) {
		return edges[kind & 15];
	}
	if (kind < 0xe0) {
		return fake_va(in_u8(in), in_u16(in) & 0xfff);
	}
	if (kind < 0xf0) {
		return edges[kind & 15] + (uint64_t)(int64_t)(int16_t)in_u16(in);
	}
	return in_u64(in);
}

uint64_t gen_pte(struct input *in, const struct fake_guest *g)
{
	static const uint64_t flags[] = {
		PTE_P | PTE_U | PTE_A,
		PTE_P | PTE_U | PTE_W | PTE_A | PTE_D,
		PTE_P | PTE_W,
		PTE_P | PTE_U | PTE_W | PTE_NX,
		PTE_P,
		PTE_P | PTE_U | PTE_W | PTE_A,
		0,
		PTE_W | PTE_U,
		PTE_P | PTE_U | PTE_W | PTE_PS,
		PTE_P | PTE_U | PTE_W | PTE_PCD | PTE_PWT,
		PTE_P | PTE_U | PTE_W | PTE_G,
		PTE_P | PTE_U | PTE_AVAIL | PTE_AVAIL_HIGH,
	};
	uint8_t kind = in_u8(in);
	uint64_t mfn = gen_mfn(in, g);

	if (kind >= 0xf0) {
		return in_u64(in);
	}
	if (kind >= 0xe0) {
		return mfn << PAGE_SHIFT | in_u16(in);
	}
	return mfn << PAGE_SHIFT | flags[kind % ARRAY_SIZE(flags)];
}

uint32_t gen_domid(struct input *in)
{
	static const uint32_t ids[] = { DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF,
					0,	    1,		2,	    3,
					DOMID_IO,   DOMID_XEN,	DOMID_COW,  DOMID_INVALID,
					DOMID_IDLE, 77 };
	uint8_t kind = in_u8(in);

	return kind < 0xf8 ? ids[kind % ARRAY_SIZE(ids)] : in_u32(in);
}

uint64_t gen_entry_maddr(struct input *in, const struct fake_guest *g)
{
	uint8_t kind = in_u8(in);
	uint64_t slot = in_u8(in);

	switch (kind & 7) {
	case 0:
	case 1:
	case 2:
	case 3: /* what maps its own pages */
		return ((uint64_t)g->mfn[FAKE_PFN_L1] << PAGE_SHIFT) + slot % 64 * 8;
	case 4:
		return ((uint64_t)g->mfn[FAKE_PFN_L2] << PAGE_SHIFT) + slot % 4 * 8;
	case 5: /* around the core's slots, and where it lives */
		return ((uint64_t)g->mfn[FAKE_PFN_L4] << PAGE_SHIFT) +
		       (slot < 128 ? slot & 3 : 127 + slot) * 8;
	default:
		return ((uint64_t)gen_mfn(in, g) << PAGE_SHIFT) +
		       (slot << (kind >> 6)) * 8 % PAGE_SIZE;
	}
}

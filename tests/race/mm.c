/* SPDX-License-Identifier: MIT */
/*
 * Page types: all vCPUs of two domains make the same few frames tables of every
 * level, descriptor pages and writable, pin and unpin them, load them as base
 * tables, write to them through whatever translations they still have, give
 * them back and get others; and the control domain maps the other's.  Guests
 * flush when they feel like it, which is rarely.
 */
#include "mm.h"

#include <xen/memory.h>
#include <xen/xen.h>

#include <hv/mm.h>

#define CAND_FIRST FAKE_PFN_SCRATCH
#define CANDS 8u
#define FOREIGN_PFN (CAND_FIRST + CANDS) /* where d0 maps frames of d1 */
#define BASE_PFN (FOREIGN_PFN + 4)	 /* may be base tables of the kernel */
#define BASES 2u
#define BASE_SLOT ((unsigned int)(FAKE_GUEST_BASE >> 39))

static unsigned long cands[RACE_DOMAINS][CANDS]; /* atomic */
static unsigned long shared[RACE_DOMAINS];	 /* atomic: frame of shared_info */

/* Frames change under the hands of all: a guess that is often right. */
static unsigned long cand(struct race_vcpu *rv, unsigned int i)
{
	return READ_ONCE(cands[rv->v->domain->id][i]);
}

void mm_publish(unsigned int id)
{
	const struct fake_guest *g = &race_guest[id];
	uint64_t pte = (uint64_t)g->mfn[FAKE_PFN_L3] << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A;

	for (unsigned int i = 0; i < CANDS; i++) {
		WRITE_ONCE(cands[id][i], g->mfn[CAND_FIRST + i]);
	}
	WRITE_ONCE(shared[id], ptr_frame(g->d->shared));
	for (unsigned int i = 0; i < BASES; i++) {
		((uint64_t *)frame_ptr(g->mfn[BASE_PFN + i]))[BASE_SLOT] = pte;
	}
}

static uint64_t random_pte(struct race_vcpu *rv, unsigned int level)
{
	uint64_t bits = PTE_P | PTE_U | PTE_A;
	uint32_t r = race_random(rv);

	if ((r & 7) == 0) {
		return 0;
	}
	if (level > 1 || (r & 8) != 0) {
		bits |= PTE_W;
	}
	return (uint64_t)cand(rv, (r >> 8) % CANDS) << PAGE_SHIFT | bits;
}

static uint64_t cand_va(struct race_vcpu *rv, uint32_t i)
{
	return fake_va(CAND_FIRST + i % CANDS, (race_random(rv) % 8) * 8);
}

/* ---- What a guest does without a call --------------------------------------------- */

/* Entries of all sorts into a frame that is mapped writable, or was. */
static void scribble(struct race_vcpu *rv)
{
	uint64_t pte = random_pte(rv, race_below(rv, 4) + 1);

	(void)fake_guest_write(cand_va(rv, race_random(rv)), &pte, sizeof(pte));
}

static void look(struct race_vcpu *rv)
{
	uint64_t word;

	(void)fake_guest_read(cand_va(rv, race_random(rv)), &word, sizeof(word));
}

/* Always the same, and what it must have, lest the guest lose its memory. */
static void write_base_slot(struct race_vcpu *rv)
{
	uint64_t pte =
		(uint64_t)rv->g->mfn[FAKE_PFN_L3] << PAGE_SHIFT | PTE_P | PTE_W | PTE_U | PTE_A;

	(void)fake_guest_write(fake_va(BASE_PFN + race_below(rv, BASES), BASE_SLOT * 8), &pte,
			       sizeof(pte));
}

/* ---- Calls ----------------------------------------------------------------------------- */

static void map(struct race_vcpu *rv)
{
	static const uint64_t flush[] = { UVMF_NONE, UVMF_NONE, UVMF_INVLPG | UVMF_LOCAL,
					  UVMF_TLB_FLUSH | UVMF_ALL };
	uint32_t r = race_random(rv), i = r % CANDS;
	uint64_t pte = (uint64_t)cand(rv, i) << PAGE_SHIFT | PTE_P | PTE_U | PTE_A;

	if ((r & 0x300) == 0) {
		pte = 0;
	} else if ((r & 0x200) != 0) {
		pte |= PTE_W;
	}
	race_call(rv, 0, __HYPERVISOR_update_va_mapping, fake_va(CAND_FIRST + i, 0), pte,
		  flush[r >> 10 & 3]);
}

void mm_map_foreign(struct race_vcpu *rv)
{
	uint32_t r = race_random(rv), i = r % CANDS;
	uint64_t pte = 0;

	if ((r & 0x100) != 0) {
		pte = READ_ONCE(*((r & 0x1c00) == 0 ? &shared[1] : &cands[1][i])) << PAGE_SHIFT |
		      PTE_P | PTE_U | PTE_A | ((r & 0x200) != 0 ? PTE_W : 0);
	}
	race_call(rv, 0, __HYPERVISOR_update_va_mapping_otherdomain,
		  fake_va(FOREIGN_PFN + i % 4, 0), pte, UVMF_NONE, 1);
}

void mm_unmap_foreign(struct race_vcpu *rv)
{
	race_call(rv, 0, __HYPERVISOR_update_va_mapping,
		  fake_va(FOREIGN_PFN + race_below(rv, 4), 0), 0, UVMF_NONE);
}

static void write_foreign(struct race_vcpu *rv)
{
	uint64_t word = random_pte(rv, 1);

	(void)fake_guest_write(fake_va(FOREIGN_PFN + race_below(rv, 4), 0), &word, sizeof(word));
}

static void update(struct race_vcpu *rv)
{
	struct mmu_update u[3];
	unsigned int n = 1 + race_below(rv, 3);

	for (unsigned int i = 0; i < n; i++) {
		uint32_t r = race_random(rv);

		u[i].ptr = (uint64_t)cand(rv, r % CANDS) << PAGE_SHIFT | (r >> 8 & 7) * 8;
		u[i].ptr |= (r & 0x8000) != 0 ? MMU_PT_UPDATE_PRESERVE_AD : MMU_NORMAL_PT_UPDATE;
		u[i].val = random_pte(rv, r >> 16 & 3);
	}
	if (fake_guest_write(race_args(rv), u, sizeof(u))) {
		race_call(rv, 0, __HYPERVISOR_mmu_update, race_args(rv), n, 0, DOMID_SELF);
	}
}

static void mmuext(struct race_vcpu *rv, unsigned int cmd, unsigned long mfn, uint64_t arg2,
		   uint32_t dom)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = mfn;
	op.arg2.src_mfn = arg2;
	if (fake_guest_write(race_args(rv), &op, sizeof(op))) {
		race_call(rv, 0, __HYPERVISOR_mmuext_op, race_args(rv), 1, 0, dom);
	}
}

static void pin(struct race_vcpu *rv)
{
	mmuext(rv, MMUEXT_PIN_L1_TABLE + race_below(rv, 4), cand(rv, race_below(rv, CANDS)), 0,
	       DOMID_SELF);
}

static void unpin(struct race_vcpu *rv)
{
	mmuext(rv, MMUEXT_UNPIN_TABLE, cand(rv, race_below(rv, CANDS)), 0, DOMID_SELF);
}

static void load_base(struct race_vcpu *rv)
{
	uint32_t r = race_random(rv);
	unsigned long mfn = cand(rv, r % CANDS);

	if ((r & 0x100) != 0) {
		mmuext(rv, MMUEXT_NEW_USER_BASEPTR, (r & 0x600) == 0 ? 0 : mfn, 0, DOMID_SELF);
	} else {
		mmuext(rv, MMUEXT_NEW_BASEPTR,
		       rv->g->mfn[(r & 0x600) == 0 ? FAKE_PFN_L4 : BASE_PFN + (r >> 11) % BASES], 0,
		       DOMID_SELF);
	}
}

/* The same frames between being base tables and being writable. */
static void change_base(struct race_vcpu *rv)
{
	uint32_t r = race_random(rv);
	unsigned int pfn = BASE_PFN + r % BASES;
	uint64_t pte = (uint64_t)rv->g->mfn[pfn] << PAGE_SHIFT | PTE_P | PTE_U | PTE_A;

	switch (r >> 8 & 3) {
	case 0:
		mmuext(rv, MMUEXT_PIN_L4_TABLE, rv->g->mfn[pfn], 0, DOMID_SELF);
		return;
	case 1:
		mmuext(rv, MMUEXT_UNPIN_TABLE, rv->g->mfn[pfn], 0, DOMID_SELF);
		return;
	default:
		race_call(rv, 0, __HYPERVISOR_update_va_mapping, fake_va(pfn, 0),
			  (r & 0x400) != 0 ? pte | PTE_W : pte, UVMF_NONE);
		return;
	}
}

static void flush(struct race_vcpu *rv)
{
	static const unsigned int cmds[] = { MMUEXT_TLB_FLUSH_LOCAL, MMUEXT_TLB_FLUSH_ALL,
					     MMUEXT_INVLPG_ALL, MMUEXT_INVLPG_LOCAL };

	mmuext(rv, cmds[race_below(rv, 4)], cand_va(rv, race_random(rv)), 0, DOMID_SELF);
}

static void fill(struct race_vcpu *rv)
{
	mmuext(rv, race_below(rv, 2) ? MMUEXT_CLEAR_PAGE : MMUEXT_COPY_PAGE,
	       cand(rv, race_below(rv, CANDS)), cand(rv, race_below(rv, CANDS)), DOMID_SELF);
}

static void set_gdt(struct race_vcpu *rv)
{
	uint64_t frame = cand(rv, race_below(rv, CANDS));

	if (fake_guest_write(race_args(rv), &frame, sizeof(frame))) {
		race_call(rv, 0, __HYPERVISOR_set_gdt, race_args(rv), race_below(rv, 3) ? 512 : 0);
	}
}

/* ---- Frames that go and come --------------------------------------------------------------- */

enum {
	OP_NONE,
	OP_POPULATE,
	OP_EXCHANGE
};

static void decrease(struct race_vcpu *rv)
{
	struct {
		struct xen_memory_reservation r;
		xen_pfn_t frame;
	} a = { .frame = cand(rv, race_below(rv, CANDS)) };

	a.r.nr_extents = 1;
	a.r.domid = DOMID_SELF;
	a.r.extent_start.p = (void *)(race_args(rv) + offsetof(__typeof__(a), frame));
	race_call_struct(rv, OP_NONE, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &a,
			 sizeof(a));
}

static void populate(struct race_vcpu *rv)
{
	struct {
		struct xen_memory_reservation r;
		xen_pfn_t frame;
	} a = { .frame = 1 };

	rv->note = race_below(rv, CANDS);
	a.r.nr_extents = 1;
	a.r.domid = DOMID_SELF;
	a.r.extent_start.p = (void *)(race_args(rv) + offsetof(__typeof__(a), frame));
	race_call_struct(rv, OP_POPULATE, __HYPERVISOR_memory_op, XENMEM_populate_physmap, &a,
			 sizeof(a));
}

void mm_exchange(struct race_vcpu *rv, unsigned int op, xen_pfn_t mfn)
{
	struct exchange_args a = { .in = mfn, .out = 1 };

	a.x.in.nr_extents = 1;
	a.x.in.domid = DOMID_SELF;
	a.x.in.extent_start.p = (void *)(race_args(rv) + offsetof(struct exchange_args, in));
	a.x.out.nr_extents = 1;
	a.x.out.domid = DOMID_SELF;
	a.x.out.extent_start.p = (void *)(race_args(rv) + offsetof(struct exchange_args, out));
	race_call_struct(rv, op, __HYPERVISOR_memory_op, XENMEM_exchange, &a, sizeof(a));
}

static void exchange(struct race_vcpu *rv)
{
	rv->note = race_below(rv, CANDS);
	mm_exchange(rv, OP_EXCHANGE, cand(rv, (unsigned int)rv->note));
}

/* The frame that came takes the place of one of the candidates. */
static void note_frame(struct race_vcpu *rv)
{
	size_t at = rv->op == OP_POPULATE ? sizeof(struct xen_memory_reservation) :
					    offsetof(struct exchange_args, out);
	xen_pfn_t mfn;

	if (!rv->called || rv->op == OP_NONE || rv->result < 0) {
		return;
	}
	if (fake_guest_read(race_args(rv) + at, &mfn, sizeof(mfn)) && mfn > 1) {
		WRITE_ONCE(cands[rv->v->domain->id][rv->note % CANDS], mfn);
	}
}

/* ---- Steps ----------------------------------------------------------------------------- */

void mm_step(struct race_vcpu *rv)
{
	note_frame(rv);
	rv->called = false;
	rv->op = OP_NONE;
	switch (race_below(rv, 32)) {
	case 0 ... 5:
		scribble(rv);
		return;
	case 6:
		write_base_slot(rv);
		return;
	case 7 ... 8:
		look(rv);
		return;
	case 9 ... 12:
		map(rv);
		return;
	case 13 ... 16:
		update(rv);
		return;
	case 17 ... 19:
		pin(rv);
		return;
	case 20 ... 22:
		unpin(rv);
		return;
	case 23 ... 24:
		load_base(rv);
		return;
	case 25:
		flush(rv);
		return;
	case 26:
		fill(rv);
		return;
	case 27:
		if (race_below(rv, 3) == 0) {
			set_gdt(rv);
		} else {
			change_base(rv);
		}
		return;
	case 28:
		decrease(rv);
		return;
	case 29:
		populate(rv);
		return;
	case 30:
		exchange(rv);
		return;
	default:
		if (rv->g->d->id != 0) {
			return;
		}
		if (race_below(rv, 2)) {
			mm_map_foreign(rv);
		} else {
			write_foreign(rv);
		}
		return;
	}
}

static void start(void)
{
	mm_publish(0);
	mm_publish(1);
}

const struct storm types_storm = {
	.name = "types", .domains = 2, .vcpus = 4, .start = start, .step = mm_step
};

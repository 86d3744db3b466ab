/* SPDX-License-Identifier: MIT */
/*
 * Grants: all vCPUs of each domain grant frames, revoke them, map and copy what
 * the others grant, and end mappings, two of them the same one if it comes so.
 * destroy.c runs these steps with domains that die.
 *
 * Of its HONEST frames a domain changes an entry only as the ABI has it.  Then
 * what it has revoked is its own: nobody writes to it any more, whatever a TLB
 * of another domain still has, and it can be exchanged for another frame, which
 * needs that nobody has a reference left.  The same for writing where a grant
 * is for reading.  Of its WILD frames it writes entries at any time, and makes
 * them tables meanwhile.
 */
#include "mm.h"

#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <hv/gnttab.h>
#include <hv/mm.h>

#define FRAMES 4u /* of each kind */
#define HONEST_PFN FAKE_PFN_SCRATCH
#define WILD_PFN (HONEST_PFN + FRAMES)
#define SLOT_PFN (WILD_PFN + FRAMES) /* where others' frames are mapped */
#define SLOTS 6u
#define BUFFER_PFN (SLOT_PFN + SLOTS) /* for copies */
#define HONEST_REF 8u
#define WILD_REF (HONEST_REF + FRAMES)
#define REFS (2 * FRAMES)

enum {
	OP_NONE,
	OP_MAP,
	OP_UNMAP,
	OP_LEAVE, /* an honest frame is no more mapped, */
	OP_SWAP,  /* exchanged, */
	OP_COME	  /* and the new one mapped */
};

/* An honest frame; one vCPU of the domain has it at a time. */
static struct frame {
	uint32_t holder; /* atomic: vCPU + 1, or 0 */
	unsigned long mfn;
	enum {
		OPEN, /* others may write to it */
		READABLE,
		CLOSED
	} mode;
	uint64_t magic; /* its first word, unless it is open */
} frames[RACE_DOMAINS][FRAMES];

/*
 * Atomic, by slot: FREE, MAPPING, or the handle with HANDLE, and PTE if it was
 * mapped by its entry's address, and ENDING if somebody means to end it.  The one
 * whose call ended it makes it FREE, or ENDED if it was ended by a guess, before
 * its handle was noted.
 */
enum {
	FREE,
	MAPPING,
	ENDED,
	ENDING = 1 << 29,
	HANDLE = 1 << 30
};
#define PTE (1u << 31)
#define HANDLE_MASK 0xffffffu
static uint32_t slots[RACE_DOMAINS][SLOTS];

static unsigned int domains = 2; /* of the storm */
static bool only_end;		 /* atomic: nobody maps any more */

void grants_end_only(bool yes)
{
	__atomic_store_n(&only_end, yes, __ATOMIC_RELAXED);
}

void grants_created(unsigned int id)
{
	const struct fake_guest *g = &race_guest[id];

	memset(slots[id], 0, sizeof(slots[id]));
	for (unsigned int i = 0; i < FRAMES; i++) {
		frames[id][i] = (struct frame){ .mfn = g->mfn[HONEST_PFN + i] };
	}
	race_must(gnttab_seed(g->d, 0, 0, g->mfn[WILD_PFN]) == 0, "no grant table");
}

static uint64_t random_word(struct race_vcpu *rv)
{
	return (uint64_t)race_random(rv) << 31 | race_random(rv);
}

static domid_t some_peer(struct race_vcpu *rv)
{
	return (domid_t)((rv->v->domain->id + 1 + race_below(rv, domains - 1)) % domains);
}

static uint64_t *entry(struct race_vcpu *rv, uint32_t ref)
{
	return &rv->v->domain->gnttab->frame[0][ref];
}

static uint64_t permit(domid_t to, uint32_t flags, unsigned long mfn)
{
	return (GTF_permit_access | flags) | (uint64_t)to << 16 | (uint64_t)mfn << 32;
}

static uint64_t pte_of(unsigned long mfn, bool write)
{
	return (uint64_t)mfn << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | (write ? PTE_W : 0);
}

static void remap(struct race_vcpu *rv, unsigned int note, unsigned int pfn, uint64_t pte)
{
	race_call(rv, note, __HYPERVISOR_update_va_mapping, fake_va(pfn, 0), pte, UVMF_NONE);
}

/* A list of grant operations. */
static void grant_op(struct race_vcpu *rv, unsigned int note, uint64_t cmd, const void *list,
		     size_t size, uint64_t n)
{
	if (fake_guest_write(race_args(rv), list, size * n)) {
		race_call(rv, note, __HYPERVISOR_grant_table_op, cmd, race_args(rv), n);
	}
}

/* ---- Honest frames ------------------------------------------------------------------ */

static struct frame *held(struct race_vcpu *rv)
{
	return &frames[rv->v->domain->id][rv->note];
}

static void let_go(struct frame *f)
{
	__atomic_store_n(&f->holder, 0, __ATOMIC_RELEASE);
}

static void write_magic(struct race_vcpu *rv, struct frame *f, unsigned int i)
{
	f->magic = random_word(rv);
	race_must(fake_guest_write(fake_va(HONEST_PFN + i, 0), &f->magic, sizeof(f->magic)),
		  "an own frame cannot be written to");
}

static bool revoke(struct race_vcpu *rv, unsigned int i)
{
	uint64_t *e = entry(rv, HONEST_REF + i), was = __atomic_load_n(e, __ATOMIC_SEQ_CST);

	return (was & (GTF_reading | GTF_writing)) == 0 &&
	       __atomic_compare_exchange_n(e, &was, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void grant(struct race_vcpu *rv, struct frame *f, unsigned int i)
{
	bool readonly = race_below(rv, 2);

	f->mode = readonly ? READABLE : OPEN;
	__atomic_store_n(entry(rv, HONEST_REF + i),
			 permit(some_peer(rv), readonly ? GTF_readonly : 0, f->mfn),
			 __ATOMIC_SEQ_CST);
}

static void honest(struct race_vcpu *rv)
{
	unsigned int i = race_below(rv, FRAMES);
	struct frame *f = &frames[rv->v->domain->id][i];
	uint32_t nobody = 0;
	uint64_t word;

	if (!__atomic_compare_exchange_n(&f->holder, &nobody, rv->v->id + 1, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		return;
	}
	if (f->mode != OPEN) {
		race_must(fake_guest_read(fake_va(HONEST_PFN + i, 0), &word, sizeof(word)),
			  "an own frame cannot be read");
		race_must(word == f->magic, f->mode == CLOSED ?
						    "a frame was written to after its revocation" :
						    "a frame granted for reading was written to");
	}
	if (f->mode != CLOSED) {
		if (race_below(rv, 4) != 0 && revoke(rv, i)) {
			f->mode = CLOSED;
			write_magic(rv, f, i);
		}
	} else if (race_below(rv, 16) == 0) {
		rv->note = i;
		remap(rv, OP_LEAVE, HONEST_PFN + i, 0);
		return;
	} else if (race_below(rv, 4) == 0) {
		grant(rv, f, i);
	}
	let_go(f);
}

static void swap(struct race_vcpu *rv)
{
	race_must(rv->result == 0, "an own frame cannot be unmapped");
	mm_exchange(rv, OP_SWAP, held(rv)->mfn);
}

static void come(struct race_vcpu *rv)
{
	xen_pfn_t mfn;

	race_must(rv->result == 0, "somebody has a reference to a frame after its revocation");
	fake_get(race_args(rv) + offsetof(struct exchange_args, out), &mfn, sizeof(mfn));
	held(rv)->mfn = mfn;
	remap(rv, OP_COME, HONEST_PFN + (unsigned int)rv->note, pte_of(mfn, true));
}

static void came(struct race_vcpu *rv)
{
	race_must(rv->result == 0, "an own frame cannot be mapped");
	write_magic(rv, held(rv), (unsigned int)rv->note);
	let_go(held(rv));
}

/* ---- Wild frames ---------------------------------------------------------------------- */

/* Or one that the core shares with the domain. */
static unsigned long some_frame(struct race_vcpu *rv, unsigned long mfn)
{
	const struct domain *d = rv->v->domain;

	switch (race_below(rv, 8)) {
	case 0:
		return ptr_frame(d->shared);
	case 1:
		return ptr_frame(d->gnttab->frame[0]);
	default:
		return mfn;
	}
}

static void wild(struct race_vcpu *rv)
{
	uint32_t r = race_random(rv), i = r % FRAMES;
	unsigned long mfn = rv->g->mfn[WILD_PFN + i];
	struct mmuext_op op = { .arg1.mfn = mfn };

	switch (r >> 8 & 7) {
	case 0 ... 3:
		__atomic_store_n(entry(rv, WILD_REF + race_below(rv, FRAMES)),
				 (r & 0x1000) != 0 ? permit(some_peer(rv), r >> 13 & 0x1c,
							    some_frame(rv, mfn)) :
						     r >> 13 & 0x1f,
				 __ATOMIC_SEQ_CST);
		return;
	case 4:
		remap(rv, OP_NONE, WILD_PFN + i, pte_of(mfn, r & 0x1000));
		return;
	case 5:
		op.cmd = MMUEXT_CLEAR_PAGE;
		break;
	case 6:
		op.cmd = MMUEXT_PIN_L1_TABLE;
		break;
	default:
		op.cmd = MMUEXT_UNPIN_TABLE;
		break;
	}
	if (fake_guest_write(race_args(rv), &op, sizeof(op))) {
		race_call(rv, OP_NONE, __HYPERVISOR_mmuext_op, race_args(rv), 1, 0, DOMID_SELF);
	}
}

/* ---- The other side ---------------------------------------------------------------------- */

static uint64_t slot_addr(struct race_vcpu *rv, unsigned int i, bool pte)
{
	return pte ? fake_guest_l1e_maddr(rv->g, SLOT_PFN + i) : fake_va(SLOT_PFN + i, 0);
}

static void map(struct race_vcpu *rv, unsigned int i)
{
	struct gnttab_map_grant_ref op = { .dom = some_peer(rv), .flags = GNTMAP_host_map };
	uint32_t vacant = FREE, r = race_random(rv);

	if (READ_ONCE(only_end) ||
	    !__atomic_compare_exchange_n(&slots[rv->v->domain->id][i], &vacant, MAPPING, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		return;
	}
	op.flags |= (r & 1 ? GNTMAP_readonly : 0) | (r & 2 ? GNTMAP_contains_pte : 0);
	op.host_addr = slot_addr(rv, i, r & 2);
	op.ref = HONEST_REF + race_below(rv, REFS);
	rv->note = i;
	grant_op(rv, OP_MAP, GNTTABOP_map_grant_ref, &op, sizeof(op), 1);
}

static void mapped(struct race_vcpu *rv)
{
	uint32_t *slot = &slots[rv->v->domain->id][rv->note], was = MAPPING, is = FREE;
	struct gnttab_map_grant_ref op;

	race_must(rv->result == 0, "a list to map is refused");
	fake_get(race_args(rv), &op, sizeof(op));
	if (op.status == GNTST_okay) {
		is = HANDLE | op.handle | (op.flags & GNTMAP_contains_pte ? PTE : 0);
	}
	if (!__atomic_compare_exchange_n(slot, &was, is, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED)) {
		race_must(was == ENDED, "a slot is somebody else's");
		__atomic_store_n(slot, FREE, __ATOMIC_RELAXED);
	}
}

/* One or two; one vCPU in eight does not care whether another one is at it. */
static void unmap(struct race_vcpu *rv, unsigned int first)
{
	struct gnttab_unmap_grant_ref ops[2];
	unsigned int n = 0;

	rv->note = 0;
	for (unsigned int i = first; i < SLOTS && i < first + 2; i++) {
		uint32_t *slot = &slots[rv->v->domain->id][i], is = READ_ONCE(*slot);

		if ((is & HANDLE) == 0 ||
		    (race_below(rv, 8) != 0 &&
		     ((is & ENDING) != 0 ||
		      !__atomic_compare_exchange_n(slot, &is, is | ENDING, false, __ATOMIC_RELAXED,
						   __ATOMIC_RELAXED)))) {
			continue;
		}
		ops[n] = (struct gnttab_unmap_grant_ref){
			.host_addr = slot_addr(rv, i, is & PTE),
			.handle = is & HANDLE_MASK,
		};
		rv->note |= (uint64_t)i << 8 * n | (uint64_t)((is & PTE) != 0) << (8 * n + 7);
		n++;
	}
	if (n > 0) {
		rv->note |= n << 16;
		grant_op(rv, OP_UNMAP, GNTTABOP_unmap_grant_ref, ops, sizeof(ops[0]), n);
	}
}

static void unmapped(struct race_vcpu *rv)
{
	struct gnttab_unmap_grant_ref ops[2];

	race_must(rv->result == 0, "a list to unmap is refused");
	fake_get(race_args(rv), &ops, sizeof(ops));
	for (unsigned int n = 0; n < rv->note >> 16; n++) {
		uint32_t *slot = &slots[rv->v->domain->id][rv->note >> 8 * n & 0x7f];
		uint32_t is = HANDLE | ops[n].handle | (rv->note >> 8 * n & 0x80 ? PTE : 0);
		uint32_t was = READ_ONCE(*slot);

		if (ops[n].status != GNTST_okay) {
			/* Somebody else was at it, and may fail. */
			was = is | ENDING;
			(void)__atomic_compare_exchange_n(slot, &was, is, false, __ATOMIC_RELAXED,
							  __ATOMIC_RELAXED);
			continue;
		}
		while (!__atomic_compare_exchange_n(slot, &was, was == MAPPING ? ENDED : FREE,
						    false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
	}
}

static void copy(struct race_vcpu *rv)
{
	unsigned long mfn = rv->g->mfn[BUFFER_PFN];
	struct gnttab_copy op = { .len = (uint16_t)(8 + race_below(rv, 56)) };
	uint32_t r = race_random(rv);

	op.flags = (r & 3) == 0 ? GNTCOPY_source_gref | GNTCOPY_dest_gref :
		   (r & 1) != 0 ? GNTCOPY_source_gref :
				  GNTCOPY_dest_gref;
	op.source.domid = op.dest.domid = DOMID_SELF;
	op.source.u.gmfn = op.dest.u.gmfn = mfn;
	if ((op.flags & GNTCOPY_source_gref) != 0) {
		op.source.domid = some_peer(rv);
		op.source.u.ref = HONEST_REF + race_below(rv, REFS);
	}
	if ((op.flags & GNTCOPY_dest_gref) != 0) {
		op.dest.domid = some_peer(rv);
		op.dest.u.ref = HONEST_REF + race_below(rv, REFS);
	}
	grant_op(rv, OP_NONE, GNTTABOP_copy, &op, sizeof(op), 1);
}

static void setup(struct race_vcpu *rv)
{
	struct {
		struct gnttab_setup_table s;
		xen_pfn_t list[4];
	} a = { .s = { .dom = DOMID_SELF, .nr_frames = 1 + race_below(rv, 4) } };

	a.s.frame_list.p = (void *)(race_args(rv) + offsetof(__typeof__(a), list));
	grant_op(rv, OP_NONE, GNTTABOP_setup_table, &a, sizeof(a), 1);
}

/* ---- Steps --------------------------------------------------------------------------- */

/* Calls are refused to who is dying, and may be followed by one more step. */
static bool dying(const struct race_vcpu *rv)
{
	return __atomic_load_n(&rv->v->domain->state, __ATOMIC_ACQUIRE) != DOM_ALIVE;
}

static void after_call(struct race_vcpu *rv)
{
	switch (rv->op) {
	case OP_MAP:
		mapped(rv);
		return;
	case OP_UNMAP:
		unmapped(rv);
		return;
	case OP_COME:
		came(rv);
		return;
	default:
		return;
	}
}

void grants_step(struct race_vcpu *rv)
{
	unsigned int i = race_below(rv, SLOTS), called = rv->called ? rv->op : OP_NONE;
	uint64_t word = random_word(rv);

	rv->called = false;
	if (called != OP_NONE && dying(rv)) {
		return;
	} else if (called == OP_LEAVE) {
		swap(rv);
		return;
	} else if (called == OP_SWAP) {
		come(rv);
		return;
	} else if (called != OP_NONE) {
		after_call(rv);
	}
	rv->op = OP_NONE;
	switch (race_below(rv, 32)) {
	case 0 ... 7:
		(void)fake_guest_write(fake_va(SLOT_PFN + i, 0), &word, sizeof(word));
		return;
	case 8 ... 14:
		honest(rv);
		return;
	case 15 ... 18:
		wild(rv);
		return;
	case 19 ... 22:
		map(rv, i);
		return;
	case 23 ... 26:
		unmap(rv, i);
		return;
	case 27 ... 29:
		copy(rv);
		return;
	case 30:
		setup(rv);
		return;
	default:
		race_call(rv, OP_NONE, __HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		return;
	}
}

void grants_start(unsigned int count)
{
	domains = count;
	grants_end_only(false);
	for (unsigned int i = 0; i < count; i++) {
		grants_created(i);
	}
}

static void start(void)
{
	grants_start(2);
}

const struct storm grants_storm = {
	.name = "grants", .domains = 2, .vcpus = RACE_VCPUS, .start = start, .step = grants_step
};

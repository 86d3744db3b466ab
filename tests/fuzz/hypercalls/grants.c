/* SPDX-License-Identifier: MIT */
/*
 * Grants: entries that mean something, lists of operations on them, and what
 * must hold whatever came of it: a domain that may not control others reaches
 * their frames, by its tables or by what a TLB remembers of them, only where it
 * has handles for as many mappings.
 */
#include "gen.h"

#include <xen/grant_table.h>

#include <hv/gnttab.h>
#include <hv/mm.h>

#define REFS 12

static domid_t gen_peer(struct input *in)
{
	uint8_t kind = in_u8(in);

	return kind < 0xf0 ? kind % FUZZ_DOMAINS : (domid_t)gen_domid(in);
}

static grant_ref_t gen_ref(struct input *in)
{
	uint8_t kind = in_u8(in);

	return kind < 0xf0 ? kind % REFS : kind < 0xf8 ? 506 + (kind & 15) : in_u32(in);
}

static uint64_t gen_host_addr(struct input *in, struct fake_guest *g, uint32_t *flags)
{
	uint8_t kind = in_u8(in);

	if (kind >= 0xf0) {
		return kind & 1 ? gen_va(in) : gen_entry_maddr(in, g) | (kind & 7);
	}
	if (kind & 1) {
		*flags |= GNTMAP_contains_pte;
		return ((uint64_t)g->mfn[FAKE_PFN_L1] << PAGE_SHIFT) + (16 + kind % 20) * 8;
	}
	return fake_va(16 + kind % 20, 0);
}

/* Where the guest's table maps what a handle stands for; else anywhere. */
static uint64_t host_of(struct input *in, struct fake_guest *g, uint32_t handle)
{
	const uint64_t *l1 = frame_ptr(g->mfn[FAKE_PFN_L1]);
	const struct gnttab *t = g->d->gnttab;
	uint32_t flags = 0;

	if (handle < t->maps && handle < MAPS_PER_PAGE && in_u8(in) < 0xe0) {
		const struct grant_map *m = &t->map[0][handle];

		for (unsigned int i = 0; i < PTES; i++) {
			if ((l1[i] & PTE_P) != 0 && pte_mfn(l1[i]) == m->mfn) {
				return (m->flags & GNTMAP_contains_pte) != 0 ?
					       ((uint64_t)g->mfn[FAKE_PFN_L1] << PAGE_SHIFT) +
						       i * 8 :
					       fake_va(i, 0);
			}
		}
	}
	return gen_host_addr(in, g, &flags);
}

static void gen_copy_side(struct input *in, struct fake_guest *g, struct gnttab_copy_ptr *p,
			  bool by_ref)
{
	uint8_t kind = in_u8(in);

	p->offset = kind < 0xe0 ? kind << 4 : in_u16(in);
	if (by_ref) {
		p->u.ref = gen_ref(in);
		p->domid = gen_peer(in);
	} else {
		p->u.gmfn = gen_mfn(in, g);
		p->domid = kind < 0xf8 ? DOMID_SELF : gen_peer(in);
	}
}

static void gen_element(struct input *in, struct fake_guest *g, unsigned int cmd,
			union gnttab_ops *op, unsigned int i)
{
	uint32_t flags = in_u8(in), handle;

	switch (cmd) {
	case GNTTABOP_map_grant_ref: {
		struct gnttab_map_grant_ref *m = &op->map[i];

		flags = flags < 0xe0 ? (flags & 0xf) | GNTMAP_host_map : in_u32(in);
		m->host_addr = gen_host_addr(in, g, &flags);
		m->flags = flags;
		m->ref = gen_ref(in);
		m->dom = gen_peer(in);
		break;
	}
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_unmap_and_replace:
		handle = flags < 0xf0 ? flags % 16 : in_u32(in);
		op->unmap[i].handle = handle;
		op->unmap[i].host_addr = host_of(in, g, handle);
		op->unmap[i].dev_bus_addr = cmd == GNTTABOP_unmap_and_replace ? gen_va(in) : 0;
		if (cmd == GNTTABOP_unmap_grant_ref && flags & 1 && handle < g->d->gnttab->maps &&
		    handle < MAPS_PER_PAGE) {
			op->unmap[i].dev_bus_addr = (uint64_t)g->d->gnttab->map[0][handle].mfn
						    << PAGE_SHIFT;
		}
		break;
	case GNTTABOP_copy:
		op->copy[i].flags = flags < 0xf8 ? flags & 3 : in_u16(in);
		gen_copy_side(in, g, &op->copy[i].source, flags & 1);
		gen_copy_side(in, g, &op->copy[i].dest, flags & 2);
		op->copy[i].len = flags & 4 ? in_u16(in) : in_u8(in);
		break;
	default: /* each of the others begins with a domain and a number */
		op->setup.dom = flags < 0xc0 ? DOMID_SELF : (domid_t)gen_domid(in);
		op->setup.nr_frames = in_u8(in) < 0xf0 ? flags & 3 : in_u32(in);
		op->setup.frame_list.p = (void *)(uintptr_t)gen_va(in);
		break;
	}
}

void gen_grant_table_op(struct input *in, struct fake_guest *g, struct call *call, uint64_t area)
{
	static const uint8_t sizes[] = { sizeof(struct gnttab_map_grant_ref),
					 sizeof(struct gnttab_unmap_grant_ref),
					 24,
					 24,
					 24,
					 sizeof(struct gnttab_copy) };
	uint8_t kind = in_u8(in);
	unsigned int cmd = kind % 14, n = 1 + (kind >> 4) % 4;
	size_t size = cmd == GNTTABOP_unmap_and_replace ? 24 :
		      cmd < ARRAY_SIZE(sizes)		? sizes[cmd] :
							  24;
	union gnttab_ops op;

	memset(&op, 0, sizeof(op));
	if (cmd == GNTTABOP_setup_table || cmd > GNTTABOP_copy) {
		n = cmd == GNTTABOP_unmap_and_replace ? n : 1;
	}
	for (unsigned int i = 0; i < n; i++) {
		gen_element(in, g, cmd, &op, i);
	}
	try_put(area, &op, n * size);
	call->args[0] = in_u8(in) < 0xf8 ? cmd : in_u32(in);
	call->args[1] = in_u8(in) < 0xf8 ? area : gen_va(in);
	call->args[2] = in_u8(in) < 0xf0 ? n : in_u32(in);
}

/* Writes entries as a guest does that has its table mapped. */
void grant_entries(struct input *in, struct fake_guest *g)
{
	static const uint16_t kinds[] = { GTF_permit_access,
					  GTF_permit_access | GTF_readonly,
					  GTF_permit_access,
					  GTF_permit_access | GTF_reading,
					  GTF_permit_access | GTF_sub_page,
					  GTF_accept_transfer,
					  GTF_transitive,
					  0 };
	uint8_t count = in_u8(in);

	for (unsigned int i = 0; i < count % 8 && g->d->gnttab->frames != 0; i++) {
		struct grant_entry_v1 e = { .flags = kinds[in_u8(in) & 7], .domid = gen_peer(in) };

		e.frame = (uint32_t)gen_mfn(in, g);
		if (count >= 0xf0) {
			e.flags = in_u16(in);
		}
		memcpy(&g->d->gnttab->frame[0][in_u8(in) % REFS], &e, sizeof(e));
	}
}

/* ---- What must hold ----------------------------------------------------------------- */

static unsigned int handles_for(const struct domain *d, unsigned long mfn, bool write)
{
	const struct gnttab *t = d->gnttab;
	unsigned int n = 0;

	for (uint32_t i = 0; i < t->maps; i++) {
		const struct grant_map *m = &t->map[i / MAPS_PER_PAGE][i % MAPS_PER_PAGE];

		n += m->flags != 0 && m->mfn == mfn && (m->flags & GNTMAP_host_map) != 0 &&
		     !(write && (m->flags & GNTMAP_readonly) != 0);
	}
	return n;
}

static bool foreign(const struct domain *d, unsigned long mfn)
{
	return mfn_valid(mfn) && mfn_to_page(mfn)->owner != d->id &&
	       mfn_to_page(mfn)->owner != OWNER_IO;
}

/* Entries of all valid L1 tables of d that lead to a frame. */
static unsigned int entries_for(const struct domain *d, unsigned long mfn, bool write)
{
	unsigned int n = 0;

	for (unsigned long i = 0; i < frame_max; i++) {
		const struct page *pg = mfn_valid(i) ? mfn_to_page(i) : NULL;
		const uint64_t *l1;

		if (pg == NULL || pg->owner != d->id || (pg->count & PGC_COUNT_MASK) == 0 ||
		    (pg->type & PGT_TYPE_MASK) != PGT_L1 || (pg->type & PGT_VALIDATED) == 0) {
			continue;
		}
		l1 = frame_ptr(i);
		for (unsigned int k = 0; k < PTES; k++) {
			n += (l1[k] & PTE_P) != 0 && pte_mfn(l1[k]) == mfn &&
			     !(write && (l1[k] & PTE_W) == 0);
		}
	}
	return n;
}

static void check_domain(const struct domain *d)
{
	const struct gnttab *t = d->gnttab;
	const uint64_t *l1;

	for (uint32_t i = 0; i < t->maps; i++) {
		unsigned long mfn = t->map[i / MAPS_PER_PAGE][i % MAPS_PER_PAGE].mfn;

		for (unsigned int write = 0; write < 2 && foreign(d, mfn); write++) {
			if (entries_for(d, mfn, write) > handles_for(d, mfn, write)) {
				fake_die("d%u maps frame %#lx more often than it has handles",
					 d->id, mfn);
			}
		}
	}
	for (unsigned long i = 0; i < frame_max; i++) {
		const struct page *pg = mfn_valid(i) ? mfn_to_page(i) : NULL;

		if (pg == NULL || pg->owner != d->id || (pg->count & PGC_COUNT_MASK) == 0 ||
		    (pg->type & PGT_TYPE_MASK) != PGT_L1 || (pg->type & PGT_VALIDATED) == 0) {
			continue;
		}
		l1 = frame_ptr(i);
		for (unsigned int k = 0; k < PTES; k++) {
			if ((l1[k] & PTE_P) != 0 && foreign(d, pte_mfn(l1[k])) &&
			    handles_for(d, pte_mfn(l1[k]), false) == 0) {
				fake_die("d%u maps frame %#lx, which is not its own", d->id,
					 pte_mfn(l1[k]));
			}
		}
	}
}

void grants_check(void)
{
	for (unsigned int id = 1; id < FUZZ_DOMAINS; id++) {
		if (fuzz_guest[id].d != NULL) {
			check_domain(fuzz_guest[id].d);
		}
	}
	for (unsigned int cpu = 0; cpu < fake.config.cpus; cpu++) {
		const struct vcpu *v = fake.percpu[cpu].curr;

		for (unsigned int k = 0; v != NULL && v->domain->id != 0 && k < FAKE_TLB; k++) {
			const struct fake_tlb_entry *e = &fake.cpus[cpu].tlb[k];

			if (e->valid && !e->io && e->owner != v->domain->id &&
			    handles_for(v->domain, e->mfn, e->writable) == 0) {
				fake_die("CPU %u still reaches frame %#lx of d%u, ungranted", cpu,
					 e->mfn, e->owner);
			}
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: a domain swaps frames for as many others, which are
 * contiguous or low as it needs for DMA, or the other way round.
 *
 * Called from memory_op.c only.  The call is worked through in chunks of the
 * larger extent size.  For each chunk the new extents are allocated first;
 * then the old frames are stolen, each by one compare-and-exchange of its
 * count, which succeeds only while nothing but the allocation holds the frame.
 * Up to there everything can be undone.  After it the old frames go to the
 * heap and the new ones to the domain, which has room for them by what it has
 * just lost.  Progress stands in nr_exchanged, in the guest's own structure.
 *
 * Takes no lock.  Frames between two owners are linked through their type
 * words, which mean nothing while the count is 0.
 */
#include <hv/memory.h>

#include <xen/errno.h>
#include <xen/memory.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/page.h>
#include <hv/vcpu.h>

struct exchange {
	struct domain *d;
	guest_ptr_t in, out; /* lists of extents */
	unsigned int in_order, out_order;
	unsigned int in_shift, out_shift; /* extents in a chunk, log2 */
	unsigned int address_bits;
};

/* First-in first-out, so that a chunk keeps the order of its lists. */
struct chain {
	struct page *first, *last;
};

static void chain_add(struct chain *c, struct page *pg)
{
	pg->type = 0;
	if (c->last != NULL) {
		c->last->type = (uint64_t)(uintptr_t)pg;
	} else {
		c->first = pg;
	}
	c->last = pg;
}

static struct page *chain_take(struct chain *c)
{
	struct page *pg = c->first;

	if (pg != NULL) {
		c->first = (struct page *)(uintptr_t)pg->type;
		if (c->first == NULL) {
			c->last = NULL;
		}
		pg->type = PGT_NONE;
	}
	return pg;
}

/*
 * Takes a frame away from d if nothing uses it.  Its count is 0 then, so
 * nobody can take a reference, and a second mention of it is refused.
 * tot_pages goes on counting it, which keeps room for what comes instead.
 */
static struct page *page_steal(unsigned long mfn, struct domain *d)
{
	struct page *pg = page_get_from_mfn(mfn, d);
	uint32_t expected = PGC_ALLOCATED | 2; /* with the one just taken */

	if (pg == NULL) {
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&pg->count, &expected, 0, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		page_put(pg);
		return NULL;
	}
	/* A use as a type holds a general reference, and there is none. */
	CHECK((pg->type & PGT_COUNT_MASK) == 0);
	pg->owner = OWNER_CORE;
	return pg;
}

static void undo(struct exchange *x, struct chain *in, struct chain *out)
{
	struct page *pg;

	while ((pg = chain_take(out)) != NULL) {
		heap_free(pg, x->out_order);
	}
	while ((pg = chain_take(in)) != NULL) {
		/* What it was as a type is forgotten: see pgtype.c. */
		tlb_flush_stale(pg, cpu_online_mask());
		if (domain_return_frames(x->d, pg, 0) != 0) {
			heap_free(pg, 0); /* it is dying */
		}
	}
}

static int allocate_out(struct exchange *x, struct chain *out)
{
	unsigned long i;

	for (i = 0; i < 1ul << x->out_shift; i++) {
		struct page *pg = heap_alloc(x->out_order, x->address_bits);

		if (pg == NULL) {
			return -XEN_ENOMEM;
		}
		chain_add(out, pg);
	}
	return 0;
}

static int steal_in(struct exchange *x, unsigned long chunk, struct chain *in)
{
	unsigned long i, k;
	xen_pfn_t mfn;

	for (i = chunk << x->in_shift; i < (chunk + 1) << x->in_shift; i++) {
		if (copy_from_guest(&mfn, guest_ptr_add(x->in, i * sizeof(mfn)),
				    sizeof(mfn)) != 0) {
			return -XEN_EFAULT;
		}
		for (k = 0; k < 1ul << x->in_order; k++) {
			struct page *pg = page_steal(mfn + k, x->d);

			if (pg == NULL) {
				return -XEN_EINVAL;
			}
			chain_add(in, pg);
		}
	}
	return 0;
}

/*
 * Gives the new extents to the domain.  A list that cannot be read or written
 * any more costs the guest the knowledge of its frames, not the frames.
 */
static int commit_out(struct exchange *x, unsigned long chunk,
		      struct chain *out)
{
	unsigned long i = chunk << x->out_shift, k;
	struct page *pg;
	int rc = 0;

	for (; (pg = chain_take(out)) != NULL; i++) {
		guest_ptr_t slot = guest_ptr_add(x->out, i * sizeof(xen_pfn_t));
		xen_pfn_t mfn = page_to_mfn(pg), gpfn;

		if (domain_return_frames(x->d, pg, x->out_order) != 0) {
			heap_free(pg, x->out_order); /* it is dying */
			rc = -XEN_EINVAL;
			continue;
		}
		if (copy_from_guest(&gpfn, slot, sizeof(gpfn)) != 0) {
			rc = -XEN_EFAULT;
			continue;
		}
		for (k = 0; k < 1ul << x->out_order; k++) {
			arch_m2p_set(mfn + k, gpfn + k);
		}
		if (copy_to_guest(slot, &mfn, sizeof(mfn)) != 0) {
			rc = -XEN_EFAULT;
		}
	}
	return rc;
}

static int exchange_chunk(struct exchange *x, unsigned long chunk, bool *done)
{
	struct chain in = { NULL, NULL }, out = { NULL, NULL };
	struct page *pg;
	int rc;

	*done = false;
	rc = allocate_out(x, &out);
	if (rc == 0) {
		rc = steal_in(x, chunk, &in);
	}
	if (rc != 0) {
		undo(x, &in, &out);
		return rc;
	}
	/* The guest has taken its mappings away but need not have flushed
	 * them: nobody else may get the frames before that. */
	while ((pg = chain_take(&in)) != NULL) {
		tlb_flush_stale(pg, cpu_online_mask());
		heap_free(pg, 0);
	}
	*done = true;
	return commit_out(x, chunk, &out);
}

/* Checks all that the numbers alone tell, and splits them into chunks. */
static int decode(struct exchange *x, const struct xen_memory_exchange *e)
{
	unsigned int max = memory_max_order();
	unsigned long limit = ~0ul >> (PAGE_SHIFT + 3);

	if (e->in.extent_order > max || e->out.extent_order > max) {
		return -XEN_EPERM;
	}
	if (e->in.domid != e->out.domid || e->in.nr_extents > limit ||
	    e->out.nr_extents > limit || e->nr_exchanged > e->in.nr_extents) {
		return -XEN_EINVAL;
	}
	/* Orders are at most 12 and counts below 2^49: the shifts fit. */
	if (e->in.nr_extents << e->in.extent_order !=
	    e->out.nr_extents << e->out.extent_order) {
		return -XEN_EINVAL;
	}
	x->in_order = e->in.extent_order;
	x->out_order = e->out.extent_order;
	x->in_shift =
		x->out_order > x->in_order ? x->out_order - x->in_order : 0;
	x->out_shift =
		x->in_order > x->out_order ? x->in_order - x->out_order : 0;
	if ((e->nr_exchanged & ((1ul << x->in_shift) - 1)) != 0) {
		return -XEN_EINVAL;
	}
	x->in = GUEST_HANDLE_PTR(e->in.extent_start);
	x->out = GUEST_HANDLE_PTR(e->out.extent_start);
	x->address_bits = memory_address_bits(e->out.mem_flags);
	return 0;
}

long memory_exchange(uint64_t cmd, uint64_t arg)
{
	guest_ptr_t progress = guest_ptr_add(
		guest_ptr(arg),
		offsetof(struct xen_memory_exchange, nr_exchanged));
	struct xen_memory_exchange e;
	struct exchange x;
	unsigned long chunk, first, chunks;
	bool done, again = false;
	int rc;

	if (copy_from_guest(&e, guest_ptr(arg), sizeof(e)) != 0) {
		return -XEN_EFAULT;
	}
	rc = decode(&x, &e);
	if (rc != 0) {
		return rc;
	}
	x.d = memory_target(e.in.domid, &rc);
	if (x.d == NULL) {
		return rc;
	}
	first = e.nr_exchanged >> x.in_shift;
	chunks = e.in.nr_extents >> x.in_shift;
	for (chunk = first; chunk < chunks && rc == 0; chunk++) {
		if (chunk != first && hypercall_preempt()) {
			again = true;
			break;
		}
		rc = exchange_chunk(&x, chunk, &done);
		if (done) {
			e.nr_exchanged += 1ul << x.in_shift;
		}
	}
	domain_put(x.d);
	if (copy_to_guest(progress, &e.nr_exchanged, sizeof(e.nr_exchanged)) !=
	    0) {
		return -XEN_EFAULT;
	}
	if (again) {
		uint64_t args[] = { cmd, arg };

		return hypercall_restart(2, args);
	}
	return rc;
}

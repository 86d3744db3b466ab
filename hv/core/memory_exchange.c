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
 * Takes no lock.  Frames between two owners are linked in place of
 * their types, which mean nothing while the count is 0.
 */
#include <hv/memory.h>

#include <xen/memory.h>

#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

struct exchange {
	struct xen_memory_exchange e;
	struct domain *d;
	unsigned int in_shift, out_shift; /* extents in a chunk, log2 */
};

/* A stack of frames, by the number of the topmost; 0: empty. */
static void push(uint32_t *stack, struct page *pg)
{
	pg->next = *stack;
	*stack = (uint32_t)page_to_mfn(pg);
}

static struct page *pop(uint32_t *stack)
{
	struct page *pg = mfn_to_page(*stack);

	if (*stack == 0) {
		return NULL;
	}
	*stack = pg->next;
	return pg;
}

static int allocate_out(struct exchange *x, uint32_t *out)
{
	for (unsigned long i = 0; i < 1ul << x->out_shift; i++) {
		struct page *pg = heap_alloc(x->e.out.extent_order,
					     XENMEMF_get_address_bits(x->e.out.mem_flags));

		if (pg == NULL) {
			return -XEN_ENOMEM;
		}
		push(out, pg);
	}
	return 0;
}

static int steal_in(struct exchange *x, unsigned long chunk, uint32_t *in)
{
	unsigned long i = chunk << x->in_shift, end = i + (1ul << x->in_shift);
	guest_ptr_t list = GUEST_HANDLE_PTR(x->e.in.extent_start);
	xen_pfn_t mfn;

	for (; i < end; i++) {
		if (copy_from_guest(&mfn, guest_ptr_add(list, i * sizeof(mfn)), sizeof(mfn)) != 0) {
			return -XEN_EFAULT;
		}
		for (unsigned long k = 0; k < 1ul << x->e.in.extent_order; k++) {
			struct page *pg = mfn_to_page(index_nospec(mfn + k, frame_max));

			if (!mfn_valid(mfn + k) || !page_steal(pg, x->d)) {
				return -XEN_EINVAL;
			}
			push(in, pg);
		}
	}
	return 0;
}

/*
 * Gives the new extents to the domain, the last one first as the stack has
 * them.  A list that cannot be read or written any more costs the guest the
 * knowledge of its frames, not the frames.
 */
static int commit_out(struct exchange *x, unsigned long chunk, uint32_t *out)
{
	unsigned long i = (chunk + 1) << x->out_shift;
	unsigned int order = x->e.out.extent_order;
	struct page *pg;
	int rc = 0;

	while ((pg = pop(out)) != NULL) {
		guest_ptr_t slot = guest_ptr_add(GUEST_HANDLE_PTR(x->e.out.extent_start),
						 --i * sizeof(xen_pfn_t));
		xen_pfn_t mfn = page_to_mfn(pg), gpfn;

		if (domain_assign_frames(x->d, pg, order, true) != 0) {
			rc = -XEN_EINVAL;
		} else if (copy_from_guest(&gpfn, slot, sizeof(gpfn)) != 0 ||
			   copy_to_guest(slot, &mfn, sizeof(mfn)) != 0) {
			rc = -XEN_EFAULT;
		} else {
			memory_name_frames(mfn, order, gpfn);
		}
	}
	return rc;
}

static int exchange_chunk(struct exchange *x, unsigned long chunk)
{
	uint32_t in = 0, out = 0;
	struct page *pg;
	int rc = allocate_out(x, &out);

	if (rc == 0) {
		rc = steal_in(x, chunk, &in);
	}
	/* The guest has taken its mappings away but need not have flushed
	 * them: nobody else may get the frames before that, nor the guest in
	 * another use (what they were as a type is forgotten: see pgtype.c). */
	while ((pg = pop(&in)) != NULL) {
		tlb_flush_stale(pg, cpu_online_mask());
		if (rc == 0) {
			heap_free(pg, 0);
		} else if (domain_assign_frames(x->d, pg, 0, true) != 0) {
			rc = -XEN_EINVAL; /* dying: the heap has it all the same */
		}
	}
	if (rc == 0) {
		x->e.nr_exchanged += 1ul << x->in_shift;
		return commit_out(x, chunk, &out);
	}
	while ((pg = pop(&out)) != NULL) {
		heap_free(pg, x->e.out.extent_order);
	}
	return rc;
}

/* Checks all that the numbers alone tell, splits them into chunks, finds x->d. */
static int decode(struct exchange *x)
{
	const struct xen_memory_reservation *in = &x->e.in, *out = &x->e.out;
	unsigned int larger = MAX(in->extent_order, out->extent_order);
	unsigned long limit = ~0ul >> (PAGE_SHIFT + 3);

	if (larger > memory_max_order()) {
		return -XEN_EPERM;
	}
	x->in_shift = larger - in->extent_order;
	x->out_shift = larger - out->extent_order;
	/* Orders are at most 12 and counts below 2^49: the shifts fit. */
	if (in->domid != out->domid || in->nr_extents > limit || out->nr_extents > limit ||
	    x->e.nr_exchanged > in->nr_extents ||
	    in->nr_extents << in->extent_order != out->nr_extents << out->extent_order ||
	    (x->e.nr_exchanged & ((1ul << x->in_shift) - 1)) != 0) {
		return -XEN_EINVAL;
	}
	return domain_get_target(in->domid, &x->d);
}

long memory_exchange(uint64_t cmd, uint64_t arg)
{
	guest_ptr_t progress =
		guest_ptr_add(guest_ptr(arg), offsetof(struct xen_memory_exchange, nr_exchanged));
	unsigned long chunk, first;
	struct exchange x;
	int rc = copy_from_guest(&x.e, guest_ptr(arg), sizeof(x.e));

	if (rc == 0) {
		rc = decode(&x);
	}
	if (rc != 0) {
		return rc;
	}
	first = x.e.nr_exchanged >> x.in_shift;
	for (chunk = first; chunk < x.e.in.nr_extents >> x.in_shift && rc == 0; chunk++) {
		rc = chunk != first && hypercall_preempt() ? -XEN_ERESTART :
							     exchange_chunk(&x, chunk);
	}
	domain_put_target(x.d);
	if (copy_to_guest(progress, &x.e.nr_exchanged, sizeof(x.e.nr_exchanged)) != 0) {
		return -XEN_EFAULT;
	}
	return rc == -XEN_ERESTART ? hypercall_restart(2, (uint64_t[]){ cmd, arg }) : rc;
}

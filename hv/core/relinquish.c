/* SPDX-License-Identifier: MIT */
/*
 * The end of a dying domain's memory: takes its pins, tears its tables down
 * and gives its frames back.  Called by domain_destroy() when the domain's
 * vCPUs have stopped and dropped what they held.  Takes no lock: the domain
 * can get no new frame, and each is changed by what takes references of it.
 *
 * Frames are found through d->extents, in two passes: first every table, then
 * the frames.  In one pass each frame would be freed in the moment its last
 * mapping goes, and each would need a TLB flush of its own; so, one does for
 * all.  A frame that another domain still maps is freed when that goes.
 *
 * d->destroy_cursor: the frame to look at next, and frame_max more in the second
 * pass.  Where a domain has frames the frame table has all of the region.
 */
#include <hv/mm.h>

#define PIECE 256ul /* frames between two looks whether an interrupt waits */

static int drop_tables(struct page *pg, const struct domain *d)
{
	int rc = 0;

	if (READ_ONCE(pg->owner) != d->id ||
	    (__atomic_load_n(&pg->type, __ATOMIC_ACQUIRE) & (PGT_PINNED | PGT_PARTIAL)) == 0 ||
	    !page_get(pg, d)) {
		return 0;
	}
	if (page_unpin(pg)) {
		rc = page_put_table(pg);
		/* The pin stays until all that it held is gone.  Whoever pins a
		 * frame of a dying domain sees that, and takes the pin away at
		 * once: see op_pin(). */
		while (rc != 0 && !page_pin(pg)) {
			arch_cpu_relax();
		}
	}
	rc = rc == 0 ? page_drop_partial(pg) : rc;
	page_put(pg);
	return rc == 0 && mm_preempt() ? -XEN_ERESTART : rc;
}

/* At its end the cursor stays there: calling again finds no work. */
int domain_relinquish_memory(struct domain *d)
{
	int rc = 0;

	while (rc == 0 && d->destroy_cursor < 2 * frame_max) {
		unsigned long first = d->destroy_cursor % frame_max, mfn = first;
		unsigned long end = MIN((mfn | (PIECE - 1)) + 1, frame_max);
		unsigned long i = mfn >> EXTENT_SHIFT;

		if ((__atomic_load_n(&d->extents[i / 64], __ATOMIC_ACQUIRE) >> (i % 64) & 1) == 0) {
			mfn = MIN((i + 1) << EXTENT_SHIFT, frame_max);
		} else if (d->destroy_cursor >= frame_max) {
			/* Not so shared_info, which domain.c frees, nor what
			 * the guest has given up and somebody still maps. */
			page_deallocate_all(mfn, end, d);
			mfn = end;
		}
		while (rc == 0 && mfn < end) {
			rc = drop_tables(mfn_to_page(mfn), d);
			mfn += rc == 0;
		}
		d->destroy_cursor += mfn - first;
		rc = rc == 0 && mm_preempt() ? -XEN_ERESTART : rc;
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * The end of a dying domain's memory: takes its pins, tears its tables down
 * and gives its frames back.  Called by domain_destroy() when the domain's
 * vCPUs have stopped and dropped what they held.  Takes no lock: the domain
 * can get no new frame, and each frame is referenced while it is looked at.
 *
 * Frames are found through d->extents, in two passes: first every table, then
 * the frames.  In one pass each frame would be freed in the moment its last
 * mapping goes, and each would need a TLB flush of its own; so, one does for
 * all.  A frame that another domain still maps is freed when that goes.
 *
 * d->destroy_cursor: the pass in the top bit, and the frame to look at next.
 */
#include <hv/mm.h>

#define CURSOR_FREEING (1ull << 63)
#define EXTENT_FRAMES (1ul << EXTENT_SHIFT)
#define LOOK_COST 1u
#define WORK_COST 32u
#define PREEMPT_COST 4096u

static int drop_tables(struct page *pg, const struct domain *d)
{
	uint64_t type = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
	int rc = 0;

	if ((type & (PGT_PINNED | PGT_PARTIAL)) == 0 || !page_get(pg, d)) {
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
	if (rc == 0) {
		rc = page_drop_partial(pg);
	}
	page_put(pg);
	return rc;
}

/* One pass from the cursor on. */
static int scan(struct domain *d, bool freeing)
{
	const uint64_t pass = freeing ? CURSOR_FREEING : 0;
	unsigned long mfn = (unsigned long)(d->destroy_cursor & ~pass);
	unsigned int cost = 0;
	int rc = 0;

	for (; mfn < frame_max; mfn++) {
		unsigned long i = mfn >> EXTENT_SHIFT;
		struct page *pg = mfn_to_page(mfn);

		if ((__atomic_load_n(&d->extents[i / 64], __ATOMIC_ACQUIRE) >> (i % 64) & 1) == 0) {
			mfn |= EXTENT_FRAMES - 1;
			continue;
		}
		if (cost >= PREEMPT_COST) {
			cost = 0;
			rc = mm_preempt() ? -XEN_ERESTART : 0;
		}
		if (rc == 0 && mfn_valid(mfn) && READ_ONCE(pg->owner) == d->id) {
			cost += WORK_COST;
			if (freeing) {
				/* Not so shared_info, which domain.c frees, nor what
				 * the guest has given up and somebody still maps. */
				(void)page_deallocate(mfn, d);
			} else {
				rc = drop_tables(pg, d);
			}
		}
		if (rc != 0) {
			break;
		}
		cost += LOOK_COST;
	}
	d->destroy_cursor = mfn | pass;
	return rc;
}

int domain_relinquish_memory(struct domain *d)
{
	int rc = 0;

	if ((d->destroy_cursor & CURSOR_FREEING) == 0) {
		rc = scan(d, false);
		if (rc == 0) {
			d->destroy_cursor = CURSOR_FREEING;
		}
	}
	/* At its end the cursor stays there: calling again finds no work. */
	return rc == 0 ? scan(d, true) : rc;
}

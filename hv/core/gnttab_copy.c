/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: the core copies within a frame between two domains, for a
 * caller that has granted or been granted either side.  Called through the
 * table in gnttab.c.  No lock is held while it copies: a side is pinned and
 * held as a mapping would be.  Never maps anything for a guest.
 */
#include <hv/gnttab.h>

#include <hv/page.h>

struct side {
	struct domain *d; /* of this element and perhaps of the next */
	struct page *pg;
	bool write, by_ref;
};

static int side_get(struct side *s, const struct gnttab_copy_ptr *p)
{
	if (gnttab_peer(&s->d, p->domid) == NULL) {
		return GNTST_bad_domain;
	}
	if (s->by_ref) {
		return gnttab_acquire(s->d, p->u.ref, s->write, &s->pg);
	}
	/* Frames by number are the caller's own. */
	if (s->d != current_domain()) {
		return GNTST_permission_denied;
	}
	s->pg = gnttab_hold(p->u.gmfn, s->d, s->write);
	return s->pg != NULL ? GNTST_okay : GNTST_bad_page;
}

static void side_put(const struct side *s, const struct gnttab_copy_ptr *p)
{
	gnttab_release(s->by_ref ? s->d : NULL, p->u.ref, s->write, s->pg);
}

static int copy_one(const struct gnttab_copy *op, struct side *source, struct side *dest)
{
	uint32_t from = op->source.offset, to = op->dest.offset;
	int status;

	if (from + op->len > PAGE_SIZE || to + op->len > PAGE_SIZE) {
		return GNTST_bad_copy_arg;
	}
	source->by_ref = (op->flags & GNTCOPY_source_gref) != 0;
	dest->by_ref = (op->flags & GNTCOPY_dest_gref) != 0;
	status = side_get(source, &op->source);
	if (status != GNTST_okay) {
		return status;
	}
	status = side_get(dest, &op->dest);
	if (status == GNTST_okay) {
		/* Masked for the CPU that does not wait for the check. */
		memmove((char *)frame_ptr(page_to_mfn(dest->pg)) + to % PAGE_SIZE,
			(const char *)frame_ptr(page_to_mfn(source->pg)) + from % PAGE_SIZE,
			op->len);
		side_put(dest, &op->dest);
	}
	side_put(source, &op->source);
	return status;
}

int gnttab_copy(unsigned int cmd UNUSED, union gnttab_ops *ops, unsigned int n)
{
	struct side source = { .write = false }, dest = { .write = true };

	for (unsigned int i = 0; i < n; i++) {
		ops->copy[i].status = (int16_t)copy_one(&ops->copy[i], &source, &dest);
	}
	domain_put(source.d);
	domain_put(dest.d);
	return 0;
}

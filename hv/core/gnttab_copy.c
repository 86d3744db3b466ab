/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: the core copies within a frame between two domains, for a
 * caller that has granted or been granted either side.  Called through the
 * table in gnttab.c.  No lock is held while it copies: a side is pinned and
 * held as a mapping would be.  Never maps anything for a guest.
 */
#include <hv/gnttab.h>

#include <hv/page.h>

/*
 * One side of a copy.  It stays held for the next element, which mostly goes on
 * in the frame that this one filled or emptied.
 */
struct side {
	struct domain *peer; /* of this element and perhaps of the next */
	struct domain *d;    /* whose frame it is */
	struct page *pg;     /* NULL: nothing is held */
	struct gnttab_copy_ptr at;
	bool write, by_ref;
};

static void side_put(struct side *s)
{
	if (s->pg != NULL) {
		gnttab_release(s->by_ref ? s->d : NULL, s->at.u.ref, s->write, s->pg);
		s->pg = NULL;
	}
}

static int side_get(struct side *s, const struct gnttab_copy_ptr *p, bool by_ref)
{
	struct domain *d = current_domain();

	if (s->pg != NULL && s->by_ref == by_ref && s->at.domid == p->domid &&
	    s->at.u.gmfn == p->u.gmfn) { /* which a reference is the half of */
		return GNTST_okay;
	}
	side_put(s);
	if (p->domid != DOMID_SELF && p->domid != d->id) {
		d = gnttab_peer(&s->peer, p->domid);
	}
	if (d == NULL) {
		return GNTST_bad_domain;
	}
	s->d = d;
	s->at = *p;
	s->by_ref = by_ref;
	if (by_ref) {
		return gnttab_acquire(d, p->u.ref, s->write, &s->pg);
	}
	/* Frames by number are the caller's own. */
	if (d != current_domain()) {
		return GNTST_permission_denied;
	}
	s->pg = gnttab_hold(p->u.gmfn, d, s->write);
	return s->pg != NULL ? GNTST_okay : GNTST_bad_page;
}

static int copy_one(const struct gnttab_copy *op, struct side *source, struct side *dest)
{
	uint32_t from = op->source.offset, to = op->dest.offset;
	int status;

	if (from + op->len > PAGE_SIZE || to + op->len > PAGE_SIZE) {
		return GNTST_bad_copy_arg;
	}
	status = side_get(source, &op->source, (op->flags & GNTCOPY_source_gref) != 0);
	if (status == GNTST_okay) {
		status = side_get(dest, &op->dest, (op->flags & GNTCOPY_dest_gref) != 0);
	}
	if (status == GNTST_okay) {
		/* Masked for the CPU that does not wait for the check. */
		memmove((char *)frame_ptr(page_to_mfn(dest->pg)) + to % PAGE_SIZE,
			(const char *)frame_ptr(page_to_mfn(source->pg)) + from % PAGE_SIZE,
			op->len);
	}
	return status;
}

int gnttab_copy(unsigned int cmd UNUSED, union gnttab_ops *ops, unsigned int n)
{
	struct side source = { .write = false }, dest = { .write = true };

	for (unsigned int i = 0; i < n; i++) {
		ops->copy[i].status = (int16_t)copy_one(&ops->copy[i], &source, &dest);
	}
	side_put(&source);
	side_put(&dest);
	domain_put(source.peer);
	domain_put(dest.peer);
	return 0;
}

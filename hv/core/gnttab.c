/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: their frames and sizes, the entries and who uses them now,
 * and the hypercall.  gnttab_map.c and gnttab_copy.c do what entries are for.
 * The lock of a table covers its growth, the counts of uses and the free list
 * of mappings; an entry itself is memory that the guest writes at any time.
 * Never touches page tables.
 *
 * AN ENTRY is eight bytes, read as one word and once; what is decided by it is
 * confirmed by a compare-and-exchange of the whole word, which sets the bits
 * that tell the granter of the use.  While they are set a granter that keeps to
 * the ABI leaves the entry alone.  One that does not harms itself: a mapping
 * remembers its frame, and has holds of its own on it.
 *
 * A USE of an entry is a pin, counted here, and a hold on the frame: the same
 * references that a page-table entry would have.  A mapped frame is held twice,
 * by the page-table entry and by the mapping behind the handle.  So the mapper
 * may do to its own tables what it likes: the frame stays, and the granter sees
 * it in use, until the handle is given back.
 *
 * THE END OF A USE, in this order: (1) the page-table entry is gone; (2) every
 * CPU of the mapper is flushed; (3) the mapping's hold on the frame is dropped;
 * (4) the bits of the entry are cleared.  The granter that sees (4) can be sure
 * that nobody has the frame, and that it may make of it what it likes.
 */
#include <hv/gnttab.h>

#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#define PIN_TRIES 4

union entry {
	uint64_t word;
	struct grant_entry_v1 v1;
};
_Static_assert(sizeof(union entry) == 8 && GRANTS_PER_FRAME == 512, "grant_table.h, version 1");
_Static_assert(USES_PER_PAGE == 2 * GRANTS_PER_FRAME, "a page of counts serves two frames");

/* ---- Life ------------------------------------------------------------------------- */

static uint32_t use_pages(const struct gnttab *t)
{
	return (t->max_frames + 1) / 2;
}

static uint32_t map_pages(const struct gnttab *t)
{
	return t->max_maps / (uint32_t)MAPS_PER_PAGE;
}

static size_t table_size(const struct gnttab *t)
{
	return sizeof(*t) + (t->max_frames + use_pages(t) + map_pages(t)) * sizeof(void *);
}

int gnttab_domain_init(struct domain *d, uint32_t max_frames, uint32_t pages)
{
	struct gnttab limits = {
		.lock = SPINLOCK_INIT(RANK_GNTTAB),
		.max_frames = max_frames != 0 ? max_frames : GNTTAB_FRAMES,
		.max_maps = (pages != 0 ? pages : GNTTAB_MAP_PAGES) * (uint32_t)MAPS_PER_PAGE,
		.free_map = GRANT_MAP_NONE,
	};
	struct gnttab *t = heap_alloc_bytes(table_size(&limits));

	if (t == NULL) {
		return -XEN_ENOMEM;
	}
	*t = limits;
	t->frame = (uint64_t **)(t + 1);
	t->use = (struct grant_use **)(t->frame + t->max_frames);
	t->map = (struct grant_map **)(t->use + use_pages(t));
	d->gnttab = t;
	return 0;
}

void gnttab_domain_free(struct domain *d)
{
	struct gnttab *t = d->gnttab;

	if (t == NULL) {
		return;
	}
	for (uint32_t i = 0; i < t->frames; i++) {
		domain_shared_free(t->frame[i]);
	}
	for (uint32_t i = 0; i < use_pages(t); i++) {
		heap_free_bytes(t->use[i], PAGE_SIZE);
	}
	for (uint32_t i = 0; i < map_pages(t); i++) {
		heap_free_bytes(t->map[i], PAGE_SIZE);
	}
	heap_free_bytes(t, table_size(t));
}

static int grow(struct domain *d)
{
	struct gnttab *t = d->gnttab;
	int rc = -XEN_ENOMEM;
	uint32_t n;

	spin_lock(&t->lock);
	n = t->frames;
	if (n < t->max_frames && READ_ONCE(d->state) == DOM_ALIVE) {
		if (t->use[n / 2] == NULL) {
			t->use[n / 2] = heap_alloc_bytes(PAGE_SIZE);
		}
		if (t->use[n / 2] != NULL) {
			t->frame[n] = domain_shared_alloc(d);
		}
		if (t->frame[n] != NULL) {
			__atomic_store_n(&t->frames, n + 1, __ATOMIC_RELEASE);
			rc = 0;
		}
	}
	spin_unlock(&t->lock);
	return rc;
}

int gnttab_seed(struct domain *d, grant_ref_t ref, domid_t to, unsigned long mfn)
{
	union entry e = { .v1 = { GTF_permit_access, to, (uint32_t)mfn } };
	int rc = d->gnttab->frames == 0 ? grow(d) : 0;

	CHECK(ref < GNTTAB_NR_RESERVED_ENTRIES);
	if (rc == 0) {
		__atomic_store_n(&d->gnttab->frame[0][ref], e.word, __ATOMIC_RELEASE);
	}
	return rc;
}

/* ---- The other domain ------------------------------------------------------------------------- */

struct domain *gnttab_peer(struct domain **peer, domid_t id)
{
	id = id == DOMID_SELF ? current_domain()->id : id;
	if (*peer == NULL || (*peer)->id != id) {
		domain_put(*peer);
		*peer = domain_get(id);
	}
	return *peer;
}

/* ---- The use of an entry ---------------------------------------------------------- */

struct page *gnttab_hold(unsigned long mfn, const struct domain *d, bool write)
{
	return write ? guest_frame_hold(d, mfn) : page_get_from_mfn(mfn, d);
}

static struct grant_use *use_of(const struct gnttab *t, grant_ref_t ref)
{
	return &t->use[ref / USES_PER_PAGE][ref % USES_PER_PAGE];
}

static uint64_t *entry_of(const struct gnttab *t, grant_ref_t ref)
{
	return &t->frame[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

/* Under the lock of t.  GNTST_okay: *e is the entry that was pinned. */
static int pin(const struct gnttab *t, grant_ref_t ref, bool write, union entry *e)
{
	grant_ref_t end = t->frames * (grant_ref_t)GRANTS_PER_FRAME;
	struct grant_use *use;
	union entry next;
	uint64_t *at;

	if (ref >= end) {
		return GNTST_bad_gntref;
	}
	ref = (grant_ref_t)index_nospec(ref, end);
	use = use_of(t, ref);
	at = entry_of(t, ref);
	if (use->all == UINT16_MAX) {
		return GNTST_no_space;
	}
	e->word = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	for (unsigned int tries = 0; tries < PIN_TRIES; tries++) {
		if ((e->v1.flags & (GTF_type_mask | GTF_sub_page)) != GTF_permit_access ||
		    e->v1.domid != current_domain()->id) {
			return GNTST_bad_gntref;
		}
		if (write && (e->v1.flags & GTF_readonly) != 0) {
			return GNTST_permission_denied;
		}
		next = *e;
		next.v1.flags |= (uint16_t)(write ? GTF_reading | GTF_writing : GTF_reading);
		/* A word that stays is not written: others read its line. */
		if (next.word == e->word ||
		    __atomic_compare_exchange_n(at, &e->word, next.word, false, __ATOMIC_SEQ_CST,
						__ATOMIC_ACQUIRE)) {
			use->all++;
			use->writers = (uint16_t)(use->writers + write);
			return GNTST_okay;
		}
	}
	return GNTST_general_error;
}

static void unpin(struct gnttab *t, grant_ref_t ref, bool write)
{
	struct grant_use *use = use_of(t, ref);
	union entry clear = { .word = 0 };

	spin_lock(&t->lock);
	CHECK(use->all != 0 && use->writers >= write);
	use->all--;
	use->writers = (uint16_t)(use->writers - write);
	clear.v1.flags = (uint16_t)((use->all == 0 ? GTF_reading : 0) |
				    (use->writers == 0 ? GTF_writing : 0));
	if (clear.word != 0) {
		/* All that was done to the frame is visible before this. */
		__atomic_fetch_and(entry_of(t, ref), ~clear.word, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&t->lock);
}

int gnttab_acquire(struct domain *rd, grant_ref_t ref, bool write, struct page **pg)
{
	union entry e;
	int status;

	/* It may begin to die right after this look.  It cannot be dead before
	 * this CPU has been outside the core: the flush of its freed tables
	 * waits for that, and then our hold is seen. */
	spin_lock(&rd->gnttab->lock);
	status = READ_ONCE(rd->state) == DOM_ALIVE ? pin(rd->gnttab, ref, write, &e) :
						     GNTST_bad_domain;
	spin_unlock(&rd->gnttab->lock);
	if (status == GNTST_okay) {
		*pg = gnttab_hold(e.v1.frame, rd, write);
		if (*pg == NULL) {
			unpin(rd->gnttab, ref, write);
			status = GNTST_general_error;
		}
	}
	return status;
}

void gnttab_release(struct domain *rd, grant_ref_t ref, bool write, struct page *pg)
{
	if (write) {
		page_put_type(pg);
	}
	page_put(pg);
	if (rd != NULL) {
		unpin(rd->gnttab, ref, write);
	}
}

/* ---- Tables as a whole -------------------------------------------------------------- */

/* Grows the table of d and lists its frames: 0 or -XEN_EFAULT. */
static int setup_table(struct domain *d, struct gnttab_setup_table *op)
{
	guest_ptr_t list = GUEST_HANDLE_PTR(op->frame_list);
	const struct gnttab *t = d->gnttab;

	op->status = GNTST_general_error;
	if (op->nr_frames > t->max_frames) {
		return 0;
	}
	while (__atomic_load_n(&t->frames, __ATOMIC_ACQUIRE) < op->nr_frames) {
		if (grow(d) != 0) {
			return 0;
		}
		arch_irq_window();
	}
	for (uint32_t i = 0; i < op->nr_frames; i++) {
		xen_pfn_t mfn = ptr_frame(t->frame[i]);

		if (copy_to_guest(guest_ptr_add(list, i * sizeof(mfn)), &mfn, sizeof(mfn)) != 0) {
			return -XEN_EFAULT;
		}
	}
	op->status = GNTST_okay;
	return 0;
}

/* The operations without a list; but for set_version they begin with a domain. */
static int table_op(unsigned int cmd, union gnttab_ops *op, unsigned int n UNUSED)
{
	uint32_t wanted = op->set_version.version;
	struct domain *d = NULL;
	int rc;

	if (cmd == GNTTABOP_set_version) {
		op->set_version.version = 1;
		return wanted == 1 ? 0 : wanted == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
	}
	rc = domain_get_target(op->setup.dom, &d);
	if (cmd == GNTTABOP_get_version) {
		op->get_version.version = 1;
	} else if (rc != 0) {
		/* One is padding, or a result that means nothing now, in the other. */
		op->size.status = rc == -XEN_EPERM ? GNTST_permission_denied : GNTST_bad_domain;
		op->setup.status = op->size.status;
		rc = 0;
	} else if (cmd == GNTTABOP_setup_table) {
		rc = setup_table(d, &op->setup);
	} else {
		op->size.nr_frames = READ_ONCE(d->gnttab->frames);
		op->size.max_nr_frames = d->gnttab->max_frames;
		op->size.status = GNTST_okay;
	}
	domain_put_target(d);
	return rc;
}

/* ---- The hypercall ------------------------------------------------------------------ */

#define OP(nr, member, run) [GNTTABOP_##nr] = { sizeof(((union gnttab_ops *)0)->member), run }

/*
 * A number without a line is refused: transfer and get_status_frames with its
 * version 2, swap_grant_ref, which no guest uses, dump_table, which prints what
 * a guest knows, and cache_flush, which other machines need.
 */
static const struct {
	uint8_t size;
	int (*run)(unsigned int cmd, union gnttab_ops *ops, unsigned int n);
} table[] = {
	OP(map_grant_ref, map[0], gnttab_map),
	OP(unmap_grant_ref, unmap[0], gnttab_unmap),
	OP(unmap_and_replace, unmap[0], gnttab_unmap),
	OP(copy, copy[0], gnttab_copy),
	OP(setup_table, setup, table_op),
	OP(query_size, size, table_op),
	OP(set_version, set_version, table_op),
	OP(get_version, get_version, table_op),
};

long do_grant_table_op(uint64_t cmd_arg, uint64_t arg, uint64_t count_arg)
{
	unsigned int cmd = (unsigned int)index_nospec((uint32_t)cmd_arg, ARRAY_SIZE(table));
	uint32_t count = (uint32_t)count_arg, n = 0;
	size_t size = table[cmd].size;
	union gnttab_ops ops;
	int rc = 0;

	if (cmd != (uint32_t)cmd_arg || size == 0) {
		return -XEN_ENOSYS;
	}
	if (count > INT32_MAX || (table[cmd].run == table_op && count != 1)) {
		return -XEN_EINVAL;
	}
	for (; count > 0 && rc == 0; count -= n, arg += n * size) {
		if (n != 0 && hypercall_preempt()) {
			return hypercall_restart(3, (uint64_t[]){ cmd, arg, count });
		}
		n = MIN(count, GNTTAB_BATCH);
		if (copy_from_guest(&ops, guest_ptr(arg), n * size) != 0) {
			return -XEN_EFAULT;
		}
		rc = table[cmd].run(cmd, &ops, n);
		if (copy_to_guest(guest_ptr(arg), &ops, n * size) != 0) {
			return -XEN_EFAULT;
		}
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * Domains: the table of ids, references, and the way from creation to
 * destruction.
 *
 * The domlist lock covers the table; a domain is in it from domain_create()
 * until its last reference goes, but domain_get() finds it only while it is
 * alive or dying.  What a domain does by itself is elsewhere: its end by its
 * own fault or wish in crash.c, its vCPUs in vcpu.c, its frames in page.c and
 * relinquish.c.  A vCPU with PAUSE_DOMAIN never runs again: its domain is shut
 * down or dying.
 *
 * Who stops, builds or destroys a domain claims it first: that is long work
 * which lets interrupts in, so no lock could keep others off.
 */
#include <hv/domain.h>

#include <vl/control.h>

#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/guests.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/vtime.h>

_Static_assert(sizeof(struct shared_info) <= PAGE_SIZE, "one frame of it");

struct domain *control_domain;
static unsigned int waiting; /* atomic: dying domains that may wait for their last frames */

static spinlock_t domlist_lock = SPINLOCK_INIT(RANK_DOMLIST);
static struct domain *domain_table[MAX_DOMAINS]; /* domlist lock */
static unsigned int domain_end; /* domlist lock to write: above the highest number ever given */

/* ---- Table and references -------------------------------------------------- */

/* tot_pages keeps domain_destroy() from ending before the frames have. */
struct domain *domain_of_frames(uint16_t owner)
{
	uint64_t i = index_nospec(owner, MAX_DOMAINS);

	return owner == i ? __atomic_load_n(&domain_table[i], __ATOMIC_ACQUIRE) : NULL;
}

struct domain *domain_get(uint16_t id)
{
	struct domain *d = NULL;
	uint32_t refs = 0;

	if (domain_of_frames(id) == NULL) {
		return NULL;
	}
	spin_lock(&domlist_lock);
	d = domain_table[index_nospec(id, MAX_DOMAINS)];
	if (d != NULL && __atomic_load_n(&d->state, __ATOMIC_ACQUIRE) != DOM_DEAD) {
		refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);
	}
	/* From 0 there is no way back: somebody is at work to free it. */
	while (refs != 0 && !__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false,
							 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {}
	spin_unlock(&domlist_lock);
	return refs != 0 ? d : NULL;
}

int domain_get_target(uint16_t id, struct domain **target)
{
	struct domain *currd = current_domain(), *d = currd;

	/* The usual case goes without the table. */
	if (id != DOMID_SELF && id != currd->id) {
		d = domain_get(id);
		/* Looked at now that no other domain can get that number. */
		if (d != NULL && !currd->is_control && READ_ONCE(currd->target) != id) {
			domain_put(d);
			return -XEN_EPERM;
		}
	}
	*target = d;
	return d != NULL ? 0 : -XEN_ESRCH;
}

void domain_put_target(struct domain *d)
{
	if (d != NULL && d != current_domain()) {
		domain_put(d);
	}
}

struct domain *domain_from(unsigned int id)
{
	struct domain *d = NULL;

	for (; id < READ_ONCE(domain_end) && d == NULL; id++) {
		d = domain_get((uint16_t)id);
	}
	return d;
}

struct domain *domain_next(struct domain *prev)
{
	struct domain *d = domain_from(prev != NULL ? prev->id + 1u : 0);

	domain_put(prev);
	return d;
}

bool domain_claim(struct domain *d)
{
	return !__atomic_exchange_n(&d->claimed, true, __ATOMIC_SEQ_CST);
}

void domain_release(struct domain *d)
{
	__atomic_store_n(&d->claimed, false, __ATOMIC_RELEASE);
}

/* With one bit for each region of frames, in whole words. */
static size_t domain_size(void)
{
	return sizeof(struct domain) + (frame_max >> EXTENT_SHIFT) / 8 + 8;
}

/* The last reference is gone; parts of d may never have been made. */
static void free_domain(struct domain *d)
{
	spin_lock(&domlist_lock);
	WRITE_ONCE(domain_table[d->id], NULL);
	/* Its number will be another's, on whom nobody has a right. */
	for (unsigned int i = 0; i < domain_end; i++) {
		if (domain_table[i] != NULL && READ_ONCE(domain_table[i]->target) == d->id) {
			WRITE_ONCE(domain_table[i]->target, domain_table[i]->id);
		}
	}
	spin_unlock(&domlist_lock);
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] != NULL) {
			vcpu_free(d->vcpu[i]);
		}
	}
	evtchn_domain_free(d);
	ioport_domain_free(d);
	gnttab_domain_free(d);
	domain_shared_free(d->shared);
	heap_free_bytes(d, domain_size());
}

void domain_put(struct domain *d)
{
	if (d != NULL && __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		CHECK(d->state == DOM_DEAD);
		free_domain(d);
	}
}

/* ---- Frames that the domain and the core both write ------------------------------ */

/*
 * The domain owns it but it was never allocated to it: it can neither give it
 * away nor exchange it, and the core's references hold it as writable until the
 * domain is freed.
 */
void *domain_shared_alloc(const struct domain *d)
{
	struct page *pg = heap_alloc(0, ADDRESS_BITS_ANY);

	if (pg == NULL) {
		return NULL;
	}
	WRITE_ONCE(pg->type, PGT_WRITABLE | PGT_VALIDATED | 1);
	WRITE_ONCE(pg->owner, d->id);
	__atomic_store_n(&pg->count, 1, __ATOMIC_RELEASE);
	return frame_ptr(page_to_mfn(pg));
}

void domain_shared_free(void *p)
{
	struct page *pg = p != NULL ? mfn_to_page(ptr_frame(p)) : NULL;

	if (pg != NULL) {
		/* domain_destroy() waits for it; what was never found has one. */
		CHECK(page_retire(pg));
		tlb_flush_stale(pg, cpu_online_mask());
		heap_free(pg, 0);
	}
}

/* ---- Creation ---------------------------------------------------------------- */

static int create_parts(struct domain *d, const struct vl_create *how)
{
	int rc;

	d->shared = domain_shared_alloc(d);
	if (d->shared == NULL) {
		return -XEN_ENOMEM;
	}
	rc = gnttab_domain_init(d, how->grant_frames, how->maptrack_frames);
	for (unsigned int i = 0; rc == 0 && i < d->max_vcpus; i++) {
		rc = vcpu_create(d, i);
	}
	return rc;
}

/* Gives d the number `id`, or the next free one.  Domlist lock held. */
static int take_id(struct domain *d, uint16_t id)
{
	static uint16_t last;

	for (unsigned int i = 0; id == DOMID_INVALID && i < MAX_DOMAINS; i++) {
		last = (uint16_t)(last % (MAX_DOMAINS - 1) + 1);
		id = domain_table[last] == NULL ? last : id;
	}
	if (id == DOMID_INVALID || domain_table[id] != NULL) {
		return id == DOMID_INVALID ? -XEN_ENOSPC : -XEN_EEXIST;
	}
	d->target = d->id = id;
	d->is_control = id == 0;
	/* Where the table holds nothing nobody has to look. */
	WRITE_ONCE(domain_end, MAX(domain_end, id + 1u));
	__atomic_store_n(&domain_table[id], d, __ATOMIC_RELEASE);
	return 0;
}

struct domain *domain_create(uint16_t id, const struct vl_create *how, int *rc)
{
	bool valid = (id < MAX_DOMAINS || id == DOMID_INVALID) && how->vcpus != 0 &&
		     how->vcpus <= MAX_VCPUS && how->flags == 0 && how->pad == 0 &&
		     how->grant_frames <= GNTTAB_FRAMES_MAX &&
		     how->maptrack_frames <= GNTTAB_MAP_PAGES_MAX;
	struct domain *d = valid ? heap_alloc_bytes(domain_size()) : NULL;

	if (d == NULL) {
		*rc = valid ? -XEN_ENOMEM : -XEN_EINVAL;
		return NULL;
	}
	d->refs = 1;
	d->state = DOM_DEAD; /* not found by others before it is complete */
	memcpy(d->handle, how->handle, sizeof(d->handle));
	d->max_vcpus = how->vcpus;
	d->max_pages = (uint32_t)MIN(how->max_frames, UINT32_MAX);
	d->evtchn_max = how->event_ports != 0 ? how->event_ports : EVTCHN_FIFO_NR_CHANNELS;
	d->created = time_now();
	/* The control domain serves all the others. */
	d->weight = id == 0 ? 16 * SCHED_WEIGHT : SCHED_WEIGHT;
	d->lock = SPINLOCK_INIT(RANK_DOMAIN);
	d->evtchn_lock = SPINLOCK_INIT(RANK_EVTCHN);

	spin_lock(&domlist_lock);
	*rc = take_id(d, id);
	spin_unlock(&domlist_lock);
	if (*rc != 0) {
		heap_free_bytes(d, domain_size());
		return NULL;
	}
	*rc = create_parts(d, how);
	if (*rc != 0) {
		domain_put(d);
		return NULL;
	}
	vtime_update_wallclock(d);
	__atomic_store_n(&d->state, DOM_ALIVE, __ATOMIC_RELEASE);
	return d;
}

/* ---- Destruction ---------------------------------------------------------------- */

/* Never waits: two domains that stop each other would do so for ever. */
int domain_stop(struct domain *d, uint32_t flag)
{
	int rc = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		sched_sleep(d->vcpu[i], flag);
		rc = sched_unloaded(d->vcpu[i]) ? rc : -XEN_ERESTART;
	}
	return rc;
}

void domain_frames_gone(void)
{
	if (unlikely(__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) != 0)) {
		softirq_raise(this_cpu()->id, SOFTIRQ_DOMAIN);
	}
}

/* Steps in order; each can be repeated after it is done. */
static int destroy_step(struct domain *d)
{
	int rc;

	d->end_pages = MAX(d->end_pages, READ_ONCE(d->tot_pages));
	/* Under the lock, so that who is giving d a frame has done it before
	 * its frames are looked for, or does not: domain_assign_frames(). */
	spin_lock(&d->lock);
	WRITE_ONCE(d->state, DOM_DYING);
	spin_unlock(&d->lock);
	rc = domain_stop(d, PAUSE_DOMAIN);
	rc = rc == 0 ? evtchn_reset(d) : rc;
	if (rc == 0 && d->may_io) {
		pirq_domain_destroy(d);
	}
	for (unsigned int i = 0; rc == 0 && i < d->max_vcpus; i++) {
		rc = vcpu_destroy(d->vcpu[i]);
	}
	if (rc == 0) {
		guest_console_destroy(d);
		rc = domain_relinquish_memory(d);
	}
	if (rc == 0) {
		/* Before the looks at what others still have: one of us sees
		 * the other. */
		__atomic_fetch_add(&waiting, !d->waiting, __ATOMIC_SEQ_CST);
		d->waiting = true;
		rc = gnttab_domain_destroy(d);
	}
	if (rc != 0) {
		return rc;
	}
	/* Its id must not come back while frames still carry it. */
	if (__atomic_load_n(&d->tot_pages, __ATOMIC_SEQ_CST) != 0 ||
	    !page_retire(mfn_to_page(ptr_frame(d->shared)))) {
		return -XEN_EBUSY;
	}
	__atomic_store_n(&d->state, DOM_DEAD, __ATOMIC_RELEASE);
	pr_info("domain %u: destroyed, %u KiB of memory are back", d->id,
		d->end_pages << (PAGE_SHIFT - 10));
	domain_frames_gone();
	__atomic_fetch_sub(&waiting, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int domain_destroy(struct domain *d)
{
	int rc = 0;
	bool alive;

	if (!domain_claim(d)) {
		return -XEN_ERESTART;
	}
	alive = d->state != DOM_DEAD;
	rc = alive ? destroy_step(d) : 0;
	domain_release(d);
	if (rc == 0 && alive) {
		domain_put(d); /* the one of its creation */
	}
	return rc;
}

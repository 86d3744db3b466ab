/* SPDX-License-Identifier: MIT */
/*
 * Domains: the table of ids, references, pausing, and the way from creation
 * to destruction.
 *
 * The domlist lock covers the table and the ordered list; a domain is in both
 * from domain_create() until its last reference goes, but domain_get() finds
 * it only while it is alive or dying.  What a domain does by itself is
 * elsewhere: its end by its own fault or wish in crash.c, its vCPUs in vcpu.c,
 * its frames in page.c and relinquish.c.
 *
 * PAUSE_DOMAIN of a vCPU stands for three reasons: paused (pause_count),
 * shut down, not alive.  It goes away only in domain_unpause(), which looks at
 * the other two again after it has woken a vCPU; crash.c sets its flag first
 * and stops the vCPUs second, so that one of the two always sees the other.
 */
#include <hv/domain.h>

#include <xen/errno.h>

#include <arch/paging.h>

#include <hv/check.h>
#include <hv/evtchn.h>
#include <hv/heap.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/page.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/timer.h>
#include <hv/vcpu.h>
#include <hv/vtime.h>

_Static_assert(sizeof(struct shared_info) <= PAGE_SIZE, "one frame of it");

struct domain *control_domain;

static spinlock_t domlist_lock = SPINLOCK_INIT(RANK_DOMLIST);
static struct domain *domain_table[MAX_DOMAINS]; /* domlist lock */
static struct domain *domain_list;		 /* by id; domlist lock */

/* ---- Table and references -------------------------------------------------- */

static int table_insert(struct domain *d)
{
	struct domain **at;
	int rc = 0;

	spin_lock(&domlist_lock);
	if (domain_table[d->id] != NULL) {
		rc = -XEN_EEXIST;
	} else {
		domain_table[d->id] = d;
		for (at = &domain_list; *at != NULL && (*at)->id < d->id;
		     at = &(*at)->next) {}
		d->next = *at;
		*at = d;
	}
	spin_unlock(&domlist_lock);
	return rc;
}

static void table_remove(struct domain *d)
{
	struct domain **at;

	spin_lock(&domlist_lock);
	for (at = &domain_list; *at != d; at = &(*at)->next) {
		CHECK(*at != NULL);
	}
	*at = d->next;
	domain_table[d->id] = NULL;
	spin_unlock(&domlist_lock);
}

/* A reference if d can still be found; domlist lock held. */
static bool try_get(struct domain *d)
{
	uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

	if (__atomic_load_n(&d->state, __ATOMIC_ACQUIRE) == DOM_DEAD) {
		return false;
	}
	do {
		if (refs == 0) {
			return false;
		}
	} while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

struct domain *domain_get(uint16_t id)
{
	struct domain *d;

	if (id >= MAX_DOMAINS) {
		return NULL;
	}
	spin_lock(&domlist_lock);
	d = domain_table[index_nospec(id, MAX_DOMAINS)];
	if (d != NULL && !try_get(d)) {
		d = NULL;
	}
	spin_unlock(&domlist_lock);
	return d;
}

/* tot_pages keeps domain_destroy() from ending before the frames have. */
struct domain *domain_of_frames(uint16_t owner)
{
	return owner < MAX_DOMAINS ?
		       __atomic_load_n(&domain_table[owner], __ATOMIC_ACQUIRE) :
		       NULL;
}

struct domain *domain_get_or_self(uint16_t id)
{
	return domain_get(id == DOMID_SELF ? current_domain()->id : id);
}

struct domain *domain_next(struct domain *prev)
{
	struct domain *d;

	spin_lock(&domlist_lock);
	d = prev != NULL ? prev->next : domain_list;
	while (d != NULL && !try_get(d)) {
		d = d->next;
	}
	spin_unlock(&domlist_lock);
	if (prev != NULL) {
		domain_put(prev);
	}
	return d;
}

/* Everything but the place in the table; parts may be missing. */
static void free_parts(struct domain *d)
{
	size_t extents = (frame_max >> EXTENT_SHIFT) / 8 + 8;
	unsigned int i;

	for (i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] != NULL) {
			vcpu_free(d->vcpu[i]);
		}
	}
	evtchn_domain_free(d);
	ioport_domain_free(d);
	if (d->shared != NULL) {
		struct page *pg = mfn_to_page(ptr_frame(d->shared));

		/* All mappings went with the domain's tables. */
		CHECK(pg->count == 1);
		tlb_flush_stale(pg, cpu_online_mask());
		pg->count = 0;
		heap_free(pg, 0);
	}
	heap_free_bytes(d->extents, extents);
	heap_free_bytes(d, sizeof(*d));
}

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) != 0) {
		return;
	}
	CHECK(d->state == DOM_DEAD);
	table_remove(d);
	free_parts(d);
}

bool domain_may_control(const struct domain *caller, const struct domain *d)
{
	return caller->is_control && d != NULL;
}

/* ---- Creation ---------------------------------------------------------------- */

/*
 * The frame that the domain and the core both write.  The domain owns it but
 * it was never allocated to it: it can neither give it away nor exchange it,
 * and the core's references hold it as writable until the domain is freed.
 */
static int create_shared(struct domain *d)
{
	struct page *pg = heap_alloc(0, ADDRESS_BITS_ANY);
	unsigned int i;

	if (pg == NULL) {
		return -XEN_ENOMEM;
	}
	d->shared = frame_ptr(page_to_mfn(pg));
	for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++) {
		d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
	}
	pg->type = PGT_WRITABLE | PGT_VALIDATED | 1;
	pg->owner = d->id;
	__atomic_store_n(&pg->count, 1, __ATOMIC_RELEASE);
	return 0;
}

static int create_parts(struct domain *d)
{
	size_t extents = (frame_max >> EXTENT_SHIFT) / 8 + 8;
	int rc;

	d->extents = heap_alloc_bytes(extents);
	if (d->extents == NULL) {
		return -XEN_ENOMEM;
	}
	rc = evtchn_domain_init(d);
	if (rc == 0) {
		rc = create_shared(d);
	}
	return rc;
}

struct domain *domain_create(uint16_t id, unsigned int max_vcpus, int *rc)
{
	struct domain *d;

	if (id >= MAX_DOMAINS || max_vcpus == 0 || max_vcpus > MAX_VCPUS) {
		*rc = -XEN_EINVAL;
		return NULL;
	}
	d = heap_alloc_bytes(sizeof(*d));
	if (d == NULL) {
		*rc = -XEN_ENOMEM;
		return NULL;
	}
	d->id = id;
	d->is_control = id == 0;
	d->refs = 1;
	d->state = DOM_DEAD; /* not found by others before it is complete */
	d->max_vcpus = max_vcpus;
	d->created = time_now();
	d->evtchn_max = EVTCHN_GROUP * EVTCHN_GROUPS;
	spinlock_init(&d->lock, RANK_DOMAIN);

	*rc = table_insert(d);
	if (*rc != 0) {
		heap_free_bytes(d, sizeof(*d));
		return NULL;
	}
	*rc = create_parts(d);
	if (*rc != 0) {
		domain_put(d);
		return NULL;
	}
	vtime_update_wallclock(d);
	__atomic_store_n(&d->state, DOM_ALIVE, __ATOMIC_RELEASE);
	return d;
}

/* ---- Pausing ------------------------------------------------------------------ */

/* Stops every vCPU; with `sync` returns when none but the caller's runs. */
static void stop_vcpus(struct domain *d, bool sync)
{
	struct vcpu *curr = this_cpu()->curr;
	unsigned int i;

	for (i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (v == NULL) {
			continue;
		}
		if (sync && v != curr) {
			sched_sleep_sync(v, PAUSE_DOMAIN);
		} else {
			sched_sleep(v, PAUSE_DOMAIN);
		}
	}
}

void domain_pause(struct domain *d)
{
	spin_lock(&d->lock);
	d->pause_count++;
	stop_vcpus(d, false);
	spin_unlock(&d->lock);
	/* Not under the lock: a vCPU on its way out may be waiting for it.
	 * The count above keeps anybody from waking them meanwhile. */
	stop_vcpus(d, true);
}

static bool stays_stopped(const struct domain *d)
{
	return __atomic_load_n(&d->shutting_down, __ATOMIC_SEQ_CST) ||
	       d->state != DOM_ALIVE;
}

void domain_unpause(struct domain *d)
{
	unsigned int i;

	spin_lock(&d->lock);
	CHECK(d->pause_count > 0);
	if (--d->pause_count == 0 && !stays_stopped(d)) {
		for (i = 0; i < d->max_vcpus; i++) {
			if (d->vcpu[i] != NULL) {
				sched_wake(d->vcpu[i], PAUSE_DOMAIN);
			}
		}
		/* See the head of this file. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (stays_stopped(d)) {
			stop_vcpus(d, false);
		}
	}
	spin_unlock(&d->lock);
}

/* ---- Destruction ---------------------------------------------------------------- */

/* Steps in order; each can be repeated after it is done. */
static int destroy_step(struct domain *d)
{
	unsigned int i;
	int rc;

	spin_lock(&d->lock);
	d->state = DOM_DYING;
	stop_vcpus(d, false);
	spin_unlock(&d->lock);
	stop_vcpus(d, true);

	rc = evtchn_domain_destroy(d);
	if (rc != 0) {
		return rc;
	}
	if (d->may_io) {
		pirq_domain_destroy(d);
	}
	for (i = 0; i < d->max_vcpus; i++) {
		rc = d->vcpu[i] != NULL ? vcpu_destroy(d->vcpu[i]) : 0;
		if (rc != 0) {
			return rc;
		}
	}
	rc = domain_relinquish_memory(d);
	if (rc != 0) {
		return rc;
	}
	/* Its id must not come back while frames still carry it. */
	if (__atomic_load_n(&d->tot_pages, __ATOMIC_ACQUIRE) != 0 ||
	    mfn_to_page(ptr_frame(d->shared))->count != 1) {
		return -XEN_EBUSY;
	}
	__atomic_store_n(&d->state, DOM_DEAD, __ATOMIC_RELEASE);
	return 0;
}

int domain_destroy(struct domain *d)
{
	int rc = 0;

	CHECK(this_cpu()->curr == NULL || this_cpu()->curr->domain != d);
	/* Two CPUs of the control domain may ask for it at once. */
	if (__atomic_exchange_n(&d->destroying, true, __ATOMIC_ACQUIRE)) {
		return -XEN_ERESTART;
	}
	if (d->state != DOM_DEAD) {
		rc = destroy_step(d);
		if (rc == 0) {
			pr_info("domain %u: destroyed", d->id);
		}
	}
	__atomic_store_n(&d->destroying, false, __ATOMIC_RELEASE);
	return rc;
}

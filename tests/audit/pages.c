/* SPDX-License-Identifier: MIT */
/*
 * Recomputes every frame's reference and use counts by walking everything that
 * may hold one, and compares.  Called by tests and debug commands while no
 * other CPU works on frames; so it takes no lock.  Changes nothing.
 *
 * Holders of references: the allocation, pins, partial tables, entries of
 * valid and partial tables, vCPUs (base tables, descriptor frames, registered
 * areas), shared_info, event queues.  A new kind of holder is added here.
 */
#include "audit.h"

#include <arch/paging.h>

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/check.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/vcpu.h>

#define REPORTS_MAX 20u

struct tally {
	uint32_t refs;
	uint32_t uses : 29;
	uint32_t type : 3; /* of the uses */
};

static struct tally *tallies;
static unsigned int problems;

static bool should_print(void)
{
	return problems++ < REPORTS_MAX;
}

static unsigned int number_of(uint64_t type)
{
	return (unsigned int)((type & PGT_TYPE_MASK) >> PGT_TYPE_SHIFT);
}

/* ---- Counting -------------------------------------------------------------------- */

/* A reference and, except for PGT_NONE, a use. */
static void hold(unsigned long mfn, uint64_t type, const char *who)
{
	unsigned int number = number_of(type) & 7;
	struct tally *t = &tallies[mfn];

	if (!mfn_valid(mfn)) {
		if (should_print()) {
			pr_err("audit: %s refers to no frame: %lx", who, mfn);
		}
		return;
	}
	t->refs++;
	if (number == 0) {
		return;
	}
	if (t->uses != 0 && t->type != number && should_print()) {
		pr_err("audit: frame %lx: %s uses it as type %u, others as %u", mfn, who, number,
		       (unsigned int)t->type);
	}
	t->type = number & 7;
	t->uses = (t->uses + 1) & 0x1fffffff;
}

static void hold_page(const struct page *pg, uint64_t type, const char *who)
{
	if (pg != NULL) {
		hold(page_to_mfn(pg), type, who);
	}
}

static void hold_desc(const unsigned long *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (frames[i] != 0) {
			hold(frames[i], PGT_DESC, "a GDT or LDT");
		}
	}
}

static void count_entry(uint64_t pte, unsigned int level, const struct page *table)
{
	unsigned long mfn = pte_mfn(pte);
	uint16_t owner = mfn_valid(mfn) ? mfn_to_page(mfn)->owner : OWNER_IO;

	if (level > 1) {
		hold(mfn, (uint64_t)(level - 1) << PGT_TYPE_SHIFT, "a table");
		if (owner != table->owner && should_print()) {
			pr_err("audit: table %lx of %u leads to frame %lx of %u",
			       page_to_mfn(table), table->owner, mfn, owner);
		}
	} else if (owner != OWNER_IO && owner != OWNER_CORE) {
		hold(mfn, (pte & PTE_W) != 0 ? PGT_WRITABLE : PGT_NONE, "an L1 table");
	}
}

static void count_table(const struct page *pg, uint64_t type)
{
	const uint64_t *table = frame_ptr(page_to_mfn(pg));
	unsigned int level = number_of(type), nr = 0;

	if ((type & PGT_VALIDATED) != 0) {
		nr = PTES;
	} else if ((type & PGT_PARTIAL) != 0) {
		nr = (unsigned int)((type & PGT_NR_MASK) >> PGT_NR_SHIFT);
	}
	for (unsigned int i = 0; i < nr; i++) {
		if ((table[i] & PTE_P) != 0 &&
		    !(level == 4 && i >= L4_CORE_FIRST && i < L4_CORE_END)) {
			count_entry(table[i], level, pg);
		}
	}
}

/* What a frame holds by its own flags, and what its entries hold. */
static void count_frame(const struct page *pg)
{
	unsigned long mfn = page_to_mfn(pg);
	uint64_t type = pg->type;

	if ((pg->count & PGC_ALLOCATED) != 0) {
		hold(mfn, PGT_NONE, "its allocation");
	}
	if ((type & PGT_PINNED) != 0) {
		hold(mfn, type, "its pin");
	}
	if ((type & PGT_PARTIAL) != 0) {
		hold(mfn, PGT_NONE, "its partial state");
	}
	if (pgt_is_table(type & PGT_TYPE_MASK)) {
		count_table(pg, type);
	}
}

static void count_vcpu(const struct vcpu *v)
{
	hold_page(v->kernel_table, PGT_L4, "a vCPU");
	hold_page(v->user_table, PGT_L4, "a vCPU");
	if (v->old_table != NULL) {
		/* Of any level: whatever it is, it is one use of that. */
		hold_page(v->old_table, v->old_table->type, "a vCPU");
	}
	hold_desc(v->gdt_frame, ARRAY_SIZE(v->gdt_frame));
	hold_desc(v->ldt_frame, ARRAY_SIZE(v->ldt_frame));
	hold_page(v->info_page, PGT_WRITABLE, "a vcpu_info");
	for (unsigned int i = 0; i < ARRAY_SIZE(v->time_area.pg); i++) {
		hold_page(v->runstate_area.pg[i], PGT_WRITABLE, "an area");
		hold_page(v->time_area.pg[i], PGT_WRITABLE, "an area");
	}
}

/* True until domain_destroy() has taken a frame back that the core writes too. */
static bool is_lent(const void *p)
{
	return mfn_to_page(ptr_frame(p))->owner != OWNER_CORE;
}

static void hold_lent(const void *p, const char *who)
{
	if (is_lent(p)) {
		hold(ptr_frame(p), PGT_WRITABLE, who);
	}
}

/* The frames of its own table, and those of others that it has mapped. */
static void count_grants(const struct gnttab *t)
{
	for (uint32_t i = 0; i < t->frames; i++) {
		hold_lent(t->frame[i], "a grant table");
	}
	for (uint32_t i = 0; i < t->maps; i++) {
		const struct grant_map *m = &t->map[i / MAPS_PER_PAGE][i % MAPS_PER_PAGE];

		if (m->flags != 0) {
			hold(m->mfn, (m->flags & GNTMAP_readonly) != 0 ? PGT_NONE : PGT_WRITABLE,
			     "a grant handle");
		}
	}
}

static void count_domain(const struct domain *d)
{
	unsigned long mfn;
	unsigned int nr = 0;

	hold_lent(d->shared, "shared_info");
	hold_page(d->console_page, PGT_WRITABLE, "a console");
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		count_vcpu(d->vcpu[i]);
	}
	count_grants(d->gnttab);
	for (; (mfn = evtchn_fifo_held(d, &nr)) != ~0ul; nr++) {
		hold(mfn, PGT_WRITABLE, "an event queue");
	}
}

/* ---- Comparing ------------------------------------------------------------------- */

static void check_frame(const struct page *pg, const struct tally *t)
{
	uint32_t refs = pg->count & PGC_COUNT_MASK;
	uint64_t type = pg->type;
	uint64_t uses = type & PGT_COUNT_MASK;
	const char *what = NULL;

	if (refs == 0) {
		/* Free or the core's own: the type word is not a type. */
		what = t->refs != 0 ? "referenced, but nobody's" : NULL;
	} else if (refs != t->refs) {
		what = "reference count";
	} else if (uses != t->uses) {
		what = "use count";
	} else if (uses != 0 && number_of(type) != t->type) {
		what = "type";
	} else if ((type & (PGT_BUSY | PGT_LOCKED)) != 0) {
		what = "busy or locked";
	} else if (uses != 0 && pgt_is_table(type & PGT_TYPE_MASK) &&
		   (type & (PGT_VALIDATED | PGT_PARTIAL)) == 0) {
		what = "table in use that was never checked";
	}
	if (what != NULL && should_print()) {
		pr_err("audit: frame %lx of %u: %s: count %x type %llx, found %u references, %u uses as %u",
		       page_to_mfn(pg), pg->owner, what, pg->count, (unsigned long long)type,
		       t->refs, (unsigned int)t->uses, (unsigned int)t->type);
	}
}

static bool in_use(unsigned long mfn)
{
	return mfn_valid(mfn) && (mfn_to_page(mfn)->count & PGC_COUNT_MASK) != 0;
}

/* Domains also count their frames; those that the core writes are not among them. */
static void check_total(const struct domain *d)
{
	uint32_t frames = 0;

	for (unsigned long mfn = 0; mfn < frame_max; mfn++) {
		if (in_use(mfn) && mfn_to_page(mfn)->owner == d->id) {
			frames++;
		}
	}
	frames -= is_lent(d->shared);
	for (uint32_t i = 0; i < d->gnttab->frames; i++) {
		frames -= is_lent(d->gnttab->frame[i]);
	}
	if (frames != d->tot_pages && should_print()) {
		pr_err("audit: domain %u has %u frames, not %u", d->id, frames, d->tot_pages);
	}
}

unsigned int audit_pages(void)
{
	size_t bytes = frame_max * sizeof(*tallies);

	problems = 0;
	tallies = heap_alloc_bytes(bytes);
	if (tallies == NULL) {
		pr_warn("audit: no memory to count frames in");
		return 0;
	}
	for (unsigned long mfn = 0; mfn < frame_max; mfn++) {
		if (in_use(mfn)) {
			count_frame(mfn_to_page(mfn));
		}
	}
	for (unsigned int id = 0; id < MAX_DOMAINS; id++) {
		const struct domain *d = domain_of_frames((uint16_t)id);

		/* One that could not be created has no part to count. */
		if (d != NULL && d->shared != NULL) {
			count_domain(d);
			check_total(d);
		}
	}
	for (unsigned long mfn = 0; mfn < frame_max; mfn++) {
		if (mfn_valid(mfn)) {
			check_frame(mfn_to_page(mfn), &tallies[mfn]);
		}
	}
	heap_free_bytes(tallies, bytes);
	tallies = NULL;
	return problems;
}

unsigned int audit_all(void)
{
	return audit_pages() + audit_events() + audit_grants() + audit_sched();
}

#ifdef CONFIG_AUDIT
void audit_at_shutdown(void)
{
	struct domain *d = NULL;

	while ((d = domain_next(d)) != NULL) {
		for (unsigned int i = 0; i < d->max_vcpus; i++) {
			if (d->vcpu[i] != current_vcpu()) {
				sched_sleep(d->vcpu[i], PAUSE_DOMAIN);
				while (!sched_unloaded(d->vcpu[i])) {
					arch_cpu_relax();
				}
			}
		}
	}
	CHECK(audit_all() == 0);
	pr_info("audit: no difference");
}
#endif

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
#include <hv/audit.h>

#include <arch/paging.h>

#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/printk.h>
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

/* ---- Counting -------------------------------------------------------------------- */

static void hold(unsigned long mfn, const char *who)
{
	if (!mfn_valid(mfn)) {
		if (should_print()) {
			pr_err("audit: %s refers to no frame: %lx", who, mfn);
		}
		return;
	}
	tallies[mfn].refs++;
}

static void hold_typed(unsigned long mfn, uint64_t type, const char *who)
{
	unsigned int number = (unsigned int)(type >> PGT_TYPE_SHIFT) & 7;
	struct tally *t;

	hold(mfn, who);
	if (!mfn_valid(mfn)) {
		return;
	}
	t = &tallies[mfn];
	if (t->uses != 0 && t->type != number && should_print()) {
		pr_err("audit: frame %lx: %s uses it as type %u, others as %u",
		       mfn, who, number, (unsigned int)t->type);
	}
	t->type = number & 7;
	t->uses = (t->uses + 1) & 0x1fffffff;
}

void audit_page_held(unsigned long mfn, uint64_t type)
{
	hold_typed(mfn, type, "an event queue");
}

static void hold_page(const struct page *pg, uint64_t type, const char *who)
{
	if (pg != NULL) {
		hold_typed(page_to_mfn(pg), type, who);
	}
}

static bool is_counted(const struct page *pg)
{
	return pg->owner != OWNER_IO && pg->owner != OWNER_CORE;
}

static void count_entry(uint64_t pte, unsigned int level,
			const struct page *table)
{
	unsigned long mfn = pte_mfn(pte);

	if (level > 1) {
		hold_typed(mfn, (uint64_t)(level - 1) << PGT_TYPE_SHIFT,
			   "a table");
		if (mfn_valid(mfn) && mfn_to_page(mfn)->owner != table->owner &&
		    should_print()) {
			pr_err("audit: table %lx of %u leads to frame %lx of %u",
			       page_to_mfn(table), table->owner, mfn,
			       mfn_to_page(mfn)->owner);
		}
	} else if (mfn_valid(mfn) && is_counted(mfn_to_page(mfn))) {
		if ((pte & PTE_W) != 0) {
			hold_typed(mfn, PGT_WRITABLE, "an L1 table");
		} else {
			hold(mfn, "an L1 table");
		}
	}
}

static void count_table(const struct page *pg, uint64_t type)
{
	const uint64_t *table = frame_ptr(page_to_mfn(pg));
	unsigned int level =
		(unsigned int)((type & PGT_TYPE_MASK) >> PGT_TYPE_SHIFT);
	unsigned int i, nr = 0;

	if ((type & PGT_VALIDATED) != 0) {
		nr = PTES;
	} else if ((type & PGT_PARTIAL) != 0) {
		nr = (unsigned int)((type & PGT_NR_MASK) >> PGT_NR_SHIFT);
	}
	for (i = 0; i < nr; i++) {
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
		hold(mfn, "its allocation");
	}
	if ((type & PGT_PINNED) != 0) {
		hold_typed(mfn, type & PGT_TYPE_MASK, "its pin");
	}
	if ((type & PGT_PARTIAL) != 0) {
		hold(mfn, "its partial state");
	}
	if (pgt_is_table(type & PGT_TYPE_MASK)) {
		count_table(pg, type);
	}
}

static void count_area(const struct guest_area *a)
{
	hold_page(a->pg[0], PGT_WRITABLE, "an area");
	hold_page(a->pg[1], PGT_WRITABLE, "an area");
}

static void count_vcpu(const struct vcpu *v)
{
	unsigned int i;

	hold_page(v->kernel_table, PGT_L4, "a vCPU");
	hold_page(v->user_table, PGT_L4, "a vCPU");
	if (v->old_table != NULL) {
		/* Of any level: whatever it is, it is one use of that. */
		hold_page(v->old_table, v->old_table->type & PGT_TYPE_MASK,
			  "a vCPU");
	}
	for (i = 0; i < ARRAY_SIZE(v->gdt_frame); i++) {
		if (v->gdt_frame[i] != 0) {
			hold_typed(v->gdt_frame[i], PGT_DESC, "a GDT");
		}
	}
	for (i = 0; i < ARRAY_SIZE(v->ldt_frame); i++) {
		if (v->ldt_frame[i] != 0) {
			hold_typed(v->ldt_frame[i], PGT_DESC, "an LDT");
		}
	}
	hold_page(v->info_page, PGT_WRITABLE, "a vcpu_info");
	count_area(&v->runstate_area);
	count_area(&v->time_area);
}

static void count_domain(const struct domain *d)
{
	unsigned int i;

	if (d->shared != NULL) {
		hold_typed(ptr_frame(d->shared), PGT_WRITABLE, "shared_info");
	}
	for (i = 0; i < d->max_vcpus; i++) {
		if (d->vcpu[i] != NULL) {
			count_vcpu(d->vcpu[i]);
		}
	}
	evtchn_fifo_audit(d);
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
	} else if (uses != 0 &&
		   (type & PGT_TYPE_MASK) >> PGT_TYPE_SHIFT != t->type) {
		what = "type";
	} else if ((type & (PGT_BUSY | PGT_LOCKED)) != 0) {
		what = "busy or locked";
	} else if (uses != 0 && pgt_is_table(type & PGT_TYPE_MASK) &&
		   (type & (PGT_VALIDATED | PGT_PARTIAL)) == 0) {
		what = "table in use that was never checked";
	}
	if (what != NULL && should_print()) {
		pr_err("audit: frame %lx of %u: %s: count %x type %llx, found %u references, %u uses as %u",
		       page_to_mfn(pg), pg->owner, what, pg->count,
		       (unsigned long long)type, t->refs, (unsigned int)t->uses,
		       (unsigned int)t->type);
	}
}

/* Domains also count their frames; shared_info is not among them. */
static void check_total(const struct domain *d)
{
	unsigned long shared = d->shared != NULL ? ptr_frame(d->shared) : 0;
	unsigned long mfn;
	uint32_t frames = 0;

	for (mfn = 0; mfn < frame_max; mfn++) {
		if (mfn_valid(mfn) && mfn_to_page(mfn)->owner == d->id &&
		    (mfn_to_page(mfn)->count & PGC_COUNT_MASK) != 0 &&
		    mfn != shared) {
			frames++;
		}
	}
	if (frames != d->tot_pages && should_print()) {
		pr_err("audit: domain %u has %u frames, not %u", d->id, frames,
		       d->tot_pages);
	}
}

unsigned int audit_pages(void)
{
	size_t bytes = frame_max * sizeof(*tallies);
	unsigned long mfn;
	unsigned int id;

	problems = 0;
	tallies = heap_alloc_bytes(bytes);
	if (tallies == NULL) {
		pr_warn("audit: no memory to count frames in");
		return 0;
	}
	for (mfn = 0; mfn < frame_max; mfn++) {
		if (mfn_valid(mfn) &&
		    (mfn_to_page(mfn)->count & PGC_COUNT_MASK) != 0) {
			count_frame(mfn_to_page(mfn));
		}
	}
	for (id = 0; id < MAX_DOMAINS; id++) {
		struct domain *d = domain_of_frames((uint16_t)id);

		if (d != NULL) {
			count_domain(d);
			check_total(d);
		}
	}
	for (mfn = 0; mfn < frame_max; mfn++) {
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
	return audit_pages() + audit_events() + audit_sched();
}

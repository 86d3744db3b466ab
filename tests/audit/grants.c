/* SPDX-License-Identifier: MIT */
/*
 * The auditor of grants: every pin on an entry belongs to a mapping that some
 * domain has a handle of, and every handle is in use or in the free list, once.
 * Called by audit_all() while no guest runs, so no copy and no end of a mapping
 * is under way.  What mappings hold of frames is counted in pages.c.  Never
 * looks at the entries themselves: a guest may write anything there.
 */
#include "audit.h"

#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/printk.h>
#include <hv/string.h>

#define REPORTS_MAX 20

static unsigned int differences;
static const struct domain *domains[MAX_DOMAINS];
static unsigned int domain_count;

static void expect(bool good, const struct domain *d, uint32_t nr, const char *what)
{
	if (!good && differences++ < REPORTS_MAX) {
		pr_err("audit: d%u grant or handle %u: %s", d->id, nr, what);
	}
}

/* What the mappings of d say of the entries of `granter`. */
static void count_maps(const struct domain *d, const struct domain *granter,
		       struct grant_use *found)
{
	const struct gnttab *t = d->gnttab;

	for (uint32_t i = 0; i < t->maps; i++) {
		const struct grant_map *m = &t->map[i / MAPS_PER_PAGE][i % MAPS_PER_PAGE];

		if (m->flags == 0 || m->domid != granter->id) {
			continue;
		}
		if (m->ref >= granter->gnttab->frames * GRANTS_PER_FRAME) {
			expect(false, d, i, "maps an entry that does not exist");
			continue;
		}
		found[m->ref].all++;
		found[m->ref].writers =
			(uint16_t)(found[m->ref].writers + ((m->flags & GNTMAP_readonly) == 0));
	}
}

static void audit_uses(const struct domain *d)
{
	uint32_t entries = d->gnttab->frames * (uint32_t)GRANTS_PER_FRAME;
	struct grant_use *found = heap_alloc_bytes(entries * sizeof(*found));

	if (found == NULL) {
		return; /* no memory, or nothing to count */
	}
	for (unsigned int i = 0; i < domain_count; i++) {
		count_maps(domains[i], d, found);
	}
	for (uint32_t i = 0; i < entries; i++) {
		const struct grant_use *use = &d->gnttab->use[i / USES_PER_PAGE][i % USES_PER_PAGE];

		expect(use->all == found[i].all, d, i, "number of uses");
		expect(use->writers == found[i].writers, d, i, "number of writers");
	}
	heap_free_bytes(found, entries * sizeof(*found));
}

static void audit_handles(const struct domain *d)
{
	const struct gnttab *t = d->gnttab;
	uint32_t used = 0, vacant = 0, next = t->free_map;

	for (uint32_t i = 0; i < t->maps; i++) {
		const struct grant_map *m = &t->map[i / MAPS_PER_PAGE][i % MAPS_PER_PAGE];
		const struct domain *granter = domain_of_frames(m->domid);

		if (m->flags == 0) {
			continue;
		}
		used++;
		expect((m->flags & GRANT_MAP_BUSY) == 0, d, i, "busy");
		expect((m->flags & (GNTMAP_host_map | GNTMAP_device_map)) != 0, d, i, "no part");
		expect(granter != NULL && granter->gnttab != NULL, d, i, "granter is gone");
	}
	for (; next != GRANT_MAP_NONE && next < t->maps && vacant < t->maps; vacant++) {
		const struct grant_map *m = &t->map[next / MAPS_PER_PAGE][next % MAPS_PER_PAGE];

		expect(m->flags == 0, d, next, "free and in use");
		next = m->ref;
	}
	/* A domain whose mappings are being dropped gives out no more handles. */
	expect(d->state != DOM_ALIVE || (next == GRANT_MAP_NONE && used + vacant == t->maps), d,
	       vacant, "handles are lost");
}

unsigned int audit_grants(void)
{
	differences = 0;
	domain_count = 0;
	for (unsigned int id = 0; id < MAX_DOMAINS; id++) {
		const struct domain *d = domain_of_frames((uint16_t)id);

		if (d != NULL && d->gnttab != NULL) {
			domains[domain_count++] = d;
		}
	}
	for (unsigned int i = 0; i < domain_count; i++) {
		audit_uses(domains[i]);
		audit_handles(domains[i]);
	}
	return differences;
}

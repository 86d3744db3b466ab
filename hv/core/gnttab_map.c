/* SPDX-License-Identifier: MIT */
/*
 * Mappings of other domains' grants: made, ended, and kept track of by
 * handles.  Called through the table in gnttab.c and at a domain's end.
 *
 * The lock of the mapper's own table covers the free list.  An entry in use
 * belongs to nobody until a CPU makes it BUSY, which it does to end it; two
 * vCPUs that end one handle at once find it so.  Page-table entries change
 * under the page lock, with no table locked.
 *
 * Ending mappings takes two passes over a list, with one flush of TLBs between
 * them: see gnttab.c.  The flush is of everything, since the mapper may have
 * had the frame in its TLBs at other addresses than the one it names.
 */
#include <hv/gnttab.h>

#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/mm.h>

#define PARTS (GNTMAP_host_map | GNTMAP_device_map)
#define REMEMBERED (PARTS | GNTMAP_readonly | GNTMAP_contains_pte)

/* ---- Handles ------------------------------------------------------------------------- */

static struct grant_map *map_at(const struct gnttab *t, grant_handle_t handle)
{
	return &t->map[handle / MAPS_PER_PAGE][handle % MAPS_PER_PAGE];
}

/* An entry and its handle, by which nobody finds it before it has flags. */
static struct grant_map *map_alloc(struct gnttab *t, grant_handle_t *handle)
{
	struct grant_map *m = NULL, **page;

	spin_lock(&t->lock);
	*handle = t->free_map;
	if (*handle != GRANT_MAP_NONE) {
		m = map_at(t, *handle);
		t->free_map = m->ref;
	} else if (t->maps < t->max_maps) {
		*handle = t->maps;
		page = &t->map[*handle / MAPS_PER_PAGE];
		if (*page == NULL) {
			*page = heap_alloc_bytes(PAGE_SIZE);
		}
		if (*page != NULL) {
			m = map_at(t, *handle);
			__atomic_store_n(&t->maps, *handle + 1, __ATOMIC_RELEASE);
		}
	}
	spin_unlock(&t->lock);
	return m;
}

static void map_free(struct gnttab *t, struct grant_map *m, grant_handle_t handle)
{
	spin_lock(&t->lock);
	m->ref = t->free_map;
	__atomic_store_n(&m->flags, 0, __ATOMIC_RELEASE);
	t->free_map = handle;
	spin_unlock(&t->lock);
}

/* Makes it BUSY; NULL: it is nobody's, or somebody else does so. */
static struct grant_map *map_claim(struct gnttab *t, grant_handle_t handle)
{
	uint32_t maps = __atomic_load_n(&t->maps, __ATOMIC_ACQUIRE);
	struct grant_map *m;
	uint16_t flags;

	if (handle >= maps) {
		return NULL;
	}
	m = map_at(t, (grant_handle_t)index_nospec(handle, maps));
	flags = __atomic_load_n(&m->flags, __ATOMIC_ACQUIRE);
	if (flags == 0 || (flags & GRANT_MAP_BUSY) != 0 ||
	    !__atomic_compare_exchange_n(&m->flags, &flags, (uint16_t)(flags | GRANT_MAP_BUSY),
					 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		return NULL;
	}
	return m;
}

static void map_release(const struct grant_map *m, struct domain **peer)
{
	struct domain *rd = gnttab_peer(peer, m->domid);

	/* The held frame keeps its owner. */
	CHECK(rd != NULL);
	gnttab_release(rd, m->ref, !(READ_ONCE(m->flags) & GNTMAP_readonly), mfn_to_page(m->mfn));
}

int gnttab_domain_destroy(struct domain *d)
{
	struct gnttab *t = d->gnttab;
	struct domain *peer = NULL;
	int rc = 0;

	while (rc == 0 && t->maps != 0) {
		const struct grant_map *m = map_at(t, t->maps - 1);

		if (m->flags != 0) {
			map_release(m, &peer);
		}
		t->maps--;
		rc = t->maps % GNTTAB_BATCH == 0 && mm_preempt() ? -XEN_ERESTART : 0;
	}
	domain_put(peer);
	/* It grows no more: grow() looks at the state under the lock. */
	spin_lock(&t->lock);
	for (uint32_t i = 0; rc == 0 && i < t->frames; i++) {
		rc = page_retire(mfn_to_page(ptr_frame(t->frame[i]))) ? 0 : -XEN_EBUSY;
	}
	spin_unlock(&t->lock);
	return rc;
}

/* ---- Page-table entries ---------------------------------------------------------- */

static uint64_t make_entry(const struct page *pg, uint32_t flags)
{
	uint64_t avail = flags >> _GNTMAP_guest_avail0;

	/* Accessed and dirty save the processor a write to the entry. */
	return (uint64_t)page_to_mfn(pg) << PAGE_SHIFT | PTE_P | PTE_U | PTE_A | PTE_D | PTE_NX |
	       ((flags & GNTMAP_readonly) != 0 ? 0 : PTE_W) | (avail << 9 & PTE_AVAIL) |
	       (avail >> 3 << 52 & PTE_AVAIL_HIGH);
}

/*
 * Stores an entry where a mapping's address says, for a frame of `frames_of`.
 * With m it must be what m says that is replaced.
 */
static int set_host(uint64_t addr, unsigned int flags, uint64_t pte, struct domain *frames_of,
		    const struct grant_map *m)
{
	struct vcpu *v = current_vcpu();
	int status = GNTST_bad_virt_addr, rc;
	uint64_t *entry = NULL, old;

	if ((flags & GNTMAP_contains_pte) == 0) {
		entry = l1_lock(pte_mfn(guest_walk(v, addr, 2)), addr >> PAGE_SHIFT, v->domain);
	} else if (addr % sizeof(*entry) == 0) {
		entry = l1_lock(addr >> PAGE_SHIFT, addr / sizeof(*entry), v->domain);
	}
	if (entry == NULL) {
		return status;
	}
	old = __atomic_load_n(entry, __ATOMIC_RELAXED);
	if (m == NULL || ((old & PTE_P) != 0 && pte_mfn(old) == m->mfn &&
			  ((old & PTE_W) == 0) == ((READ_ONCE(m->flags) & GNTMAP_readonly) != 0))) {
		rc = mod_l1_entry(entry, pte, v->domain, frames_of, false, NULL);
		status = rc == 0 ? GNTST_okay : GNTST_general_error;
	}
	l1_unlock(entry);
	return status;
}

/* The entry at new_addr moves to where the mapping was. */
static int replace_host(uint64_t addr, const struct grant_map *m, uint64_t new_addr)
{
	uint64_t pte = guest_walk(current_vcpu(), new_addr, 1);
	int status;

	/* Both are linear addresses; and the frame must go, not come again. */
	if ((READ_ONCE(m->flags) & GNTMAP_contains_pte) != 0 || pte_mfn(pte) == m->mfn) {
		return GNTST_general_error;
	}
	status = set_host(addr, READ_ONCE(m->flags), pte, current_domain(), m);
	if (status == GNTST_okay) {
		(void)do_update_va_mapping(new_addr, 0, UVMF_NONE);
	}
	return status;
}

/* ---- Lists -------------------------------------------------------------------------- */

static int map_one(struct gnttab_map_grant_ref *op, struct domain **peer)
{
	struct domain *rd = gnttab_peer(peer, op->dom);
	struct gnttab *t = current_domain()->gnttab;
	bool write = (op->flags & GNTMAP_readonly) == 0;
	grant_handle_t handle;
	struct grant_map *m;
	struct page *pg;
	int status;

	if ((op->flags & PARTS) == 0) {
		return GNTST_general_error;
	}
	if (rd == NULL) {
		return GNTST_bad_domain;
	}
	m = map_alloc(t, &handle);
	if (m == NULL) {
		return GNTST_no_space;
	}
	status = gnttab_acquire(rd, op->ref, write, &pg);
	if (status == GNTST_okay && (op->flags & GNTMAP_host_map) != 0) {
		status = set_host(op->host_addr, op->flags, make_entry(pg, op->flags), rd, NULL);
		if (status != GNTST_okay) {
			gnttab_release(rd, op->ref, write, pg);
		}
	}
	if (status != GNTST_okay) {
		map_free(t, m, handle);
		return status;
	}
	m->mfn = (uint32_t)page_to_mfn(pg);
	m->ref = op->ref;
	m->domid = rd->id;
	__atomic_store_n(&m->flags, (uint16_t)(op->flags & REMEMBERED), __ATOMIC_RELEASE);
	op->handle = handle;
	op->dev_bus_addr = (uint64_t)page_to_mfn(pg) << PAGE_SHIFT;
	return GNTST_okay;
}

int gnttab_map(unsigned int cmd UNUSED, union gnttab_ops *ops, unsigned int n)
{
	struct domain *peer = NULL;

	for (unsigned int i = 0; i < n; i++) {
		ops->map[i].status = (int16_t)map_one(&ops->map[i], &peer);
	}
	domain_put(peer);
	return 0;
}

/* The two structures differ in what the second address means. */
_Static_assert(offsetof(struct gnttab_unmap_grant_ref, handle) ==
		       offsetof(struct gnttab_unmap_and_replace, handle),
	       "grant_table.h: one layout");

/* First pass: *last, if not NULL, is still busy and has no part left. */
static int unmap_begin(const struct gnttab_unmap_grant_ref *op, bool replace,
		       struct grant_map **last)
{
	struct domain *currd = current_domain();
	struct grant_map *m = map_claim(currd->gnttab, op->handle);
	uint64_t bus = replace ? 0 : op->dev_bus_addr;
	unsigned int parts = bus != 0 ? GNTMAP_device_map : 0;
	int status = GNTST_okay;

	*last = NULL;
	if (m == NULL) {
		return GNTST_bad_handle;
	}
	if (bus != 0 && bus >> PAGE_SHIFT != m->mfn) {
		status = GNTST_bad_dev_addr;
	} else if (op->host_addr != 0 && (READ_ONCE(m->flags) & GNTMAP_host_map) != 0) {
		parts |= GNTMAP_host_map;
		status = replace ? replace_host(op->host_addr, m, op->dev_bus_addr) :
				   set_host(op->host_addr, READ_ONCE(m->flags), 0, currd, m);
	}
	if (status != GNTST_okay) {
		parts = GRANT_MAP_BUSY;
	} else if ((READ_ONCE(m->flags) & PARTS & ~parts) != 0) {
		parts |= GRANT_MAP_BUSY;
	} else {
		*last = m;
	}
	__atomic_and_fetch(&m->flags, (uint16_t)~parts, __ATOMIC_RELEASE);
	return status;
}

int gnttab_unmap(unsigned int cmd, union gnttab_ops *ops, unsigned int n)
{
	struct gnttab_unmap_grant_ref *op = ops->unmap;
	struct domain *currd = current_domain(), *peer = NULL;
	struct grant_map *last[GNTTAB_BATCH];

	for (unsigned int i = 0; i < n; i++) {
		op[i].status =
			(int16_t)unmap_begin(&op[i], cmd == GNTTABOP_unmap_and_replace, &last[i]);
	}
	tlb_flush_cpus(arch_domain_tlb_mask(currd));
	for (unsigned int i = 0; i < n; i++) {
		if (last[i] != NULL) {
			map_release(last[i], &peer);
			map_free(currd->gnttab, last[i], op[i].handle);
		}
	}
	domain_put(peer);
	return 0;
}

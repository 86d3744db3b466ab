/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU holds of page tables and descriptor pages: its two base tables,
 * the one it is still dropping, the LDT pages mapped so far; and walks of its
 * tables.  Called for the current vCPU, or for one that is off the CPUs.  No
 * lock: the fields belong to the vCPU.  Walks are not protected against other
 * vCPUs that change the tables: whoever uses a result takes a reference by it,
 * which checks the frame's owner and type again.
 */
#include <hv/mm.h>

#include <arch/paging.h>
#include <arch/switch.h>

#include <hv/check.h>
#include <hv/domain.h>
#include <hv/vcpu.h>

#define NO_FRAME (~0ul)
#define LDT_ENTRY_SIZE 8
#define LDT_PER_PAGE (PAGE_SIZE / LDT_ENTRY_SIZE)
#define LEVEL_BITS 9
#define VA_SHIFT(level) (PAGE_SHIFT + LEVEL_BITS * ((level)-1))

/* ---- Base tables ---------------------------------------------------------------- */

int vcpu_drop_old_table(struct vcpu *v)
{
	struct page *pg = v->old_table;
	int rc = pg != NULL ? page_put_type_preemptible(pg) : 0;

	if (rc == 0 && pg != NULL) {
		v->old_table = NULL;
		page_put(pg);
	}
	return rc;
}

int vcpu_drop_table(struct vcpu *v, struct page *pg)
{
	CHECK(v->old_table == NULL);
	v->old_table = pg;
	return vcpu_drop_old_table(v);
}

/* A base table that no CPU has loaded any more. */
static int retire_table(struct vcpu *v, struct page *pg)
{
	if (pg == NULL) {
		return 0;
	}
	page_stamp(pg);
	return vcpu_drop_table(v, pg);
}

int vcpu_set_kernel_table(struct vcpu *v, unsigned long mfn)
{
	struct page *old = v->kernel_table, *pg = old;
	/* A guest loads the table it has in order to flush. */
	bool same = old != NULL && page_to_mfn(old) == mfn;
	int rc = vcpu_drop_old_table(v);

	if (rc == 0 && !same) {
		rc = page_get_and_type(mfn, v->domain, PGT_L4, &pg);
	}
	if (rc != 0) {
		return rc;
	}
	v->kernel_table = pg;
	v->cr3_kernel = (uint64_t)mfn << PAGE_SHIFT;
	if (this_cpu()->curr == v) {
		arch_reload_cr3(v);
	}
	if (same) {
		return 0;
	}
	/* Its linear address may lead elsewhere now. */
	ldt_drop(v);
	return retire_table(v, old);
}

int vcpu_set_user_table(struct vcpu *v, unsigned long mfn)
{
	struct page *old = v->user_table, *pg = NULL;
	int rc = vcpu_drop_old_table(v);

	if (rc != 0 || (old != NULL ? page_to_mfn(old) : 0) == mfn) {
		return rc;
	}
	if (mfn != 0) {
		rc = page_get_and_type(mfn, v->domain, PGT_L4, &pg);
		if (rc != 0) {
			return rc;
		}
	}
	v->user_table = pg;
	v->cr3_user = (uint64_t)mfn << PAGE_SHIFT;
	/* Calls come from kernel mode; the way to user mode loads it. */
	if (this_cpu()->curr == v && !v->in_kernel) {
		arch_reload_cr3(v);
	}
	return retire_table(v, old);
}

int vcpu_drop_tables(struct vcpu *v)
{
	struct page *pg = v->kernel_table;
	int rc = vcpu_set_user_table(v, 0);

	if (rc == 0) {
		v->kernel_table = NULL;
		v->cr3_kernel = 0;
		rc = retire_table(v, pg);
	}
	return rc;
}

/* ---- LDT ---------------------------------------------------------------------------- */

void ldt_drop(struct vcpu *v)
{
	unsigned long old[ARRAY_SIZE(v->ldt_frame)], any = 0;

	if (v->ldt_entries == 0) {
		return; /* pages are only mapped while there is a table */
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(old); i++) {
		old[i] = v->ldt_frame[i];
		v->ldt_frame[i] = 0;
		any |= old[i];
	}
	if (any != 0 && this_cpu()->curr == v) {
		arch_load_descriptors(v);
	}
	for (unsigned int i = 0; any != 0 && i < ARRAY_SIZE(old); i++) {
		if (old[i] != 0) {
			page_put_and_type(mfn_to_page(old[i]));
		}
	}
}

bool ldt_map_fault(struct vcpu *v, unsigned int page_index)
{
	struct page *pg;
	uint64_t pte;

	if (page_index >= ARRAY_SIZE(v->ldt_frame) || page_index * LDT_PER_PAGE >= v->ldt_entries ||
	    v->ldt_frame[page_index] != 0) {
		return false;
	}
	pte = guest_walk_l1e(v, v->ldt_base + (uint64_t)page_index * PAGE_SIZE);
	if ((pte & PTE_P) == 0 || page_get_and_type(pte_mfn(pte), v->domain, PGT_DESC, &pg) != 0) {
		return false;
	}
	v->ldt_frame[page_index] = pte_mfn(pte);
	arch_load_ldt_page(v, page_index);
	return true;
}

/* ---- Walks ---------------------------------------------------------------------------- */

static bool walkable(uint64_t va)
{
	int64_t top = (int64_t)va >> 47;

	return (top == 0 || top == -1) && (va < CORE_VIRT_START || va >= CORE_VIRT_END);
}

/*
 * The entry of level `to` for va below the table `root`; 0 if there is none.
 * *flags: what all entries down to it have in common.
 */
static uint64_t walk(const struct page *root, uint64_t va, unsigned int to, uint64_t *flags)
{
	unsigned long mfn, next;
	uint64_t pte = 0;
	uint16_t owner;

	if (root == NULL || !walkable(va)) {
		return 0;
	}
	*flags = ~0ull;
	owner = READ_ONCE(root->owner);
	mfn = page_to_mfn(root);
	for (unsigned int level = 4; level >= to; level--) {
		uint64_t *table = frame_ptr(mfn);

		pte = __atomic_load_n(&table[va >> VA_SHIFT(level) & (PTES - 1)], __ATOMIC_RELAXED);
		if ((pte & PTE_P) == 0) {
			return 0;
		}
		/* The table may be somebody else's by now: no trust in it, or the next
		 * step would leave a trace in the caches of whatever is there. */
		next = index_nospec(pte_mfn(pte), frame_max);
		if (level > 1 &&
		    (!mfn_valid(pte_mfn(pte)) || READ_ONCE(mfn_to_page(next)->owner) != owner)) {
			return 0;
		}
		*flags &= pte;
		mfn = next;
	}
	return pte;
}

uint64_t guest_walk_l1e(struct vcpu *v, uint64_t va)
{
	uint64_t flags;

	return walk(v->kernel_table, va, 1, &flags);
}

unsigned long guest_walk_l1_frame(struct vcpu *v, uint64_t va)
{
	uint64_t flags, pte = walk(v->kernel_table, va, 2, &flags);

	return pte != 0 ? pte_mfn(pte) : NO_FRAME;
}

unsigned long guest_walk_frame(struct vcpu *v, uint64_t va, bool write)
{
	const struct page *root = v->in_kernel ? v->kernel_table : v->user_table;
	uint64_t flags, pte = walk(root, va, 1, &flags);

	if (pte == 0 || (write && (flags & PTE_W) == 0)) {
		return NO_FRAME;
	}
	return pte_mfn(pte);
}

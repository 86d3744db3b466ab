/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU holds of page tables: its two base tables and the one it is
 * still dropping; and walks of its tables.  Called for the current vCPU, or for one that is off the CPUs.  No
 * lock: the fields belong to the vCPU.  Walks are not protected against other
 * vCPUs that change the tables: whoever uses a result takes a reference by it,
 * which checks the frame's owner and type again.
 */
#include <hv/mm.h>

#include <arch/switch.h>

#define LEVEL_BITS 9
#define VA_SHIFT(level) (PAGE_SHIFT + LEVEL_BITS * ((level)-1))

/* ---- Base tables ---------------------------------------------------------------- */

int vcpu_drop_old_table(struct vcpu *v)
{
	struct page *pg = v->old_table;
	int rc = pg != NULL ? page_put_table(pg) : 0;

	if (rc == 0) {
		v->old_table = NULL;
	}
	return rc;
}

int vcpu_drop_table(struct vcpu *v, struct page *pg)
{
	CHECK(v->old_table == NULL);
	v->old_table = pg;
	return vcpu_drop_old_table(v);
}

int vcpu_retire_table(struct vcpu *v, struct page *pg)
{
	page_stamp(pg);
	return vcpu_drop_table(v, pg);
}

static int set_table(struct vcpu *v, bool user, unsigned long mfn)
{
	struct page **table = user ? &v->user_table : &v->kernel_table, *old = *table, *pg = NULL;
	/* A guest loads the table it has in order to flush. */
	bool same = old != NULL && page_to_mfn(old) == mfn;
	int rc = vcpu_drop_old_table(v);

	if (rc == 0 && !same && mfn != 0) {
		rc = page_get_and_type(mfn, v->domain, PGT_L4, &pg);
	}
	if (rc != 0) {
		return rc;
	}
	*(user ? &v->cr3_user : &v->cr3_kernel) = (uint64_t)mfn << PAGE_SHIFT;
	/* Calls come from kernel mode; the way to user mode loads the other. */
	if (this_cpu()->curr == v && v->in_kernel != user) {
		arch_reload_cr3(v);
	}
	if (same) {
		return 0;
	}
	*table = pg;
	if (!user) {
		/* Its linear address may lead elsewhere now. */
		ldt_drop(v);
	}
	return old != NULL ? vcpu_retire_table(v, old) : 0;
}

int vcpu_set_kernel_table(struct vcpu *v, unsigned long mfn)
{
	return mfn != 0 ? set_table(v, false, mfn) : -XEN_EINVAL;
}

int vcpu_set_user_table(struct vcpu *v, unsigned long mfn)
{
	return set_table(v, true, mfn);
}

int vcpu_drop_tables(struct vcpu *v)
{
	int rc = set_table(v, true, 0);

	return rc == 0 ? set_table(v, false, 0) : rc;
}

/* ---- Walks ---------------------------------------------------------------------------- */

/*
 * The entry of level `to` for va below the table `root`; 0 if there is none, or
 * if one on the way to it has not all bits of `need`.
 */
static uint64_t walk(const struct page *root, uint64_t va, unsigned int to, uint64_t need)
{
	unsigned long mfn, next;
	uint64_t pte = 0;
	uint16_t owner;

	/* The core's slots are the lowest ones above the gap. */
	if (root == NULL || (va >> 47 != 0 && va < CORE_VIRT_END)) {
		return 0;
	}
	owner = READ_ONCE(root->owner);
	mfn = page_to_mfn(root);
	for (unsigned int level = 4; level >= to; level--) {
		uint64_t *table = frame_ptr(mfn);

		pte = __atomic_load_n(&table[va >> VA_SHIFT(level) & (PTES - 1)], __ATOMIC_RELAXED);
		if ((pte & need) != need) {
			return 0;
		}
		/* The table may be somebody else's by now: no trust in it, or the next
		 * step would leave a trace in the caches of whatever is there. */
		next = index_nospec(pte_mfn(pte), frame_max);
		if (level > 1 &&
		    (!mfn_valid(pte_mfn(pte)) || READ_ONCE(mfn_to_page(next)->owner) != owner)) {
			return 0;
		}
		mfn = next;
	}
	return pte;
}

uint64_t guest_walk(struct vcpu *v, uint64_t va, unsigned int level)
{
	return walk(v->kernel_table, va, level, PTE_P);
}

unsigned long guest_walk_frame(struct vcpu *v, uint64_t va, bool write)
{
	const struct page *root = v->in_kernel ? v->kernel_table : v->user_table;
	uint64_t pte = walk(root, va, 1, write ? PTE_P | PTE_W : PTE_P);

	return pte != 0 ? pte_mfn(pte) : ~0ul;
}

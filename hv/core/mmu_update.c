/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: a list of changes of page-table entries and of the
 * machine-to-physical table; and whose tables and frames such a list means.
 * Called from the hypercall table.  Entries change under the lock bit of their
 * table's frame (pte.c).  Never walks tables: a request names its entry by
 * machine address.
 *
 * How far the list is done stands in the arguments when the call is
 * interrupted, and the sum so far in the guest's *done.  What a guest makes of
 * either costs it the truth about its own list.
 */
#include <hv/mm.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include <arch/paging.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/vcpu.h>

#define CMD_MASK 7ull /* an entry is 8 bytes */
#define BATCH 16u     /* requests copied in at once */
#define PREEMPT_EVERY 16u

_Static_assert(sizeof(struct mmu_update) == 16, "xen.h: two words");

/* ---- Whose ----------------------------------------------------------------------- */

static int target_domain(uint16_t id, struct domain **out)
{
	struct domain *currd = current_domain(), *d = currd;

	/* The usual case goes without the domain list. */
	if (id != DOMID_SELF && id != currd->id) {
		d = domain_get(id);
		if (d == NULL) {
			return -XEN_ESRCH;
		}
		if (!domain_may_control(currd, d)) {
			domain_put(d);
			return -XEN_EPERM;
		}
	}
	*out = d;
	return 0;
}

static void put_target(struct domain *d)
{
	if (d != NULL && d != current_domain()) {
		domain_put(d);
	}
}

int mm_target_get(struct mm_target *t, uint32_t dom)
{
	uint16_t frames = (uint16_t)dom, tables = (uint16_t)(dom >> 16);
	int rc;

	t->tables = current_domain();
	t->frames_of = NULL;
	if (tables != 0) {
		rc = target_domain((uint16_t)(tables - 1), &t->tables);
		if (rc != 0) {
			return rc;
		}
	}
	if (frames == DOMID_IO) {
		return 0;
	}
	rc = target_domain(frames, &t->frames_of);
	if (rc != 0) {
		put_target(t->tables);
	}
	return rc;
}

void mm_target_put(struct mm_target *t)
{
	put_target(t->tables);
	put_target(t->frames_of);
}

/* ---- One request -------------------------------------------------------------------- */

/* The frame is no table in use: the guest may write what it likes. */
static int store_plain(struct page *pg, uint64_t *entry, uint64_t val)
{
	int rc = page_get_type_simple(pg, PGT_WRITABLE);

	if (rc != 0) {
		return rc;
	}
	__atomic_store_n(entry, val, __ATOMIC_RELAXED);
	page_put_type(pg);
	return 0;
}

static int update_entry(const struct mm_target *t, uint64_t at, uint64_t val,
			bool preserve_ad)
{
	struct page *pg = page_get_from_mfn(at >> PAGE_SHIFT, t->tables);
	uint64_t *entry, type;
	int rc;

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	entry = (uint64_t *)frame_ptr(page_to_mfn(pg)) +
		(at & (PAGE_SIZE - 1)) / sizeof(*entry);

	page_lock(pg);
	type = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
	if ((type & PGT_VALIDATED) == 0) {
		type = PGT_NONE;
	}
	type &= PGT_TYPE_MASK;
	if (type == PGT_L1) {
		rc = mod_l1_entry(entry, val, t->tables, t->frames_of,
				  preserve_ad, NULL);
		page_unlock(pg);
	} else {
		page_unlock(pg);
		rc = pgt_is_table(type) ?
			     mod_table_entry(
				     entry, val,
				     (unsigned int)(type >> PGT_TYPE_SHIFT), pg,
				     t->tables, preserve_ad) :
			     store_plain(pg, entry, val);
	}
	page_put(pg);
	return rc;
}

static int update_m2p(const struct mm_target *t, uint64_t at, uint64_t pfn)
{
	unsigned long mfn = at >> PAGE_SHIFT;
	struct page *pg;

	if (t->frames_of == NULL) {
		return -XEN_EPERM;
	}
	pg = page_get_from_mfn(mfn, t->frames_of);
	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	arch_m2p_set(mfn, pfn);
	page_put(pg);
	return 0;
}

static int one_request(const struct mm_target *t, const struct mmu_update *req)
{
	uint64_t at = req->ptr & ~CMD_MASK;

	switch (req->ptr & CMD_MASK) {
	case MMU_NORMAL_PT_UPDATE:
	case MMU_PT_UPDATE_NO_TRANSLATE:
		return update_entry(t, at, req->val, false);
	case MMU_PT_UPDATE_PRESERVE_AD:
		return update_entry(t, at, req->val, true);
	case MMU_MACHPHYS_UPDATE:
	case MMU_MACHPHYS_UPDATE | 4: /* any address in the frame */
		return update_m2p(t, at, req->val);
	default:
		return -XEN_EINVAL; /* an entry that is not aligned */
	}
}

/* ---- The list ----------------------------------------------------------------------- */

/* Requests from i on, as many as fit and can be read; 0: not even one. */
static unsigned int copy_batch(struct mmu_update *req, guest_ptr_t list,
			       unsigned int i, unsigned int count)
{
	guest_ptr_t from = guest_ptr_add(list, (uint64_t)i * sizeof(*req));
	unsigned int n = MIN(count - i, BATCH);

	if (copy_from_guest(req, from, n * sizeof(*req)) == 0) {
		return n;
	}
	return copy_from_guest(req, from, sizeof(*req)) == 0 ? 1 : 0;
}

/*
 * Runs requests until one fails, an interrupt waits, or a subtree is owed.
 * *i counts those done; 0, -XEN_ERESTART or the failure.
 */
static int run_list(const struct mm_target *t, guest_ptr_t list,
		    unsigned int count, unsigned int *i)
{
	struct mmu_update req[BATCH];
	unsigned int have = 0, at = 0;
	int rc;

	while (*i < count) {
		if (*i != 0 && *i % PREEMPT_EVERY == 0 && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
		if (at == have) {
			have = copy_batch(req, list, *i, count);
			at = 0;
			if (have == 0) {
				return -XEN_EFAULT;
			}
		}
		rc = one_request(t, &req[at]);
		if (rc != 0) {
			return rc;
		}
		at++;
		(*i)++;
		if (current_vcpu()->old_table != NULL) {
			return -XEN_ERESTART;
		}
	}
	return 0;
}

long do_mmu_update(uint64_t reqs, uint64_t count_arg, uint64_t done_arg,
		   uint64_t dom)
{
	unsigned int count = (unsigned int)count_arg & ~MM_PREEMPTED;
	unsigned int i = 0, done = 0;
	struct mm_target t;
	int rc;

	if ((count_arg & MM_PREEMPTED) != 0 && done_arg != 0 &&
	    copy_from_guest(&done, guest_ptr(done_arg), sizeof(done)) != 0) {
		return -XEN_EFAULT;
	}
	rc = mm_target_get(&t, (uint32_t)dom);
	if (rc != 0) {
		return rc;
	}
	rc = vcpu_drop_old_table(current_vcpu());
	if (rc == 0) {
		rc = run_list(&t, guest_ptr(reqs), count, &i);
	}
	mm_target_put(&t);

	done += i;
	if (done_arg != 0 &&
	    copy_to_guest(guest_ptr(done_arg), &done, sizeof(done)) != 0 &&
	    rc == 0) {
		rc = -XEN_EFAULT;
	}
	if (rc == -XEN_ERESTART) {
		uint64_t args[] = { reqs + (uint64_t)i *
						    sizeof(struct mmu_update),
				    (count - i) | MM_PREEMPTED, done_arg, dom };

		return hypercall_restart(4, args);
	}
	return rc;
}

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

#include <hv/hypercall.h>

#define CMD_MASK 7ull /* an entry is 8 bytes */
#define BATCH 16u     /* requests copied in at once */

_Static_assert(sizeof(struct mmu_update) == 16, "xen.h: two words");

/* ---- Whose ----------------------------------------------------------------------- */

int mm_target_get(struct mm_target *t, uint32_t dom)
{
	uint16_t frames = (uint16_t)dom, tables = (uint16_t)(dom >> 16);
	int rc = domain_get_target(tables != 0 ? (uint16_t)(tables - 1) : DOMID_SELF, &t->tables);

	t->frames_of = NULL;
	if (rc == 0 && frames != DOMID_IO) {
		rc = domain_get_target(frames, &t->frames_of);
		if (rc != 0) {
			domain_put_target(t->tables);
		}
	}
	return rc;
}

void mm_target_put(struct mm_target *t)
{
	domain_put_target(t->tables);
	domain_put_target(t->frames_of);
}

/* ---- One request -------------------------------------------------------------------- */

/* The frame is no table in use: the guest may write what it likes. */
static int store_plain(struct page *pg, uint64_t *entry, uint64_t val)
{
	int rc = page_get_type(pg, PGT_WRITABLE);

	if (rc == 0) {
		__atomic_store_n(entry, val, __ATOMIC_RELAXED);
		page_put_type(pg);
	}
	return rc;
}

static int update_entry(const struct mm_target *t, uint64_t at, uint64_t val, bool preserve_ad)
{
	struct page *pg = page_get_from_mfn(at >> PAGE_SHIFT, t->tables);
	uint64_t *entry, type;
	int rc;

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	entry = (uint64_t *)frame_ptr(page_to_mfn(pg)) + (at & (PAGE_SIZE - 1)) / sizeof(*entry);

	page_lock(pg);
	type = page_valid_type(pg);
	if (type == PGT_L1) {
		rc = mod_l1_entry(entry, val, t->tables, t->frames_of, preserve_ad, NULL);
		page_unlock(pg);
	} else {
		page_unlock(pg);
		rc = pgt_is_table(type) ?
			     mod_table_entry(entry, val, pg, type, t->tables, preserve_ad) :
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

union requests {
	struct mmu_update update[BATCH];
	struct mmuext_op ext;
};

/*
 * Runs requests until one fails, an interrupt waits, or a subtree is owed.
 * *i counts those done; 0, -XEN_ERESTART or the failure.  Updates are short
 * and are copied in several at once; any mmuext_op may be a long one.
 */
static inline int run_list(const struct mm_target *t, bool ext, guest_ptr_t list,
			   unsigned int count, unsigned int *i)
{
	const size_t size = ext ? sizeof(struct mmuext_op) : sizeof(struct mmu_update);
	union requests req;
	unsigned int have = 0, at = 0;
	int rc;

	while (*i < count) {
		if (at == have) {
			guest_ptr_t from = guest_ptr_add(list, *i * size);

			if (*i != 0 && hypercall_preempt()) {
				return -XEN_ERESTART;
			}
			/* Some of them may be beyond what can be read. */
			have = ext ? 1 : MIN(count - *i, BATCH);
			if (copy_from_guest(&req, from, have * size) != 0) {
				have = 1;
				if (copy_from_guest(&req, from, size) != 0) {
					return -XEN_EFAULT;
				}
			}
			at = 0;
		}
		rc = ext ? mmuext_request(t, &req.ext) : one_request(t, &req.update[at]);
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

/*
 * One request for the caller's own tables, with nobody to be told how many are
 * done: most calls are that, and are made without the bookkeeping of a list.
 */
static bool is_single(uint64_t count, uint64_t done_arg, uint32_t dom)
{
	return (unsigned int)count == 1 && done_arg == 0 && dom == DOMID_SELF &&
	       current_vcpu()->old_table == NULL;
}

static inline long run_single(bool ext, uint64_t list)
{
	const size_t size = ext ? sizeof(struct mmuext_op) : sizeof(struct mmu_update);
	union requests req;
	const struct mm_target t = { current_domain(), current_domain() };
	int rc;

	if (copy_from_guest(&req, guest_ptr(list), size) != 0) {
		return -XEN_EFAULT;
	}
	rc = ext ? mmuext_request(&t, &req.ext) : one_request(&t, &req.update[0]);
	/* After one that is done a list of none goes on dropping what it owes. */
	if (unlikely(rc == -XEN_ERESTART || (rc == 0 && current_vcpu()->old_table != NULL))) {
		return hypercall_restart(2, (uint64_t[]){ list, rc != 0 });
	}
	return rc;
}

static inline long mm_run_list(bool ext, uint64_t list, uint64_t count_arg, uint64_t done_arg,
			       uint32_t dom)
{
	const size_t size = ext ? sizeof(struct mmuext_op) : sizeof(struct mmu_update);
	unsigned int count = (unsigned int)count_arg & ~MM_PREEMPTED;
	unsigned int i = 0, done = 0;
	struct mm_target t;
	int rc;

	if ((count_arg & MM_PREEMPTED) != 0 && done_arg != 0 &&
	    copy_from_guest(&done, guest_ptr(done_arg), sizeof(done)) != 0) {
		return -XEN_EFAULT;
	}
	rc = mm_target_get(&t, dom);
	if (rc != 0) {
		return rc;
	}
	rc = vcpu_drop_old_table(current_vcpu());
	if (rc == 0) {
		rc = run_list(&t, ext, guest_ptr(list), count, &i);
	}
	mm_target_put(&t);

	done += i;
	if (done_arg != 0 && copy_to_guest(guest_ptr(done_arg), &done, sizeof(done)) != 0 &&
	    rc == 0) {
		rc = -XEN_EFAULT;
	}
	if (rc == -XEN_ERESTART) {
		uint64_t args[] = { list + i * size, (count - i) | MM_PREEMPTED, done_arg, dom };

		return hypercall_restart(4, args);
	}
	return rc;
}

long do_mmu_update(uint64_t reqs, uint64_t count, uint64_t done, uint64_t dom)
{
	return is_single(count, done, (uint32_t)dom) ?
		       run_single(false, reqs) :
		       mm_run_list(false, reqs, count, done, (uint32_t)dom);
}

/* Its requests are mmuext.c's.  Only the low half of dom counts. */
long do_mmuext_op(uint64_t ops, uint64_t count, uint64_t done, uint64_t dom)
{
	return is_single(count, done, (uint16_t)dom) ?
		       run_single(true, ops) :
		       mm_run_list(true, ops, count, done, (uint16_t)dom);
}

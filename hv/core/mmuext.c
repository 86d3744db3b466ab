/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, base tables, flushes, the LDT, and filling of frames.
 * Called from the hypercall table.  Takes no lock: types and references say
 * who may do what (page.h), the rest belongs to the calling vCPU.  The list of
 * operations is walked by mmu_update.c.
 */
#include <hv/mm.h>

#include <hv/hypercall.h>

_Static_assert(sizeof(struct mmuext_op) == 24, "xen.h: three words");

/* ---- Pins ----------------------------------------------------------------------------- */

static int op_pin(struct domain *d, unsigned int cmd, unsigned long mfn)
{
	uint64_t type = (uint64_t)(cmd - MMUEXT_PIN_L1_TABLE + 1) << PGT_TYPE_SHIFT;
	struct page *pg;
	int rc = page_get_and_type(mfn, d, type, &pg);

	if (rc != 0) {
		return rc;
	}
	rc = page_pin(pg) ? 0 : -XEN_EINVAL;
	/*
	 * A domain that is torn down has its pins taken by relinquish.c, which
	 * looks for them after the state has changed: one of us sees it.
	 */
	if (rc == 0 && __atomic_load_n(&d->state, __ATOMIC_SEQ_CST) != DOM_ALIVE) {
		rc = page_unpin(pg) ? -XEN_EINVAL : 0;
	}
	if (rc != 0) {
		vcpu_drop_table(current_vcpu(), pg);
	}
	return rc;
}

static int op_unpin(struct domain *d, unsigned long mfn)
{
	struct page *pg = page_get_from_mfn(mfn, d);
	bool pinned;

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	/* One reference is ours; another, and the use, were the pin's. */
	pinned = page_unpin(pg);
	page_put(pg);
	if (pinned) {
		vcpu_drop_table(current_vcpu(), pg);
	}
	return pinned ? 0 : -XEN_EINVAL;
}

/* ---- The rest --------------------------------------------------------------------------- */

static int op_clear_page(struct domain *d, unsigned long mfn)
{
	struct page *pg = guest_frame_hold(d, mfn);

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	memset(frame_ptr(mfn), 0, PAGE_SIZE);
	page_put_and_type(pg);
	return 0;
}

static int op_copy_page(struct domain *d, unsigned long to, unsigned long from)
{
	struct page *src = page_get_from_mfn(from, d);
	struct page *dst = src != NULL ? guest_frame_hold(d, to) : NULL;

	if (dst != NULL) {
		memmove(frame_ptr(to), frame_ptr(from), PAGE_SIZE);
		page_put_and_type(dst);
	}
	if (src != NULL) {
		page_put(src);
	}
	return dst != NULL ? 0 : -XEN_EINVAL;
}

/* ---- Requests --------------------------------------------------------------------------- */

/* What concerns the calling vCPU itself, whatever domain is named. */
static int vcpu_op(const struct mmuext_op *op)
{
	guest_ptr_t vcpus = GUEST_HANDLE_PTR(op->arg2.vcpumask);
	unsigned int flush = op->cmd - MMUEXT_TLB_FLUSH_LOCAL;
	struct vcpu *curr = current_vcpu();
	uint64_t va = op->arg1.linear_addr;

	/* Pairs: everything, or one page; in the order of enum flush_where. */
	if (flush <= MMUEXT_INVLPG_ALL - MMUEXT_TLB_FLUSH_LOCAL) {
		return tlb_flush_asked(flush / 2, vcpus.addr, flush % 2 != 0, va);
	}
	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return vcpu_set_kernel_table(curr, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		return vcpu_set_user_table(curr, op->arg1.mfn);
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		if (!curr->domain->may_io) {
			return -XEN_EPERM;
		}
		arch_flush_cache(op->cmd == MMUEXT_FLUSH_CACHE ? 1ull << this_cpu()->id :
								 cpu_online_mask());
		return 0;
	case MMUEXT_SET_LDT:
		return vcpu_set_ldt(curr, va, op->arg2.nr_ents);
	default: /* and MARK_SUPER, UNMARK_SUPER: no superpages */
		return -XEN_ENOSYS;
	}
}

int mmuext_request(const struct mm_target *t, const struct mmuext_op *op)
{
	struct domain *d = t->frames_of;

	if (d == NULL) {
		return -XEN_EPERM; /* I/O frames are no tables */
	}
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return op_pin(d, op->cmd, op->arg1.mfn);
	case MMUEXT_UNPIN_TABLE:
		return op_unpin(d, op->arg1.mfn);
	case MMUEXT_CLEAR_PAGE:
		return op_clear_page(d, op->arg1.mfn);
	case MMUEXT_COPY_PAGE:
		return op_copy_page(d, op->arg1.mfn, op->arg2.src_mfn);
	default:
		return d == current_domain() ? vcpu_op(op) : -XEN_EPERM;
	}
}

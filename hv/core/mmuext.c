/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, base tables, flushes, the LDT, and filling of frames.
 * Called from the hypercall table.  Takes no lock: types and references say
 * who may do what (page.h), the rest belongs to the calling vCPU.  Restarts
 * and *done as in mmu_update.c.
 */
#include <hv/mm.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include <arch/paging.h>
#include <arch/switch.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#define LDT_ENTRIES_MAX 8192
#define LDT_BYTES(n) ((uint64_t)(n)*8)

_Static_assert(sizeof(struct mmuext_op) == 24, "xen.h: three words");

/*
 * Drops a reference and a use that are the caller's no more.  What is left of
 * them is in v->old_table; run_ops() looks there after each operation.
 */
static void drop_or_owe(struct page *pg)
{
	struct vcpu *curr = current_vcpu();
	int rc;

	curr->old_table = pg;
	rc = vcpu_drop_old_table(curr);
	(void)rc;
}

/* ---- Pins ----------------------------------------------------------------------------- */

static int op_pin(struct domain *d, unsigned int cmd, unsigned long mfn)
{
	static const uint64_t types[] = { [MMUEXT_PIN_L1_TABLE] = PGT_L1,
					  [MMUEXT_PIN_L2_TABLE] = PGT_L2,
					  [MMUEXT_PIN_L3_TABLE] = PGT_L3,
					  [MMUEXT_PIN_L4_TABLE] = PGT_L4 };
	struct page *pg = page_get_from_mfn(mfn, d);
	int rc;

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	rc = page_get_type(pg, types[cmd]);
	if (rc != 0) {
		page_put(pg);
		return rc;
	}
	rc = page_pin(pg) ? 0 : -XEN_EINVAL;
	/*
	 * A domain that is torn down has its pins taken by relinquish.c, which
	 * looks for them after the state has changed: one of us sees it.
	 */
	if (rc == 0 &&
	    __atomic_load_n(&d->state, __ATOMIC_SEQ_CST) != DOM_ALIVE) {
		rc = page_unpin(pg) ? -XEN_EINVAL : 0;
	}
	if (rc != 0) {
		drop_or_owe(pg);
	}
	return rc;
}

static int op_unpin(struct domain *d, unsigned long mfn)
{
	struct page *pg = page_get_from_mfn(mfn, d);

	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	if (!page_unpin(pg)) {
		page_put(pg);
		return -XEN_EINVAL;
	}
	/* One reference was ours; the other, and the use, were the pin's. */
	page_put(pg);
	drop_or_owe(pg);
	return 0;
}

/* ---- Flushes ---------------------------------------------------------------------------- */

static int op_flush(const struct mmuext_op *op)
{
	struct domain *currd = current_domain();
	cpumask_t mask = 1ull << this_cpu()->id;
	bool one_page = false;
	int rc = 0;

	switch (op->cmd) {
	case MMUEXT_INVLPG_LOCAL:
		one_page = true;
		break;
	case MMUEXT_INVLPG_MULTI:
	case MMUEXT_TLB_FLUSH_MULTI:
		one_page = op->cmd == MMUEXT_INVLPG_MULTI;
		rc = vcpumask_to_cpus(
			currd, GUEST_HANDLE_PTR(op->arg2.vcpumask).addr, &mask);
		break;
	case MMUEXT_INVLPG_ALL:
	case MMUEXT_TLB_FLUSH_ALL:
		one_page = op->cmd == MMUEXT_INVLPG_ALL;
		mask = arch_domain_tlb_mask(currd);
		break;
	default: /* MMUEXT_TLB_FLUSH_LOCAL */
		break;
	}
	if (rc != 0 || mask == 0) {
		return rc;
	}
	if (one_page) {
		arch_flush_page(mask, op->arg1.linear_addr);
	} else {
		tlb_flush_cpus(mask);
	}
	return 0;
}

static int op_flush_cache(bool all_cpus)
{
	if (!current_domain()->may_io) {
		return -XEN_EPERM;
	}
	arch_flush_cache(all_cpus ? cpu_online_mask() : 1ull << this_cpu()->id);
	return 0;
}

/* ---- The rest --------------------------------------------------------------------------- */

static int op_set_ldt(uint64_t base, unsigned int entries)
{
	struct vcpu *curr = current_vcpu();

	if (entries > LDT_ENTRIES_MAX ||
	    (entries != 0 &&
	     ((base & (PAGE_SIZE - 1)) != 0 ||
	      !guest_range_ok(guest_ptr(base), LDT_BYTES(entries))))) {
		return -XEN_EINVAL;
	}
	if (entries == 0 && curr->ldt_entries == 0) {
		return 0;
	}
	ldt_drop(curr);
	curr->ldt_base = entries != 0 ? base : 0;
	curr->ldt_entries = entries;
	arch_load_descriptors(curr);
	return 0;
}

static int op_fill_page(struct domain *d, unsigned long mfn, bool copy,
			unsigned long src_mfn)
{
	struct page *src = NULL, *dst;
	int rc;

	if (copy) {
		src = page_get_from_mfn(src_mfn, d);
		if (src == NULL) {
			return -XEN_EINVAL;
		}
	}
	dst = page_get_from_mfn(mfn, d);
	rc = dst != NULL ? page_get_type_simple(dst, PGT_WRITABLE) :
			   -XEN_EINVAL;
	if (rc == 0 && copy) {
		memmove(frame_ptr(mfn), frame_ptr(src_mfn), PAGE_SIZE);
	} else if (rc == 0) {
		memset(frame_ptr(mfn), 0, PAGE_SIZE);
	}
	if (rc == 0) {
		page_put_type(dst);
	}
	if (dst != NULL) {
		page_put(dst);
	}
	if (src != NULL) {
		page_put(src);
	}
	return rc;
}

/* ---- The list --------------------------------------------------------------------------- */

/* What concerns the calling vCPU itself, whatever domain is named. */
static int vcpu_op(const struct mmuext_op *op)
{
	struct vcpu *curr = current_vcpu();

	switch (op->cmd) {
	case MMUEXT_NEW_BASEPTR:
		return vcpu_set_kernel_table(curr, op->arg1.mfn);
	case MMUEXT_NEW_USER_BASEPTR:
		return vcpu_set_user_table(curr, op->arg1.mfn);
	case MMUEXT_TLB_FLUSH_LOCAL:
	case MMUEXT_INVLPG_LOCAL:
	case MMUEXT_TLB_FLUSH_MULTI:
	case MMUEXT_INVLPG_MULTI:
	case MMUEXT_TLB_FLUSH_ALL:
	case MMUEXT_INVLPG_ALL:
		return op_flush(op);
	case MMUEXT_FLUSH_CACHE:
	case MMUEXT_FLUSH_CACHE_GLOBAL:
		return op_flush_cache(op->cmd == MMUEXT_FLUSH_CACHE_GLOBAL);
	case MMUEXT_SET_LDT:
		return op_set_ldt(op->arg1.linear_addr, op->arg2.nr_ents);
	default: /* and MARK_SUPER, UNMARK_SUPER: no superpages */
		return -XEN_ENOSYS;
	}
}

static int one_op(struct domain *d, const struct mmuext_op *op)
{
	switch (op->cmd) {
	case MMUEXT_PIN_L1_TABLE:
	case MMUEXT_PIN_L2_TABLE:
	case MMUEXT_PIN_L3_TABLE:
	case MMUEXT_PIN_L4_TABLE:
		return op_pin(d, op->cmd, op->arg1.mfn);
	case MMUEXT_UNPIN_TABLE:
		return op_unpin(d, op->arg1.mfn);
	case MMUEXT_CLEAR_PAGE:
		return op_fill_page(d, op->arg1.mfn, false, 0);
	case MMUEXT_COPY_PAGE:
		return op_fill_page(d, op->arg1.mfn, true, op->arg2.src_mfn);
	default:
		return d == current_domain() ? vcpu_op(op) : -XEN_EPERM;
	}
}

/* As run_list() of mmu_update.c. */
static int run_ops(struct domain *d, guest_ptr_t list, unsigned int count,
		   unsigned int *i)
{
	struct mmuext_op op;
	int rc;

	while (*i < count) {
		if (*i != 0 && hypercall_preempt()) {
			return -XEN_ERESTART;
		}
		if (copy_from_guest(
			    &op, guest_ptr_add(list, (uint64_t)*i * sizeof(op)),
			    sizeof(op)) != 0) {
			return -XEN_EFAULT;
		}
		rc = one_op(d, &op);
		if (rc != 0) {
			return rc;
		}
		(*i)++;
		if (current_vcpu()->old_table != NULL) {
			return -XEN_ERESTART;
		}
	}
	return 0;
}

long do_mmuext_op(uint64_t ops, uint64_t count_arg, uint64_t done_arg,
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
	rc = mm_target_get(&t, (uint16_t)dom);
	if (rc != 0) {
		return rc;
	}
	if (t.frames_of == NULL) {
		return -XEN_EPERM; /* I/O frames are no tables */
	}
	rc = vcpu_drop_old_table(current_vcpu());
	if (rc == 0) {
		rc = run_ops(t.frames_of, guest_ptr(ops), count, &i);
	}
	mm_target_put(&t);

	done += i;
	if (done_arg != 0 &&
	    copy_to_guest(guest_ptr(done_arg), &done, sizeof(done)) != 0 &&
	    rc == 0) {
		rc = -XEN_EFAULT;
	}
	if (rc == -XEN_ERESTART) {
		uint64_t args[] = { ops + (uint64_t)i *
						    sizeof(struct mmuext_op),
				    (count - i) | MM_PREEMPTED, done_arg, dom };

		return hypercall_restart(4, args);
	}
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * Changes of the level 1 entry that maps a linear address of the caller: the
 * update_va_mapping calls, and plain stores of a guest kernel into its own
 * tables, which fault and are made here as checked updates.  The entry is
 * found by a walk of the vCPU's kernel table, which proves nothing; the table
 * is then referenced and locked, and is looked at again.  Never touches
 * levels above 1.
 */
#include <hv/mm.h>

#include <hv/hypercall.h>

uint64_t *l1_lock(unsigned long mfn, uint64_t i, const struct domain *d)
{
	struct page *pg = page_get_from_mfn(mfn, d);

	if (pg == NULL) {
		return NULL;
	}
	page_lock(pg);
	if (page_valid_type(pg) == PGT_L1) {
		return (uint64_t *)frame_ptr(mfn) + i % PTES;
	}
	page_unlock(pg);
	page_put(pg);
	return NULL;
}

void l1_unlock(const uint64_t *entry)
{
	struct page *pg = mfn_to_page(ptr_frame(entry));

	page_unlock(pg);
	page_put(pg);
}

/* ---- update_va_mapping ------------------------------------------------------------ */

_Static_assert(MAX_VCPUS <= 64, "a bitmap of vCPUs is one word");

int tlb_flush_asked(enum flush_where where, uint64_t bitmap, bool one_page, uint64_t va)
{
	const struct domain *d = current_domain();
	cpumask_t mask = where == FLUSH_LOCAL ? 1ull << this_cpu()->id : 0;
	uint64_t vcpus = 0;

	if (where == FLUSH_BITMAP &&
	    copy_from_guest(&vcpus, guest_ptr(bitmap), (d->max_vcpus + 7) / 8) != 0) {
		return -XEN_EFAULT;
	}
	for (unsigned int i = 0; i < d->max_vcpus && vcpus >> i != 0; i++) {
		if ((vcpus >> i & 1) != 0) {
			mask |= 1ull << READ_ONCE(d->vcpu[i]->cpu);
		}
	}
	/* One that is not loaded anywhere has nothing to flush; one that moves
	 * now loads its tables afresh, even if its new CPU has them already. */
	if (where != FLUSH_LOCAL) {
		mask = (where == FLUSH_ALL ? ~0ull : mask) & arch_domain_tlb_mask(d);
	}
	if (one_page && mask != 0) {
		arch_flush_page(mask, va);
	} else if (mask != 0) {
		tlb_flush_cpus(mask);
	}
	return 0;
}

static int flush_by_flags(uint64_t va, uint64_t flags)
{
	uint64_t type = flags & UVMF_FLUSHTYPE_MASK;
	uint64_t where = flags & ~UVMF_FLUSHTYPE_MASK;

	if (type == UVMF_NONE) {
		return 0;
	}
	if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG) {
		return -XEN_EINVAL;
	}
	return tlb_flush_asked(where == UVMF_LOCAL ? FLUSH_LOCAL :
			       where == UVMF_ALL   ? FLUSH_ALL :
						     FLUSH_BITMAP,
			       where, type == UVMF_INVLPG, va);
}

static long update_va(uint64_t va, uint64_t pte, uint64_t flags, struct domain *frames_of)
{
	struct vcpu *v = current_vcpu();
	uint64_t *entry = l1_lock(pte_mfn(guest_walk(v, va, 2)), va >> PAGE_SHIFT, v->domain);
	int rc;

	if (entry == NULL) {
		return -XEN_EINVAL;
	}
	rc = mod_l1_entry(entry, pte, v->domain, frames_of, false, NULL);
	l1_unlock(entry);
	return rc != 0 ? rc : flush_by_flags(va, flags);
}

long do_update_va_mapping(uint64_t va, uint64_t pte, uint64_t flags)
{
	return update_va(va, pte, flags, current_domain());
}

long do_update_va_mapping_otherdomain(uint64_t va, uint64_t pte, uint64_t flags, uint64_t dom)
{
	struct mm_target t;
	long rc;

	/* The tables are the caller's: only the low half counts. */
	rc = mm_target_get(&t, (uint16_t)dom);
	if (rc == 0) {
		rc = update_va(va, pte, flags, t.frames_of);
		mm_target_put(&t);
	}
	return rc;
}

/* ---- Emulated stores ------------------------------------------------------------------ */

int pte_write_emulate(struct vcpu *v, uint64_t pte, uint64_t va, uint64_t value, unsigned int bytes,
		      uint64_t *expected)
{
	unsigned int offset = (unsigned int)(va & 7), shift = 8 * offset;
	uint64_t mask, old;
	uint64_t *entry;
	int rc;

	if (bytes == 0 || offset + bytes > sizeof(*entry) ||
	    (expected != NULL && bytes != sizeof(*entry))) {
		return -XEN_EINVAL;
	}
	/* Writable there: the fault was about something else. */
	if ((pte & PTE_P) == 0 || (pte & PTE_W) != 0) {
		return -XEN_ENOENT;
	}
	entry = l1_lock(pte_mfn(pte), va / sizeof(*entry), v->domain);
	if (entry == NULL) {
		return -XEN_ENOENT;
	}
	mask = ~0ull >> (64 - 8 * bytes) << shift;
	do {
		/* What is not written stays, be it set by the CPU just now. */
		old = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		rc = mod_l1_entry(entry, (old & ~mask) | (value << shift & mask), v->domain,
				  v->domain, false, expected != NULL ? expected : &old);
	} while (rc == -XEN_EAGAIN && expected == NULL);
	l1_unlock(entry);
	return rc;
}

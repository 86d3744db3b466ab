/* SPDX-License-Identifier: MIT */
/*
 * Guest page tables: what the files pte.c, pgvalidate.c, mmu_update.c,
 * va_mapping.c, mmuext.c, mm_vcpu.c and relinquish.c offer each other and the rest.
 */
#ifndef HV_MM_H
#define HV_MM_H

#include <hv/page.h>
#include <hv/vcpu.h>

#define PTE_P 0x001ull
#define PTE_W 0x002ull
#define PTE_U 0x004ull
#define PTE_PWT 0x008ull
#define PTE_PCD 0x010ull
#define PTE_A 0x020ull
#define PTE_D 0x040ull
#define PTE_PS 0x080ull /* L2, L3 */
#define PTE_G 0x100ull
#define PTE_AVAIL 0xe00ull
#define PTE_AVAIL_HIGH (0x7ffull << 52)
#define PTE_NX (1ull << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000ull
#define PTES 512

/* L4 slots that belong to the core in every guest table. */
#define L4_CORE_FIRST 256
#define L4_CORE_END 272

static inline unsigned long pte_mfn(uint64_t pte)
{
	return (unsigned long)((pte & PTE_ADDR_MASK) >> PAGE_SHIFT);
}

/**
 * Between pgtype.c and pgvalidate.c: check all entries of a frame that the
 * caller has made BUSY, from *nr on, and take their references; give those of
 * entries [0, *nr) back.  *nr counts the entries that hold references when
 * they return.  0, -XEN_ERESTART (levels above 1 only) or the refusal.
 */
int must_check table_validate(struct page *pg, uint64_t type, unsigned int *nr);
int must_check table_teardown(struct page *pg, uint64_t type, unsigned int *nr);

/**
 * Checks an entry, makes it as it is stored (with U, without G) and takes the references that storing it at
 * `level` needs, for domain d whose table it is; `frames_of` owns the mapped
 * frame (foreign mapping, L1 only; NULL: I/O frames only).
 * 0, -XEN_EINVAL, -XEN_EPERM or, for levels above 1, -XEN_ERESTART.
 */
int must_check pte_get(uint64_t *pte, unsigned int level, struct domain *d,
		       struct domain *frames_of);
/** Gives them back; 0 or -XEN_ERESTART for levels above 1. */
int must_check pte_put(uint64_t pte, unsigned int level);
/** pte_put for level 1, which always runs to the end. */
void pte_put_l1(uint64_t pte);

/**
 * Checked change of one entry of an L1 table of d whose page lock is held:
 * references for the new one, atomic store, references of the old one back.
 * `preserve_ad` keeps A and D of the old.  With `expected` non-NULL the store
 * happens only if the entry still equals *expected, else -XEN_EAGAIN and
 * *expected is the entry found.
 */
int must_check mod_l1_entry(uint64_t *entry, uint64_t new_pte, struct domain *d,
			    struct domain *frames_of, bool preserve_ad, uint64_t *expected);
/**
 * Entry i, modulo their number, of the table in frame mfn, which is referenced
 * and locked, if it is a valid level 1 table of d; NULL otherwise.
 */
uint64_t *must_check l1_lock(unsigned long mfn, uint64_t i, const struct domain *d);
void l1_unlock(const uint64_t *entry);
/**
 * The same for a frame that was seen as a table of `type`, level 2 to 4, a
 * moment ago, without its lock: what the change sets off can be long.  After 0
 * the caller looks at current_vcpu()->old_table: if that is set, a subtree still
 * has to be dropped (vcpu_drop_old_table()).
 */
int must_check mod_table_entry(uint64_t *entry, uint64_t new_pte, struct page *table, uint64_t type,
			       struct domain *d, bool preserve_ad);

/**
 * A guest kernel wrote to a page that is an L1 table of its own: emulate the
 * store of `bytes` (1, 2, 4, 8) of `value` at linear address va as a checked
 * update; `pte` is what guest_walk() said of va.  With `expected` non-NULL it is a compare-and-exchange of 8 bytes;
 * *expected gets the old entry if that differs.  Called by pte_write emulation
 * in emul.c.  0, -XEN_EINVAL or -XEN_EPERM (refused), -XEN_EAGAIN (compare
 * failed), -XEN_ENOENT (va is in no L1 table: bounce the fault).
 */
int must_check pte_write_emulate(struct vcpu *v, uint64_t pte, uint64_t va, uint64_t value,
				 unsigned int bytes, uint64_t *expected);

/** Reads the entry of `level` for va in v's kernel tables; 0 if there is none. */
uint64_t guest_walk(struct vcpu *v, uint64_t va, unsigned int level);
/** Frame mapped at va in v's current tables, ~0ul if none; needs write? */
unsigned long guest_walk_frame(struct vcpu *v, uint64_t va, bool write);

/**
 * Installs tables of a vCPU that is current or off the CPUs; a user table of 0
 * is none.  0, -XEN_EINVAL, or -XEN_ERESTART: the old table is not dropped yet,
 * or the new one not validated; call again with the same frame.
 */
int must_check vcpu_set_kernel_table(struct vcpu *v, unsigned long mfn);
int must_check vcpu_set_user_table(struct vcpu *v, unsigned long mfn);
/** Ends what a change of tables began: 0 or -XEN_ERESTART. */
int must_check vcpu_drop_old_table(struct vcpu *v);
/**
 * Drops a reference and a use of a table that are the caller's no more; what
 * cannot be done now v still owes, in v->old_table: 0 or -XEN_ERESTART.
 */
int vcpu_drop_table(struct vcpu *v, struct page *pg);
/** The same where an entry or a base register has just ceased to lead to it. */
int vcpu_retire_table(struct vcpu *v, struct page *pg);
/** Drops all tables of a vCPU that no CPU has loaded: 0 or -XEN_ERESTART. */
int must_check vcpu_drop_tables(struct vcpu *v);
/**
 * Maps the LDT page that holds linear address `fault` of the descriptor window;
 * true if the access can be tried again.
 */
bool ldt_map_fault(struct vcpu *v, unsigned int page_index);
void ldt_drop(struct vcpu *v);
/** Another LDT, of a vCPU that is current or off the CPUs: 0 or -XEN_EINVAL. */
int must_check vcpu_set_ldt(struct vcpu *v, uint64_t base, uint64_t entries);
/** Walks d's frames and releases them all: 0 or -XEN_ERESTART. */
int must_check domain_relinquish_memory(struct domain *d);

/**
 * The hypercall's page-table domains: whose frames and whose tables `dom`
 * (mmu_update's last argument) names.  References taken; 0, -XEN_ESRCH,
 * -XEN_EPERM.
 */
struct mm_target {
	struct domain *tables;	  /* owner of the page tables */
	struct domain *frames_of; /* owner of frames mapped; NULL: I/O only */
};
int must_check mm_target_get(struct mm_target *t, uint32_t dom);
void mm_target_put(struct mm_target *t);

/** Carries out one request of an mmuext_op. */
int must_check mmuext_request(const struct mm_target *t, const struct mmuext_op *op);

/* Marks the count of a continued mmu_update or mmuext_op. */
#define MM_PREEMPTED 0x80000000u

/** hypercall_preempt(), and false at start-up when there is no vCPU. */
bool mm_preempt(void);

/*
 * TLBs and the clock that saves flushing them; see pgtype.c.
 */
/** Flushes whole TLBs of mask, and remembers it. */
void tlb_flush_cpus(cpumask_t mask);
/** Flushes those CPUs of mask that have not been since the frame's stamp. */
void tlb_flush_stale(const struct page *pg, cpumask_t mask);
enum flush_where {
	FLUSH_LOCAL,
	FLUSH_BITMAP,
	FLUSH_ALL
};
/**
 * A flush that the current domain asks for, of va alone or everything, on the
 * CPUs of its vCPUs: the current one, those of a bitmap in guest memory, all.
 * 0, -XEN_EFAULT.
 */
int must_check tlb_flush_asked(enum flush_where where, uint64_t bitmap, bool one_page, uint64_t va);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * TLB and cache flushes on other CPUs.  A request is a bit in the target's
 * call_flags and a number; the target's own count tells when it is served.
 * No lock: any number of CPUs may ask at once, and whoever waits serves its
 * own requests meanwhile, so two CPUs that flush each other cannot hang.
 * No global pages and no PCIDs: loading CR3 flushes everything.
 */
#include <x86.h>

#define CALL_FLUSH_TLB 1u
#define CALL_FLUSH_CACHE 2u

static void serve(uint32_t flags)
{
	if ((flags & CALL_FLUSH_TLB) != 0) {
		WRITE_REG(cr3, this_cpu()->arch.cr3_loaded);
	}
	if ((flags & CALL_FLUSH_CACHE) != 0) {
		__asm__ __volatile__("wbinvd" : : : "memory");
	}
}

/*
 * Races: (1) the asker stores its change to a page table; (2) it sets the
 * flag; (3) it takes a number.  The target (4) reads the number, (5) takes the
 * flags, (6) flushes, (7) publishes the number it read.  A request between 4
 * and 5 is flushed now and counted at the next interrupt; one after 5 keeps
 * its flag.  Either way its number is published only after a flush that came
 * after (1).
 */
void call_service(void)
{
	struct arch_percpu *a = &this_cpu()->arch;
	uint32_t asked = __atomic_load_n(&a->call_asked, __ATOMIC_ACQUIRE);

	if (likely(asked == a->call_done)) {
		return;
	}
	serve(__atomic_exchange_n(&a->call_flags, 0, __ATOMIC_SEQ_CST));
	__atomic_store_n(&a->call_done, asked, __ATOMIC_RELEASE);
}

/* Has it done by all CPUs in mask; comes back when they have. */
static void call(cpumask_t mask, uint32_t flag)
{
	const cpumask_t self = 1ull << this_cpu()->id;
	uint32_t number[CONFIG_NR_CPUS];

	if ((mask & self) != 0) {
		serve(flag);
	}
	mask &= cpu_online_mask() & ~self;
	for (cpumask_t left = mask; left != 0; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);
		struct percpu *p = percpu_table[cpu];

		__atomic_fetch_or(&p->arch.call_flags, flag, __ATOMIC_SEQ_CST);
		number[cpu] = __atomic_add_fetch(&p->arch.call_asked, 1, __ATOMIC_SEQ_CST);
		apic_send(p->apic_id, APIC_FIXED | VECTOR_CALL);
	}
	for (cpumask_t left = mask; left != 0; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);
		const uint32_t *done = &percpu_table[cpu]->arch.call_done;

		while ((int32_t)(__atomic_load_n(done, __ATOMIC_ACQUIRE) - number[cpu]) < 0) {
			arch_cpu_relax();
		}
	}
}

void arch_flush_tlb(cpumask_t mask)
{
	call(mask, CALL_FLUSH_TLB);
}

void arch_flush_page(cpumask_t mask, uint64_t va)
{
	const cpumask_t self = 1ull << this_cpu()->id;

	if ((mask & self) != 0) {
		invlpg(va);
	}
	if (mask != self) {
		call(mask & ~self, CALL_FLUSH_TLB);
	}
}

void arch_flush_cache(cpumask_t mask)
{
	call(mask, CALL_FLUSH_CACHE);
}

/* The CPU's tables are those of d (or were, a moment ago). */
static bool runs_on_tables_of(const struct percpu *p, const struct domain *d)
{
	uint64_t cr3 = READ_ONCE(p->arch.cr3_loaded);

	return mfn_valid(cr3 >> PAGE_SHIFT) &&
	       READ_ONCE(mfn_to_page(cr3 >> PAGE_SHIFT)->owner) == d->id;
}

/*
 * CPUs where a vCPU of d is loaded, running or idle.  A CPU sets curr before
 * it loads CR3 for d, and cr3_loaded after it loaded CR3 for another.  So if
 * it is not seen here, either it does not use d's tables any more, or it loads
 * them later than this; and that load, which waits for the store to curr,
 * comes after the change of tables that the caller made before the fence.
 *
 * The vCPU seen as curr may be gone, memory and all, when its domain is looked
 * at, but not one of d: who asks runs on d, or holds its memory.  Whatever is
 * read instead costs a flush at most; all RAM is mapped.
 */
cpumask_t arch_domain_tlb_mask(const struct domain *d)
{
	cpumask_t mask = 0;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (cpumask_t left = cpu_online_mask(); left != 0; left &= left - 1) {
		unsigned int cpu = (unsigned int)__builtin_ctzll(left);
		const struct percpu *p = percpu_table[cpu];
		const struct vcpu *v = READ_ONCE(p->curr);

		if ((v != NULL && v->domain == d) || runs_on_tables_of(p, d)) {
			mask |= 1ull << cpu;
		}
	}
	return mask;
}

/* SPDX-License-Identifier: MIT */
/*
 * A model of the MMU: walks the tables that a CPU has loaded, sets accessed
 * and dirty bits, and keeps a TLB that forgets only what it is told to forget.
 * Guest copies of the core and accesses of guests go through it.
 *
 * The point is fake_tlb_check(): a translation that is still in the TLB of a
 * CPU running a guest is safe if the frame still belongs to whom it belonged
 * when the guest's tables led to it and, if the entry allows writes, is not in
 * use as a page table or descriptor page.  Anything else is a flush that the
 * core forgot.
 *
 * With threads a CPU looks at its own TLB only, and a frame may be on its way
 * from one use to the next: until this CPU has answered the flush, which it does
 * between two accesses, its old translations are good.  The new type is BUSY so
 * long, and a frame that is freed is nobody's and not yet in the heap.
 */
#include "fake.h"

#include <hv/check.h>
#include <hv/mm.h>

/* What arch_l4_install() writes: never present, so no guest gets there. */
#define CORE_SLOT(i) (0xc0de000000000000ull | (uint64_t)(i) << 12)

void arch_l4_install(uint64_t *l4)
{
	for (unsigned int i = L4_CORE_FIRST; i < L4_CORE_END; i++) {
		WRITE_ONCE(l4[i], CORE_SLOT(i));
	}
}

static void check_core_slots(const uint64_t *l4)
{
	for (unsigned int i = L4_CORE_FIRST; i < L4_CORE_END; i++) {
		if (READ_ONCE(l4[i]) != CORE_SLOT(i)) {
			fake_die("core slot %u of an L4 table holds %#lx", i,
				 (unsigned long)READ_ONCE(l4[i]));
		}
	}
}

void arch_l4_remove(uint64_t *l4)
{
	check_core_slots(l4);
	for (unsigned int i = L4_CORE_FIRST; i < L4_CORE_END; i++) {
		WRITE_ONCE(l4[i], 0);
	}
}

void fake_check_cr3(uint64_t cr3)
{
	unsigned long mfn = (unsigned long)(cr3 >> PAGE_SHIFT);
	uint64_t type;

	if ((cr3 & (PAGE_SIZE - 1)) != 0 || !fake_is_ram(mfn)) {
		fake_die("CR3 %#lx is no RAM", (unsigned long)cr3);
	}
	type = READ_ONCE(mfn_to_page(mfn)->type);
	if ((type & PGT_TYPE_MASK) != PGT_L4 || (type & PGT_COUNT_MASK) == 0 ||
	    (type & PGT_VALIDATED) == 0) {
		fake_die("CR3 frame %#lx has type %#lx", mfn, (unsigned long)type);
	}
	check_core_slots(frame_ptr(mfn));
}

/* ---- Walk ------------------------------------------------------------------ */

static bool canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* As the processor does it: only if the entry is still what was read. */
static bool set_bits(uint64_t *entry, uint64_t was, uint64_t bits)
{
	return (was & bits) == bits ||
	       __atomic_compare_exchange_n(entry, &was, was | bits, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Finds the L1 table for va and remembers it; 0: an entry is not present. */
static unsigned long walk_upper(uint64_t cr3, uint64_t va, uint64_t *all, uint64_t *nx,
				uint32_t *error)
{
	struct fake_psc_entry *psc = &fake.cpus[fake_self()].psc[(va >> 21) % FAKE_PSC];
	unsigned long mfn = (unsigned long)(cr3 >> PAGE_SHIFT);
	int level;

	if (psc->valid && psc->part == va >> 21) {
		*all = psc->flags;
		*nx = psc->nx;
		return psc->mfn;
	}
	for (level = 4; level > 1; level--) {
		uint64_t *table = frame_ptr(mfn);
		unsigned int slot = va >> (12 + 9 * (level - 1)) & 511;
		uint64_t pte;

		do {
			pte = __atomic_load_n(&table[slot], __ATOMIC_ACQUIRE);
		} while ((pte & PTE_P) != 0 &&
			 (level != 4 || slot < L4_CORE_FIRST || slot >= L4_CORE_END) &&
			 !set_bits(&table[slot], pte, PTE_A));
		if (level == 4 && slot >= L4_CORE_FIRST && slot < L4_CORE_END) {
			*error |= 1;
			return 0;
		}
		if ((pte & PTE_P) == 0) {
			return 0;
		}
		mfn = pte_mfn(pte);
		if ((pte & PTE_PS) != 0 || !fake_is_ram(mfn)) {
			fake_die("level %d entry %#lx", level, (unsigned long)pte);
		}
		*all &= pte;
		*nx |= pte & PTE_NX;
	}
	*psc = (struct fake_psc_entry){ .valid = true,
					.owner = READ_ONCE(mfn_to_page(mfn)->owner),
					.part = va >> 21,
					.flags = *all,
					.nx = *nx,
					.mfn = mfn };
	return mfn;
}

/*
 * Walks the loaded tables for an access.  True fills *e; false gives the
 * error code.  `user` is false for the core's own accesses.
 */
static bool walk(uint64_t cr3, uint64_t va, unsigned int how, bool user, struct fake_tlb_entry *e,
		 uint32_t *error)
{
	const uint64_t dirty = how == FAKE_WRITE ? PTE_A | PTE_D : PTE_A;
	uint64_t *entry, pte, all = PTE_W | PTE_U, nx = 0;
	unsigned long mfn;
	uint16_t owner;

	*error = (how == FAKE_WRITE ? 2u : 0) | (user ? 4u : 0) | (how == FAKE_EXEC ? 16u : 0);
	mfn = walk_upper(cr3, va, &all, &nx, error);
	if (mfn == 0) {
		return false;
	}
	entry = (uint64_t *)frame_ptr(mfn) + (va >> PAGE_SHIFT & 511);
again:
	pte = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
	if ((pte & PTE_P) == 0) {
		*error &= ~1u;
		return false;
	}
	mfn = pte_mfn(pte);
	*error |= 1;
	if ((all & pte & PTE_U) == 0 && user) {
		return false;
	}
	if ((how == FAKE_WRITE && (all & pte & PTE_W) == 0) ||
	    (how == FAKE_EXEC && ((nx | pte) & PTE_NX) != 0)) {
		return false;
	}
	if (!set_bits(entry, pte, dirty)) {
		goto again;
	}
	all &= pte;
	nx |= pte & PTE_NX;
	owner = mfn_valid(mfn) ? READ_ONCE(mfn_to_page(mfn)->owner) : OWNER_IO;
	*e = (struct fake_tlb_entry){
		.valid = true,
		.writable = (all & PTE_W) != 0,
		.user = (all & PTE_U) != 0,
		.exec = nx == 0,
		.dirty = ((pte | dirty) & PTE_D) != 0,
		.io = owner == OWNER_IO,
		.owner = owner,
		.page = va >> PAGE_SHIFT,
		.cr3 = cr3,
		.mfn = mfn,
	};
	return true;
}

/* ---- TLB ---------------------------------------------------------------------- */

void fake_tlb_flush(unsigned int cpu)
{
	for (unsigned int i = 0; i < FAKE_TLB; i++) {
		fake.cpus[cpu].tlb[i].valid = false;
	}
	memset(fake.cpus[cpu].psc, 0, sizeof(fake.cpus[cpu].psc));
}

void fake_tlb_flush_page(unsigned int cpu, uint64_t va)
{
	struct fake_tlb_entry *e = &fake.cpus[cpu].tlb[(va >> PAGE_SHIFT) % FAKE_TLB];

	if (e->page == va >> PAGE_SHIFT) {
		e->valid = false;
	}
	/* As the manual has it: of every address. */
	memset(fake.cpus[cpu].psc, 0, sizeof(fake.cpus[cpu].psc));
}

#ifndef FAKE_THREADS
void arch_flush_tlb(cpumask_t mask)
{
	if ((mask & ~cpu_online_mask()) != 0) {
		fake_die("flush of CPUs %#lx", (unsigned long)mask);
	}
	fake.flushes++;
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (mask >> i & 1) {
			fake_tlb_flush(i);
		}
	}
}

void arch_flush_page(cpumask_t mask, uint64_t va)
{
	if ((mask & ~cpu_online_mask()) != 0) {
		fake_die("flush of CPUs %#lx", (unsigned long)mask);
	}
	fake.flushes++;
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (mask >> i & 1) {
			fake_tlb_flush_page(i, va);
		}
	}
}
#endif

void arch_flush_cache(cpumask_t mask)
{
	if ((mask & ~cpu_online_mask()) != 0) {
		fake_die("cache flush of CPUs %#lx", (unsigned long)mask);
	}
}

#ifndef FAKE_THREADS
cpumask_t arch_domain_tlb_mask(const struct domain *d)
{
	cpumask_t mask = 0;

	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (fake.percpu[i].curr != NULL && fake.percpu[i].curr->domain == d) {
			mask |= 1ull << i;
		}
	}
	return mask;
}
#endif

/* Is a frame that was `owner`'s not its any more, nor on its way out? */
static bool changed_hands(uint16_t owner, uint16_t now, uint32_t count)
{
#ifdef FAKE_THREADS
	return (count & PGC_FREE) != 0 || (now != owner && now != OWNER_CORE);
#else
	return (count & PGC_FREE) != 0 || now != owner || (count & PGC_COUNT_MASK) == 0;
#endif
}

/* Is the frame being made what its type says, and so a flush under way? */
static bool in_change(uint64_t type UNUSED)
{
#ifdef FAKE_THREADS
	return (type & PGT_BUSY) != 0;
#else
	return false;
#endif
}

static void check_entry(const struct fake_tlb_entry *e, unsigned int cpu)
{
	const struct page *pg = mfn_to_page(e->mfn);
	uint64_t x, type;
	uint32_t count;
	uint16_t owner;

	if (e->io) {
		return;
	}
	owner = READ_ONCE(pg->owner);
	count = READ_ONCE(pg->count);
	if (changed_hands(e->owner, owner, count)) {
		fake_die("CPU %u still reaches frame %#lx at %#lx: it was d%u's"
			 " and is now %#x's, count %#x",
			 cpu, e->mfn, (unsigned long)(e->page << PAGE_SHIFT), e->owner, owner,
			 count);
	}
	x = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
	type = x & PGT_TYPE_MASK;
	/* Nobody's since: the word is a link. */
	if (READ_ONCE(pg->owner) != owner || (READ_ONCE(pg->count) & PGC_COUNT_MASK) == 0) {
		return;
	}
	if (e->writable && (x & PGT_COUNT_MASK) != 0 && (pgt_is_table(type) || type == PGT_DESC) &&
	    !in_change(x)) {
		fake_die("CPU %u can still write to frame %#lx at %#lx: it is "
			 "of type %#lx",
			 cpu, e->mfn, (unsigned long)(e->page << PAGE_SHIFT), (unsigned long)x);
	}
}

/* An idle table keeps its bytes and is still good to walk; see pgtype.c. */
static void check_psc(const struct fake_psc_entry *e, unsigned int cpu)
{
	const struct page *pg = mfn_to_page(e->mfn);
	uint16_t owner = READ_ONCE(pg->owner);
	uint64_t type = READ_ONCE(pg->type);
	uint32_t count = READ_ONCE(pg->count);

	/* Nobody's: the type word may be a link already. */
	if (changed_hands(e->owner, owner, count | 1) ||
	    (owner == e->owner && (type & PGT_TYPE_MASK) != PGT_L1 && !in_change(type))) {
		fake_die("CPU %u still takes frame %#lx for an L1 table at "
			 "%#lx: owner %#x, type %#lx",
			 cpu, e->mfn, (unsigned long)(e->part << 21), owner, (unsigned long)type);
	}
}

static void check_cpu(unsigned int cpu)
{
	struct fake_cpu *c = &fake.cpus[cpu];

	fake_check_cr3(c->cr3);
	for (unsigned int k = 0; k < FAKE_TLB; k++) {
		if (c->tlb[k].valid) {
			check_entry(&c->tlb[k], cpu);
		}
	}
	for (unsigned int k = 0; k < FAKE_PSC; k++) {
		if (c->psc[k].valid) {
			check_psc(&c->psc[k], cpu);
		}
	}
}

#ifdef FAKE_THREADS
void fake_tlb_check(void)
{
	check_cpu(fake_self());
}
#else
void fake_tlb_check(void)
{
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		/* In the core or idle, a CPU uses nothing of a guest's. */
		if (fake.percpu[i].curr != NULL && !fake.cpus[i].idle && !fake.cpus[i].inside) {
			check_cpu(i);
		}
	}
}
#endif

/* ---- Accesses ------------------------------------------------------------------ */

static bool allows(const struct fake_tlb_entry *e, unsigned int how, bool user)
{
	if (how == FAKE_WRITE) {
		/* A clean entry makes the processor look again. */
		return e->writable && e->dirty && (e->user || !user);
	}
	return (e->user || !user) && (how != FAKE_EXEC || e->exec);
}

/* Bytes of memory behind va up to the end of its page; NULL: a fault, or a
 * device's register at *io. */
static uint8_t *translate(uint64_t va, unsigned int how, bool user, uint64_t *io, uint32_t *error)
{
	struct fake_cpu *c = &fake.cpus[fake_self()];
	struct fake_tlb_entry *e = &c->tlb[(va >> PAGE_SHIFT) % FAKE_TLB];

	*io = 0;
	if (c->cr3 == 0) {
		fake_die("guest memory without a guest's tables");
	}
	if (!canonical(va)) {
		*error = 0;
		return NULL;
	}
	if (!e->valid || e->page != va >> PAGE_SHIFT || e->cr3 != c->cr3 || !allows(e, how, user)) {
		struct fake_tlb_entry fresh;

		/* A fault drops what the TLB had for the page, too. */
		fake_tlb_flush_page(fake_self(), va);
		if (!walk(c->cr3, va, how, user, &fresh, error)) {
			return NULL;
		}
		*e = fresh;
	}
	if (e->io) {
		*io = (uint64_t)e->mfn << PAGE_SHIFT | (va & (PAGE_SIZE - 1));
		return NULL;
	}
	if (user) {
		check_entry(e, fake_self());
	}
	return (uint8_t *)frame_ptr(e->mfn) + (va & (PAGE_SIZE - 1));
}

/*
 * Memory that a guest maps is written by several guests and the core at once,
 * as they like.  With threads these copies are therefore hidden from
 * ThreadSanitizer, on the guest's side; words are copied whole.
 */
#ifdef FAKE_THREADS
__attribute__((no_sanitize("thread"), noinline)) static void guest_copy(void *to, const void *from,
									size_t n)
{
	volatile uint8_t *d = to;
	const volatile uint8_t *s = from;

	while (n > 0) {
		if (n >= 8 && (((uintptr_t)d | (uintptr_t)s) & 7) == 0) {
			*(volatile uint64_t *)d = *(const volatile uint64_t *)s;
			d += 8, s += 8, n -= 8;
		} else {
			*d++ = *s++, n--;
		}
	}
}
#else
#define guest_copy memcpy
#endif

/* 0, or the bytes that were not copied. */
static size_t access(uint64_t va, uint8_t *buf, size_t n, unsigned int how, bool user,
		     uint32_t *error, uint64_t *cr2)
{
	while (n > 0) {
		size_t part = PAGE_SIZE - (size_t)(va & (PAGE_SIZE - 1));
		uint8_t *p;
		uint64_t io;

		part = MIN(part, n);
		p = translate(va, how, user, &io, error);
		if (p == NULL && io == 0) {
			*cr2 = va;
			return n;
		}
		if (how == FAKE_WRITE) {
			if (io == 0) {
				guest_copy(p, buf, part);
			} else {
				fake_pci_guest_write(io, buf, part);
			}
		} else if (io != 0) {
			memset(buf, 0xff, part);
		} else {
			guest_copy(buf, p, part);
		}
		va += part;
		buf += part;
		n -= part;
	}
	return 0;
}

static bool copy_fails(void)
{
	return fake.copy_fail_countdown != 0 && --fake.copy_fail_countdown == 0;
}

size_t arch_copy_from_guest(void *dst, uint64_t src, size_t n)
{
	uint32_t error;
	uint64_t cr2;

	if (copy_fails()) {
		return n;
	}
	return access(src, dst, n, FAKE_READ, false, &error, &cr2);
}

size_t arch_copy_to_guest(uint64_t dst, const void *src, size_t n)
{
	uint32_t error;
	uint64_t cr2;

	if (copy_fails()) {
		return n;
	}
	return access(dst, (uint8_t *)(uintptr_t)src, n, FAKE_WRITE, false, &error, &cr2);
}

int fake_guest_access(uint64_t va, void *buf, size_t n, unsigned int how, uint32_t *error,
		      uint64_t *cr2)
{
	return access(va, buf, n, how, true, error, cr2) == 0 ? 0 : -1;
}

bool fake_guest_read(uint64_t va, void *buf, size_t n)
{
	uint32_t error;
	uint64_t cr2;

	return fake_guest_access(va, buf, n, FAKE_READ, &error, &cr2) == 0;
}

bool fake_guest_write(uint64_t va, const void *buf, size_t n)
{
	uint32_t error;
	uint64_t cr2;

	return fake_guest_access(va, (void *)(uintptr_t)buf, n, FAKE_WRITE, &error, &cr2) == 0;
}

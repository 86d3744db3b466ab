/* SPDX-License-Identifier: MIT */
/* mmu_update, update_va_mapping, and plain stores to page tables. */
#include "core_test.h"

#include <hv/hypercall.h>
#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define RO (PTE_P | PTE_U | PTE_A)

static void test_normal(void)
{
	uint64_t at, *e;

	world(1);
	at = fake_guest_l1e_maddr(&guest[0], 50);
	e = fake_guest_l1e(&guest[0], 50);
	OK(update_entry(at, entry_for(0, 20, RO), DOMID_SELF));
	EQ(*e & ~(PTE_A | PTE_D), entry_for(0, 20, PTE_P | PTE_U));
	OK(update_entry(at, entry_for(0, 21, RW), DOMID_SELF));
	EQ(uses_of(0, 21), 2);
	OK(update_entry(at, 0, DOMID_SELF));
	EQ(uses_of(0, 21), 1);
	OK(*e);
	/* the U bit is added, G is dropped */
	OK(update_entry(at, entry_for(0, 21, PTE_P | PTE_G), DOMID_SELF));
	EQ(*e & (PTE_U | PTE_G), PTE_U);
	/* not present: any bits */
	OK(update_entry(at, 0x123456789abcdef0, DOMID_SELF));
	EQ(*e, 0x123456789abcdef0);
}

static void test_refused(void)
{
	uint64_t at, was;

	world(2);
	at = fake_guest_l1e_maddr(&guest[1], 50);
	was = *fake_guest_l1e(&guest[1], 50);
	/* its own tables writable */
	for (unsigned int pfn = 0; pfn <= FAKE_PFN_USER_L4; pfn++) {
		EQ(update_entry(at, entry_for(1, pfn, RW), DOMID_SELF), -XEN_EINVAL);
	}
	/* somebody else's frame, and his table */
	TRUE_(update_entry(at, entry_for(0, 20, RO), DOMID_SELF) < 0);
	TRUE_(update_entry(at, entry_for(0, 20, RO), 0) < 0);
	TRUE_(update_entry(fake_guest_l1e_maddr(&guest[0], 50), entry_for(1, 20, RO), DOMID_SELF) <
	      0);
	/* shared_info of another */
	TRUE_(update_entry(at, ((uint64_t)ptr_frame(guest[0].d->shared) << PAGE_SHIFT) | RO,
			   DOMID_SELF) < 0);
	/* core, devices, nowhere */
	TRUE_(update_entry(at, (FAKE_CORE_START << PAGE_SHIFT) | RO, DOMID_SELF) < 0);
	TRUE_(update_entry(at, (FAKE_DEVICE << PAGE_SHIFT) | RW, DOMID_SELF) < 0);
	TRUE_(update_entry(at, (FAKE_DEVICE << PAGE_SHIFT) | RW, DOMID_IO) < 0);
	/* the core's slots of the L4 */
	for (unsigned int slot = L4_CORE_FIRST; slot < L4_CORE_END; slot++) {
		uint64_t l4 = ((uint64_t)guest[1].mfn[FAKE_PFN_L4] << PAGE_SHIFT) + slot * 8;

		TRUE_(update_entry(l4, 0, DOMID_SELF) < 0);
		TRUE_(update_entry(l4, entry_for(1, FAKE_PFN_L3, RW), DOMID_SELF) < 0);
	}
	EQ(*fake_guest_l1e(&guest[1], 50), was);
	fake_check_cr3(me()->cr3_kernel);
	/* unknown commands, misaligned */
	TRUE_(update_entry(at | 4, 0, DOMID_SELF) < 0);
	EQ(update_entry(at, 0, 999), -XEN_ESRCH);
}

static void test_shared_info(void)
{
	uint64_t mfn, word = 0;

	world(1);
	mfn = ptr_frame(guest[0].d->shared);
	OK(update_entry(fake_guest_l1e_maddr(&guest[0], 50), mfn << PAGE_SHIFT | RW, DOMID_SELF));
	guest[0].d->shared->evtchn_mask[3] = 77;
	TRUE_(fake_guest_read(fake_va(50, offsetof(struct shared_info, evtchn_mask[3])), &word, 8));
	EQ(word, 77);
	OK(update_entry(fake_guest_l1e_maddr(&guest[0], 50), 0, DOMID_SELF));
}

static void test_io(void)
{
	uint64_t at;
	uint8_t byte = 0;

	world(1);
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, FAKE_DEVICE << PAGE_SHIFT | RW | PTE_PCD, DOMID_SELF));
	TRUE_(fake_guest_read(fake_va(50, 0), &byte, 1));
	EQ(byte, 0xff);
	OK(update_entry(at, FAKE_IO_FRAME << PAGE_SHIFT | RW, DOMID_IO));
	TRUE_(update_entry(at, FAKE_LAPIC << PAGE_SHIFT | RO, DOMID_SELF) < 0);
	OK(update_entry(at, 0, DOMID_SELF));
	/* an ordinary frame is not I/O */
	TRUE_(update_entry(at, entry_for(0, 20, RO), DOMID_IO) < 0);
}

static void test_foreign(void)
{
	uint64_t at, word = 0x1122334455667788;

	world(2);
	run(0, 0);
	at = fake_guest_l1e_maddr(&guest[0], 50);
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	EQ(uses_of(1, 20), 2);
	TRUE_(fake_guest_write(fake_va(50, 8), &word, 8));
	OK(memcmp((char *)frame_ptr(guest[1].mfn[20]) + 8, &word, 8));
	/* not its tables; those read-only */
	EQ(update_entry(at, entry_for(1, FAKE_PFN_L1, RW), 1), -XEN_EINVAL);
	OK(update_entry(at, entry_for(1, FAKE_PFN_L1, RO), 1));
	/* The frame stays while it is mapped, its domain can not go. */
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	EQ(fake_destroy(guest[1].d), -XEN_EBUSY);
	run(0, 0);
	OK(update_entry(at, 0, DOMID_SELF));
	fake_guest_destroy(&guest[1]);
}

/*
 * The same frame with W or without keeps its reference and changes its use.
 * Whose frame it is still decides: what a foreign entry showed read-only could
 * otherwise be made writable as if it were the caller's own.
 */
static void test_writable_bit(void)
{
	uint64_t at, *e, was;

	world(2);
	run(0, 0);
	at = fake_guest_l1e_maddr(&guest[0], 50);
	e = fake_guest_l1e(&guest[0], 50);
	OK(update_entry(at, entry_for(0, 20, RO), DOMID_SELF));
	for (unsigned int i = 0; i < 3; i++) {
		EQ(uses_of(0, 20), 1);
		OK(update_entry(at, entry_for(0, 20, RW), DOMID_SELF));
		EQ(uses_of(0, 20), 2);
		OK(update_entry(at | MMU_PT_UPDATE_PRESERVE_AD, entry_for(0, 20, RO), DOMID_SELF));
	}
	/* a table stays read-only, and reserved bits are refused */
	OK(update_entry(at, entry_for(0, FAKE_PFN_L1, RO), DOMID_SELF));
	was = *e;
	EQ(update_entry(at, entry_for(0, FAKE_PFN_L1, RW), DOMID_SELF), -XEN_EINVAL);
	EQ(update_entry(at, entry_for(0, FAKE_PFN_L1, RO) | 1ull << 51, DOMID_SELF), -XEN_EINVAL);
	EQ(*e, was);
	/* a foreign frame */
	OK(update_entry(at, entry_for(1, 20, RO), 1));
	was = *e;
	EQ(update_entry(at, entry_for(1, 20, RW), DOMID_SELF), -XEN_EINVAL);
	TRUE_(update_entry(at, entry_for(1, 20, RW), DOMID_IO) < 0);
	EQ(*e, was);
	EQ(uses_of(1, 20), 1);
	OK(update_entry(at, entry_for(1, 20, RW), 1));
	EQ(uses_of(1, 20), 2);
	OK(update_entry(at, 0, DOMID_SELF));
}

/* Accessed and dirty that the processor set meanwhile survive. */
static void test_preserve_ad(void)
{
	uint64_t at, *e, word = 1;

	world(1);
	at = fake_guest_l1e_maddr(&guest[0], 20);
	e = fake_guest_l1e(&guest[0], 20);
	TRUE_(fake_guest_write(fake_va(20, 0), &word, 8));
	EQ(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	OK(update_entry(at | MMU_PT_UPDATE_PRESERVE_AD, entry_for(0, 20, PTE_P | PTE_W | PTE_U),
			DOMID_SELF));
	EQ(*e & (PTE_A | PTE_D), PTE_A | PTE_D);
	OK(update_entry(at, entry_for(0, 20, PTE_P | PTE_W | PTE_U), DOMID_SELF));
	OK(*e & (PTE_A | PTE_D));
}

static void test_machphys(void)
{
	uint64_t at;

	world(2);
	at = (uint64_t)guest[1].mfn[20] << PAGE_SHIFT;
	OK(update_entry(at | MMU_MACHPHYS_UPDATE, 777, DOMID_SELF));
	EQ(arch_m2p_get(guest[1].mfn[20]), 777);
	at = (uint64_t)guest[0].mfn[20] << PAGE_SHIFT;
	TRUE_(update_entry(at | MMU_MACHPHYS_UPDATE, 777, DOMID_SELF) < 0);
	EQ(arch_m2p_get(guest[0].mfn[20]), 20);
	TRUE_(update_entry((uint64_t)FAKE_DEVICE << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 1,
			   DOMID_SELF) < 0);
}

static void test_batch(void)
{
	struct mmu_update r[3];
	uint32_t done = 99;

	world(1);
	r[0].ptr = fake_guest_l1e_maddr(&guest[0], 50);
	r[0].val = entry_for(0, 20, RO);
	r[1].ptr = fake_guest_l1e_maddr(&guest[0], 51);
	r[1].val = entry_for(0, FAKE_PFN_L1, RW); /* refused */
	r[2].ptr = fake_guest_l1e_maddr(&guest[0], 52);
	r[2].val = entry_for(0, 20, RO);
	fake_put(FAKE_ARGS, r, sizeof(r));
	EQ(fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, 3, FAKE_ARGS + 0x800, DOMID_SELF),
	   -XEN_EINVAL);
	fake_get(FAKE_ARGS + 0x800, &done, 4);
	EQ(done, 1);
	TRUE_(*fake_guest_l1e(&guest[0], 50) & PTE_P);
	FALSE_(*fake_guest_l1e(&guest[0], 52) & PTE_P);
	/* interrupted after each entry */
	r[1].val = entry_for(0, 21, RO);
	fake_put(FAKE_ARGS, r, sizeof(r));
	fake.preempt_chance = 1;
	OK(fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, 3, FAKE_ARGS + 0x800, DOMID_SELF));
	fake.preempt_chance = 0;
	fake_get(FAKE_ARGS + 0x800, &done, 4);
	EQ(done, 3);
	TRUE_(*fake_guest_l1e(&guest[0], 52) & PTE_P);
	/* counts that nobody has memory for */
	TRUE_(fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, 0x7fffffff, 0, DOMID_SELF) < 0);
	TRUE_(fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, ~0ull, 0, DOMID_SELF) < 0);
	TRUE_(fake_call(__HYPERVISOR_mmu_update, CORE_VIRT_START, 1, 0, DOMID_SELF) < 0);
}

/* A subtree comes and goes by one entry, with and without interruptions. */
static void test_subtree(void)
{
	uint64_t l3 = 0;

	for (unsigned int chance = 0; chance < 3; chance++) {
		core_setup();
		world(1);
		OK(unmap(20));
		OK(unmap(21));
		memset(frame_ptr(guest[0].mfn[20]), 0, PAGE_SIZE);
		memset(frame_ptr(guest[0].mfn[21]), 0, PAGE_SIZE);
		((uint64_t *)frame_ptr(guest[0].mfn[20]))[3] = entry_for(0, 21, RW);
		((uint64_t *)frame_ptr(guest[0].mfn[21]))[4] = entry_for(0, 22, RW);
		l3 = ((uint64_t)guest[0].mfn[FAKE_PFN_L3] << PAGE_SHIFT) + 40;
		fake.preempt_chance = chance;
		OK(update_entry(l3, entry_for(0, 20, RW), DOMID_SELF));
		EQ(type_of(0, 20), PGT_L2);
		EQ(type_of(0, 21), PGT_L1);
		EQ(uses_of(0, 22), 2);
		OK(update_entry(l3, 0, DOMID_SELF));
		OK(uses_of(0, 20));
		OK(uses_of(0, 21));
		EQ(uses_of(0, 22), 1);
	}
}

static void test_va_mapping(void)
{
	static const uint64_t bad[] = { 0,
					0x7ffffffff000,
					0x800000000000,
					CORE_VIRT_START,
					CORE_VIRT_END - PAGE_SIZE,
					~0ull << PAGE_SHIFT,
					FAKE_GUEST_BASE + (1ull << 30) };
	static const uint64_t flush[] = { UVMF_NONE, UVMF_TLB_FLUSH | UVMF_LOCAL,
					  UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG | UVMF_LOCAL,
					  UVMF_INVLPG | UVMF_ALL };

	world(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(flush); i++) {
		OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(50, 0),
			     entry_for(0, 20 + i, RW), flush[i]));
		EQ(pte_mfn(*fake_guest_l1e(&guest[0], 50)), guest[0].mfn[20 + i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		TRUE_(fake_call(__HYPERVISOR_update_va_mapping, bad[i], entry_for(0, 20, RW), 0) <
		      0);
	}
	EQ(fake_call(__HYPERVISOR_update_va_mapping, fake_va(50, 0), entry_for(0, FAKE_PFN_L1, RW),
		     0),
	   -XEN_EINVAL);
}

/*
 * The guest has a translation in its TLB, takes the entry away without a
 * flush, and makes the frame a table: it must not be able to write to it.
 * fake_tlb_check() does the looking.
 */
static void test_stale_tlb(void)
{
	uint64_t word = 0;

	world(1);
	TRUE_(fake_guest_write(fake_va(20, 0), &word, 8));
	OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(20, 0), 0, UVMF_NONE));
	/* still there: nothing has needed a flush so far */
	OK(ext_op(MMUEXT_PIN_L1_TABLE, guest[0].mfn[20], 0));
	FALSE_(fake_guest_write(fake_va(20, 0), &word, 8));
	OK(ext_op(MMUEXT_UNPIN_TABLE, guest[0].mfn[20], 0));
}

/* The same on two CPUs, and the frame goes back to the heap. */
static void test_stale_tlb_other_cpu(void)
{
	struct xen_memory_reservation {
		uint64_t list;
		uint64_t count;
		uint32_t order, flags;
		uint16_t domid;
	} r = { FAKE_ARGS + 256, 1, 0, 0, DOMID_SELF };
	uint64_t word = 0;

	world(1);
	run(0, 1);
	TRUE_(fake_guest_write(fake_va(20, 0), &word, 8));
	run(0, 0);
	TRUE_(fake_guest_write(fake_va(20, 8), &word, 8));
	OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(20, 0), 0, UVMF_NONE));
	word = guest[0].mfn[20];
	fake_put(FAKE_ARGS + 256, &word, 8);
	EQ(call_struct(__HYPERVISOR_memory_op, 1, &r, sizeof(r)), 1);
	OK(page_of(0, 20)->count & PGC_COUNT_MASK);
	run(0, 1);
	FALSE_(fake_guest_write(fake_va(20, 0), &word, 8));
}

static void test_plain_store(void)
{
	uint64_t at = fake_va(FAKE_PFN_L1, 50 * 8), *e;

	world(2);
	e = fake_guest_l1e(&guest[1], 50);
	TRUE_(fake_guest_store(at, entry_for(1, 20, RW), 8));
	EQ(uses_of(1, 20), 2);
	/* a byte that clears W: the use goes */
	TRUE_(fake_guest_store(at, RO & 0xff, 1));
	EQ(uses_of(1, 20), 1);
	TRUE_(*e & PTE_P);
	TRUE_(fake_guest_store(at, 0, 4));
	FALSE_(*e & PTE_P);
	/* refused: the guest gets its fault */
	FALSE_(fake_guest_store(at, entry_for(1, FAKE_PFN_L1, RW), 8));
	run(1, 1);
	FALSE_(fake_guest_store(at, entry_for(0, 20, RO), 8));
	FALSE_(*e & PTE_P);
}

/*
 * A guest without devices could map a frame uncached and store behind the cache:
 * the core would check a table by what its cache holds, and the processor walk
 * what memory holds.  It could also have tables read so.
 */
static void test_cache_attributes(void)
{
	static const uint64_t cache[] = { PTE_PWT, PTE_PCD, PTE_PS, PTE_PWT | PTE_PCD };
	const unsigned int tables[] = { FAKE_PFN_L1, FAKE_PFN_L2, FAKE_PFN_L3 };
	const unsigned int in[] = { FAKE_PFN_L2, FAKE_PFN_L3, FAKE_PFN_L4 };

	world(2);
	for (unsigned int id = 0; id < 2; id++) {
		uint64_t at = fake_guest_l1e_maddr(&guest[id], 50);
		uint64_t va = fake_va(50, 0);

		run(id, 0);
		for (unsigned int i = 0; i < ARRAY_SIZE(cache); i++) {
			/* domain 0 has devices */
			long want = id == 0 ? 0 : -XEN_EINVAL;
			uint64_t pte = entry_for(id, 20, RO);

			OK(update_entry(at, 0, DOMID_SELF));
			EQ(update_entry(at, pte | cache[i], DOMID_SELF), want);
			/* and what there is does not get them, by whatever way */
			OK(update_entry(at, pte, DOMID_SELF));
			EQ(update_entry(at, pte | cache[i], DOMID_SELF), want);
			EQ(update_entry(at | MMU_PT_UPDATE_PRESERVE_AD, pte | cache[i] | PTE_W,
					DOMID_SELF),
			   want);
			EQ(do_update_va_mapping(va, pte | cache[i], 0), want);
		}
		for (unsigned int k = 0; k < ARRAY_SIZE(in); k++) {
			uint64_t slot = ((uint64_t)guest[id].mfn[in[k]] << PAGE_SHIFT) + 100 * 8;

			for (unsigned int i = 0; i < ARRAY_SIZE(cache); i++) {
				EQ(update_entry(slot, entry_for(id, tables[k], RW | cache[i]),
						DOMID_SELF),
				   -XEN_EINVAL);
			}
			OK(update_entry(slot, entry_for(id, tables[k], RW), DOMID_SELF));
		}
	}
}

CU_TestInfo mmu_update_tests[] = {
	{ "entries of L1 tables", test_normal },
	{ "what is refused", test_refused },
	{ "shared_info", test_shared_info },
	{ "I/O frames", test_io },
	{ "cache attributes", test_cache_attributes },
	{ "foreign frames", test_foreign },
	{ "W of an entry", test_writable_bit },
	{ "accessed and dirty bits", test_preserve_ad },
	{ "machine-to-physical entries", test_machphys },
	{ "batches", test_batch },
	{ "a whole subtree by one entry", test_subtree },
	{ "update_va_mapping", test_va_mapping },
	{ "a stale writable translation", test_stale_tlb },
	{ "a stale translation on another CPU", test_stale_tlb_other_cpu },
	{ "plain stores to a table", test_plain_store },
	CU_TEST_INFO_NULL,
};

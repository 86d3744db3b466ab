/* SPDX-License-Identifier: MIT */
/* mmuext_op: pins, base tables, LDT, flushes, page filling. */
#include "core_test.h"

#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)

/* pfn 20 becomes an L4 with the guest's own L3 in it. */
static void make_l4(unsigned int id, unsigned int pfn)
{
	uint64_t *l4;

	OK(unmap(pfn));
	l4 = frame_ptr(guest[id].mfn[pfn]);
	memset(l4, 0, PAGE_SIZE);
	l4[FAKE_GUEST_BASE >> 39] = entry_for(id, FAKE_PFN_L3, RW);
}

static void test_pins(void)
{
	world(2);
	for (unsigned int level = 1; level <= 4; level++) {
		unsigned int cmd = MMUEXT_PIN_L1_TABLE + level - 1;
		unsigned int pfn = 4 - level;
		uint32_t before = uses_of(1, pfn);

		OK(ext_op(cmd, guest[1].mfn[pfn], 0));
		EQ(uses_of(1, pfn), before + 1);
		/* once only */
		EQ(ext_op(cmd, guest[1].mfn[pfn], 0), -XEN_EINVAL);
		OK(ext_op(MMUEXT_UNPIN_TABLE, guest[1].mfn[pfn], 0));
		EQ(uses_of(1, pfn), before);
		EQ(ext_op(MMUEXT_UNPIN_TABLE, guest[1].mfn[pfn], 0), -XEN_EINVAL);
		/* another level, another domain's, no table at all */
		EQ(ext_op(MMUEXT_PIN_L1_TABLE + level % 4, guest[1].mfn[pfn], 0), -XEN_EINVAL);
		EQ(ext_op(cmd, guest[0].mfn[pfn], 0), -XEN_EINVAL);
		EQ(ext_op(cmd, guest[1].mfn[20], 0), -XEN_EINVAL);
		EQ(ext_op(cmd, FAKE_DEVICE, 0), -XEN_EINVAL);
		EQ(ext_op(cmd, ~0ul, 0), -XEN_EINVAL);
	}
}

static void test_pin_dies(void)
{
	world(2);
	make_l4(1, 20);
	OK(ext_op(MMUEXT_PIN_L4_TABLE, guest[1].mfn[20], 0));
	/* The pin goes with the domain. */
	fake_guest_destroy(&guest[1]);
}

static void test_base(void)
{
	uint64_t old;

	world(1);
	old = me()->cr3_kernel;
	make_l4(0, 20);
	OK(ext_op(MMUEXT_NEW_BASEPTR, guest[0].mfn[20], 0));
	EQ(me()->cr3_kernel, (uint64_t)guest[0].mfn[20] << PAGE_SHIFT);
	EQ(fake.cpus[fake.cpu].cr3, me()->cr3_kernel);
	OK(ext_op(MMUEXT_NEW_BASEPTR, guest[0].mfn[20], 0));
	TRUE_(ext_op(MMUEXT_NEW_BASEPTR, guest[0].mfn[21], 0) < 0);
	TRUE_(ext_op(MMUEXT_NEW_BASEPTR, guest[0].mfn[FAKE_PFN_L3], 0) < 0);
	TRUE_(ext_op(MMUEXT_NEW_BASEPTR, 0, 0) < 0);
	EQ(me()->cr3_kernel, (uint64_t)guest[0].mfn[20] << PAGE_SHIFT);
	OK(ext_op(MMUEXT_NEW_USER_BASEPTR, 0, 0));
	OK(me()->cr3_user);
	OK(ext_op(MMUEXT_NEW_USER_BASEPTR, guest[0].mfn[20], 0));
	EQ(uses_of(0, 20), 2);
	OK(ext_op(MMUEXT_NEW_BASEPTR, old >> PAGE_SHIFT, 0));
	OK(ext_op(MMUEXT_NEW_USER_BASEPTR, guest[0].mfn[FAKE_PFN_USER_L4], 0));
	OK(uses_of(0, 20));
}

/* A new base whose validation and the old one's end are interrupted. */
static void test_base_preempted(void)
{
	for (unsigned int n = 1; n < 12; n++) {
		core_setup();
		world(1);
		make_l4(0, 20);
		fake.preempt_countdown = n;
		OK(ext_op(MMUEXT_NEW_USER_BASEPTR, guest[0].mfn[20], 0));
		fake.preempt_countdown = n;
		OK(ext_op(MMUEXT_NEW_USER_BASEPTR, 0, 0));
		OK(uses_of(0, 20));
		OK(audit_all());
	}
}

static void test_ldt(void)
{
	uint64_t code = 0x00affb000000ffff, gate = 0x00008e0000080000;

	world(1);
	EQ(ext_op(MMUEXT_SET_LDT, fake_va(20, 8), 16), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_SET_LDT, fake_va(20, 0), 8193), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_SET_LDT, CORE_VIRT_START, 16), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_SET_LDT, 0x7ffffffff000, 8192), -XEN_EINVAL);
	fake_put(fake_va(20, 0), &code, 8);
	OK(ext_op(MMUEXT_SET_LDT, fake_va(20, 0), 1024));
	/* still writable for the guest: no descriptor page */
	FALSE_(ldt_map_fault(me(), 0));
	OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(20, 0), entry_for(0, 20, PTE_P),
		     UVMF_INVLPG | UVMF_ALL));
	TRUE_(ldt_map_fault(me(), 0));
	EQ(type_of(0, 20), PGT_DESC);
	EQ(me()->ldt_frame[0], guest[0].mfn[20]);
	FALSE_(ldt_map_fault(me(), 0));
	FALSE_(ldt_map_fault(me(), 2));
	FALSE_(ldt_map_fault(me(), 16));
	/* no way to write to it now */
	EQ(fake_call(__HYPERVISOR_update_va_mapping, fake_va(20, 0), entry_for(0, 20, RW), 0),
	   -XEN_EINVAL);
	/* a page with a gate in it */
	fake_put(fake_va(21, 64), &gate, 8);
	OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(21, 0), entry_for(0, 21, PTE_P),
		     UVMF_INVLPG | UVMF_ALL));
	FALSE_(ldt_map_fault(me(), 1));
	OK(ext_op(MMUEXT_SET_LDT, 0, 0));
	OK(uses_of(0, 20));
	OK(me()->ldt_frame[0]);
}

static void test_pages(void)
{
	uint8_t byte = 0x77;

	world(2);
	fake_put(fake_va(20, 100), &byte, 1);
	OK(ext_op(MMUEXT_COPY_PAGE, guest[1].mfn[21], guest[1].mfn[20]));
	fake_get(fake_va(21, 100), &byte, 1);
	EQ(byte, 0x77);
	OK(ext_op(MMUEXT_CLEAR_PAGE, guest[1].mfn[21], 0));
	fake_get(fake_va(21, 100), &byte, 1);
	OK(byte);
	/* not a table, not another's, nothing that is no RAM */
	EQ(ext_op(MMUEXT_CLEAR_PAGE, guest[1].mfn[FAKE_PFN_L1], 0), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_CLEAR_PAGE, guest[0].mfn[20], 0), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_CLEAR_PAGE, FAKE_CORE_START, 0), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_COPY_PAGE, guest[1].mfn[21], guest[0].mfn[20]), -XEN_EINVAL);
	EQ(ext_op(MMUEXT_COPY_PAGE, guest[1].mfn[21], FAKE_IO_FRAME), -XEN_EINVAL);
}

static void test_flushes(void)
{
	uint64_t mask = 3, word = 0;

	world(1);
	fake_put(FAKE_ARGS + 512, &mask, 8);
	OK(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0));
	OK(ext_op(MMUEXT_INVLPG_LOCAL, fake_va(20, 0), 0));
	OK(ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0));
	OK(ext_op(MMUEXT_INVLPG_ALL, ~0ull, 0));
	OK(ext_op(MMUEXT_TLB_FLUSH_MULTI, 0, FAKE_ARGS + 512));
	OK(ext_op(MMUEXT_INVLPG_MULTI, CORE_VIRT_START, FAKE_ARGS + 512));
	EQ(ext_op(MMUEXT_TLB_FLUSH_MULTI, 0, CORE_VIRT_START), -XEN_EFAULT);
	OK(ext_op(MMUEXT_FLUSH_CACHE, 0, 0));
	OK(ext_op(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0));
	EQ(ext_op(MMUEXT_MARK_SUPER, guest[0].mfn[20], 0), -XEN_ENOSYS);
	EQ(ext_op(999, 0, 0), -XEN_ENOSYS);
	/* A flush of all CPUs reaches the other one. */
	run(0, 1);
	TRUE_(fake_guest_read(fake_va(20, 0), &word, 8));
	run(0, 0);
	OK(ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0));
	for (unsigned int i = 0; i < FAKE_TLB; i++) {
		FALSE_(fake.cpus[guest[0].d->vcpu[1]->cpu].tlb[i].valid);
	}
	core_setup();
	world(2);
	EQ(ext_op(MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EPERM);
}

static void test_other_domain(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE };

	world(2);
	op.arg1.mfn = guest[0].mfn[FAKE_PFN_L1];
	fake_put(FAKE_ARGS, &op, sizeof(op));
	EQ(fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, 0), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, 55), -XEN_ESRCH);
	run(0, 0);
	op.arg1.mfn = guest[1].mfn[FAKE_PFN_L1];
	fake_put(FAKE_ARGS, &op, sizeof(op));
	OK(fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, 1));
	op.cmd = MMUEXT_NEW_BASEPTR;
	op.arg1.mfn = guest[1].mfn[FAKE_PFN_L4];
	fake_put(FAKE_ARGS, &op, sizeof(op));
	TRUE_(fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, 1) < 0);
	TRUE_(fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, DOMID_IO) < 0);
}

CU_TestInfo mmuext_tests[] = {
	{ "pins of every level", test_pins },
	{ "a pin ends with its domain", test_pin_dies },
	{ "base tables", test_base },
	{ "base tables, interrupted", test_base_preempted },
	{ "the LDT", test_ldt },
	{ "clearing and copying", test_pages },
	{ "flushes", test_flushes },
	{ "on behalf of another domain", test_other_domain },
	CU_TEST_INFO_NULL,
};

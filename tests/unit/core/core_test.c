/* SPDX-License-Identifier: MIT */
/* The helpers of core_test.h. */
#include "core_test.h"

#include <hv/mm.h>

struct fake_guest guest[GUESTS];

void core_setup(void)
{
	fake_restore();
	memset(guest, 0, sizeof(guest));
}

void core_teardown(void)
{
	heap_fail_countdown = 0;
	fake.copy_fail_countdown = 0;
	fake.preempt_countdown = 0;
	fake.preempt_chance = 0;
	if (fake.restarted || fake.powered_off || fake.stopped) {
		return; /* the machine is gone with whatever it was doing */
	}
	fake_settle();
	if (audit_all() != 0) {
		printf("\n%s", fake.console);
		CU_FAIL("the audit found differences");
	}
}

void world(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!fake_guest_create(&guest[i], (uint16_t)i, PAGES, VCPUS, i == 0)) {
			fake_die("domain %u cannot be created", i);
		}
	}
	run(n - 1, 0);
}

void run(unsigned int id, unsigned int vcpu)
{
	if (!fake_run(guest[id].d->vcpu[vcpu])) {
		fake_die("d%uv%u does not run", id, vcpu);
	}
}

struct vcpu *me(void)
{
	return fake_running();
}

struct page *page_of(unsigned int id, unsigned int pfn)
{
	return mfn_to_page(guest[id].mfn[pfn]);
}

uint64_t type_of(unsigned int id, unsigned int pfn)
{
	return page_of(id, pfn)->type & PGT_TYPE_MASK;
}

uint32_t uses_of(unsigned int id, unsigned int pfn)
{
	return (uint32_t)(page_of(id, pfn)->type & PGT_COUNT_MASK);
}

uint64_t entry_for(unsigned int id, unsigned int pfn, uint64_t flags)
{
	return (uint64_t)guest[id].mfn[pfn] << PAGE_SHIFT | flags;
}

long call_struct(unsigned long nr, uint64_t cmd, void *arg, size_t size)
{
	long result;

	fake_put(FAKE_ARGS, arg, size);
	result = fake_call(nr, cmd, FAKE_ARGS);
	if (fake_running() != NULL) {
		fake_get(FAKE_ARGS, arg, size);
	}
	return result;
}

long update_entry(uint64_t maddr, uint64_t value, uint32_t dom)
{
	struct mmu_update req = { .ptr = maddr, .val = value };

	fake_put(FAKE_ARGS, &req, sizeof(req));
	return fake_call(__HYPERVISOR_mmu_update, FAKE_ARGS, 1, 0, dom);
}

long ext_op(unsigned int cmd, uint64_t arg1, uint64_t arg2)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = arg1;
	op.arg2.src_mfn = arg2;
	fake_put(FAKE_ARGS, &op, sizeof(op));
	return fake_call(__HYPERVISOR_mmuext_op, FAKE_ARGS, 1, 0, DOMID_SELF);
}

long unmap(unsigned int pfn)
{
	return fake_call(__HYPERVISOR_update_va_mapping, fake_va(pfn, 0), 0,
			 UVMF_INVLPG | UVMF_ALL);
}

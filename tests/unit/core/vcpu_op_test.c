/* SPDX-License-Identifier: MIT */
/* vcpu_op: starting vCPUs, registered areas, vcpu_info. */
#include "core_test.h"

#include <xen/vcpu.h>

#include <hv/mm.h>
#include <hv/sched.h>

#define CONTEXT fake_va(FAKE_PFN_SCRATCH + 8, 0)

static long vop(unsigned int cmd, uint64_t vcpu, void *arg, size_t size)
{
	if (size != 0) {
		fake_put(FAKE_ARGS, arg, size);
	}
	return fake_call(__HYPERVISOR_vcpu_op, cmd, vcpu, size ? FAKE_ARGS : 0);
}

static void test_up_down(void)
{
	world(1);
	EQ(vop(VCPUOP_is_up, 1, NULL, 0), 1);
	OK(vop(VCPUOP_down, 1, NULL, 0));
	fake_settle();
	OK(vop(VCPUOP_is_up, 1, NULL, 0));
	FALSE_(fake_run(guest[0].d->vcpu[1]));
	run(0, 0);
	OK(vop(VCPUOP_up, 1, NULL, 0));
	TRUE_(fake_run(guest[0].d->vcpu[1]));
	/* Linux counts by this. */
	EQ(vop(VCPUOP_is_up, VCPUS, NULL, 0), -XEN_ENOENT);
	EQ(vop(VCPUOP_is_up, ~0ull, NULL, 0), -XEN_ENOENT);
	EQ(vop(99, 0, NULL, 0), -XEN_ENOSYS);
	EQ(vop(VCPUOP_initialise, 1, NULL, 0), -XEN_EEXIST);
}

/* A domain with one vCPU more, not initialised. */
static struct vcpu *third_vcpu(struct vcpu_guest_context *c)
{
	CU_ASSERT_FATAL(fake_guest_create(&guest[0], 0, PAGES, 1, true));
	guest[0].d->max_vcpus = 2;
	OK(vcpu_create(guest[0].d, 1));
	run(0, 0);
	memset(c, 0, sizeof(*c));
	c->flags = VGCF_in_kernel;
	c->user_regs.rip = fake_va(FAKE_PFN_CODE, 0);
	c->user_regs.cs = 0x10;
	c->user_regs.ss = 0x18;
	c->user_regs.rflags = 0x1000;
	c->user_regs.rsp = fake_va(FAKE_PFN_STACK, 512);
	c->ctrlreg[3] = xen_pfn_to_cr3(guest[0].mfn[FAKE_PFN_L4]);
	return guest[0].d->vcpu[1];
}

static long initialise(const struct vcpu_guest_context *c)
{
	fake_put(CONTEXT, c, sizeof(*c));
	return fake_call(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, CONTEXT);
}

static void test_initialise(void)
{
	struct vcpu_guest_context c;
	struct vcpu *v = third_vcpu(&c);

	EQ(vop(VCPUOP_up, 1, NULL, 0), -XEN_EINVAL);
	OK(initialise(&c));
	EQ(initialise(&c), -XEN_EEXIST);
	/* what Linux gives: selectors of ring 0, IOPL 1 */
	EQ(v->regs.cs, 0x13);
	EQ(v->regs.ss, 0x1b);
	EQ(v->iopl, 1);
	OK(v->regs.rflags & X86_EFLAGS_IOPL);
	TRUE_(v->regs.rflags & X86_EFLAGS_IF);
	OK(vop(VCPUOP_up, 1, NULL, 0));
	TRUE_(fake_run(v));
}

static void test_initialise_refused(void)
{
	struct vcpu_guest_context c;
	struct vcpu *v = third_vcpu(&c);
	struct vcpu_guest_context good = c;
	const uint64_t bad = 0x8000000000000000;

	(void)v;
#define REFUSED(change)                    \
	do {                               \
		c = good;                  \
		change;                    \
		TRUE_(initialise(&c) < 0); \
		FALSE_(v->initialised);    \
		OK(audit_all());           \
	} while (0)
	REFUSED(c.user_regs.rip = bad);
	REFUSED(c.event_callback_eip = bad);
	REFUSED(c.syscall_callback_eip = bad);
	REFUSED(c.failsafe_callback_eip = bad);
	REFUSED(c.fs_base = bad);
	REFUSED(c.gs_base_user = bad);
	REFUSED(c.gs_base_kernel = bad);
	REFUSED(c.trap_ctxt[7].address = bad);
	REFUSED(c.ctrlreg[3] = 0);
	REFUSED(c.ctrlreg[3] = xen_pfn_to_cr3(guest[0].mfn[20]));
	REFUSED(c.ctrlreg[3] = ~0ull);
	REFUSED(c.ctrlreg[1] = xen_pfn_to_cr3(guest[0].mfn[FAKE_PFN_L3]));
	REFUSED(c.gdt_ents = 7169);
	REFUSED(c.gdt_ents = 512; c.gdt_frames[0] = guest[0].mfn[20]);
	REFUSED(c.gdt_ents = 512; c.gdt_frames[0] = ~0ul);
	REFUSED(c.ldt_ents = 8193);
	REFUSED(c.ldt_ents = 1; c.ldt_base = 5);
	REFUSED(c.ldt_ents = 1; c.ldt_base = CORE_VIRT_START);
	REFUSED(c.flags = 0);
	REFUSED(c.kernel_sp = CORE_VIRT_START + 4096);
	c = good;
	OK(initialise(&c));
}

static void test_initialise_preempted(void)
{
	for (unsigned int n = 1; n < 8; n++) {
		struct vcpu_guest_context c;

		core_setup();
		(void)third_vcpu(&c);
		OK(unmap(20));
		memcpy(frame_ptr(guest[0].mfn[20]), frame_ptr(guest[0].mfn[FAKE_PFN_L4]), 8);
		memset(frame_ptr(guest[0].mfn[20]), 0, PAGE_SIZE);
		((uint64_t *)frame_ptr(guest[0].mfn[20]))[1] =
			entry_for(0, FAKE_PFN_L3, PTE_P | PTE_W);
		((uint64_t *)frame_ptr(guest[0].mfn[20]))[2] =
			entry_for(0, FAKE_PFN_L3, PTE_P | PTE_W);
		c.ctrlreg[3] = xen_pfn_to_cr3(guest[0].mfn[20]);
		fake.preempt_countdown = n;
		OK(initialise(&c));
		fake.preempt_countdown = 0;
		OK(audit_all());
	}
}

static void test_info(void)
{
	struct vcpu_register_vcpu_info r = { .offset = 128 };
	struct vcpu *v;

	world(2);
	v = me();
	v->info->arch.cr2 = 0x1234;
	r.mfn = guest[0].mfn[20];
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.mfn = guest[1].mfn[FAKE_PFN_L1];
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.mfn = ~0ull;
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.mfn = guest[1].mfn[20];
	r.offset = PAGE_SIZE - 32;
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.offset = 130;
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.offset = ~0u;
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	r.offset = 128;
	OK(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)));
	CU_ASSERT_PTR_EQUAL(v->info, (char *)frame_ptr(guest[1].mfn[20]) + 128);
	EQ(v->info->arch.cr2, 0x1234);
	EQ(v->info->evtchn_upcall_mask, 1);
	EQ(v->info->evtchn_pending_sel, ~0ul);
	/* once */
	EQ(vop(VCPUOP_register_vcpu_info, 0, &r, sizeof(r)), -XEN_EINVAL);
	/* The core writes there: the page stays writable data. */
	OK(unmap(20));
	EQ(ext_op(MMUEXT_PIN_L1_TABLE, guest[1].mfn[20], 0), -XEN_EINVAL);
	fake_guest_destroy(&guest[1]);
}

/*
 * That of a vCPU that was down could be moved while it was still on its way into
 * the guest: the mask that its handler begins with stayed in the old place.
 */
static void test_info_of_another(void)
{
	struct vcpu_register_vcpu_info r = { .offset = 128 };
	struct vcpu *v;

	world(1);
	v = guest[0].d->vcpu[1];
	r.mfn = guest[0].mfn[20];
	TRUE_(fake_run(v));
	run(0, 0);
	EQ(vop(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -XEN_EINVAL);
	TRUE_(v->loaded);
	OK(vop(VCPUOP_down, 1, NULL, 0));
	OK(vop(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)));
	FALSE_(v->loaded);
	CU_ASSERT_PTR_EQUAL(v->info, (char *)frame_ptr(guest[0].mfn[20]) + 128);
	OK(vop(VCPUOP_up, 1, NULL, 0));
	TRUE_(fake_run(v));
}

static void test_areas(void)
{
	uint64_t at = fake_va(20, PAGE_SIZE - 16);
	struct vcpu_runstate_info *info;
	uint64_t bad;

	world(2);
	OK(vop(VCPUOP_register_runstate_memory_area, 0, &at, 8));
	EQ(uses_of(1, 20), 2);
	EQ(uses_of(1, 21), 2);
	info = (void *)((char *)frame_ptr(guest[1].mfn[20]) + PAGE_SIZE - 16);
	EQ(info->state, RUNSTATE_running);
	at = fake_va(22, 0);
	OK(vop(VCPUOP_register_vcpu_time_memory_area, 0, &at, 8));
	EQ(((struct vcpu_time_info *)frame_ptr(guest[1].mfn[22]))->tsc_to_system_mul, 0x80000000u);
	bad = CORE_VIRT_START;
	EQ(vop(VCPUOP_register_runstate_memory_area, 0, &bad, 8), -XEN_EFAULT);
	bad = fake_va(FAKE_PFN_L1, 0);
	EQ(vop(VCPUOP_register_runstate_memory_area, 0, &bad, 8), -XEN_EFAULT);
	bad = fake_va(PAGES, 0);
	EQ(vop(VCPUOP_register_runstate_memory_area, 0, &bad, 8), -XEN_EFAULT);
	bad = fake_va(PAGES - 1, PAGE_SIZE - 8);
	EQ(vop(VCPUOP_register_runstate_memory_area, 0, &bad, 8), -XEN_EFAULT);
	OK(audit_all());
	bad = 0;
	OK(vop(VCPUOP_register_runstate_memory_area, 0, &bad, 8));
	EQ(uses_of(1, 20), 1);
	EQ(uses_of(1, 21), 1);
	fake_guest_destroy(&guest[1]);
}

static void test_nmi(void)
{
	struct vcpu *v;

	world(1);
	v = guest[0].d->vcpu[1];
	OK(vop(VCPUOP_send_nmi, 1, NULL, 0));
	fake_settle();
	TRUE_(fake_run(v));
	EQ(v->regs.rip, v->trap_address[2]);
}

CU_TestInfo vcpu_op_tests[] = {
	{ "up and down", test_up_down },
	{ "initialise", test_initialise },
	{ "contexts that are refused", test_initialise_refused },
	{ "initialise, interrupted", test_initialise_preempted },
	{ "register_vcpu_info", test_info },
	{ "register_vcpu_info of another vCPU", test_info_of_another },
	{ "registered areas", test_areas },
	{ "NMIs", test_nmi },
	CU_TEST_INFO_NULL,
};

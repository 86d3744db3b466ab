/* SPDX-License-Identifier: MIT */
/* Handlers, descriptors, bounce frames, iret. */
#include "core_test.h"

#include <xen/callback.h>

#include <hv/mm.h>
#include <hv/trap.h>

#define CODE64 0x00affb000000ffffull
#define DATA 0x00cff3000000ffffull
#define DPL0 0x00af9b000000ffffull
#define TSS 0x0000890000000067ull
#define CALLG 0x00008c0000080000ull
#define GATE 0x00008e0000080000ull
#define LDTD 0x0000820000000000ull

static void test_descriptors(void)
{
	static const struct {
		uint64_t in, out;
		bool ok;
	} cases[] = {
		{ 0, 0, true },
		{ CODE64, CODE64, true },
		{ DATA, DATA, true },
		{ DPL0, DPL0 | 3ull << 45, true },
		{ TSS, 0, false },
		{ CALLG, 0, false },
		{ GATE, 0, false },
		{ LDTD, 0, false },
		/* not present: whatever it says */
		{ GATE & ~(1ull << 47), GATE & ~(1ull << 47), true },
		{ ~0ull & ~(1ull << 47), ~0ull & ~(1ull << 47), true },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t d = cases[i].in;

		EQ(descriptor_check(&d), cases[i].ok);
		if (cases[i].ok) {
			EQ(d, cases[i].out);
		}
	}
}

static long set_gdt(const uint64_t *frames, unsigned int n, uint64_t entries)
{
	fake_put(FAKE_ARGS, frames, n * 8);
	return fake_call(__HYPERVISOR_set_gdt, FAKE_ARGS, entries);
}

static long read_only(unsigned int pfn)
{
	return fake_call(__HYPERVISOR_update_va_mapping, fake_va(pfn, 0), entry_for(1, pfn, PTE_P),
			 UVMF_INVLPG | UVMF_ALL);
}

static void test_gdt(void)
{
	uint64_t frames[14] = { 0 }, maddr, d = DPL0;

	world(2);
	frames[0] = guest[1].mfn[20];
	frames[1] = guest[1].mfn[21];
	fake_put(fake_va(20, 16), &d, 8);
	/* writable for the guest */
	EQ(set_gdt(frames, 2, 1024), -XEN_EINVAL);
	OK(read_only(20));
	EQ(set_gdt(frames, 2, 1024), -XEN_EINVAL);
	OK(uses_of(1, 20));
	OK(read_only(21));
	OK(set_gdt(frames, 2, 1024));
	EQ(type_of(1, 20), PGT_DESC);
	fake_get(fake_va(20, 16), &d, 8);
	EQ(d, DPL0 | 3ull << 45);
	/* No way to write to it but this. */
	EQ(fake_call(__HYPERVISOR_update_va_mapping, fake_va(20, 0),
		     entry_for(1, 20, PTE_P | PTE_W), 0),
	   -XEN_EINVAL);
	maddr = (uint64_t)guest[1].mfn[20] << PAGE_SHIFT;
	OK(fake_call(__HYPERVISOR_update_descriptor, maddr + 24, CODE64));
	fake_get(fake_va(20, 24), &d, 8);
	EQ(d, CODE64);
	EQ(fake_call(__HYPERVISOR_update_descriptor, maddr + 24, GATE), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_update_descriptor, maddr + 20, CODE64), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_update_descriptor, (uint64_t)guest[0].mfn[20] << PAGE_SHIFT,
		     CODE64),
	   -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_update_descriptor,
		     (uint64_t)guest[1].mfn[FAKE_PFN_L1] << PAGE_SHIFT, 0),
	   -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_update_descriptor, ~7ull, CODE64), -XEN_EINVAL);
	/* the same frame twice, then all gone */
	frames[1] = frames[0];
	OK(set_gdt(frames, 2, 1024));
	EQ(uses_of(1, 20), 2);
	OK(uses_of(1, 21));
	EQ(set_gdt(frames, 2, 7169), -XEN_EINVAL);
	EQ(set_gdt(frames, 2, ~0ull), -XEN_EINVAL);
	frames[0] = guest[0].mfn[20];
	EQ(set_gdt(frames, 1, 10), -XEN_EINVAL);
	frames[0] = ~0ull;
	EQ(set_gdt(frames, 1, 10), -XEN_EINVAL);
	EQ(uses_of(1, 20), 2);
	OK(set_gdt(frames, 0, 0));
	OK(uses_of(1, 20));
}

static void test_gdt_with_gate(void)
{
	uint64_t frames[1], gate = GATE;

	world(2);
	frames[0] = guest[1].mfn[20];
	fake_put(fake_va(20, 4088), &gate, 8);
	OK(read_only(20));
	EQ(set_gdt(frames, 1, 1), -XEN_EINVAL);
	OK(uses_of(1, 20));
	OK(me()->gdt_entries);
}

/* ---- Frames ----------------------------------------------------------------------- */

static void test_exception(void)
{
	uint64_t frame[8];
	struct vcpu *v;

	world(1);
	v = me();
	v->regs.rcx = 0xc;
	v->regs.r11 = 0x11;
	v->regs.rsp -= 8; /* to be aligned */
	v->regs.rflags |= X86_EFLAGS_TF | X86_EFLAGS_AC | X86_EFLAGS_CF;
	v->info->evtchn_upcall_mask = 0;
	v->info->evtchn_upcall_pending = 0;
	fake_exception(TRAP_PF, PFEC_U | PFEC_W, 0x123456);
	EQ(v->regs.rip, v->trap_address[TRAP_PF]);
	EQ(v->info->arch.cr2, 0x123456);
	OK(v->regs.rsp & 15);
	OK(v->regs.rflags & (X86_EFLAGS_TF | X86_EFLAGS_AC));
	fake_get(v->regs.rsp, frame, sizeof(frame));
	EQ(frame[0], 0xc);
	EQ(frame[1], 0x11);
	EQ(frame[2], PFEC_W);
	EQ(frame[3], fake_va(FAKE_PFN_CODE, 0));
	EQ(frame[4], 0xe030); /* from kernel mode, not masked */
	TRUE_(frame[5] & X86_EFLAGS_IF);
	EQ(frame[7], FLAT_KERNEL_SS);
	/* masked: in the cs slot, and IF */
	v->info->evtchn_upcall_mask = 1;
	fake_exception(TRAP_BP, 0, 0);
	fake_get(v->regs.rsp, frame, sizeof(frame));
	EQ(frame[3], 0x10000e030);
	OK(frame[4] & X86_EFLAGS_IF);
}

static void test_bad_stacks(void)
{
	static const uint64_t stacks[] = { 0,
					   8,
					   0x800000000000,
					   0x800000000008,
					   CORE_VIRT_START + 64,
					   CORE_VIRT_END + 8,
					   ~0ull,
					   FAKE_GUEST_BASE + 8,
					   FAKE_GUEST_BASE + 0x1000 };

	for (unsigned int i = 0; i < ARRAY_SIZE(stacks); i++) {
		core_setup();
		world(2);
		me()->regs.rsp = stacks[i];
		fake_exception(TRAP_BP, 0, 0);
		TRUE_(guest[1].d->crashed);
		TRUE_(me() == NULL || me()->domain->id == 0);
		TRUE_(fake_console_has("kernel stack"));
		fake_guest_destroy(&guest[1]);
	}
}

static void test_no_handler(void)
{
	world(2);
	OK(fake_call(__HYPERVISOR_set_trap_table, 0));
	fake_exception(TRAP_UD, 0, 0);
	TRUE_(guest[1].d->crashed);
	fake_guest_destroy(&guest[1]);
}

static void push_iret(const struct iret_context *c)
{
	me()->regs.rsp = fake_va(FAKE_PFN_STACK, 0x800);
	fake_put(me()->regs.rsp, c, sizeof(*c));
}

static void iret(const struct iret_context *c)
{
	push_iret(c);
	me()->regs.rax = __HYPERVISOR_iret;
	fake_hypercall_once();
}

static void test_iret(void)
{
	struct iret_context c = { .rax = 0xa,
				  .r11 = 0x11,
				  .rcx = 0xc,
				  .rip = 0x1000,
				  .cs = 0xe033,
				  .rflags = 0x3fffff & ~X86_EFLAGS_TF,
				  .rsp = 0x2000,
				  .ss = 0 };
	struct vcpu *v;

	world(1);
	v = me();
	v->info->evtchn_upcall_pending = 0;
	iret(&c);
	FALSE_(v->in_kernel);
	EQ(fake.cpus[fake.cpu].cr3, v->cr3_user);
	EQ(v->regs.rip, 0x1000);
	EQ(v->regs.cs, 0xe033);
	EQ(v->regs.ss, 3);
	EQ(v->regs.rax, 0xa);
	EQ(v->regs.rcx, 0xc);
	OK(v->regs.rflags & (X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP));
	TRUE_(v->regs.rflags & X86_EFLAGS_IF);
	OK(v->info->evtchn_upcall_mask);
	/* A system call brings it back, on the kernel's stack. */
	fake.cpus[fake.cpu].inside = true;
	bounce_syscall(&v->regs);
	fake_exit();
	TRUE_(v->in_kernel);
	EQ(v->regs.rip, v->syscall_entry);
	TRUE_(v->regs.rsp < v->kernel_sp && v->regs.rsp > v->kernel_sp - 128);
	EQ(fake.cpus[fake.cpu].cr3, v->cr3_kernel);
	/* to kernel mode, with events off */
	c.cs = 0xe030;
	c.rflags = 0;
	iret(&c);
	TRUE_(v->in_kernel);
	EQ(v->info->evtchn_upcall_mask, 1);
	TRUE_(v->regs.rflags & X86_EFLAGS_IF);
}

static void test_iret_bad(void)
{
	struct iret_context c = { .cs = 0xe033 };

	world(2);
	OK(ext_op(MMUEXT_NEW_USER_BASEPTR, 0, 0));
	iret(&c);
	TRUE_(guest[1].d->crashed);
	fake_guest_destroy(&guest[1]);
	core_setup();
	world(2);
	me()->regs.rsp = CORE_VIRT_START;
	me()->regs.rax = __HYPERVISOR_iret;
	fake_hypercall_once();
	TRUE_(guest[1].d->crashed);
	fake_guest_destroy(&guest[1]);
}

static void test_trap_table(void)
{
	struct trap_info t[3] = { { 14, 4, 0xe030, 0x1000 },
				  { 0x80, 3, 0xe033, 0x2000 },
				  { 0, 0, 0, 0 } };
	struct vcpu *v;

	world(1);
	v = me();
	fake_put(FAKE_ARGS, t, sizeof(t));
	fake.preempt_chance = 1;
	OK(fake_call(__HYPERVISOR_set_trap_table, FAKE_ARGS));
	fake.preempt_chance = 0;
	EQ(v->trap_address[14], 0x1000);
	EQ(v->trap_address[0x80], 0x2000);
	t[1].address = 0x8000000000000000;
	fake_put(FAKE_ARGS, t, sizeof(t));
	EQ(fake_call(__HYPERVISOR_set_trap_table, FAKE_ARGS), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_set_trap_table, CORE_VIRT_START), -XEN_EFAULT);
	/* a table without an end runs into what is not mapped */
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(t[0]); i++) {
		fake_put(fake_va(PAGES - 1, i * sizeof(t[0])), &t[0], sizeof(t[0]));
	}
	EQ(fake_call(__HYPERVISOR_set_trap_table, fake_va(PAGES - 1, 0)), -XEN_EFAULT);
}

static void test_registers(void)
{
	static const uint64_t bad[] = { 0x800000001000, 0x8000000000000000 };
	struct callback_register r = { .type = CALLBACKTYPE_event };

	world(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		for (unsigned int which = 0; which < 3; which++) {
			EQ(fake_call(__HYPERVISOR_set_segment_base, which, bad[i]), -XEN_EINVAL);
		}
		EQ(fake_call(__HYPERVISOR_set_callbacks, bad[i], 0, 0), -XEN_EINVAL);
		EQ(fake_call(__HYPERVISOR_stack_switch, 0, bad[i]), -XEN_EINVAL);
		r.address = bad[i];
		EQ(call_struct(__HYPERVISOR_callback_op, CALLBACKOP_register, &r, sizeof(r)),
		   -XEN_EINVAL);
	}
	EQ(fake_call(__HYPERVISOR_set_segment_base, 9, 0), -XEN_EINVAL);
	OK(fake_call(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0xffff));
	/* breakpoints: not in the core, no I/O, no general detect */
	EQ(fake_call(__HYPERVISOR_set_debugreg, 0, CORE_VIRT_START), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_set_debugreg, 0, 0x800000000000), -XEN_EPERM);
	OK(fake_call(__HYPERVISOR_set_debugreg, 0, 0x1000));
	EQ(fake_call(__HYPERVISOR_get_debugreg, 0), 0x1000);
	EQ(fake_call(__HYPERVISOR_set_debugreg, 4, 0), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_set_debugreg, ~0ull, 0), -XEN_EINVAL);
	EQ(fake_call(__HYPERVISOR_set_debugreg, 7, 0x20001), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_set_debugreg, 7, 0x2000), -XEN_EPERM);
	EQ(fake_call(__HYPERVISOR_set_debugreg, 7, 1ull << 40), -XEN_EPERM);
	OK(fake_call(__HYPERVISOR_set_debugreg, 7, 1));
	EQ(fake_call(__HYPERVISOR_get_debugreg, 7), 0x401);
	EQ(fake_call(__HYPERVISOR_get_debugreg, 8), -XEN_EINVAL);
}

CU_TestInfo trap_tests[] = {
	{ "which descriptors", test_descriptors },
	{ "a GDT", test_gdt },
	{ "a GDT with a gate in it", test_gdt_with_gate },
	{ "the frame of an exception", test_exception },
	{ "stacks that cannot be written", test_bad_stacks },
	{ "no handler", test_no_handler },
	{ "iret and system call", test_iret },
	{ "iret that cannot be", test_iret_bad },
	{ "the trap table", test_trap_table },
	{ "registers", test_registers },
	CU_TEST_INFO_NULL,
};

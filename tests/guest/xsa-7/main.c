/* SPDX-License-Identifier: MIT */
/*
 * XSA-7: SYSRET to an address that is none. Some processors find that out
 * before they leave ring 0: the exception is taken there, with the stack
 * pointer and the GS base that the guest chose, and overwrites what the guest
 * wants.
 *
 * Here returns to such addresses are made in each way that there is: a system
 * call or a hypercall as the last instruction below the hole, iret to either
 * mode, callbacks registered there, and the entry point of a vCPU. They are
 * refused, or end as an exception of the guest. (The emulated processor raises
 * the exception late, in ring 3; that it never comes from SYSRET is what the
 * refusals show.)
 */
#include <test.h>

#define TOP (NONCANONICAL - PAGE_SIZE)

static const unsigned long holes[] = {
	NONCANONICAL,	      NONCANONICAL + 8,	    NONCANONICAL_HIGH,	 CORE_START - 1,
	0x8000000000000000ul, 0x0001000000000000ul, 0x7fffffffffffffful, 0xfffe800000000000ul,
};

static uint64_t jump(uint64_t to)
{
	uint64_t rax = __HYPERVISOR_xen_version;

	__asm__ __volatile__("call *%1"
			     : "+a"(rax)
			     : "r"(to), "D"(0ul), "S"(0ul)
			     : "rcx", "r11", "memory", "cc");
	return rax;
}

static bool guests_own(const struct trap *t)
{
	return t->hit && (t->vector == TRAP_GP || t->vector == TRAP_PF || t->vector == TRAP_SS ||
			  t->vector == SHIM_VECTOR_FAILSAFE);
}

static uint64_t on_syscall(struct trap_regs *regs)
{
	return regs->rax;
}

/* SYSCALL whose next instruction has no address. */
static void last_instruction(void)
{
	uint8_t *page = page_alloc();
	struct trap t;

	page[PAGE_SIZE - 2] = 0x0f;
	page[PAGE_SIZE - 1] = 0x05;
	NEED(map_frame(TOP, virt_to_mfn(page), PTE_RO) == 0);
	(void)user_l4();
	NEED(mmu_set(virt_to_maddr(&user_l4()[255]), mm_l4()[255]) == 0);
	TRAP_TRY(&t, jump(TOP + PAGE_SIZE - 2));
	EXPECT(guests_own(&t));
	user_set_syscall(on_syscall);
	TRAP_TRY(&t, user_run(jump, TOP + PAGE_SIZE - 2));
	EXPECT(guests_own(&t));
	/* The same as a software interrupt and as an emulated instruction. */
	page[PAGE_SIZE - 2] = 0xcd;
	page[PAGE_SIZE - 1] = 0x80;
	TRAP_TRY(&t, jump(TOP + PAGE_SIZE - 2));
	EXPECT(guests_own(&t));
}

/* iret by a frame of our own; RPL 3 means user mode. */
static void iret_to(uint64_t rip, uint64_t cs, uint64_t rsp)
{
	__asm__ __volatile__(
		"push %[ss]\n\t"
		"push %[rsp]\n\t"
		"push $0x202\n\t"
		"push %[cs]\n\t"
		"push %[rip]\n\t"
		"push $0\n\t"
		"push %[rip]\n\t" /* rcx, as SYSRET has it */
		"push $0x202\n\t"
		"push $0\n\t"
		"mov $23, %%eax\n\t"
		"syscall\n\t"
		"ud2"
		:
		: [ss] "r"((uint64_t)FLAT_KERNEL_SS), [rsp] "r"(rsp), [cs] "r"(cs), [rip] "r"(rip)
		: "rax", "rcx", "r11", "memory");
}

static void irets(void)
{
	static char stack[4096] __attribute__((aligned(16)));
	uint64_t sp = (uint64_t)stack + sizeof(stack) - 64;
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		TRAP_TRY(&t, iret_to(holes[i], FLAT_KERNEL_CS & ~3ul, sp));
		EXPECT(guests_own(&t));
		TRAP_TRY(&t, iret_to(holes[i], FLAT_KERNEL_CS, sp));
		EXPECT(guests_own(&t));
		/* A stack that is none, too: nothing is pushed there. */
		TRAP_TRY(&t, iret_to(holes[i], FLAT_KERNEL_CS, CORE_MIDDLE));
		EXPECT(guests_own(&t));
	}
}

static void callbacks(void)
{
	unsigned int i, type;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		struct trap_info table[2] = {
			{ .vector = 0x80, .flags = 3, .cs = FLAT_KERNEL_CS, .address = holes[i] },
		};

		EXPECT_FAIL(hyp_set_trap_table(table));
		EXPECT_FAIL(hyp_set_callbacks(holes[i], (unsigned long)shim_failsafe_callback,
					      (unsigned long)shim_syscall_callback));
		EXPECT_FAIL(hyp_set_callbacks((unsigned long)shim_event_callback,
					      (unsigned long)shim_failsafe_callback, holes[i]));
		for (type = 0; type < 8; type++) {
			struct callback_register reg = { .type = (uint16_t)type,
							 .address = holes[i] };

			EXPECT_FAIL(hyp_callback_op(CALLBACKOP_register, &reg));
		}
		/* GS and FS bases are loaded in ring 0. */
		EXPECT_FAIL(hyp_set_segment_base(SEGBASE_FS, holes[i]));
		EXPECT_FAIL(hyp_set_segment_base(SEGBASE_GS_USER, holes[i]));
		EXPECT_FAIL(hyp_set_segment_base(SEGBASE_GS_KERNEL, holes[i]));
		EXPECT_FAIL(hyp_stack_switch(FLAT_KERNEL_SS, holes[i] + 512));
	}
}

static void new_vcpu(void)
{
	static struct vcpu_guest_context c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		smp_context(&c, 1);
		c.syscall_callback_eip = holes[i];
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, 1, &c));
		smp_context(&c, 1);
		c.event_callback_eip = holes[i];
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, 1, &c));
		smp_context(&c, 1);
		c.gs_base_kernel = holes[i];
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, 1, &c));
		smp_context(&c, 1);
		c.trap_ctxt[3].address = holes[i];
		EXPECT_FAIL(hyp_vcpu_op(VCPUOP_initialise, 1, &c));
	}
}

void test(void)
{
	last_instruction();
	irets();
	callbacks();
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) == 0) {
		new_vcpu();
	}
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
}

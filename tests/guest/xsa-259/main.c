/* SPDX-License-Identifier: MIT */
/*
 * XSA-259: `int 0x80` has a way into the hypervisor of its own, and where the
 * guest had registered no handler for it, that way went on without one.
 *
 * Here vector 0x80 is raised from both modes without a handler, with one that
 * was taken back, with one that the mode may not use, on stacks that are none,
 * and with events pending: each time the guest gets #GP at the instruction, or
 * its handler, and nothing else happens.
 */
#include <test.h>

#define GP_CODE (0x80 * 8 + 2)

static volatile unsigned int taken;

static bool on_int80(struct trap_regs *regs)
{
	taken += regs->vector == 0x80;
	return true;
}

static uint64_t int80(uint64_t arg)
{
	__asm__ __volatile__("int $0x80" : : "D"(arg) : "memory", "cc");
	return 1;
}

static uint64_t int80_without_stack(uint64_t sp)
{
	__asm__ __volatile__("mov %%rsp, %%rbx\n\t"
			     "mov %0, %%rsp\n\t"
			     "int $0x80\n\t"
			     "mov %%rbx, %%rsp"
			     :
			     : "r"(sp)
			     : "rbx", "memory", "cc");
	return 1;
}

static void set(unsigned long address, unsigned int dpl)
{
	struct trap_info table[2] = {
		{ .vector = 0x80, .flags = (uint8_t)dpl, .cs = FLAT_KERNEL_CS, .address = address },
	};

	EXPECT_RC(hyp_set_trap_table(table), 0);
}

/* No handler: the same from both modes, at the instruction itself. */
static void refused(bool in_kernel)
{
	struct trap t;

	taken = 0;
	if (in_kernel) {
		TRAP_TRY(&t, int80(0));
		EXPECT(t.hit && t.vector == TRAP_GP && t.error == GP_CODE);
		EXPECT(t.hit && *(const uint8_t *)t.rip == 0xcd);
	}
	TRAP_TRY(&t, user_run(int80, 0));
	EXPECT(t.hit && t.vector == TRAP_GP && t.error == GP_CODE);
	EXPECT(t.hit && *(const uint8_t *)t.rip == 0xcd && (t.cs & 3) == 3);
	TRAP_TRY(&t, user_run(int80_without_stack, CORE_MIDDLE));
	EXPECT(t.hit && t.vector == TRAP_GP && t.rsp == CORE_MIDDLE);
	EXPECT_RC(taken, 0);
}

void test(void)
{
	struct trap_info *all = shim_trap_table;
	long port = evtchn_bind_ipi(0);
	unsigned int i;

	trap_set_hook(0x80, on_int80);
	/* Never registered. */
	refused(true);
	set(trap_entry(0x80), 3);
	EXPECT_NO_TRAP(int80(0));
	EXPECT_RC(user_run(int80, 0), 1);
	EXPECT_RC(user_run(int80_without_stack, 0), 1);
	EXPECT_RC(taken, 3);
	/* For the kernel alone, and for nobody. */
	set(trap_entry(0x80), 1);
	refused(false);
	set(trap_entry(0x80), 0);
	refused(true);
	/* All handlers taken back; those of exceptions are needed. */
	set(trap_entry(0x80), 3);
	EXPECT_RC(hyp_set_trap_table(NULL), 0);
	EXPECT_RC(hyp_set_trap_table(all), 0);
	refused(true);
	/* With an event that becomes due in the same moment. */
	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	for (i = 0; i < 10; i++) {
		struct trap t;

		events_off();
		EXPECT_RC(evtchn_send((unsigned int)port), 0);
		TRAP_TRY(&t, int80(0));
		EXPECT(t.hit && t.vector == TRAP_GP && t.error == GP_CODE);
		events_on();
	}
}

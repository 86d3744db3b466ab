/* SPDX-License-Identifier: MIT */
/*
 * XSA-260 (and 156, 308): debug exceptions at the wrong moment. `mov ss` with a
 * data breakpoint puts the exception off until after the next instruction; if
 * that one is a system call, it is raised on the first instruction of the
 * hypervisor, with the guest's stack pointer. And a debug exception that raises
 * itself while it is delivered never ends.
 *
 * Here the guest loads ss from a watched address before each instruction that
 * enters the core, steps over them, and watches its own stack and the frames
 * that are built on it. Each exception is the guest's or forgotten. (The
 * emulated processor does not put the exception off; the entry code must stand
 * both.)
 */
#include <test.h>

#define RFLAGS_TF 0x100ul
#define RFLAGS_RF 0x10000ul
#define DR7_L0_RW_8 (1ul | 3ul << 16 | 2ul << 18)
#define DR7_L0_EXEC 1ul

static volatile uint64_t selector = FLAT_KERNEL_SS;
static volatile unsigned int debugs, others;

static bool on_debug(struct trap_regs *regs)
{
	debugs++;
	/* The emulated processor leaves it to us to get past a breakpoint. */
	regs->rflags = (regs->rflags & ~RFLAGS_TF) | RFLAGS_RF;
	return true;
}

static bool on_other(struct trap_regs *regs)
{
	others += regs->vector == 0x80 || regs->vector == TRAP_BP;
	return true;
}

static uint64_t ss_then_syscall(uint64_t nr)
{
	uint64_t rax = nr;

	__asm__ __volatile__("mov %1, %%ss\n\tsyscall"
			     : "+a"(rax)
			     : "m"(selector), "D"(0ul), "S"(0ul)
			     : "rcx", "r11", "memory", "cc");
	return rax;
}

static uint64_t ss_then_int3(uint64_t arg)
{
	__asm__ __volatile__("mov %0, %%ss\n\tint3" : : "m"(selector), "D"(arg) : "memory");
	return 1;
}

static uint64_t ss_then_int80(uint64_t arg)
{
	__asm__ __volatile__("mov %0, %%ss\n\tint $0x80" : : "m"(selector), "D"(arg) : "memory");
	return 1;
}

static uint64_t ss_then_ud2(uint64_t arg)
{
	__asm__ __volatile__("mov %0, %%ss\n\tud2" : : "m"(selector), "D"(arg) : "memory");
	return 1;
}

static uint64_t on_syscall(struct trap_regs *regs)
{
	return regs->rax + 1000;
}

static void watch(uint64_t address, uint64_t dr7)
{
	EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	EXPECT_RC(hyp_set_debugreg(0, address), 0);
	EXPECT_RC(hyp_set_debugreg(6, 0), 0);
	EXPECT_RC(hyp_set_debugreg(7, dr7), 0);
}

static void entries(void)
{
	struct trap t;

	watch((uint64_t)&selector, DR7_L0_RW_8);
	debugs = others = 0;
	EXPECT_RC(ss_then_syscall(__HYPERVISOR_xen_version), hyp_xen_version(XENVER_version, NULL));
	EXPECT_RC(ss_then_int3(0), 1);
	EXPECT_RC(ss_then_int80(0), 1);
	TRAP_TRY(&t, ss_then_ud2(0));
	EXPECT(t.hit && t.vector == TRAP_UD);
	EXPECT_RC(others, 2);
	EXPECT_RC(user_run(ss_then_syscall, 5), 1005);
	EXPECT_RC(user_run(ss_then_int3, 0), 1);
	EXPECT_RC(user_run(ss_then_int80, 0), 1);
	TRAP_TRY(&t, user_run(ss_then_ud2, 0));
	EXPECT(t.hit && t.vector == TRAP_UD);
	EXPECT_RC(others, 4);
	EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	print("%u debug exceptions\n", debugs);
}

/* The frame of an exception is written by the core where the guest watches:
 * that is nobody's debug exception, and there is no end to it otherwise. */
static void frames(void)
{
	static uint64_t stack[1024] __attribute__((aligned(64)));
	uint64_t top = (uint64_t)&stack[1000];
	unsigned int i;

	for (i = 1; i < 16; i++) {
		watch(top - i * 8, DR7_L0_RW_8);
		debugs = others = 0;
		__asm__ __volatile__("mov %%rsp, %%rbx\n\t"
				     "mov %0, %%rsp\n\t"
				     "int3\n\t"
				     "mov %%rbx, %%rsp"
				     :
				     : "r"(top)
				     : "rbx", "memory", "cc");
		EXPECT_RC(others, 1);
		EXPECT(debugs < 10);
		EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	}
}

static uint64_t step(uint64_t nr)
{
	uint64_t rax = nr;

	__asm__ __volatile__("pushf\n\t"
			     "orl $0x100, (%%rsp)\n\t"
			     "popf\n\t"
			     "syscall\n\t"
			     "nop"
			     : "+a"(rax)
			     : "D"(0ul), "S"(0ul)
			     : "rcx", "r11", "memory", "cc");
	return rax;
}

/* A breakpoint on the handler of the debug exception itself. */
static void on_handler(void)
{
	debugs = 0;
	EXPECT_RC(hyp_set_debugreg(1, (uint64_t)shim_event_callback), 0);
	watch((uint64_t)shim_syscall_callback, DR7_L0_EXEC | 4);
	EXPECT_RC(user_run(step, 7), 1007);
	EXPECT_RC(hyp_set_debugreg(7, 0), 0);
	EXPECT(debugs >= 1 && debugs < 100);
}

void test(void)
{
	struct trap_info table[2] = {
		{ .vector = 0x80, .flags = 3, .cs = FLAT_KERNEL_CS, .address = trap_entry(0x80) },
	};

	NEED(hyp_set_trap_table(table) == 0);
	trap_set_hook(TRAP_DB, on_debug);
	trap_set_hook(TRAP_BP, on_other);
	trap_set_hook(0x80, on_other);
	user_set_syscall(on_syscall);
	entries();
	frames();
	debugs = 0;
	EXPECT_RC(step(__HYPERVISOR_xen_version), hyp_xen_version(XENVER_version, NULL));
	EXPECT_RC(user_run(step, 9), 1009);
	EXPECT(debugs >= 2);
	on_handler();
	trap_set_hook(TRAP_DB, NULL);
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
}

/* SPDX-License-Identifier: MIT */
/*
 * Guests that cannot go on, by the word on the command line: the core must
 * stop them, say why, and stay alive itself. The runner looks at the log.
 */
#include <test.h>

static void ud2(void)
{
	__asm__ __volatile__("ud2");
}

static void jump(uint64_t address)
{
	__asm__ __volatile__("jmp *%0" : : "r"(address));
}

static void with_stack(uint64_t sp)
{
	__asm__ __volatile__("mov %0, %%rsp\n\tud2" : : "r"(sp));
}

static void iret_frame(uint64_t sp)
{
	__asm__ __volatile__("mov %0, %%rsp\n\tmov $23, %%eax\n\tsyscall" : : "r"(sp) : "rax");
}

static void iret_user(void)
{
	__asm__ __volatile__("push $0xe02b\n\tpush %%rsp\n\tpush $0x202\n\t"
			     "push $0xe033\n\tpush $0x400000\n\tpush $0\n\t"
			     "push $0\n\tpush $0\n\tpush $0\n\t"
			     "mov $23, %%eax\n\tsyscall" ::
				     : "rax", "memory");
}

static void failsafe(void)
{
	__asm__ __volatile__("push $0xe02b\n\tpush %%rsp\n\tpush $0x202\n\t"
			     "push $0x1000\n\tpush $0x400000\n\tpush $0\n\t"
			     "push $0\n\tpush $0\n\tpush $0\n\t"
			     "mov $23, %%eax\n\tsyscall" ::
				     : "rax", "memory");
}

/* The first call takes the stack away that the second one needs. */
static uint64_t two_calls(uint64_t page)
{
	(void)user_syscall(1, page);
	return user_syscall(2, page);
}

static uint64_t spoil_stack(struct trap_regs *regs)
{
	page_protect((void *)regs->rdi, false);
	return (uint64_t)hyp_stack_switch(FLAT_KERNEL_SS, regs->rdi + PAGE_SIZE);
}

/* A page fault whose handler faults, over and over, down the stack. */
static bool again(struct trap_regs *regs)
{
	(void)regs;
	ud2();
	return true;
}

void test(void)
{
	void *page = page_alloc();

	if (test_arg("no-handler")) {
		NEED(hyp_set_trap_table(NULL) == 0);
		ud2();
	} else if (test_arg("wild-jump")) {
		NEED(hyp_set_trap_table(NULL) == 0);
		jump(UNMAPPED);
	} else if (test_arg("bad-stack")) {
		with_stack(UNMAPPED);
	} else if (test_arg("core-stack")) {
		with_stack(CORE_MIDDLE + 64);
	} else if (test_arg("wild-stack")) {
		with_stack(NONCANONICAL);
	} else if (test_arg("read-only-stack")) {
		page_protect(page, false);
		with_stack((uint64_t)page + PAGE_SIZE);
	} else if (test_arg("overflow")) {
		trap_set_hook(TRAP_UD, again);
		ud2();
	} else if (test_arg("user-stack")) {
		user_set_syscall(spoil_stack);
		(void)user_run(two_calls, (uint64_t)page);
	} else if (test_arg("iret-frame")) {
		iret_frame(UNMAPPED);
	} else if (test_arg("iret-core-frame")) {
		iret_frame(CORE_START);
	} else if (test_arg("iret-user")) {
		iret_user();
	} else if (test_arg("no-event-callback")) {
		long port = evtchn_bind_ipi(0);

		NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
		NEED(hyp_set_callbacks(0, 0, 0) == 0);
		(void)evtchn_send((unsigned int)port);
		(void)hyp_sched_op(SCHEDOP_yield, NULL);
	} else if (test_arg("no-failsafe")) {
		NEED(hyp_set_callbacks((unsigned long)shim_event_callback, 0, 0) == 0);
		failsafe();
	} else if (test_arg("shutdown")) {
		shim_shutdown(SHUTDOWN_crash);
	}
	test_verdict("FAILURE", "still alive");
}

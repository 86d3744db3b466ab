/* SPDX-License-Identifier: MIT */
/*
 * Guest user mode: system calls come with all registers, hypercalls do not
 * exist, events and exceptions come with the right frame, and nothing that a
 * user program sets up beforehand confuses the core.
 */
#include <test.h>

#define RFLAGS_TF 0x100ul
#define RFLAGS_DF 0x400ul
#define RFLAGS_NT 0x4000ul
#define RFLAGS_AC 0x40000ul

static struct trap_regs seen;
static volatile unsigned int events, event_cs;

static uint64_t on_syscall(struct trap_regs *regs)
{
	seen = *regs;
	return regs->rax + 1000;
}

static bool on_upcall(struct trap_regs *regs)
{
	event_cs = (unsigned int)regs->cs & 0xffff;
	events++;
	return false;
}

static volatile uint64_t kept;

/* Known values in all registers, before and after. */
static uint64_t all_registers(uint64_t arg)
{
	uint64_t sum;

	(void)arg;
	__asm__ __volatile__("push %%rbx; push %%rbp; push %%r12; push %%r13\n\t"
			     "push %%r14; push %%r15\n\t"
			     "mov $3, %%ebx; mov $5, %%ebp; mov $8, %%r8d\n\t"
			     "mov $9, %%r9d; mov $10, %%r10d; mov $12, %%r12d\n\t"
			     "mov $13, %%r13d; mov $14, %%r14d; mov $15, %%r15d\n\t"
			     "mov $2, %%edx; mov $6, %%esi; mov $7, %%edi\n\t"
			     "mov $77, %%eax\n\t"
			     "syscall\n\t"
			     "add %%rbx, %%rax; add %%rbp, %%rax; add %%r8, %%rax\n\t"
			     "add %%r9, %%rax; add %%r10, %%rax; add %%r12, %%rax\n\t"
			     "add %%r13, %%rax; add %%r14, %%rax; add %%r15, %%rax\n\t"
			     "add %%rdx, %%rax; add %%rsi, %%rax; add %%rdi, %%rax\n\t"
			     "pop %%r15; pop %%r14; pop %%r13; pop %%r12\n\t"
			     "pop %%rbp; pop %%rbx"
			     : "=&a"(sum)
			     :
			     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory",
			       "cc");
	return sum;
}

static void registers(void)
{
	user_set_syscall(on_syscall);
	EXPECT_RC(user_run(all_registers, 0),
		  77 + 1000 + 3 + 5 + 8 + 9 + 10 + 12 + 13 + 14 + 15 + 2 + 6 + 7);
	EXPECT(seen.rax == 77 && seen.rbx == 3 && seen.rbp == 5);
	EXPECT(seen.r8 == 8 && seen.r9 == 9 && seen.r10 == 10);
	EXPECT(seen.r12 == 12 && seen.r13 == 13 && seen.r14 == 14);
	EXPECT(seen.r15 == 15 && seen.rdx == 2 && seen.rsi == 6);
	EXPECT(seen.rdi == 7);
	EXPECT((seen.cs & 3) == 3 && (seen.ss & 3) == 3);
	EXPECT(seen.rcx == seen.rip);
	EXPECT((seen.rflags & 0x200) && (seen.rflags & 0x3000) == 0);
}

/* The number of a hypercall is a system call's number here. */
static uint64_t as_hypercall(uint64_t nr)
{
	return user_syscall(nr, 0);
}

static void no_hypercalls(void)
{
	unsigned int nr;

	for (nr = 1; nr < 64; nr++) {
		EXPECT_RC(user_run(as_hypercall, nr), nr + 1000);
	}
}

static uint64_t with_flags(uint64_t flags)
{
	uint64_t rax = 5;

	__asm__ __volatile__("push %1\n\tpopf\n\tsyscall\n\tpush $2\n\tpopf"
			     : "+a"(rax)
			     : "r"(flags)
			     : "rcx", "r11", "rdi", "memory", "cc");
	return rax;
}

static void flags(void)
{
	static const uint64_t list[] = { RFLAGS_DF, RFLAGS_NT, RFLAGS_AC,
					 RFLAGS_DF | RFLAGS_NT | RFLAGS_AC, 0xcd5 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		EXPECT_RC(user_run(with_flags, list[i] | 2), 1005);
		EXPECT((seen.rflags & list[i]) == list[i]);
	}
}

static uint64_t step_over_syscall(uint64_t arg)
{
	return with_flags(RFLAGS_TF | (arg & 0));
}

static uint64_t on_wild_stack(uint64_t sp)
{
	uint64_t rax = 6;

	__asm__ __volatile__("mov %%rsp, %%rbx\n\t"
			     "mov %1, %%rsp\n\t"
			     "syscall\n\t"
			     "mov %%rbx, %%rsp"
			     : "+a"(rax)
			     : "r"(sp)
			     : "rbx", "rcx", "r11", "rdi", "memory", "cc");
	return rax;
}

static void stacks(void)
{
	static const uint64_t list[] = { 0,	     1,		  UNMAPPED, NONCANONICAL,
					 CORE_START, CORE_MIDDLE, ~0ul,	    7 };
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		EXPECT_RC(user_run(on_wild_stack, list[i]), 1006);
		EXPECT(seen.rsp == list[i]);
	}
	TRAP_TRY(&t, user_run(step_over_syscall, 0));
	EXPECT(t.hit && t.vector == TRAP_DB);
}

static uint64_t jump(uint64_t to)
{
	((void (*)(void))to)();
	return 0;
}

static uint64_t touch(uint64_t va)
{
	return peek(va);
}

static uint64_t fault_without_stack(uint64_t arg)
{
	__asm__ __volatile__("xor %%esp, %%esp\n\tud2" : : "r"(arg));
	return 0;
}

static void exceptions(void)
{
	static const uint64_t places[] = { UNMAPPED, CORE_START, CORE_MIDDLE };
	unsigned int i;
	struct trap t;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		TRAP_TRY(&t, user_run(jump, places[i]));
		EXPECT(t.hit && t.vector == TRAP_PF && t.rip == places[i]);
		EXPECT(t.error & PFEC_U);
	}
	TRAP_TRY(&t, user_run(jump, NONCANONICAL));
	EXPECT(t.hit && t.vector == TRAP_GP);
	TRAP_TRY(&t, user_run(touch, CORE_MIDDLE));
	EXPECT(t.hit && t.vector == TRAP_PF && t.cr2 == CORE_MIDDLE);
	TRAP_TRY(&t, user_run(fault_without_stack, 0));
	EXPECT(t.hit && t.vector == TRAP_UD && t.rsp == 0);
}

/* SYSCALL as the last instruction below the end of the canonical half: what
 * follows it is no address, and the return goes to nowhere in user mode. */
static void end_of_space(void)
{
	const unsigned long top = NONCANONICAL - PAGE_SIZE;
	uint8_t *page = page_alloc();
	struct trap t;

	page[PAGE_SIZE - 2] = 0x0f;
	page[PAGE_SIZE - 1] = 0x05;
	NEED(map_frame(top, virt_to_mfn(page), PTE_RO) == 0);
	user_l4();
	NEED(mmu_set(virt_to_maddr(&user_l4()[255]), mm_l4()[255]) == 0);
	TRAP_TRY(&t, user_run(jump, top + PAGE_SIZE - 2));
	EXPECT(t.hit);
	EXPECT(t.vector == TRAP_GP || t.vector == TRAP_PF || t.vector == SHIM_VECTOR_FAILSAFE);
	EXPECT_RC(user_run(as_hypercall, 3), 1003);
}

static uint64_t sysenter(uint64_t arg)
{
	(void)arg;
	__asm__ __volatile__("sysenter" ::: "memory", "cc");
	return 0;
}

static uint64_t send_event(uint64_t port)
{
	(void)user_syscall(9, port);
	kept = events;
	return 0;
}

static uint64_t on_send(struct trap_regs *regs)
{
	/* Held off while the kernel serves the call. */
	events_off();
	(void)evtchn_send((unsigned int)regs->rdi);
	return 0;
}

static void others(void)
{
	long port = evtchn_bind_ipi(0);
	struct trap t;

	TRAP_TRY(&t, user_run(sysenter, 0));
	EXPECT(t.hit && (t.vector == TRAP_GP || t.vector == TRAP_UD));

	/* An event that becomes due on the way out, by iret, to user mode. */
	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	trap_set_hook(SHIM_VECTOR_EVENT, on_upcall);
	user_set_syscall(on_send);
	events = 0;
	(void)user_run(send_event, (uint64_t)port);
	EXPECT_RC(kept, 1);
	EXPECT((event_cs & 3) == 3);
	trap_set_hook(SHIM_VECTOR_EVENT, NULL);
	user_set_syscall(on_syscall);
}

/* A handler that the guest took back: #UD in user mode, not a crash. */
static void no_callback(void)
{
	struct trap t;

	if (hyp_set_callbacks((unsigned long)shim_event_callback,
			      (unsigned long)shim_failsafe_callback, 0) != 0) {
		return;
	}
	TRAP_TRY(&t, user_run(as_hypercall, 1));
	EXPECT(t.hit);
	EXPECT_RC(hyp_set_callbacks((unsigned long)shim_event_callback,
				    (unsigned long)shim_failsafe_callback,
				    (unsigned long)shim_syscall_callback),
		  0);
	EXPECT_RC(user_run(as_hypercall, 2), 1002);
}

void test(void)
{
	registers();
	no_hypercalls();
	flags();
	stacks();
	exceptions();
	end_of_space();
	others();
	if (!test_arg("keep-callback")) {
		no_callback();
	}
}

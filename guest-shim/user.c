/* SPDX-License-Identifier: MIT */
/*
 * Guest user mode. Its L4 table differs from the kernel's, but shows the same
 * memory: enough to see how the core changes modes, and what it lets user mode
 * do. System call 0 ends user mode, all others go to the guest's function.
 */
#include "shim.h"

#define RFLAGS_IF 0x200ul
#define CORE_FIRST 256u /* L4 slots of the core */
#define CORE_END 272u

uint64_t user_enter(uint64_t *saved_sp, uint64_t rip, uint64_t arg, uint64_t user_sp,
		    uint64_t rflags);
void user_leave(uint64_t saved_sp, uint64_t value) __attribute__((noreturn));
void user_start(void);
void shim_user_syscall(struct trap_regs *regs);

static uint64_t saved_sp;
static user_syscall_fn *on_syscall;
static uint64_t *l4;
static void *stack;

uint64_t *user_l4(void)
{
	unsigned int i;

	if (l4 != NULL) {
		return l4;
	}
	l4 = page_alloc();
	for (i = 0; i < TABLE_ENTRIES; i++) {
		if (i < CORE_FIRST || i >= CORE_END) {
			l4[i] = mm_l4()[i];
		}
	}
	page_protect(l4, false);
	if (mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)) != 0 ||
	    mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(l4)) != 0) {
		shim_panic("no user page table");
	}
	return l4;
}

uint64_t user_run_flags(user_fn *fn, uint64_t arg, uint64_t rflags)
{
	uint64_t *sp;

	(void)user_l4();
	if (stack == NULL) {
		stack = page_alloc();
	}
	sp = (uint64_t *)((char *)stack + PAGE_SIZE - 64);
	*sp = (uint64_t)fn;
	return user_enter(&saved_sp, (uint64_t)user_start, arg, (uint64_t)sp, rflags | RFLAGS_IF);
}

uint64_t user_run(user_fn *fn, uint64_t arg)
{
	return user_run_flags(fn, arg, 0);
}

uint64_t user_syscall(uint64_t nr, uint64_t arg)
{
	__asm__ __volatile__("syscall" : "+a"(nr), "+D"(arg) : : "rcx", "r11", "memory", "cc");
	return nr;
}

void user_set_syscall(user_syscall_fn *fn)
{
	on_syscall = fn;
}

void shim_user_syscall(struct trap_regs *regs)
{
	if (regs->rax == 0) {
		user_leave(saved_sp, regs->rdi);
	}
	regs->rax = on_syscall != NULL ? on_syscall(regs) : (uint64_t)-XEN_ENOSYS;
}

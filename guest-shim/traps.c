/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the trap table, what happens at the C end of every entry into
 * the guest kernel, and the expected exceptions of TRAP_TRY.
 *
 * A vCPU has a chain of places to resume at, innermost first; an exception
 * that no hook deals with goes to the innermost one, and without any ends the
 * guest with its registers on the console.
 */
#include "shim.h"

#define VECTORS 256
#define HOOKS (SHIM_VECTOR_NMI + 1)
#define ENTRY_SIZE 32 /* entry.S */
#define EXCEPTIONS 32
#define TRAP_BP 3
#define TRAP_OF 4
#define TRAP_PF 14

extern const char shim_vectors[];
void trap_resume(struct trap_catch *c) __attribute__((noreturn));
void shim_trap(struct trap_regs *regs);
void shim_upcall(void);
void shim_user_syscall(struct trap_regs *regs);

struct trap_info shim_trap_table[EXCEPTIONS + 1];

static struct trap_catch *catches[SHIM_MAX_CPUS];
static trap_hook_fn *hooks[HOOKS];

unsigned long trap_entry(unsigned int vector)
{
	return (unsigned long)shim_vectors + vector * ENTRY_SIZE;
}

void traps_init(void)
{
	unsigned int i;

	for (i = 0; i < EXCEPTIONS; i++) {
		shim_trap_table[i] = (struct trap_info){
			.vector = (uint8_t)i,
			.flags = i == TRAP_BP || i == TRAP_OF ? 3 : 0,
			.cs = FLAT_KERNEL_CS,
			.address = trap_entry(i),
		};
	}
	if (hyp_set_trap_table(shim_trap_table) != 0 ||
	    hyp_set_callbacks((unsigned long)shim_event_callback,
			      (unsigned long)shim_failsafe_callback,
			      (unsigned long)shim_syscall_callback) != 0) {
		shim_panic("cannot register handlers");
	}
}

void trap_set_hook(unsigned int vector, trap_hook_fn *fn)
{
	hooks[vector] = fn;
}

void trap_catch_begin(struct trap_catch *c)
{
	c->trap = (struct trap){ 0 };
	c->outer = catches[cpu_id()];
	catches[cpu_id()] = c;
}

void trap_catch_end(struct trap_catch *c, struct trap *t)
{
	catches[cpu_id()] = c->outer;
	*t = c->trap;
}

static void die(const struct trap_regs *r)
{
	print("shim: rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx,
	      r->rdx);
	print("shim: rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", r->rsi, r->rdi, r->rbp,
	      r->rsp);
	shim_panic("unexpected trap %lu, error %lx, cr2 %lx, at %lx:%lx, "
		   "flags %lx",
		   r->vector, r->error, evtchn_vcpu_info()->arch.cr2, r->cs, r->rip, r->rflags);
}

void shim_trap(struct trap_regs *regs)
{
	struct trap_catch *c = catches[cpu_id()];

	if (regs->vector < HOOKS && hooks[regs->vector] != NULL && hooks[regs->vector](regs)) {
		return;
	}
	if (regs->vector == SHIM_VECTOR_EVENT) {
		shim_upcall();
		return;
	}
	if (regs->vector == SHIM_VECTOR_SYSCALL) {
		shim_user_syscall(regs);
		return;
	}
	if (c == NULL) {
		die(regs);
	}
	c->trap = (struct trap){
		.hit = true,
		.vector = (unsigned int)regs->vector,
		.error = regs->error,
		.cr2 = regs->vector == TRAP_PF ? evtchn_vcpu_info()->arch.cr2 : 0,
		.rip = regs->rip,
		.rsp = regs->rsp,
		.rflags = regs->rflags,
		.cs = regs->cs,
	};
	/* The frame is left behind: an entry from the kernel has not changed
	 * the event mask, and one from user mode ends that user mode. */
	trap_resume(c);
}

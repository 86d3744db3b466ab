/* SPDX-License-Identifier: MIT */
/*
 * Entries into the core and the way back, as entry.S and traps.c of hv/x86
 * make them, and what a CPU does while it waits.  One thread plays all CPUs:
 * a CPU that spins in the core lets the others run their exit paths
 * (arch_cpu_relax), and one with nothing to do leaves the core by a jump out
 * of arch_idle() and comes back when something was raised.
 */
#include "fake.h"

#include <hv/check.h>
#include <hv/entry.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/sched.h>
#include <hv/trap.h>

#define PFEC_RSVD 8u
#define PFEC_I 16u
#define SYSCALL_LEN 2
#define RELAX_MAX 10000ul
#define RESTART_MAX 1000000ul

void fake_no_lock_held(const char *where)
{
	if (this_cpu()->ranks_held != 0) {
		fake_die("%s with a lock held", where);
	}
}

struct vcpu *fake_running(void)
{
	struct vcpu *v = this_cpu()->curr;

	return v != NULL && v->running && !fake.cpus[fake_self()].idle ? v : NULL;
}

#ifndef FAKE_THREADS
/* ---- Waiting ------------------------------------------------------------------ */

void arch_idle(void)
{
	fake_no_lock_held("idle");
	if (fake.cpus[fake.cpu].idle_jump == NULL) {
		fake_die("idle outside an exit path");
	}
	longjmp(*fake.cpus[fake.cpu].idle_jump, 1);
}

void arch_irq_window(void)
{
	bool stop = false;

	fake_no_lock_held("interrupt window");
	fake_advance(fake.window_ns);
	if (fake.preempt_countdown != 0 && --fake.preempt_countdown == 0) {
		stop = true;
	}
	if (fake.preempt_chance != 0 && fake_random() % fake.preempt_chance == 0) {
		stop = true;
	}
	if (stop) {
		softirq_raise(fake.cpu, SOFTIRQ_KICK);
	}
}

/* The others get on while this CPU spins. */
void arch_cpu_relax(void)
{
	unsigned int self = fake.cpu;

	if (++fake.relaxed > RELAX_MAX) {
		fake_die("CPU %u spins for ever", self);
	}
	for (unsigned int i = 0; i < fake.config.cpus; i++) {
		if (i != self && !fake.cpus[i].inside &&
		    (fake.cpus[i].ipi || fake.percpu[i].softirq != 0)) {
			fake.cpu = i;
			fake_exit();
		}
	}
	fake.cpu = self;
}
#endif

/* ---- Exit ---------------------------------------------------------------------- */

struct guest_regs *exit_to_guest(void)
{
	struct percpu *p = this_cpu();
	struct vcpu *v;

	for (;;) {
		if (READ_ONCE(p->softirq) != 0) {
			softirq_process();
			continue;
		}
		v = p->curr;
		v->kick = 0;
		if (READ_ONCE(v->nmi_pending)) {
			bounce_nmi(&v->regs);
		}
		if (vcpu_event_pending(v)) {
			bounce_event(&v->regs);
		}
		if (READ_ONCE(p->softirq) == 0) {
			return &v->regs;
		}
	}
}

/* What IRETQ and SYSRET would refuse must not get that far. */
void fake_check_regs(const struct vcpu *v)
{
	const struct guest_regs *r = &v->regs;

	if ((r->rflags & X86_EFLAGS_IF) == 0 ||
	    (r->rflags & (X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP)) !=
		    0) {
		fake_die("d%uv%u enters with rflags %#lx", v->domain->id, v->id,
			 (unsigned long)r->rflags);
	}
	if ((r->cs & 3) != 3 || (r->ss & 3) != 3) {
		fake_die("d%uv%u enters with cs %#x ss %#x", v->domain->id, v->id, r->cs, r->ss);
	}
}

#ifndef FAKE_THREADS
void fake_exit(void)
{
	struct fake_cpu *c = &fake.cpus[fake.cpu];
	struct percpu *p = this_cpu();
	jmp_buf jump, *outer = c->idle_jump;

	fake_no_lock_held("exit to the guest");
	c->ipi = false;
	c->inside = true;
	c->idle_jump = &jump;
	if (setjmp(jump) == 0) {
		if (p->softirq == 0 && (p->curr == NULL || !p->curr->running)) {
			arch_idle();
		}
		(void)exit_to_guest();
		c->idle = false;
		fake_check_regs(p->curr);
	} else {
		c->idle = true;
	}
	c->idle_jump = outer;
	c->inside = false;
	fake.relaxed = 0;
	fake_no_lock_held("in the guest");
	fake_tlb_check();
}

void fake_settle(void)
{
	unsigned int self = fake.cpu;
	bool more = true;

	for (unsigned int rounds = 0; more; rounds++) {
		if (rounds > RELAX_MAX) {
			fake_die("the CPUs keep each other busy");
		}
		more = false;
		for (unsigned int i = 0; i < fake.config.cpus; i++) {
			if (fake.cpus[i].ipi || fake.percpu[i].softirq != 0) {
				fake.cpu = i;
				fake_exit();
				more = true;
			}
		}
	}
	fake.cpu = self;
}

bool fake_run(struct vcpu *v)
{
	for (unsigned int i = 0; i < 2 * MAX_VCPUS; i++) {
		/* Where it runs or, if it waits, where it may get a turn. */
		fake_settle();
		fake.cpu = v->loaded || (v->affinity >> v->cpu & 1) != 0 ?
				   v->cpu :
				   (unsigned int)__builtin_ctzll(v->affinity);
		fake_exit();
		if (fake_running() == v) {
			return true;
		}
		if (fake_running() == NULL) {
			return false;
		}
		/* Those ahead of it use up what they may. */
		if (i >= 8) {
			fake_advance(1000000);
		}
		sched_yield();
	}
	return false;
}
#endif

/* ---- Entries --------------------------------------------------------------------- */

static void enter(void)
{
	struct fake_cpu *c = &fake.cpus[fake_self()];

	if (fake_running() == NULL) {
		fake_die("entry from a CPU that runs no guest");
	}
	c->inside = true;
}

void fake_hypercall_once(void)
{
	struct vcpu *v = fake_running();

	enter();
	if (!v->in_kernel) {
		fake_die("hypercall from user mode");
	}
	hypercall_dispatch(&v->regs);
	fake_exit();
}

long fake_hypercall(unsigned long nr, const uint64_t args[5])
{
	struct vcpu *v = fake_running();
	uint64_t rip;

	if (v == NULL) {
		fake_die("hypercall %lu of nobody", nr);
	}
	rip = v->regs.rip;
	v->regs.rax = nr;
	v->regs.rdi = args[0];
	v->regs.rsi = args[1];
	v->regs.rdx = args[2];
	v->regs.r10 = args[3];
	v->regs.r8 = args[4];
	for (unsigned long i = 0; i < RESTART_MAX; i++) {
		v->regs.rip = rip + SYSCALL_LEN;
		fake_hypercall_once();
		if (v->regs.rip == rip + SYSCALL_LEN) {
			long result = (long)v->regs.rax;

			v->regs.rip = rip;
			return result;
		}
		if (v->regs.rip != rip || !fake_run(v)) {
			return FAKE_LOST;
		}
	}
	fake_die("hypercall %lu never ends", nr);
}

static void page_fault(struct vcpu *v, uint32_t error, uint64_t cr2)
{
	struct guest_regs *regs = &v->regs;
	bool core = cr2 >= CORE_VIRT_START && cr2 < CORE_VIRT_END;

	if (!core && v->in_kernel &&
	    (error & (PFEC_P | PFEC_W | PFEC_RSVD | PFEC_I)) == (PFEC_P | PFEC_W) &&
	    emul_pte_write(regs, cr2) == EMUL_DONE) {
		return;
	}
	if (v->in_kernel) {
		error &= ~PFEC_U;
	}
	bounce_exception(regs, TRAP_PF, error, cr2);
}

void fake_exception(unsigned int vector, uint32_t error, uint64_t cr2)
{
	struct vcpu *v = fake_running();
	struct guest_regs *regs = &v->regs;
	enum emul_result r = EMUL_BOUNCE;

	enter();
	regs->vector = vector;
	regs->error_code = error;
	if (vector == TRAP_PF) {
		page_fault(v, error, cr2);
	} else {
		if (vector == TRAP_GP) {
			r = emul_privileged(regs);
		} else if (vector == TRAP_UD) {
			r = emul_forced(regs);
		}
		if (r == EMUL_BOUNCE) {
			bounce_exception(regs, vector, error, 0);
		} else if (r == EMUL_FAULT) {
			bounce_exception(regs, TRAP_GP, 0, 0);
		}
	}
	fake_exit();
}

bool fake_guest_store(uint64_t va, uint64_t value, unsigned int bytes)
{
	static const uint8_t mov[4][4] = {
		{ 3, 0x40, 0x88, 0x07 }, /* mov %al,(%rdi), by bytes */
		{ 3, 0x66, 0x89, 0x07 },
		{ 2, 0x89, 0x07, 0x90 },
		{ 3, 0x48, 0x89, 0x07 },
	};
	const uint8_t *insn = mov[__builtin_ctz(bytes)];
	struct vcpu *v = fake_running();
	uint64_t rip = v->regs.rip, cr2;
	uint32_t error;

	if (fake_guest_access(va, &value, bytes, FAKE_WRITE, &error, &cr2) == 0) {
		return true;
	}
	/* A guest that has taken its own code page away cannot do it. */
	if (!fake_guest_write(rip, insn + 1, insn[0])) {
		return false;
	}
	v->regs.rax = value;
	v->regs.rdi = va;
	fake_exception(TRAP_PF, error, cr2);
	if (v->regs.rip != rip + insn[0]) {
		return false;
	}
	v->regs.rip = rip;
	return true;
}

/* Start-up ends here; see main.c. */
void arch_enter_guest_loop(void)
{
	if (fake_machine_end == NULL) {
		fake_die("nobody waits for the end of start-up");
	}
	longjmp(*fake_machine_end, 2);
}

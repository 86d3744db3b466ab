/* SPDX-License-Identifier: MIT */
/*
 * From a frame to what it means: an exception of the guest is emulated or
 * bounced to the guest's own handler; one of the core is a fixup or a bug; an
 * interrupt goes to irq_handle().  Called by entry.S only, interrupts off, on
 * the CPU's stack.  Owns no data; takes no lock.
 */

#include <arch/switch.h>

#include <hv/entry.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/sched.h>

#include <switch.h>

_Static_assert((offsetof(struct vcpu, regs) + sizeof(struct guest_regs)) % 16 == 0,
	       "TSS.rsp0 is aligned, or the frame is pushed elsewhere");
_Static_assert(offsetof(struct guest_regs, ss) == 160, "entry.S: pushes");

#define BIT(vector) (1u << (vector))
/* Exceptions that go to the guest as they are, if nothing else is done. */
#define BOUNCED                                                                                    \
	(BIT(TRAP_DE) | BIT(TRAP_DB) | BIT(TRAP_NM) | BIT(TRAP_BP) | BIT(TRAP_OF) | BIT(TRAP_BR) | \
	 BIT(TRAP_UD) | BIT(TRAP_TS) | BIT(TRAP_NP) | BIT(TRAP_SS) | BIT(TRAP_GP) | BIT(TRAP_MF) | \
	 BIT(TRAP_AC) | BIT(TRAP_XM))

/* --- Exceptions of a guest ------------------------------------------------- */

/*
 * The processor reads the LDT through the core's window, so a page of it that
 * is not mapped yet faults there, as a supervisor access.  If the guest's own
 * LDT address is not mapped either, that is what the guest is told.
 */
static bool fix_ldt_fault(struct vcpu *v, uint64_t *cr2, uint32_t error)
{
	uint64_t base = LDT_WINDOW(this_cpu()->id);
	uint64_t offset = *cr2 - base;

	if (offset >= 16 * PAGE_SIZE || (error & PFEC_U)) {
		return false;
	}
	if (offset / 8 < v->ldt_entries && ldt_map_fault(v, (unsigned int)(offset >> PAGE_SHIFT))) {
		return true;
	}
	*cr2 = v->ldt_base + offset;
	return false;
}

static void guest_page_fault(struct guest_regs *regs, struct vcpu *v)
{
	uint64_t cr2 = READ_REG(cr2);
	uint32_t error = regs->error_code;

	if (cr2 >= CORE_VIRT_START && cr2 < CORE_VIRT_END) {
		if (fix_ldt_fault(v, &cr2, error)) {
			return;
		}
	} else if (v->in_kernel && (error & ~PFEC_U) == (PFEC_P | PFEC_W) &&
		   emul_pte_write(regs, cr2) == EMUL_DONE) {
		return;
	}
	/* In ring 3 every fault says "user"; the guest kernel is not. */
	if (v->in_kernel) {
		error &= ~PFEC_U;
	}
	bounce_exception(regs, TRAP_PF, error, cr2);
}

static void guest_exception(struct guest_regs *regs, struct vcpu *v)
{
	enum emul_result r = EMUL_BOUNCE;

	switch (regs->vector) {
	case TRAP_NM:
		/* State is always loaded: only the guest's own TS does it. */
		arch_set_cr0_ts(v, false);
		break;
	case TRAP_DB:
		v->dr[6] = READ_REG(db6);
		WRITE_REG(db6, DR6_FIXED);
		break;
	case TRAP_GP:
		r = emul_privileged(regs);
		break;
	case TRAP_UD:
		r = emul_forced(regs);
		break;
	}
	if ((BIT(regs->vector) & BOUNCED) == 0) {
		(void)domain_crash(v->domain, "unexpected exception %u", regs->vector);
	} else if (r == EMUL_BOUNCE) {
		bounce_exception(regs, regs->vector, regs->error_code, 0);
	} else if (r == EMUL_FAULT) {
		bounce_exception(regs, TRAP_GP, 0, 0);
	}
}

void entry_from_guest(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();

	irqs_off_begin();
	if (likely(regs->vector == TRAP_PF)) {
		guest_page_fault(regs, v);
	} else if (regs->vector == VECTOR_GUEST_INT80) {
		bounce_interrupt(regs, VECTOR_GUEST_INT80);
	} else if (regs->vector >= 32) {
		irq_handle(regs->vector);
	} else {
		guest_exception(regs, v);
	}
}

void entry_hypercall(struct guest_regs *regs)
{
	irqs_off_begin();
	hypercall_dispatch(regs);
}

void entry_iret_pending(struct guest_regs *regs UNUSED)
{
	arch_toggle_mode(current_vcpu(), false);
}

/* --- Exceptions of the core --------------------------------------------------- */

static bool fix_core_fault(struct guest_regs *regs)
{
	for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
		if ((uint64_t)&e->insn + e->insn == regs->rip) {
			regs->rip = (uint64_t)&e->fixup + e->fixup;
			/* Without the access to guest memory that was open. */
			regs->rflags &= ~(uint64_t)X86_EFLAGS_AC;
			return true;
		}
	}
	return false;
}

static void noreturn_fn core_panic(const struct guest_regs *r)
{
	printk_panic_mode();
	regs_print(r);
	panic("%s %u (error %x, cr2 %lx) in the core at %lx",
	      r->vector == TRAP_MC ? "machine check" :
	      r->vector == TRAP_DF ? "double fault" :
				     "exception",
	      r->vector, r->error_code, READ_REG(cr2), r->rip);
}

void entry_from_core(struct guest_regs *regs)
{
	if (regs->vector >= 32) {
		irq_handle(regs->vector);
	} else if (!fix_core_fault(regs)) {
		core_panic(regs);
	}
}

/*
 * A breakpoint of the guest that the core ran into while it touched guest
 * memory, or one deferred over the first instruction of a syscall.  It belongs
 * to nobody: forget it.
 */
void entry_debug_core(struct guest_regs *regs)
{
	regs->rflags &= ~(uint64_t)X86_EFLAGS_TF;
	WRITE_REG(db6, DR6_FIXED);
}

void entry_nmi(struct guest_regs *regs)
{
	/* An NMI may hit a lock holder, so it cannot even be logged here. */
	if (regs->vector != TRAP_NMI) {
		core_panic(regs);
	}
}

/* --- Back to the guest ------------------------------------------------------------- */

/* What waits is done until nothing does. */
static __attribute__((noinline)) void exit_work(struct percpu *p)
{
	do {
		struct vcpu *v;

		if (READ_ONCE(p->softirq) != 0) {
			softirq_process();
		}
		v = p->curr;
		__atomic_store_n(&v->kick, 0, __ATOMIC_SEQ_CST);
		if (READ_ONCE(v->nmi_pending)) {
			bounce_nmi(&v->regs);
		}
		if (vcpu_event_pending(v)) {
			bounce_event(&v->regs);
		}
	} while (READ_ONCE(p->softirq) != 0);
}

struct guest_regs *exit_to_guest(void)
{
	struct percpu *p = this_cpu();
	struct vcpu *v = p->curr;

	/* Before the first vCPU there is none, and a softirq to choose it. */
	if (likely(v != NULL)) {
		/* Whatever a kick was for is looked at from here on. */
		__atomic_store_n(&v->kick, 0, __ATOMIC_SEQ_CST);
	}
	if (unlikely(READ_ONCE(p->softirq) != 0 || v->nmi_pending || vcpu_event_pending(v))) {
		exit_work(p);
	}
	irqs_off_end();
	return &p->curr->regs;
}

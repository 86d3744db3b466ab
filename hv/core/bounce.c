/* SPDX-License-Identifier: MIT */
/*
 * Builds the frame of an exception, upcall, syscall or failsafe on a guest's
 * kernel stack and points its registers at the handler.  Called by the trap
 * path and by the exit path for the current vCPU; takes no lock.  A guest
 * without a handler or with an unusable stack is crashed, nothing else.
 *
 * The frame, lowest address first:
 *
 *   rcx r11 [ds es fs gs] [error] rip cs|mask rflags rsp ss
 *
 * entry.S builds the one of SYSCALL itself when nothing unusual is about it;
 * bounce_syscall() is for the rest.
 */

#include <arch/switch.h>

#include <hv/guest_access.h>
#include <hv/trap.h>
#include <hv/vcpu.h>

#define HANDLER_CLEARS                                                                     \
	(X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF | \
	 X86_EFLAGS_VM | X86_EFLAGS_AC)

#define WITH_ERROR_CODE                                                                  \
	(1u << TRAP_DF | 1u << TRAP_TS | 1u << TRAP_NP | 1u << TRAP_SS | 1u << TRAP_GP | \
	 1u << TRAP_PF | 1u << TRAP_AC)

#define FRAME_WORDS 12

struct handler {
	uint64_t address;
	bool mask; /* hold events off on entry */
	bool has_error;
	bool failsafe; /* the data selectors go into the frame, and stay loaded */
	uint32_t error;
};

/*
 * `from_user` is the mode that was interrupted, whose stack is not used; the
 * vCPU itself may have been switched to its kernel already.
 */
static void enter_handler(struct guest_regs *regs, struct vcpu *v, const struct handler *h,
			  bool from_user)
{
	bool masked = READ_ONCE(v->info->evtchn_upcall_mask) != 0;
	uint64_t rflags = regs->rflags & ~(uint64_t)X86_EFLAGS_IOPL;
	uint64_t frame[FRAME_WORDS];
	uint64_t cs = from_user ? regs->cs : (regs->cs & ~3ull);
	uint64_t sp = from_user ? v->kernel_sp : regs->rsp;
	uint16_t sel[4];
	unsigned int n = 0;

	frame[n++] = regs->rcx;
	frame[n++] = regs->r11;
	if (h->failsafe) {
		arch_read_selectors(sel);
		for (unsigned int i = 0; i < ARRAY_SIZE(sel); i++) {
			frame[n++] = sel[i];
		}
	}
	if (h->has_error) {
		frame[n++] = h->error;
	}
	frame[n++] = regs->rip;
	frame[n++] = cs | ((uint64_t)masked << 32);
	/* IF and IOPL are those of the guest. */
	frame[n++] = (masked ? rflags & ~(uint64_t)X86_EFLAGS_IF : rflags | X86_EFLAGS_IF) |
		     v->iopl_flags;
	frame[n++] = regs->rsp;
	frame[n++] = regs->ss;

	if (!v->in_kernel) {
		arch_toggle_mode(v, true);
	}
	sp = (sp & ~15ull) - n * sizeof(frame[0]);
	if (copy_to_guest(guest_ptr(sp), frame, n * sizeof(frame[0])) != 0) {
		domain_crash(v->domain, "kernel stack %lx not writable for entry to %lx", sp,
			     h->address);
		return;
	}
	if (h->mask) {
		WRITE_ONCE(v->info->evtchn_upcall_mask, 1);
	}
	regs->rip = h->address;
	regs->cs = FLAT_RING3_CS64;
	regs->ss = FLAT_RING3_SS64;
	regs->rsp = sp;
	regs->rflags = (regs->rflags & ~(uint64_t)HANDLER_CLEARS) | X86_EFLAGS_IF;
}

void bounce_exception(struct guest_regs *regs, unsigned int vector, uint32_t error_code,
		      uint64_t cr2)
{
	struct vcpu *v = current_vcpu();
	struct handler h = { .address = v->trap_address[vector],
			     .mask = (v->trap_flags[vector] & 4) != 0,
			     .has_error = (WITH_ERROR_CODE >> vector & 1) != 0,
			     .error = error_code };

	ASSERT(vector < 32);
	if (vector == TRAP_PF) {
		v->cr2 = cr2;
		v->info->arch.cr2 = cr2;
	}
	if (h.address == 0) {
		domain_crash(v->domain,
			     "no handler for exception %u (error %x, address %lx) at %lx", vector,
			     error_code, cr2, regs->rip);
		return;
	}
	enter_handler(regs, v, &h, !v->in_kernel);
}

void bounce_interrupt(struct guest_regs *regs, unsigned int vector)
{
	struct vcpu *v = current_vcpu();
	uint8_t flags = v->trap_flags[vector & 0xff];
	struct handler h = { .address = v->trap_address[vector & 0xff], .mask = (flags & 4) != 0 };

	if (h.address == 0 || (flags & 3) < (v->in_kernel ? 1 : 3)) {
		/* As the processor: at the instruction, which is 2 bytes. */
		regs->rip -= 2;
		bounce_exception(regs, TRAP_GP, (vector & 0xff) * 8 + 2, 0);
		return;
	}
	enter_handler(regs, v, &h, !v->in_kernel);
}

void bounce_event(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct handler h = { .address = v->event_entry, .mask = true };

	if (h.address == 0) {
		domain_crash(v->domain, "event without a registered callback");
		return;
	}
	enter_handler(regs, v, &h, !v->in_kernel);
}

void bounce_nmi(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct handler h = { .address = v->trap_address[TRAP_NMI], .mask = true };

	__atomic_store_n(&v->nmi_pending, false, __ATOMIC_RELAXED);
	if (h.address != 0) {
		enter_handler(regs, v, &h, !v->in_kernel);
	}
}

void bounce_failsafe(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct handler h = { .address = v->failsafe_entry,
			     .mask = v->failsafe_masks != 0,
			     .failsafe = true };

	if (h.address == 0) {
		domain_crash(v->domain,
			     "return to cs %x rip %lx ss %x failed, no failsafe callback", regs->cs,
			     regs->rip, regs->ss);
		return;
	}
	enter_handler(regs, v, &h, !v->in_kernel);
}

void bounce_syscall(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct handler h = { .address = v->syscall_entry, .mask = v->syscall_masks != 0 };

	if (h.address == 0) {
		regs->rip -= 2;
		bounce_exception(regs, TRAP_UD, 0, 0);
		return;
	}
	enter_handler(regs, v, &h, true);
}

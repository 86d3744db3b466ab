/* SPDX-License-Identifier: MIT */
/*
 * Port I/O instructions of a guest: in, out, ins, outs, from guest-kernel mode
 * with virtual IOPL 1 and from guest-user mode with virtual IOPL 3.  emul.c
 * calls for the current vCPU, no lock held.  Which ports exist for a domain is
 * ioport.c's to say; a port that is not the domain's reads all ones and never
 * faults.
 */
#include <hv/emul.h>

#include <arch/paging.h>

#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/vcpu.h>

/* Elements of a string instruction before interrupts are let in. */
#define STRING_BUDGET 64u

bool emul_io_allowed(const struct vcpu *v)
{
	return v->iopl >= (v->in_kernel ? 1 : 3);
}

static enum emul_result port_single(struct vcpu *v, struct guest_regs *regs,
				    const struct insn *in)
{
	uint16_t port = in->has_imm ? (uint8_t)in->imm : (uint16_t)regs->rdx;
	uint64_t value;

	if (in->op == INSN_IN) {
		value = ioport_read(v->domain, port, in->bytes);
		insn_reg_write(in, regs, INSN_RAX, value);
	} else {
		value = insn_reg_read(in, regs, INSN_RAX);
		ioport_write(v->domain, port, in->bytes, (uint32_t)value);
	}
	return emul_complete(v, regs, in->length);
}

/* The guest's own memory refused the access: its page fault to handle. */
static enum emul_result memory_fault(struct vcpu *v, struct guest_regs *regs,
				     uint64_t va, unsigned int bytes,
				     bool write)
{
	uint32_t code = write ? PFEC_W : 0;
	uint64_t last = va + bytes - 1;

	if (!guest_range_ok(guest_ptr(va), bytes)) {
		return EMUL_FAULT;
	}
	if (((va ^ last) & PAGE_MASK) &&
	    guest_walk_frame(v, va, write) != ~0ul) {
		va = last & PAGE_MASK; /* the second page, then */
	}
	if (guest_walk_frame(v, va, false) != ~0ul) {
		code |= PFEC_P;
	}
	if (!v->in_kernel) {
		code |= PFEC_U;
	}
	bounce_exception(regs, TRAP_PF, code, va);
	return EMUL_DONE;
}

/* One element; EMUL_BOUNCE stands for "go on". */
static enum emul_result string_step(struct vcpu *v, struct guest_regs *regs,
				    const struct insn *in, uint64_t va)
{
	uint16_t port = (uint16_t)regs->rdx;
	unsigned int bytes = in->bytes;
	uint64_t last = va + bytes - 1;
	uint32_t value = 0;

	if (in->op == INSN_OUTS) {
		if (copy_from_guest(&value, guest_ptr(va), bytes)) {
			return memory_fault(v, regs, va, bytes, false);
		}
		ioport_write(v->domain, port, bytes, value);
		return EMUL_BOUNCE;
	}
	/* A read from a device cannot be taken back: see first that the
	 * destination takes it. */
	if (!guest_range_ok(guest_ptr(va), bytes) ||
	    guest_walk_frame(v, va, true) == ~0ul ||
	    (((va ^ last) & PAGE_MASK) &&
	     guest_walk_frame(v, last, true) == ~0ul)) {
		return memory_fault(v, regs, va, bytes, true);
	}
	value = ioport_read(v->domain, port, bytes);
	if (copy_to_guest(guest_ptr(va), &value, bytes)) {
		return memory_fault(v, regs, va, bytes, true);
	}
	return EMUL_BOUNCE;
}

/*
 * INS and OUTS.  Registers move element by element, so that stopping anywhere
 * with rip unmoved makes the guest execute the rest again: this is how a long
 * one lets interrupts in.
 */
static enum emul_result port_string(struct vcpu *v, struct guest_regs *regs,
				    const struct insn *in)
{
	uint64_t mask = in->addr32 ? UINT32_MAX : UINT64_MAX;
	uint64_t *ptr = in->op == INSN_INS ? &regs->rdi : &regs->rsi;
	uint64_t step = in->bytes;
	unsigned int budget = STRING_BUDGET;
	enum emul_result res;
	uint64_t base = 0;

	if (in->op == INSN_OUTS) {
		base = emul_segment_base(v, in->segment);
	}
	if (regs->rflags & X86_EFLAGS_DF) {
		step = 0 - step;
	}
	if (regs->rflags & X86_EFLAGS_TF) {
		budget = 1; /* traps after each element */
	}
	if (in->rep && (regs->rcx & mask) == 0) {
		return emul_complete(v, regs, in->length);
	}
	while (budget-- > 0) {
		res = string_step(v, regs, in, base + (*ptr & mask));
		if (res != EMUL_BOUNCE) {
			return res;
		}
		*ptr = (*ptr + step) & mask;
		if (!in->rep) {
			return emul_complete(v, regs, in->length);
		}
		regs->rcx = (regs->rcx - 1) & mask;
		if (regs->rcx == 0) {
			return emul_complete(v, regs, in->length);
		}
	}
	return emul_complete(v, regs, 0);
}

enum emul_result emul_port(struct vcpu *v, struct guest_regs *regs,
			   const struct insn *in)
{
	if (!emul_io_allowed(v)) {
		return EMUL_BOUNCE;
	}
	if (in->op == INSN_IN || in->op == INSN_OUT) {
		return port_single(v, regs, in);
	}
	return port_string(v, regs, in);
}

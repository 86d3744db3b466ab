/* SPDX-License-Identifier: MIT */
/*
 * Port I/O instructions of a guest: in, out, ins, outs, from guest-kernel mode
 * with virtual IOPL 1 and from guest-user mode with virtual IOPL 3.  emul.c
 * calls for the current vCPU, no lock held.  Which ports exist for a domain is
 * ioport.c's to say; a port that is not the domain's reads all ones and never
 * faults.
 */
#include <hv/emul.h>

#include <hv/guest_access.h>
#include <hv/irq.h>
#include <hv/mm.h>

/* Elements of a string instruction before interrupts are let in. */
#define STRING_BUDGET 64u

bool emul_io_allowed(const struct vcpu *v)
{
	return v->iopl >= (v->in_kernel ? 1 : 3);
}

static enum emul_result port_single(struct vcpu *v, const struct insn *in)
{
	struct guest_regs *regs = &v->regs;
	uint16_t port = in->has_imm ? (uint8_t)in->imm : (uint16_t)regs->rdx;

	if (in->op == INSN_IN) {
		insn_reg_write(in, regs, INSN_RAX, ioport_read(v->domain, port, in->bytes));
	} else {
		ioport_write(v->domain, port, in->bytes,
			     (uint32_t)insn_reg_read(in, regs, INSN_RAX));
	}
	return emul_complete(v, in->length);
}

/* The first page, by some address in it, that refuses the access; or the last. */
static uint64_t refusing(struct vcpu *v, uint64_t va, unsigned int bytes, bool write)
{
	uint64_t last = va + bytes - 1;

	if (((va ^ last) & PAGE_MASK) == 0 || guest_walk_frame(v, va, write) == ~0ul) {
		return va;
	}
	return last & PAGE_MASK;
}

/* The guest's own memory refused the access: its page fault to handle. */
static enum emul_result memory_fault(struct vcpu *v, uint64_t va, unsigned int bytes, bool write)
{
	uint32_t code = (write ? PFEC_W : 0) | (v->in_kernel ? 0 : PFEC_U);

	if (!guest_range_ok(guest_ptr(va), bytes)) {
		return EMUL_FAULT;
	}
	va = refusing(v, va, bytes, write);
	code |= guest_walk_frame(v, va, false) != ~0ul ? PFEC_P : 0;
	bounce_exception(&v->regs, TRAP_PF, code, va);
	return EMUL_DONE;
}

/* Moves one element; false if memory refuses it. */
static bool string_step(struct vcpu *v, const struct insn *in, uint64_t va)
{
	uint16_t port = (uint16_t)v->regs.rdx;
	uint32_t value = 0;

	if (in->op == INSN_OUTS) {
		if (copy_from_guest(&value, guest_ptr(va), in->bytes)) {
			return false;
		}
		ioport_write(v->domain, port, in->bytes, value);
		return true;
	}
	/* A read from a device cannot be taken back: does the destination take it? */
	if (!guest_range_ok(guest_ptr(va), in->bytes) ||
	    guest_walk_frame(v, refusing(v, va, in->bytes, true), true) == ~0ul) {
		return false;
	}
	value = ioport_read(v->domain, port, in->bytes);
	return copy_to_guest(guest_ptr(va), &value, in->bytes) == 0;
}

/*
 * INS and OUTS.  Registers move element by element, so that stopping anywhere
 * with rip unmoved makes the guest execute the rest again: this is how a long
 * one lets interrupts in.
 */
static enum emul_result port_string(struct vcpu *v, const struct insn *in)
{
	struct guest_regs *regs = &v->regs;
	uint64_t mask = in->prefixes & PREFIX_ADDR32 ? UINT32_MAX : UINT64_MAX;
	bool rep = (in->prefixes & PREFIX_REP) != 0;
	bool to_memory = in->op == INSN_INS;
	uint64_t *ptr = to_memory ? &regs->rdi : &regs->rsi;
	uint64_t base = to_memory ? 0 : emul_segment_base(v, in->segment);
	uint64_t step = regs->rflags & X86_EFLAGS_DF ? 0ull - in->bytes : in->bytes;
	/* A single step traps after each element. */
	unsigned int budget = regs->rflags & X86_EFLAGS_TF ? 1 : STRING_BUDGET;

	for (; !rep || (regs->rcx & mask) != 0; budget--) {
		uint64_t va = base + (*ptr & mask);

		if (budget == 0) {
			return emul_complete(v, 0);
		}
		if (!string_step(v, in, va)) {
			return memory_fault(v, va, in->bytes, to_memory);
		}
		*ptr = (*ptr + step) & mask;
		if (!rep) {
			break;
		}
		regs->rcx = (regs->rcx - 1) & mask;
	}
	return emul_complete(v, in->length);
}

enum emul_result emul_port(struct vcpu *v, const struct insn *in)
{
	return in->op == INSN_IN || in->op == INSN_OUT ? port_single(v, in) : port_string(v, in);
}

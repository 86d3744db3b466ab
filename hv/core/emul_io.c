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
#include <hv/vcpu.h>

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

static bool crosses_page(uint64_t va, unsigned int bytes)
{
	return ((va ^ (va + bytes - 1)) & PAGE_MASK) != 0;
}

/* The guest's own memory refused the access: its page fault to handle. */
static enum emul_result memory_fault(struct vcpu *v, uint64_t va, unsigned int bytes, bool write)
{
	uint32_t code = write ? PFEC_W : 0;

	if (!guest_range_ok(guest_ptr(va), bytes)) {
		return EMUL_FAULT;
	}
	if (crosses_page(va, bytes) && guest_walk_frame(v, va, write) != ~0ul) {
		va = (va + bytes - 1) & PAGE_MASK; /* the second page, then */
	}
	if (guest_walk_frame(v, va, false) != ~0ul) {
		code |= PFEC_P;
	}
	if (!v->in_kernel) {
		code |= PFEC_U;
	}
	bounce_exception(&v->regs, TRAP_PF, code, va);
	return EMUL_DONE;
}

/* A read from a device cannot be taken back: does the destination take it? */
static bool writable(struct vcpu *v, uint64_t va, unsigned int bytes)
{
	return guest_range_ok(guest_ptr(va), bytes) && guest_walk_frame(v, va, true) != ~0ul &&
	       (!crosses_page(va, bytes) || guest_walk_frame(v, va + bytes - 1, true) != ~0ul);
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
	if (!writable(v, va, in->bytes)) {
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
	uint64_t mask = in->addr32 ? UINT32_MAX : UINT64_MAX;
	bool to_memory = in->op == INSN_INS;
	uint64_t *ptr = to_memory ? &regs->rdi : &regs->rsi;
	uint64_t base = to_memory ? 0 : emul_segment_base(v, in->segment);
	uint64_t step = regs->rflags & X86_EFLAGS_DF ? 0ull - in->bytes : in->bytes;
	/* A single step traps after each element. */
	unsigned int budget = regs->rflags & X86_EFLAGS_TF ? 1 : STRING_BUDGET;

	for (; !in->rep || (regs->rcx & mask) != 0; budget--) {
		uint64_t va = base + (*ptr & mask);

		if (budget == 0) {
			return emul_complete(v, 0);
		}
		if (!string_step(v, in, va)) {
			return memory_fault(v, va, in->bytes, to_memory);
		}
		*ptr = (*ptr + step) & mask;
		if (!in->rep) {
			break;
		}
		regs->rcx = (regs->rcx - 1) & mask;
	}
	return emul_complete(v, in->length);
}

enum emul_result emul_port(struct vcpu *v, const struct insn *in)
{
	if (!emul_io_allowed(v)) {
		return EMUL_BOUNCE;
	}
	return in->op == INSN_IN || in->op == INSN_OUT ? port_single(v, in) : port_string(v, in);
}

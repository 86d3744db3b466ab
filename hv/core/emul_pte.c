/* SPDX-License-Identifier: MIT */
/*
 * Plain writes to page-table entries.  A guest's tables are mapped read-only
 * to it, and Linux stores to them all the same (mov, xchg, cmpxchg, and, or,
 * bts, btr): traps.c calls in for a write fault from guest-kernel mode, and
 * the store is done here as the checked update that a hypercall would be.
 * pte_write_emulate() owns locks and checks; nothing here writes to a table.
 * Device frames that pci.c keeps read-only are the other reason for such a
 * fault: a plain store to one is pci.c's to make, change or drop.
 * A read-modify-write is a compare-and-exchange of the whole entry, so it is
 * atomic against other vCPUs and against the CPU's own A and D bits whether
 * or not the guest said LOCK.
 */
#include <hv/emul.h>

#include <hv/mm.h>
#include <hv/pci.h>

/* What an instruction does with the old value of its memory operand. */
struct effect {
	uint64_t value; /* to store */
	uint64_t flags; /* new values of the bits in flags_mask */
	uint64_t flags_mask;
	bool store; /* false: memory stays (cmpxchg that failed) */
};

static uint64_t sign_bit(const struct insn *in)
{
	return insn_mask(in) ^ (insn_mask(in) >> 1);
}

static uint64_t flag_if(bool set, uint64_t flag)
{
	return set ? flag : 0;
}

/* PF, ZF and SF of a result. */
static uint64_t result_flags(const struct insn *in, uint64_t value)
{
	return flag_if(__builtin_parityll(value & 0xff) == 0, X86_EFLAGS_PF) |
	       flag_if(value == 0, X86_EFLAGS_ZF) |
	       flag_if((value & sign_bit(in)) != 0, X86_EFLAGS_SF);
}

/* Flags of a - b. */
static uint64_t compare_flags(const struct insn *in, uint64_t a, uint64_t b)
{
	uint64_t diff = (a - b) & insn_mask(in);
	uint64_t overflow = (a ^ b) & (a ^ diff) & sign_bit(in);

	return result_flags(in, diff) | flag_if(a < b, X86_EFLAGS_CF) |
	       flag_if(((a ^ b ^ diff) & 0x10) != 0, X86_EFLAGS_AF) |
	       flag_if(overflow != 0, X86_EFLAGS_OF);
}

/* Operands are zero extended from the operand size. */
static struct effect compute(const struct insn *in, uint64_t old, uint64_t src,
			     uint64_t accumulator)
{
	struct effect e = { .value = src, .store = true };
	uint64_t bit = 1ull << (src & (8u * in->bytes - 1));

	switch (in->op) {
	case INSN_AND:
	case INSN_OR:
		e.value = in->op == INSN_AND ? old & src : old | src;
		e.flags = result_flags(in, e.value);
		e.flags_mask = X86_EFLAGS_ARITH;
		break;
	case INSN_CMPXCHG:
		e.flags = compare_flags(in, accumulator, old);
		e.flags_mask = X86_EFLAGS_ARITH;
		e.store = accumulator == old;
		break;
	case INSN_BTS:
		e.value = old | bit;
		break;
	case INSN_BTR:
		e.value = old & ~bit;
		break;
	case INSN_BTC:
		e.value = old ^ bit;
		break;
	default: /* xchg */
		break;
	}
	if (in->op >= INSN_BTS) {
		/* The other flags are undefined, ZF excepted: it stays. */
		e.flags = flag_if((old & bit) != 0, X86_EFLAGS_CF);
		e.flags_mask = X86_EFLAGS_CF;
	}
	return e;
}

/*
 * xchg of a whole entry: ptep_get_and_clear(), once for each page that a process
 * gives back.  If the entry changed meanwhile the guest executes it again.
 */
static int exchange(struct vcpu *v, const struct insn *in, uint64_t pte, uint64_t va, uint64_t src)
{
	const uint64_t *table = frame_ptr(pte_mfn(pte));
	uint64_t old = READ_ONCE(table[va / sizeof(old) % PTES]); /* a guess, see below */
	int rc = pte_write_emulate(v, pte, va, src, sizeof(old), &old);

	if (rc == 0) {
		insn_reg_write(in, &v->regs, in->reg, old);
	}
	return rc;
}

/* Everything but mov.  0, or as pte_write_emulate() says.  A lost race makes the guest
 * execute it again. */
static int read_modify_write(struct vcpu *v, const struct insn *in, uint64_t pte, uint64_t va,
			     uint64_t src)
{
	uint64_t accumulator = insn_reg_read(in, &v->regs, INSN_RAX);
	unsigned int shift = 8 * (unsigned int)(va & 7);
	uint64_t mask = insn_mask(in) << shift;
	const uint64_t *table = frame_ptr(pte_mfn(pte));
	/*
	 * A guess, since the walk proves nothing: the guest learns it only if the
	 * update has found the same.  Therefore there is one in any case.
	 */
	uint64_t entry = READ_ONCE(table[va / sizeof(entry) % PTES]);
	uint64_t old = (entry & mask) >> shift;
	struct effect e = compute(in, old, src, accumulator);
	uint64_t next = e.store ? (entry & ~mask) | ((e.value << shift) & mask) : entry;
	int rc = pte_write_emulate(v, pte, va & ~7ull, next, sizeof(next), &entry);

	if (rc == 0) {
		if (in->op == INSN_XCHG || !e.store) {
			insn_reg_write(in, &v->regs, e.store ? in->reg : INSN_RAX, old);
		}
		v->regs.rflags = (v->regs.rflags & ~e.flags_mask) | e.flags;
	}
	return rc;
}

/* The address of the operand; a bit number in a register reaches beyond it. */
static uint64_t operand_address(struct vcpu *v, const struct insn *in)
{
	uint64_t va = insn_offset(in, &v->regs);
	uint64_t nr;

	if (!in->has_imm && in->op >= INSN_BTS) {
		/* Signed, rounded down to whole operands. */
		nr = insn_reg_read(in, &v->regs, in->reg);
		nr = (nr ^ sign_bit(in)) - sign_bit(in);
		nr &= ~(8ull * in->bytes - 1);
		va += (uint64_t)((int64_t)nr / 8);
		if (in->prefixes & PREFIX_ADDR32) {
			va = (uint32_t)va;
		}
	}
	return va + emul_segment_base(v, in->segment);
}

/* Quick look before any decoding; the update itself checks properly. */
static bool maps_table(uint64_t pte)
{
	return (pte & PTE_P) && !(pte & PTE_W) && mfn_valid(pte_mfn(pte)) &&
	       pgt_is_table(READ_ONCE(mfn_to_page(pte_mfn(pte))->type) & PGT_TYPE_MASK);
}

__attribute__((noinline)) enum emul_result emul_pte_write(struct guest_regs *regs, uint64_t va)
{
	struct vcpu *v = current_vcpu();
	struct insn in;
	uint64_t src, ea, pte;
	unsigned long mfn;
	bool table;
	int rc;

	ASSERT(regs == &v->regs);
	if (!v->in_kernel) {
		return EMUL_BOUNCE;
	}
	pte = guest_walk(v, va, 1);
	mfn = pte_mfn(pte);
	table = maps_table(pte);
	if ((!table && ((pte & PTE_P) == 0 || !iomem_readonly(mfn))) || !emul_fetch(v, &in) ||
	    in.op < INSN_MOV || (!table && in.op != INSN_MOV)) {
		return EMUL_BOUNCE;
	}
	ea = operand_address(v, &in);
	if (va - ea >= in.bytes || (ea & 7) + in.bytes > 8) {
		return EMUL_BOUNCE; /* elsewhere, or across two entries */
	}
	src = in.has_imm ? in.imm & insn_mask(&in) : insn_reg_read(&in, regs, in.reg);
	if (!table) {
		pci_mmio_write(v->domain, (uint64_t)mfn << PAGE_SHIFT | (ea & ~PAGE_MASK), in.bytes,
			       src);
		return emul_complete(v, in.length);
	}
	if (in.op == INSN_MOV) {
		rc = pte_write_emulate(v, pte, ea, src, in.bytes, NULL);
	} else if (in.op == INSN_XCHG && in.bytes == sizeof(uint64_t)) {
		rc = exchange(v, &in, pte, ea, src);
	} else {
		rc = read_modify_write(v, &in, pte, ea, src);
	}
	if (rc == -XEN_EAGAIN || rc == -XEN_ERESTART) {
		return EMUL_DONE; /* nothing happened: execute it again */
	}
	return rc ? EMUL_BOUNCE : emul_complete(v, in.length);
}

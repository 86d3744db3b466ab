/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a guest cannot execute in ring 3 and that the core
 * executes for it: a closed list, decoded by emul_decode.c.  traps.c calls in
 * after #GP and #UD, on the CPU that runs the vCPU; everything changed here
 * belongs to the current vCPU, so no lock is taken.  Guest-kernel mode has the
 * whole list, guest-user mode only port I/O (with virtual IOPL 3), the forced
 * CPUID and `int n`.  Never executes a guest's bytes, and never does anything
 * that the matching hypercall would refuse.
 */
#include <hv/emul.h>

#include <arch/switch.h>

#include <hv/hypercall.h>
#include <hv/mm.h>

/* Error code of #GP: caused by a gate of the IDT; by an outside event. */
#define GPEC_EXT 1u
#define GPEC_IDT 2u

#define SELECTOR_LDT 4u
#define DESC_LONG (1ull << 53) /* code segment of 64-bit code */

/* PG AM WP NE ET MP PE: what a kernel expects to find, whatever we run with */
#define CR0_FIXED 0x80050033ull

#define CR3_FLAGS 0x18ull /* PWT, PCD: taken and ignored */

#define CR4_FIXED 0x628ull /* DE PAE OSFXSR OSXMMEXCPT */

#define DR6_BS 0x4000ull /* single step */

#define OPCODE_RDMSR 0x320f /* its two bytes */

/* Is the code segment a 64-bit one?  The decoder knows no other code. */
static bool code_is_long(const struct vcpu *v)
{
	bool in_ldt = (v->regs.cs & SELECTOR_LDT) != 0;
	unsigned int entries = in_ldt ? v->ldt_entries : v->gdt_entries;
	const unsigned long *frames = in_ldt ? v->ldt_frame : v->gdt_frame;
	unsigned int i = v->regs.cs >> 3;
	const uint64_t *descs;
	unsigned long mfn;

	if (!in_ldt && i >= FIRST_RESERVED_GDT_ENTRY) {
		return i == FLAT_RING3_CS64 >> 3;
	}
	mfn = i < entries ? frames[index_nospec(i, entries) / DESCS_PER_FRAME] : 0;
	if (mfn == 0) {
		return false;
	}
	descs = frame_ptr(mfn);
	return (READ_ONCE(descs[i % DESCS_PER_FRAME]) & DESC_LONG) != 0;
}

bool emul_fetch(const struct vcpu *v, struct insn *in)
{
	uint8_t bytes[16]; /* two words, which is the quickest copy */
	guest_ptr_t rip = guest_ptr(v->regs.rip);
	/* The next page may be absent without the instruction needing it. */
	size_t count = MIN(PAGE_SIZE - (rip.addr & ~PAGE_MASK), sizeof(bytes));

	if (!code_is_long(v) || copy_from_guest(bytes, rip, count)) {
		return false;
	}
	if (count < sizeof(bytes) &&
	    !copy_from_guest(bytes + count, guest_ptr_add(rip, count), sizeof(bytes) - count)) {
		count = sizeof(bytes);
	}
	return insn_decode(bytes, count, in);
}

uint64_t emul_segment_base(struct vcpu *v, unsigned int segment)
{
	unsigned int gs = v->in_kernel ? SEGBASE_GS_KERNEL : SEGBASE_GS_USER;

	if (segment == INSN_SEG_NONE) {
		return 0;
	}
	return arch_get_base(v, segment == INSN_SEG_FS ? SEGBASE_FS : gs);
}

enum emul_result emul_complete(struct vcpu *v, unsigned int length)
{
	v->regs.rip += length;
	v->regs.rflags &= ~(uint64_t)X86_EFLAGS_RF;
	if (v->regs.rflags & X86_EFLAGS_TF) {
		arch_set_debugreg(v, 6, v->dr[6] | DR6_BS);
		bounce_exception(&v->regs, TRAP_DB, 0, 0);
	}
	return EMUL_DONE;
}

/* --- control, debug and extended control registers --- */

static uint64_t read_cr0(const struct vcpu *v)
{
	return CR0_FIXED | (v->cr0_ts ? CR0_TS : 0);
}

/* CR4 as the guest finds it after it wrote `value`: what it may not choose
 * reads as the core runs it. */
static uint64_t effective_cr4(uint64_t value)
{
	return (value & CR4_MCE) | CR4_FIXED | (cpu_features.xcr0 != 0 ? CR4_OSXSAVE : 0);
}

static enum emul_result read_register(const struct vcpu *v, bool debug, unsigned int nr,
				      uint64_t *value)
{
	const uint64_t cr[] = {
		[0] = read_cr0(v),
		[2] = v->cr2,
		[3] = v->cr3_kernel & PTE_ADDR_MASK,
		[4] = effective_cr4(v->cr4),
	};

	if (debug ? !debugreg_exists(nr) : nr == 1 || nr >= ARRAY_SIZE(cr)) {
		return EMUL_FAULT;
	}
	*value = debug ? v->dr[nr] : cr[nr];
	return EMUL_NEXT;
}

static enum emul_result write_cr3(struct vcpu *v, uint64_t value)
{
	int rc = value & ~(PTE_ADDR_MASK | CR3_FLAGS) ? -XEN_EINVAL :
							vcpu_set_kernel_table(v, pte_mfn(value));

	if (rc != 0) {
		return rc == -XEN_ERESTART ? EMUL_DONE : EMUL_FAULT;
	}
	return EMUL_NEXT;
}

static enum emul_result write_cr(struct vcpu *v, unsigned int nr, uint64_t value)
{
	if (nr == 0 && !((value ^ read_cr0(v)) & ~CR0_TS)) {
		arch_set_cr0_ts(v, (value & CR0_TS) != 0);
	} else if (nr == 2) {
		v->cr2 = value;
		WRITE_ONCE(v->info->arch.cr2, value);
	} else if (nr == 3) {
		return write_cr3(v, value);
	} else if (nr == 4 && value >> 32 == 0) {
		v->cr4 = effective_cr4(value);
	} else {
		return EMUL_FAULT;
	}
	return EMUL_NEXT;
}

/* Moves between a control or debug register and a general one. */
static enum emul_result move_register(struct vcpu *v, struct insn *in)
{
	enum emul_result rc;
	uint64_t value;

	in->bytes = 8; /* whatever the prefixes say */
	value = insn_reg_read(in, &v->regs, in->rm);
	if (in->op == INSN_CR_WRITE) {
		return write_cr(v, in->reg, value);
	}
	if (in->op == INSN_DR_WRITE) {
		/* The hypercall's handler knows what may be watched and how. */
		return do_set_debugreg(in->reg, value) ? EMUL_FAULT : EMUL_NEXT;
	}
	rc = read_register(v, in->op == INSN_DR_READ, in->reg, &value);
	insn_reg_write(in, &v->regs, in->rm, value);
	return rc;
}

/* The mask has no other components than these. */
static bool xcr0_valid(uint64_t value)
{
	uint64_t needs = XCR0_X87;

	if (value & XCR0_AVX) {
		needs |= XCR0_SSE;
	}
	if (value & XCR0_AVX512) {
		needs |= XCR0_AVX512 | XCR0_AVX | XCR0_SSE;
	}
	return (value & needs) == needs && !(value & ~cpu_features.xcr0);
}

/* --- the rest of the kernel's list --- */

static enum emul_result kernel_insn(struct vcpu *v, struct insn *in)
{
	struct guest_regs *regs = &v->regs;
	uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;

	switch (in->op) {
	case INSN_CLI_STI:
		/* Linear code that a kernel shares with bare machines; its
		 * event mask is elsewhere. */
		return emul_io_allowed(v) ? EMUL_NEXT : EMUL_BOUNCE;
	case INSN_CLTS:
		arch_set_cr0_ts(v, false);
		return EMUL_NEXT;
	case INSN_WBINVD:
		/* Without devices, nobody sees whether a cache was written
		 * back; with them, it is about the CPU that asks. */
		if (v->domain->may_io) {
			arch_flush_cache((cpumask_t)1 << this_cpu()->id);
		}
		return EMUL_NEXT;
	case INSN_RDMSR:
		if (guest_rdmsr(v, (uint32_t)regs->rcx, &value)) {
			return EMUL_FAULT;
		}
		regs->rax = (uint32_t)value;
		regs->rdx = value >> 32;
		return EMUL_NEXT;
	case INSN_WRMSR:
		return guest_wrmsr(v, (uint32_t)regs->rcx, value) ? EMUL_FAULT : EMUL_NEXT;
	case INSN_XSETBV:
		if ((uint32_t)regs->rcx != 0 || !xcr0_valid(value)) {
			return EMUL_FAULT;
		}
		arch_set_xcr0(v, value);
		return EMUL_NEXT;
	case INSN_CR_READ ... INSN_DR_WRITE:
		return move_register(v, in);
	default:
		return EMUL_BOUNCE;
	}
}

/*
 * `int n` through a gate that the core's own IDT keeps from ring 3.  Whether
 * the guest's trap table admits it is for bounce_interrupt() to say.  The
 * vector comes from the instruction and not from the error code, which is
 * wrong under QEMU; both bytes mean the same in 32-bit code.
 */
static enum emul_result software_interrupt(struct guest_regs *regs)
{
	uint8_t bytes[2];

	if (copy_from_guest(bytes, guest_ptr(regs->rip), sizeof(bytes)) || bytes[0] != 0xcd) {
		return EMUL_BOUNCE;
	}
	regs->rip += sizeof(bytes);
	regs->rflags &= ~(uint64_t)X86_EFLAGS_RF;
	bounce_interrupt(regs, bytes[1]);
	return EMUL_DONE;
}

__attribute__((noinline)) enum emul_result emul_privileged(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	enum emul_result rc;
	uint16_t opcode;
	struct insn in;

	ASSERT(regs == &v->regs);
	if (regs->error_code & GPEC_EXT) {
		return EMUL_BOUNCE;
	}
	if (regs->error_code & GPEC_IDT) {
		return software_interrupt(regs);
	}
	/* A selector: some load of a segment, not ours.  And do not even
	 * look at the code of a user program that may do nothing here. */
	if (regs->error_code != 0 || (!v->in_kernel && !emul_io_allowed(v))) {
		return EMUL_BOUNCE;
	}
	/* Linux does it in each switch of processes: without the decoder. */
	if (v->in_kernel && regs->cs == FLAT_RING3_CS64 &&
	    !copy_from_guest(&opcode, guest_ptr(regs->rip), sizeof(opcode)) &&
	    opcode == OPCODE_RDMSR) {
		in.op = INSN_RDMSR;
		in.length = sizeof(opcode);
	} else if (!emul_fetch(v, &in)) {
		return EMUL_BOUNCE;
	}
	if (in.op >= INSN_IN && in.op <= INSN_OUTS) {
		return emul_io_allowed(v) ? emul_port(v, &in) : EMUL_BOUNCE;
	}
	rc = v->in_kernel ? kernel_insn(v, &in) : EMUL_BOUNCE;
	return rc == EMUL_NEXT ? emul_complete(v, in.length) : rc;
}

enum emul_result emul_forced(struct guest_regs *regs)
{
	/* ud2, "xen", cpuid; see XEN_EMULATE_PREFIX. */
	static const char forced[7] = "\x0f\x0bxen\x0f\xa2";
	struct vcpu *v = current_vcpu();
	char bytes[sizeof(forced)];
	struct cpuid_regs out;

	/* What cannot be read, as behind a ud2 that ends its page, is none. */
	if (copy_from_guest(bytes, guest_ptr(regs->rip), sizeof(bytes)) ||
	    memcmp(bytes, forced, sizeof(bytes)) != 0) {
		return EMUL_BOUNCE;
	}
	guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &out);
	regs->rax = out.a;
	regs->rbx = out.b;
	regs->rcx = out.c;
	regs->rdx = out.d;
	return emul_complete(v, sizeof(forced));
}

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

#include <xen/errno.h>
#include <xen/xen.h>

#include <arch/paging.h>
#include <arch/switch.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/string.h>
#include <hv/vcpu.h>

/* Error code of #GP: caused by a gate of the IDT; by an outside event. */
#define GPEC_EXT 1u
#define GPEC_IDT 2u

#define SELECTOR_LDT 4u
#define DESC_LONG (1ull << 53) /* code segment of 64-bit code */
#define DESCS_PER_FRAME (PAGE_SIZE / 8)

#define CR0_TS 0x8ull
/* PG AM WP NE ET MP PE: what a kernel expects to find, whatever we run with */
#define CR0_FIXED 0x80050033ull

#define CR3_FLAGS 0x18ull /* PWT, PCD: taken and ignored */

#define CR4_DE 0x8ull
#define CR4_PAE 0x20ull
#define CR4_MCE 0x40ull
#define CR4_OSFXSR 0x200ull
#define CR4_OSXMMEXCPT 0x400ull
#define CR4_FSGSBASE 0x10000ull
#define CR4_OSXSAVE 0x40000ull

#define DR6_BS 0x4000ull /* single step */

#define XCR0_FP 0x1ull
#define XCR0_SSE 0x2ull
#define XCR0_AVX 0x4ull
#define XCR0_MPX 0x18ull
#define XCR0_AVX512 0xe0ull
#define XCR0_AMX 0x60000ull

/* Is the code segment a 64-bit one?  The decoder knows no other code. */
static bool code_is_long(const struct vcpu *v, uint16_t cs)
{
	unsigned int i = cs >> 3;
	unsigned int entries = v->gdt_entries;
	const unsigned long *frames = v->gdt_frame;
	const uint64_t *descs;
	unsigned long mfn;

	if (cs & SELECTOR_LDT) {
		entries = v->ldt_entries;
		frames = v->ldt_frame;
	} else if (i >= FIRST_RESERVED_GDT_ENTRY) {
		return i == FLAT_RING3_CS64 >> 3;
	}
	if (i >= entries) {
		return false;
	}
	i = (unsigned int)index_nospec(i, entries);
	mfn = frames[i / DESCS_PER_FRAME];
	if (mfn == 0) {
		return false;
	}
	descs = frame_ptr(mfn);
	return (READ_ONCE(descs[i % DESCS_PER_FRAME]) & DESC_LONG) != 0;
}

bool emul_fetch(const struct vcpu *v, const struct guest_regs *regs,
		struct insn *in)
{
	uint8_t bytes[INSN_MAX];
	size_t count = PAGE_SIZE - (regs->rip & (PAGE_SIZE - 1));

	if (!code_is_long(v, regs->cs)) {
		return false;
	}
	/* The next page may be absent without the instruction needing it. */
	count = MIN(count, INSN_MAX);
	if (copy_from_guest(bytes, guest_ptr(regs->rip), count)) {
		return false;
	}
	if (count < INSN_MAX &&
	    !copy_from_guest(bytes + count, guest_ptr(regs->rip + count),
			     INSN_MAX - count)) {
		count = INSN_MAX;
	}
	return insn_decode(bytes, count, in);
}

uint64_t emul_segment_base(struct vcpu *v, unsigned int segment)
{
	switch (segment) {
	case INSN_SEG_FS:
		return arch_get_base(v, SEGBASE_FS);
	case INSN_SEG_GS:
		return arch_get_base(v, v->in_kernel ? SEGBASE_GS_KERNEL :
						       SEGBASE_GS_USER);
	default:
		return 0;
	}
}

enum emul_result emul_complete(struct vcpu *v, struct guest_regs *regs,
			       unsigned int length)
{
	regs->rip += length;
	regs->rflags &= ~(uint64_t)X86_EFLAGS_RF;
	if (regs->rflags & X86_EFLAGS_TF) {
		arch_set_debugreg(v, 6, arch_get_debugreg(v, 6) | DR6_BS);
		bounce_exception(regs, TRAP_DB, 0, 0);
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
	uint64_t choice = CR4_MCE;
	uint64_t fixed = CR4_DE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (arch_has_fsgsbase()) {
		choice |= CR4_FSGSBASE;
	}
	if (arch_has_xsave()) {
		fixed |= CR4_OSXSAVE;
	}
	return (value & choice) | fixed;
}

static enum emul_result read_cr(struct vcpu *v, struct guest_regs *regs,
				struct insn *in)
{
	uint64_t value;

	switch (in->reg) {
	case 0:
		value = read_cr0(v);
		break;
	case 2:
		value = v->cr2;
		break;
	case 3:
		value = v->cr3_kernel & PTE_ADDR_MASK;
		break;
	case 4:
		value = effective_cr4(v->cr4);
		break;
	default:
		return EMUL_FAULT;
	}
	in->bytes = 8; /* whatever the prefixes say */
	insn_reg_write(in, regs, in->rm, value);
	return emul_complete(v, regs, in->length);
}

static enum emul_result write_cr3(struct vcpu *v, struct guest_regs *regs,
				  const struct insn *in, uint64_t value)
{
	int rc;

	if (value & ~(PTE_ADDR_MASK | CR3_FLAGS)) {
		return EMUL_FAULT;
	}
	rc = vcpu_set_kernel_table(v, pte_mfn(value));
	if (rc == -XEN_ERESTART) {
		return EMUL_DONE; /* the guest executes it again */
	}
	if (rc) {
		return EMUL_FAULT;
	}
	arch_reload_cr3(v);
	return emul_complete(v, regs, in->length);
}

static enum emul_result write_cr(struct vcpu *v, struct guest_regs *regs,
				 struct insn *in)
{
	uint64_t value;

	in->bytes = 8;
	value = insn_reg_read(in, regs, in->rm);
	switch (in->reg) {
	case 0:
		if ((value ^ read_cr0(v)) & ~CR0_TS) {
			return EMUL_FAULT;
		}
		arch_set_cr0_ts(v, (value & CR0_TS) != 0);
		break;
	case 2:
		v->cr2 = value;
		WRITE_ONCE(v->info->arch.cr2, value);
		break;
	case 3:
		return write_cr3(v, regs, in, value);
	case 4:
		if (value >> 32) {
			return EMUL_FAULT;
		}
		arch_set_guest_cr4(v, effective_cr4(value));
		break;
	default:
		return EMUL_FAULT;
	}
	return emul_complete(v, regs, in->length);
}

/* The hypercalls' handlers know what may be watched and how. */
static enum emul_result move_dr(struct vcpu *v, struct guest_regs *regs,
				struct insn *in)
{
	in->bytes = 8;
	if (in->reg == 4 || in->reg == 5 || in->reg > 7) {
		return EMUL_FAULT;
	}
	if (in->op == INSN_DR_READ) {
		insn_reg_write(in, regs, in->rm,
			       (uint64_t)do_get_debugreg(in->reg));
	} else if (do_set_debugreg(in->reg, insn_reg_read(in, regs, in->rm))) {
		return EMUL_FAULT;
	}
	return emul_complete(v, regs, in->length);
}

static bool xcr0_valid(uint64_t value)
{
	uint64_t avx512 = value & XCR0_AVX512;
	uint64_t mpx = value & XCR0_MPX;
	uint64_t amx = value & XCR0_AMX;

	if (!(value & XCR0_FP) || (value & ~arch_xcr0_mask())) {
		return false;
	}
	if ((value & XCR0_AVX) && !(value & XCR0_SSE)) {
		return false;
	}
	if (avx512 && (avx512 != XCR0_AVX512 || !(value & XCR0_AVX))) {
		return false;
	}
	return (mpx == 0 || mpx == XCR0_MPX) && (amx == 0 || amx == XCR0_AMX);
}

static enum emul_result set_xcr(struct vcpu *v, struct guest_regs *regs,
				const struct insn *in)
{
	uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;

	if (!arch_has_xsave() || (uint32_t)regs->rcx != 0 ||
	    !xcr0_valid(value)) {
		return EMUL_FAULT;
	}
	arch_set_xcr0(v, value);
	return emul_complete(v, regs, in->length);
}

/* --- the rest of the kernel's list --- */

static void put_edx_eax(struct guest_regs *regs, uint64_t value)
{
	regs->rax = (uint32_t)value;
	regs->rdx = value >> 32;
}

static enum emul_result move_msr(struct vcpu *v, struct guest_regs *regs,
				 const struct insn *in)
{
	uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;
	uint32_t msr = (uint32_t)regs->rcx;

	if (in->op == INSN_WRMSR) {
		if (guest_wrmsr(v, msr, value)) {
			return EMUL_FAULT;
		}
		return emul_complete(v, regs, in->length);
	}
	if (guest_rdmsr(v, msr, &value)) {
		return EMUL_FAULT;
	}
	put_edx_eax(regs, value);
	return emul_complete(v, regs, in->length);
}

static enum emul_result kernel_insn(struct vcpu *v, struct guest_regs *regs,
				    struct insn *in)
{
	switch (in->op) {
	case INSN_CLI:
	case INSN_STI:
		/* Linear code that a kernel shares with bare machines; its
		 * event mask is elsewhere. */
		if (!emul_io_allowed(v)) {
			return EMUL_BOUNCE;
		}
		break;
	case INSN_CLTS:
		arch_set_cr0_ts(v, false);
		break;
	case INSN_WBINVD:
		/* Without devices, nobody sees whether a cache was written
		 * back; with them, it is about the CPU that asks. */
		if (v->domain->may_io) {
			arch_flush_cache((cpumask_t)1 << this_cpu()->id);
		}
		break;
	case INSN_RDTSCP:
		regs->rcx = 0; /* TSC_AUX, which guests cannot set */
		put_edx_eax(regs, arch_ticks());
		break;
	case INSN_RDTSC:
		put_edx_eax(regs, arch_ticks());
		break;
	case INSN_RDMSR:
	case INSN_WRMSR:
		return move_msr(v, regs, in);
	case INSN_XSETBV:
		return set_xcr(v, regs, in);
	case INSN_CR_READ:
		return read_cr(v, regs, in);
	case INSN_CR_WRITE:
		return write_cr(v, regs, in);
	case INSN_DR_READ:
	case INSN_DR_WRITE:
		return move_dr(v, regs, in);
	default:
		return EMUL_BOUNCE;
	}
	return emul_complete(v, regs, in->length);
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

	if (copy_from_guest(bytes, guest_ptr(regs->rip), sizeof(bytes)) ||
	    bytes[0] != 0xcd) {
		return EMUL_BOUNCE;
	}
	regs->rip += sizeof(bytes);
	regs->rflags &= ~(uint64_t)X86_EFLAGS_RF;
	bounce_interrupt(regs, bytes[1]);
	return EMUL_DONE;
}

enum emul_result emul_privileged(struct guest_regs *regs)
{
	struct vcpu *v = current_vcpu();
	struct insn in;

	if (regs->error_code & GPEC_EXT) {
		return EMUL_BOUNCE;
	}
	if (regs->error_code & GPEC_IDT) {
		return software_interrupt(regs);
	}
	/* A selector: some load of a segment, not ours.  And do not even
	 * look at the code of a user program that may do nothing here. */
	if (regs->error_code != 0 || (!v->in_kernel && !emul_io_allowed(v)) ||
	    !emul_fetch(v, regs, &in)) {
		return EMUL_BOUNCE;
	}
	if (in.op >= INSN_IN && in.op <= INSN_OUTS) {
		return emul_port(v, regs, &in);
	}
	return v->in_kernel ? kernel_insn(v, regs, &in) : EMUL_BOUNCE;
}

enum emul_result emul_forced(struct guest_regs *regs)
{
	/* ud2, "xen", cpuid; see XEN_EMULATE_PREFIX. */
	static const uint8_t forced[] = {
		0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2
	};
	struct vcpu *v = current_vcpu();
	uint8_t bytes[sizeof(forced)];
	struct cpuid_regs out;

	/* A plain ud2 may be the last thing on its page: two bytes first. */
	if (copy_from_guest(bytes, guest_ptr(regs->rip), 2) ||
	    memcmp(bytes, forced, 2) ||
	    copy_from_guest(bytes, guest_ptr(regs->rip), sizeof(bytes)) ||
	    memcmp(bytes, forced, sizeof(bytes))) {
		return EMUL_BOUNCE;
	}
	guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &out);
	regs->rax = out.a;
	regs->rbx = out.b;
	regs->rcx = out.c;
	regs->rdx = out.d;
	return emul_complete(v, regs, sizeof(forced));
}

/* SPDX-License-Identifier: MIT */
/*
 * What the CPU offers and how the core runs it: feature detection on the
 * boot CPU, control registers and MSRs of every CPU, and the native values
 * behind the guest's CPUID and MSR views.  cpu_features is written once, by
 * the boot CPU.  Never decides what a guest may see: hv/core/cpuid.c does.
 */
#include <x86.h>

#include <hv/cmdline.h>
#include <hv/cpu_vuln.h>

struct cpu_features cpu_features;

/* Neither MPX, PKRU (a guest kernel in ring 3 cannot use it) nor AMX. */
#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

/* Bits of leaf 1, EDX: MCE, APIC, which a virtual machine may lack. */
#define NEEDED_EDX (1u << 7 | 1u << 9)

static INIT_TEXT bool has_bit(uint32_t word, unsigned int bit)
{
	return (word >> bit & 1) != 0;
}

/* Registers of a leaf; zeros if the CPU has no such leaf. */
static INIT_TEXT struct cpuid_regs leaf(uint32_t number, uint32_t subleaf)
{
	struct cpuid_regs r;

	arch_cpuid(number & 0x80000000, 0, &r);
	if (r.a < number) {
		return (struct cpuid_regs){ 0 };
	}
	arch_cpuid(number, subleaf, &r);
	return r;
}

/* What guests could read or steer on this CPU: the words in CPU_*'s order. */
static INIT_TEXT void judge_cpu(struct cpu_features *f)
{
	struct cpuid_regs more = leaf(7, 0), newer = leaf(0x80000021, 0);
	uint64_t word[CPU_WORDS] = { leaf(0, 0).b,
				     leaf(1, 0).a,
				     more.b & ~(f->smep ? 0 : CPUID_7B_SMEP),
				     more.d,
				     more.a >= 2 ? leaf(7, 2).d : 0,
				     leaf(0x80000008, 0).b,
				     newer.a,
				     newer.c,
				     leaf(0xb, 0).b & 0xffff };
	struct cpu_vuln v;

	if (has_bit(more.d, 29)) {
		(void)!arch_rdmsr(MSR_ARCH_CAPABILITIES, &word[CPU_CAPS]);
	}
	cpu_vuln_judge(word, &v);
	cpu_vuln_report(&v, options.unsafe_cpu);
	f->use = v.use;
}

INIT_TEXT void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	struct cpuid_regs basic = leaf(1, 0), more = leaf(7, 0);
	struct cpuid_regs ext = leaf(0x80000001, 0), name[3];

	if ((basic.d & NEEDED_EDX) != NEEDED_EDX) {
		boot_failed("this CPU lacks features that Vellum needs: %#x of CPUID 1, EDX",
			    NEEDED_EDX & ~basic.d);
	}
	f->hypervisor = has_bit(basic.c, 31);
	f->xsave = has_bit(basic.c, 26) && !options.no_xsave;
	f->xcr0 = f->xsave ? leaf(0xd, 0).a & XCR0_OFFERED : 0;
	if (~f->xcr0 & (XCR0_AVX | XCR0_AVX512)) {
		f->xcr0 &= ~XCR0_AVX512;
	}
	f->smep = has_bit(more.b, 7) && !options.no_smep;
	f->smap = has_bit(more.b, 20) && !options.no_smap;
	judge_cpu(f);
	/* Everywhere but on older AMD; a kernel that knows loads it once, not twice. */
	wrmsr(MSR_FS_BASE, 1);
	__asm__ __volatile__("mov %0, %%fs" : : "r"(0));
	f->null_clears_base = rdmsr(MSR_FS_BASE) == 0;
	f->gb_pages = has_bit(ext.d, 26);
	f->tsc_aux = has_bit(ext.d, 27) || has_bit(more.c, 22);
	f->tsc_invariant = has_bit(leaf(0x80000007, 0).d, 8);
	f->paddr_bits = MIN(leaf(0x80000008, 0).a & 0xff, 52u);
	f->cr4 = CR4_DE | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT |
		 (f->xsave ? CR4_OSXSAVE : 0) | (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0);

	for (unsigned int i = 0; i < 3; i++) {
		name[i] = leaf(0x80000002 + i, 0);
	}
	pr_info("CPU %.48s, signature %#x, %u address bits", (const char *)name, basic.a,
		f->paddr_bits);
	pr_info("CPU features:%s%s%s%s%s", f->smep ? " smep" : "", f->smap ? " smap" : "",
		f->null_clears_base ? " null-clears-base" : "", f->xsave ? " xsave" : "",
		f->gb_pages ? " 1gb-pages" : "");
}

void cpu_init(void)
{
	/* Every flag that could trap or confuse the core before it looks. */
	const uint64_t mask = X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_IOPL |
			      X86_EFLAGS_NT | X86_EFLAGS_RF | X86_EFLAGS_AC;
	struct percpu *p = this_cpu();
	uint64_t stub = SYSCALL_STUB_SIZE * p->id;

	WRITE_REG(cr0, CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	WRITE_REG(cr4, cpu_features.cr4);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE |
				((cpu_features.use & USE_AUTO_IBRS) ? EFER_AUTO_IBRS : 0));
	if ((cpu_features.use & USE_SPEC_CTRL) != 0) {
		wrmsr(MSR_SPEC_CTRL, cpu_features.use & USE_SPEC_CTRL);
	}
	if ((cpu_features.use & USE_TSX_OFF) != 0) {
		wrmsr(MSR_TSX_CTRL, TSX_CTRL_OFF);
	}
	wrmsr(MSR_PAT, PAT_VALUE);
	if (cpu_features.xsave) {
		xsetbv(cpu_features.xcr0);
	}
	if (cpu_features.tsc_aux) {
		/* Any guest may read it: not what the firmware left there. */
		wrmsr(MSR_TSC_AUX, 0);
	}
	/* SYSRET adds 16 for 64-bit CS and 8 for SS. */
	wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)CORE_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_stubs + stub);
	wrmsr(MSR_CSTAR, (uint64_t)cstar_stubs + stub);
	wrmsr(MSR_SFMASK, mask);
	/* SYSENTER is not offered: #GP. */
	wrmsr(MSR_SYSENTER_CS, 0);
}
_Static_assert(GUEST_CS64 == GUEST_CS32 + 16 && GUEST_DS == GUEST_CS32 + 8 &&
		       CORE_DS == CORE_CS + 8,
	       "SYSCALL and SYSRET derive them");

void arch_cpuid(uint32_t number, uint32_t subleaf, struct cpuid_regs *out)
{
	__asm__ __volatile__("cpuid"
			     : "=a"(out->a), "=b"(out->b), "=c"(out->c), "=d"(out->d)
			     : "a"(number), "c"(subleaf));
}

int arch_rdmsr(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;
	int rc = -XEN_EFAULT;

	__asm__ __volatile__("1:\trdmsr\n\t"
			     "xor %k[rc], %k[rc]\n"
			     "2:\n\t" EXTABLE("1b", "2b")
			     : "+a"(lo), "+d"(hi), [rc] "+r"(rc)
			     : "c"(msr));
	*value = (uint64_t)hi << 32 | lo;
	return rc;
}

void arch_idle(void)
{
	irqs_off_end();
	/* Nothing can come between: sti takes effect after hlt began. */
	__asm__ __volatile__("sti\n\thlt\n\tcli" : : : "memory");
	irqs_off_begin();
}

void arch_irq_window(void)
{
	irqs_off_end();
	__asm__ __volatile__("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
	irqs_off_begin();
	call_service();
}

void arch_cpu_relax(void)
{
	call_service();
	__builtin_ia32_pause();
}

void arch_dump_core_state(void)
{
	struct percpu *p = this_cpu();
	const uint64_t *sp, *end;
	unsigned int found = 0;
	size_t at;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	at = (size_t)sp % CPU_BLOCK_SIZE;
	/* The top of the stack in use: the page after those may be absent. */
	at = at < CPU_GUARD ? IST_TOP(at / IST_STACK_SIZE) : CPU_BLOCK_SIZE;
	end = (const uint64_t *)((char *)p + at);
	pr_err("CPU %u: rsp %#lx cr2 %016lx cr3 %016lx cr4 %lx", p->id, (unsigned long)sp,
	       READ_REG(cr2), READ_REG(cr3), READ_REG(cr4));
	/* Words that point into text: a poor but sufficient trace. */
	for (; sp < end && found < 24; sp++) {
		if (*sp >= (uint64_t)image_start && *sp < (uint64_t)text_end) {
			pr_err("  [%#lx] %016lx", (unsigned long)sp, *sp);
			found++;
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * What the CPU offers and how the core runs it: feature detection on the
 * boot CPU, control registers and MSRs of every CPU, and the native values
 * behind the guest's CPUID and MSR views.  cpu_features is written once, by
 * the boot CPU.  Never decides what a guest may see: hv/core/cpuid.c does.
 */
#include <x86.h>

#include <xen/errno.h>

#include <hv/check.h>
#include <hv/cmdline.h>
#include <hv/printk.h>
#include <hv/string.h>
#include <hv/trap.h>

struct cpu_features cpu_features;

#define XCR0_X87 0x01ull
#define XCR0_SSE 0x02ull
#define XCR0_AVX 0x04ull
#define XCR0_AVX512 0xe0ull
/* Neither MPX, PKRU (a guest kernel in ring 3 cannot use it) nor AMX. */
#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

static INIT_TEXT bool bit_set(uint32_t word, unsigned int bit)
{
	return (word >> bit & 1) != 0;
}

static INIT_TEXT void read_names(struct cpu_features *f)
{
	uint32_t a, b, c, d, i, word[4];

	cpuid(0, 0, &a, &b, &c, &d);
	memcpy(f->vendor, &b, 4);
	memcpy(f->vendor + 4, &d, 4);
	memcpy(f->vendor + 8, &c, 4);
	cpuid(0x80000000, 0, &a, &b, &c, &d);
	if (a >= 0x80000004) {
		for (i = 0; i < 3; i++) {
			cpuid(0x80000002 + i, 0, &word[0], &word[1], &word[2],
			      &word[3]);
			memcpy(f->name + 16 * i, word, 16);
		}
	}
}

/* XCR0 bits that both the CPU and the core know, or 0 without XSAVE. */
static INIT_TEXT uint64_t detect_xcr0(void)
{
	uint32_t a, b, c, d;
	uint64_t mask;

	cpuid(0xd, 0, &a, &b, &c, &d);
	mask = ((uint64_t)d << 32 | a) & XCR0_OFFERED;
	if ((mask & XCR0_AVX) == 0 || (mask & XCR0_AVX512) != XCR0_AVX512) {
		mask &= ~XCR0_AVX512;
	}
	return mask;
}

static INIT_TEXT void detect_optional(struct cpu_features *f,
				      uint32_t max_basic, uint32_t max_ext)
{
	uint32_t a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	f->tsc_deadline = bit_set(c, 24);
	f->hypervisor = bit_set(c, 31);
	f->xsave = bit_set(c, 26) && max_basic >= 0xd && !options.no_xsave;
	f->xcr0 = f->xsave ? detect_xcr0() : 0;
	if (max_basic >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->fsgsbase = bit_set(b, 0) && !options.no_fsgsbase;
		f->smep = bit_set(b, 7) && !options.no_smep;
		f->smap = bit_set(b, 20) && !options.no_smap;
	}
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->gb_pages = bit_set(d, 26);
	f->rdtscp = bit_set(d, 27);
	if (max_ext >= 0x80000007) {
		cpuid(0x80000007, 0, &a, &b, &c, &d);
		f->tsc_invariant = bit_set(d, 8);
	}
	f->paddr_bits = 36;
	if (max_ext >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->paddr_bits = MIN(a & 0xff, 52u);
	}
}

/* Bits of leaf 1, EDX, without which the core cannot run. */
static const struct {
	unsigned int bit;
	const char *name;
} needed[] = {
	{ 4, "TSC" },  { 5, "MSR" },   { 6, "PAE" },  { 7, "MCE" },
	{ 9, "APIC" }, { 15, "CMOV" }, { 16, "PAT" }, { 24, "FXSR" },
	{ 25, "SSE" }, { 26, "SSE2" },
};

INIT_TEXT void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	uint32_t a, b, c, d, max_basic, max_ext;
	unsigned int i;

	cpuid(0, 0, &max_basic, &b, &c, &d);
	cpuid(0x80000000, 0, &max_ext, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	if (!bit_set(d, 11)) {
		panic("this CPU has no SYSCALL instruction");
	}
	cpuid(1, 0, &a, &b, &c, &d);
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!bit_set(d, needed[i].bit)) {
			panic("this CPU lacks %s, which Vellum needs",
			      needed[i].name);
		}
	}
	f->family = a >> 8 & 0xf;
	f->model = (a >> 4 & 0xf) | (a >> 12 & 0xf0);
	f->stepping = a & 0xf;
	if (f->family == 0xf) {
		f->family += a >> 20 & 0xff;
	}
	detect_optional(f, max_basic, max_ext);
	read_names(f);

	f->cr4 = CR4_DE | CR4_PAE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	f->cr4 |= f->fsgsbase ? CR4_FSGSBASE : 0;
	f->cr4 |= f->xsave ? CR4_OSXSAVE : 0;
	f->cr4 |= f->smep ? CR4_SMEP : 0;
	f->cr4 |= f->smap ? CR4_SMAP : 0;
	pr_info("CPU %s, family %u model %u stepping %u, %u address bits",
		f->name[0] != '\0' ? f->name : f->vendor, f->family, f->model,
		f->stepping, f->paddr_bits);
	pr_info("CPU features:%s%s%s%s%s%s", f->smep ? " smep" : "",
		f->smap ? " smap" : "", f->fsgsbase ? " fsgsbase" : "",
		f->xsave ? " xsave" : "", f->gb_pages ? " 1gb-pages" : "",
		f->tsc_deadline ? " tsc-deadline" : "");
}

static void xsetbv(uint32_t reg, uint64_t v)
{
	__asm__ __volatile__("xsetbv"
			     :
			     : "c"(reg), "a"((uint32_t)v),
			       "d"((uint32_t)(v >> 32)));
}

void cpu_init(void)
{
	write_cr0(CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	write_cr4(cpu_features.cr4);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
	wrmsr(MSR_PAT, PAT_VALUE);
	if (cpu_features.xsave) {
		xsetbv(0, cpu_features.xcr0);
	}
	cpu_init_syscall(this_cpu()->id);
}

void cpu_init_syscall(unsigned int cpu)
{
	/* Every flag that could trap or confuse the core before it looks. */
	const uint64_t mask = X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF |
			      X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_RF |
			      X86_EFLAGS_AC;
	uint64_t stack = (uint64_t)this_cpu() + CPU_STACK_TOP;

	/* SYSRET adds 16 for 64-bit CS and 8 for SS. */
	wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)CORE_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_stubs + SYSCALL_STUB_SIZE * cpu);
	wrmsr(MSR_CSTAR, (uint64_t)cstar_stubs + SYSCALL_STUB_SIZE * cpu);
	wrmsr(MSR_SFMASK, mask);
	wrmsr(MSR_SYSENTER_CS, CORE_CS);
	wrmsr(MSR_SYSENTER_ESP, stack);
	wrmsr(MSR_SYSENTER_EIP, (uint64_t)sysenter_entry);
}
_Static_assert(GUEST_CS64 == GUEST_CS32 + 16 && GUEST_DS == GUEST_CS32 + 8 &&
		       CORE_DS == CORE_CS + 8,
	       "SYSCALL and SYSRET derive them");

void arch_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	cpuid(leaf, subleaf, &out->a, &out->b, &out->c, &out->d);
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

bool arch_has_fsgsbase(void)
{
	return cpu_features.fsgsbase;
}

bool arch_has_xsave(void)
{
	return cpu_features.xsave;
}

uint64_t arch_xcr0_mask(void)
{
	return cpu_features.xcr0;
}

unsigned int arch_paddr_bits(void)
{
	return cpu_features.paddr_bits;
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
	cpu_pause();
}

/* Words on the stack that point into text: a poor but sufficient trace. */
static void dump_stack(uint64_t sp)
{
	uint64_t block = sp & ~(uint64_t)(CPU_BLOCK_SIZE - 1);
	uint64_t end = block + CPU_BLOCK_SIZE;
	unsigned int found = 0;

	for (sp &= ~7ull; sp < end && found < 24; sp += 8) {
		uint64_t word = *(const uint64_t *)sp;

		if (word >= (uint64_t)image_start &&
		    word < (uint64_t)text_end) {
			pr_err("  [%016llx] %016llx", (unsigned long long)sp,
			       (unsigned long long)word);
			found++;
		}
	}
}

void arch_dump_core_state(void)
{
	struct percpu *p = this_cpu();
	uint64_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	pr_err("CPU %u: rsp %016llx cr2 %016llx cr3 %016llx cr4 %llx", p->id,
	       (unsigned long long)sp, (unsigned long long)read_cr2(),
	       (unsigned long long)read_cr3(), (unsigned long long)read_cr4());
	dump_stack(sp);
}

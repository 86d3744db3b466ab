/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a guest's kernel sees it (by the forced-emulation prefix; user
 * programs execute the native instruction).  emul.c calls; everything is
 * computed from the machine's own CPUID at each call, so there is no state and
 * no lock.
 *
 * Feature words pass through lists of what is known to work in ring 3 under
 * this core, never through lists of what is known to fail: a feature that a
 * future CPU brings stays hidden until somebody has looked at it.  Left out on
 * purpose, among others: what needs ring 0 or control registers we do not
 * virtualise (VME, PSE, PGE, PSE36, MTRR, MONITOR, VMX, SVM, PCID, INVPCID,
 * SMEP, SMAP, UMIP, PKU, CET, LA57, XSAVES, SEP), MSRs that give #GP (x2APIC,
 * TSC_DEADLINE, TSC_ADJUST, SPEC_CTRL and kin, OSVW, DBEXT, RDPID for its
 * TSC_AUX), page sizes that guests may not use, topology (each vCPU is a package
 * with one core and one thread), and FSGSBASE: programs can change a base then,
 * so a kernel has to read the user's GS base at each switch of processes, which
 * traps here.
 */
#include <hv/trap.h>

#include <hv/vcpu.h>

#define BIT(n) (1u << (n))
#define BITS(from, to) ((BIT((to) - (from)) * 2u - 1u) << (from))

#define LEAF_BASIC_MAX 0xdu
#define LEAF_EXT_MAX 0x80000008u
#define LEAF_EXT_LAST 0x80000021u /* nothing between the two */
#define FE21_A_NULL_CLEARS_BASE BIT(6)
#define LEAF_XEN 0x40000000u
#define LEAF_XEN_MAX 0x40000005u
#define LEAF_XEN_END 0x40000100u /* leaves of the hypervisor, exclusive */

/* Leaf 1, EDX, and where AMD repeats it: FPU, DE, TSC, MSR, PAE, MCE, CX8,
 * APIC, MCA, CMOV, PAT, MMX, FXSR. */
#define F1_D_COMMON (BIT(0) | BIT(2) | BITS(4, 9) | BIT(14) | BIT(15) | BIT(16) | BIT(23) | BIT(24))
/* ... and CLFLUSH, SSE, SSE2, SS. */
#define F1_D (F1_D_COMMON | BIT(19) | BITS(25, 27))
/* SSE3, PCLMULQDQ, SSSE3, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, RDRAND.
 * XSAVE, OSXSAVE.  FMA, AVX, F16C. */
#define F1_C (BITS(0, 1) | BIT(9) | BIT(13) | BITS(19, 20) | BITS(22, 23) | BIT(25) | BIT(30))
#define F1_C_XSAVE (BIT(26) | BIT(27))
#define F1_C_OSXSAVE BIT(27)
#define F1_C_AVX (BIT(12) | BIT(28) | BIT(29))
#define F1_C_HYPERVISOR BIT(31)

/* BMI1, FDP_EXCPTN_ONLY, BMI2, ERMS, NO_FPU_SEL, RDSEED, ADX, CLFLUSHOPT, CLWB,
 * SHA.  AVX2.  AVX512F and DQ, IFMA, PF ER CD, BW VL. */
#define F7_B (BIT(3) | BIT(6) | BITS(8, 9) | BIT(13) | BITS(18, 19) | BITS(23, 24) | BIT(29))
#define F7_B_AVX BIT(5)
#define F7_B_AVX512 (BIT(16) | BIT(17) | BIT(21) | BITS(26, 28) | BITS(30, 31))
/* GFNI, CLDEMOTE, MOVDIRI, MOVDIR64B.  VAES, VPCLMULQDQ.  AVX512 VBMI, VBMI2, VNNI,
 * BITALG, VPOPCNTDQ. */
#define F7_C (BIT(8) | BIT(25) | BITS(27, 28))
#define F7_C_AVX (BIT(9) | BIT(10))
#define F7_C_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
/* FSRM, MD_CLEAR, SERIALIZE.  AVX512 4VNNIW, 4FMAPS, VP2INTERSECT, FP16. */
#define F7_D (BIT(4) | BIT(10) | BIT(14))
#define F7_D_AVX512 (BIT(2) | BIT(3) | BIT(8) | BIT(23))
/* Subleaf 1, EAX: fast short REP: FZRM, FSRS, FSRC.  AVX_VNNI.  AVX512_BF16. */
#define F71_A BITS(10, 12)
#define F71_A_AVX BIT(4)
#define F71_A_AVX512 BIT(5)

/* XSAVEOPT, XSAVEC, XGETBV(1). */
#define FD1_A BITS(0, 2)
#define FD1_A_XSAVEC BIT(1)
#define FD_C_ALIGN BIT(1) /* component is aligned in the compacted form */

/* LAHF, LZCNT, SSE4A, MISALIGNSSE, 3DNOWPREFETCH, TBM.  XOP, FMA4. */
#define FE1_C (BIT(0) | BITS(5, 8) | BIT(21))
#define FE1_C_AVX (BIT(11) | BIT(16))
/* SYSCALL, NX, MMXEXT, RDTSCP, LM, 3DNOWEXT, 3DNOW. */
#define FE1_D (F1_D_COMMON | BIT(11) | BIT(20) | BIT(22) | BIT(27) | BITS(29, 31))
#define FE7_D_ITSC BIT(8)
/* CLZERO, XSAVEERPTR. */
#define FE8_B (BIT(0) | BIT(2))

#define XSAVE_LEGACY_SIZE 576u /* FXSAVE image and header */

/* Feature words, and more of their bits that need something of the machine. */
#define REG(name) offsetof(struct cpuid_regs, name)
static const struct feature_word {
	uint32_t leaf, subleaf;
	size_t reg;
	uint32_t known, xsave, avx, avx512;
} feature_words[] = {
	{ 1, 0, REG(c), F1_C, F1_C_XSAVE, F1_C_AVX, 0 },
	{ 1, 0, REG(d), F1_D, 0, 0, 0 },
	{ 7, 0, REG(b), F7_B, 0, F7_B_AVX, F7_B_AVX512 },
	{ 7, 0, REG(c), F7_C, 0, F7_C_AVX, F7_C_AVX512 },
	{ 7, 0, REG(d), F7_D, 0, 0, F7_D_AVX512 },
	{ 7, 1, REG(a), F71_A, 0, F71_A_AVX, F71_A_AVX512 },
	{ 0x80000001, 0, REG(c), FE1_C, 0, FE1_C_AVX, 0 },
	{ 0x80000001, 0, REG(d), FE1_D, 0, 0, 0 },
};

static void filter_features(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	uint64_t xcr0 = cpu_features.xcr0;

	for (size_t i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *w = &feature_words[i];
		uint32_t shown = w->known;

		/* No other leaf looks at the number of a subleaf. */
		if (w->leaf != leaf || (leaf == 7 && w->subleaf != subleaf)) {
			continue;
		}
		shown |= xcr0 != 0 ? w->xsave : 0;
		shown |= xcr0 & XCR0_AVX ? w->avx : 0;
		shown |= xcr0 & XCR0_AVX512 ? w->avx512 : 0;
		*(uint32_t *)(void *)((char *)r + w->reg) &= shown;
	}
}

uint32_t cpuid_xsave_size(uint64_t xcr0, bool compacted)
{
	uint32_t size = XSAVE_LEGACY_SIZE;
	struct cpuid_regs r;

	for (unsigned int i = 2; i < 63; i++) {
		if (!(xcr0 & 1ull << i)) {
			continue;
		}
		arch_cpuid(0xd, i, &r);
		if (!compacted) {
			size = MAX(size, r.a + r.b);
			continue;
		}
		if (r.c & FD_C_ALIGN) {
			size = (size + 63u) & ~63u;
		}
		size += r.a;
	}
	return size;
}

static void leaf_d(const struct vcpu *v, uint32_t subleaf, struct cpuid_regs *r)
{
	uint64_t mask = cpu_features.xcr0;

	if (subleaf == 0 && mask) {
		*r = (struct cpuid_regs){ (uint32_t)mask, cpuid_xsave_size(v->xcr0, false),
					  cpuid_xsave_size(mask, false), (uint32_t)(mask >> 32) };
	} else if (subleaf == 1 && mask) {
		/* No component that only XSAVES knows. */
		*r = (struct cpuid_regs){ .a = r->a & FD1_A };
		r->b = r->a & FD1_A_XSAVEC ? cpuid_xsave_size(v->xcr0, true) : 0;
	} else if (subleaf >= 2 && subleaf < 63 && (mask & 1ull << subleaf)) {
		r->c &= FD_C_ALIGN;
		r->d = 0;
	} else {
		*r = (struct cpuid_regs){ 0 };
	}
}

/* The published description of time: nothing is emulated. */
static struct cpuid_regs leaf_xen_time(uint32_t subleaf)
{
	uint32_t khz = (uint32_t)(arch_clock.hz / 1000);

	switch (subleaf) {
	case 0: /* counter is reliable; mode "never emulate" */
		return (struct cpuid_regs){ arch_clock.stable ? BIT(1) : 0, 2, khz, 0 };
	case 1: /* of the vCPU time record; no offset */
		return (struct cpuid_regs){ .c = arch_clock.mul, .d = (uint8_t)arch_clock.shift };
	case 2:
		return (struct cpuid_regs){ .a = khz };
	default:
		return (struct cpuid_regs){ 0 };
	}
}

static struct cpuid_regs leaf_xen(uint32_t leaf, uint32_t subleaf)
{
	switch (leaf - LEAF_XEN) {
	case 0: /* "XenVMMXenVMM" */
		return (struct cpuid_regs){ LEAF_XEN_MAX, 0x566e6558, 0x65584d4d, 0x4d4d566e };
	case 1: /* level of the ABI */
		return (struct cpuid_regs){ .a = 4u << 16 | 17u };
	case 2: /* no hypercall page by MSR: ELF notes ask for one; MMU_PT_UPDATE_PRESERVE_AD */
		return (struct cpuid_regs){ .c = BIT(0) };
	case 3:
		return leaf_xen_time(subleaf);
	case 5: /* PV: bits of a machine address */
		return (struct cpuid_regs){ .b = subleaf == 0 ? cpu_features.paddr_bits : 0 };
	default:
		return (struct cpuid_regs){ 0 };
	}
}

/* What of a leaf is not a feature word. */
static void adjust_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	bool itsc = v->domain->is_control && arch_clock.stable;

	switch (leaf) {
	case 0x0:
		r->a = MIN(r->a, LEAF_BASIC_MAX);
		break;
	case 0x1:
		/* Brand and CLFLUSH size as they are; one logical CPU; APIC id.
		 * OSXSAVE shows even before the guest asks for it. */
		r->b = (r->b & 0xffffu) | BIT(16) | (v->id & 0xffu) << 24;
		r->c |= F1_C_HYPERVISOR | (cpu_features.xcr0 != 0 ? F1_C_OSXSAVE : 0);
		break;
	case 0x4: /* caches, shared by nobody */
		r->a &= 0x3fffu;
		break;
	case 0x7:
		if (subleaf == 0) {
			r->a = r->a ? 1 : 0;
		} else {
			*r = (struct cpuid_regs){ .a = subleaf == 1 ? r->a : 0 };
		}
		break;
	case 0xd:
		leaf_d(v, subleaf, r);
		break;
	case 0x80000000:
		r->a = LEAF_EXT_LAST;
		break;
	case 0x80000007:
		/* Other domains may be moved to another machine one day. */
		*r = (struct cpuid_regs){ .d = itsc ? r->d & FE7_D_ITSC : 0 };
		break;
	case 0x80000008: /* one core */
		*r = (struct cpuid_regs){ cpu_features.paddr_bits | 48u << 8, r->b & FE8_B, 0, 0 };
		break;
	default: /* stays: cache descriptors; extended: name, caches */
		if (leaf <= LEAF_BASIC_MAX && leaf != 2) {
			*r = (struct cpuid_regs){ 0 };
		}
		break;
	}
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out)
{
	uint32_t first = leaf & 0x80000000u;
	uint32_t last = first ? LEAF_EXT_MAX : LEAF_BASIC_MAX;
	struct cpuid_regs r;

	if (leaf >= LEAF_XEN && leaf < LEAF_XEN_END) {
		*out = leaf_xen(leaf, subleaf);
		return;
	}
	*out = (struct cpuid_regs){ 0 };
	/* The CPU may be too old to say so: it was tried. */
	if (leaf == LEAF_EXT_LAST) {
		out->a = cpu_features.null_clears_base ? FE21_A_NULL_CLEARS_BASE : 0;
		return;
	}
	arch_cpuid(first, 0, &r);
	/* Beyond their last leaf some CPUs repeat it. */
	if (leaf <= MIN(last, r.a)) {
		arch_cpuid(leaf, subleaf, out);
		filter_features(leaf, subleaf, out);
		adjust_leaf(v, leaf, subleaf, out);
	}
}

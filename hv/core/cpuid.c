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
 * TSC_AUX), page sizes that guests may not use, and topology: each vCPU is a
 * package with one core and one thread.
 */
#include <hv/trap.h>

#include <xen/xen.h>

#include <arch/cpu.h>
#include <arch/paging.h>

#include <hv/domain.h>
#include <hv/string.h>
#include <hv/vcpu.h>

#define BIT(n) (1u << (n))
#define BITS(from, to) ((BIT((to) - (from)) * 2u - 1u) << (from))

#define LEAF_BASIC_MAX 0xdu
#define LEAF_EXT_MAX 0x80000008u
#define LEAF_XEN 0x40000000u
#define LEAF_XEN_MAX 0x40000005u
#define LEAF_XEN_END 0x40000100u /* leaves of the hypervisor, exclusive */

/* Leaf 1, EDX, and where AMD repeats it: FPU, DE, TSC, MSR, PAE, MCE, CX8,
 * APIC, MCA, CMOV, PAT, MMX, FXSR. */
#define F1_D_COMMON                                                   \
	(BIT(0) | BIT(2) | BITS(4, 9) | BIT(14) | BIT(15) | BIT(16) | \
	 BIT(23) | BIT(24))
/* ... and CLFLUSH, SSE, SSE2, SS. */
#define F1_D (F1_D_COMMON | BIT(19) | BITS(25, 27))
/* SSE3, PCLMULQDQ, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, AES,
 * XSAVE, OSXSAVE, AVX, F16C, RDRAND. */
#define F1_C                                                                \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | \
	 BITS(22, 23) | BITS(25, 30))
#define F1_C_XSAVE (BIT(26) | BIT(27))
#define F1_C_OSXSAVE BIT(27)
#define F1_C_AVX (BIT(12) | BIT(28) | BIT(29))
#define F1_C_HYPERVISOR BIT(31)

/* FSGSBASE, BMI1, AVX2, FDP_EXCPTN_ONLY, BMI2, ERMS, NO_FPU_SEL, AVX512F and
 * DQ, RDSEED, ADX, AVX512IFMA, CLFLUSHOPT, CLWB, AVX512 PF ER CD, SHA, AVX512
 * BW VL. */
#define F7_B                                                             \
	(BIT(0) | BIT(3) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(13) | \
	 BITS(16, 19) | BIT(21) | BITS(23, 24) | BITS(26, 31))
#define F7_B_FSGSBASE BIT(0)
#define F7_B_AVX BIT(5)
#define F7_B_AVX512 (BIT(16) | BIT(17) | BIT(21) | BITS(26, 28) | BITS(30, 31))
/* AVX512 VBMI, VBMI2, GFNI, VAES, VPCLMULQDQ, AVX512 VNNI, BITALG, VPOPCNTDQ,
 * CLDEMOTE, MOVDIRI, MOVDIR64B. */
#define F7_C (BIT(1) | BIT(6) | BITS(8, 12) | BIT(14) | BIT(25) | BITS(27, 28))
#define F7_C_AVX (BIT(9) | BIT(10))
#define F7_C_AVX512 (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
/* AVX512 4VNNIW, 4FMAPS, FSRM, VP2INTERSECT, MD_CLEAR, SERIALIZE, FP16. */
#define F7_D (BITS(2, 4) | BIT(8) | BIT(10) | BIT(14) | BIT(23))
#define F7_D_AVX512 (BIT(2) | BIT(3) | BIT(8) | BIT(23))
/* Subleaf 1, EAX: AVX_VNNI, AVX512_BF16, fast short REP: FZRM, FSRS, FSRC. */
#define F71_A (BITS(4, 5) | BITS(10, 12))
#define F71_A_AVX BIT(4)
#define F71_A_AVX512 BIT(5)

/* XSAVEOPT, XSAVEC, XGETBV(1). */
#define FD1_A BITS(0, 2)
#define FD1_A_XSAVEC BIT(1)
#define FD_C_ALIGN BIT(1) /* component is aligned in the compacted form */

/* LAHF, LZCNT, SSE4A, MISALIGNSSE, 3DNOWPREFETCH, XOP, FMA4, TBM. */
#define FE1_C (BIT(0) | BITS(5, 8) | BIT(11) | BIT(16) | BIT(21))
#define FE1_C_AVX (BIT(11) | BIT(16))
/* SYSCALL, NX, MMXEXT, RDTSCP, LM, 3DNOWEXT, 3DNOW. */
#define FE1_D \
	(F1_D_COMMON | BIT(11) | BIT(20) | BIT(22) | BIT(27) | BITS(29, 31))
#define FE7_D_ITSC BIT(8)
/* CLZERO, XSAVEERPTR. */
#define FE8_B (BIT(0) | BIT(2))

#define XCR0_AVX 0x04ull
#define XCR0_AVX512 0xe0ull
#define XSAVE_LEGACY_SIZE 576u /* FXSAVE image and header */

static bool has_avx(void)
{
	return arch_has_xsave() && (arch_xcr0_mask() & XCR0_AVX);
}

static bool has_avx512(void)
{
	return has_avx() && (arch_xcr0_mask() & XCR0_AVX512) == XCR0_AVX512;
}

static uint32_t min_leaf(uint32_t leaf, uint32_t limit)
{
	struct cpuid_regs r;

	arch_cpuid(leaf, 0, &r);
	return r.a < limit ? r.a : limit;
}

static void leaf_1(const struct vcpu *v, struct cpuid_regs *r)
{
	/* Brand and CLFLUSH size as they are; one logical CPU; APIC id. */
	r->b = (r->b & 0xffffu) | BIT(16) | (v->id & 0xffu) << 24;
	r->c &= F1_C;
	r->d &= F1_D;
	if (arch_has_xsave()) {
		r->c |= F1_C_OSXSAVE; /* even before the guest asks for it */
	} else {
		r->c &= ~F1_C_XSAVE;
	}
	if (!has_avx()) {
		r->c &= ~F1_C_AVX;
	}
	r->c |= F1_C_HYPERVISOR;
}

static void leaf_7(uint32_t subleaf, struct cpuid_regs *r)
{
	if (subleaf == 0) {
		r->a = r->a ? 1 : 0;
		r->b &= F7_B;
		r->c &= F7_C;
		r->d &= F7_D;
		if (!arch_has_fsgsbase()) {
			r->b &= ~F7_B_FSGSBASE;
		}
		if (!has_avx()) {
			r->b &= ~F7_B_AVX;
			r->c &= ~F7_C_AVX;
		}
		if (!has_avx512()) {
			r->b &= ~F7_B_AVX512;
			r->c &= ~F7_C_AVX512;
			r->d &= ~F7_D_AVX512;
		}
		return;
	}
	*r = (struct cpuid_regs){ .a = subleaf == 1 ? r->a & F71_A : 0 };
	if (!has_avx()) {
		r->a &= ~F71_A_AVX;
	}
	if (!has_avx512()) {
		r->a &= ~F71_A_AVX512;
	}
}

/* Bytes of an XSAVE area with the components of xcr0. */
static uint32_t xsave_size(uint64_t xcr0, bool compacted)
{
	uint32_t size = XSAVE_LEGACY_SIZE;
	struct cpuid_regs r;
	unsigned int i;

	for (i = 2; i < 63; i++) {
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
	uint64_t mask = arch_has_xsave() ? arch_xcr0_mask() : 0;

	if (subleaf == 0 && mask) {
		r->a = (uint32_t)mask;
		r->b = xsave_size(v->xcr0, false);
		r->c = xsave_size(mask, false);
		r->d = (uint32_t)(mask >> 32);
	} else if (subleaf == 1 && mask) {
		r->a &= FD1_A;
		r->b = r->a & FD1_A_XSAVEC ? xsave_size(v->xcr0, true) : 0;
		r->c = 0; /* no component that only XSAVES knows */
		r->d = 0;
	} else if (subleaf >= 2 && subleaf < 63 && (mask & 1ull << subleaf)) {
		r->c &= FD_C_ALIGN;
		r->d = 0;
	} else {
		*r = (struct cpuid_regs){ 0 };
	}
}

/* The published description of time: nothing is emulated. */
static void leaf_xen_time(uint32_t subleaf, struct cpuid_regs *r)
{
	const struct arch_clock *clock = arch_clock();
	uint32_t khz = (uint32_t)(clock->hz / 1000);

	switch (subleaf) {
	case 0:
		r->a = clock->stable ? BIT(1) : 0; /* counter is reliable */
		r->b = 2;			   /* mode "never emulate" */
		r->c = khz;
		break;
	case 1: /* of the vCPU time record; no offset */
		r->c = clock->mul;
		r->d = (uint8_t)clock->shift;
		break;
	case 2:
		r->a = khz;
		break;
	default:
		break;
	}
}

static void leaf_xen(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	static const char signature[] = "XenVMMXenVMM";

	*r = (struct cpuid_regs){ 0 };
	switch (leaf - LEAF_XEN) {
	case 0:
		r->a = LEAF_XEN_MAX;
		memcpy(&r->b, signature, 4);
		memcpy(&r->c, signature + 4, 4);
		memcpy(&r->d, signature + 8, 4);
		break;
	case 1: /* level of the ABI */
		r->a = 4u << 16 | 17u;
		break;
	case 2: /* no hypercall page by MSR: ELF notes ask for one */
		r->c = BIT(0); /* MMU_PT_UPDATE_PRESERVE_AD */
		break;
	case 3:
		leaf_xen_time(subleaf, r);
		break;
	case 5: /* PV: bits of a machine address */
		r->b = subleaf == 0 ? arch_paddr_bits() : 0;
		break;
	default:
		break;
	}
}

static void leaf_basic(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
		       struct cpuid_regs *r)
{
	switch (leaf) {
	case 0x0:
		r->a = MIN(r->a, LEAF_BASIC_MAX);
		return;
	case 0x1:
		leaf_1(v, r);
		return;
	case 0x2: /* cache descriptors */
		return;
	case 0x4: /* caches, shared by nobody */
		r->a &= 0x3fffu;
		return;
	case 0x7:
		leaf_7(subleaf, r);
		return;
	case 0xd:
		leaf_d(v, subleaf, r);
		return;
	default:
		*r = (struct cpuid_regs){ 0 };
		return;
	}
}

static void leaf_extended(const struct vcpu *v, uint32_t leaf,
			  struct cpuid_regs *r)
{
	switch (leaf) {
	case 0x80000000:
		r->a = MIN(r->a, LEAF_EXT_MAX);
		return;
	case 0x80000001:
		r->c &= FE1_C;
		r->d &= FE1_D;
		if (!has_avx()) {
			r->c &= ~FE1_C_AVX;
		}
		return;
	case 0x80000007:
		/* Other domains may be moved to another machine one day. */
		r->d &= v->domain->is_control && arch_clock()->stable ?
				FE7_D_ITSC :
				0;
		r->a = 0;
		r->b = 0;
		r->c = 0;
		return;
	case 0x80000008:
		r->a = arch_paddr_bits() | 48u << 8;
		r->b &= FE8_B;
		r->c = 0; /* one core */
		r->d = 0;
		return;
	default: /* name, caches */
		return;
	}
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf,
		 struct cpuid_regs *out)
{
	*out = (struct cpuid_regs){ 0 };
	if (leaf >= LEAF_XEN && leaf < LEAF_XEN_END) {
		leaf_xen(leaf, subleaf, out);
	} else if (leaf <= LEAF_BASIC_MAX) {
		/* Beyond their last leaf some CPUs repeat it. */
		if (leaf <= min_leaf(0, LEAF_BASIC_MAX)) {
			arch_cpuid(leaf, subleaf, out);
			leaf_basic(v, leaf, subleaf, out);
		}
	} else if (leaf >= 0x80000000u && leaf <= LEAF_EXT_MAX) {
		if (leaf <= min_leaf(0x80000000u, LEAF_EXT_MAX)) {
			arch_cpuid(leaf, subleaf, out);
			leaf_extended(v, leaf, out);
		}
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * What a CPU's design lets a guest read or steer, and what of that is closed
 * here.  docs/security.md says how, and at what cost.
 */
#ifndef HV_CPU_VULN_H
#define HV_CPU_VULN_H

/* clang-format off */
/*
 * The words that decide: CPUID by leaf and register (EBX of leaf 0 stands for
 * the vendor), threads of a core by leaf 0xb, MSR 0x10a or 0.
 */
enum { CPU_VENDOR, CPU_SIGNATURE, CPU_7B, CPU_7D, CPU_72D, CPU_E8B, CPU_E21A, CPU_E21C,
       CPU_THREADS, CPU_CAPS, CPU_WORDS };

/*
 * RSB: returns into a guest's code, without SMEP.  THREADS: MDS or TAA from the
 * other thread of a core.
 */
#define CPU_VULNS(X)                                                                     \
	X(MELTDOWN) X(L1TF) X(MDS) X(TAA) X(RFDS) X(SRBDS) X(GDS) X(SPECTRE_V2) X(BHI)   \
	X(RETBLEED) X(RSB) X(SRSO) X(TSA) X(ZENBLEED) X(THREADS)
#define CPU_VULN_INDEX(name) VULN_INDEX_##name,
#define CPU_VULN_BIT(name) VULN_##name = 1 << VULN_INDEX_##name,
enum { CPU_VULNS(CPU_VULN_INDEX) };
enum { CPU_VULNS(CPU_VULN_BIT) };
/* clang-format on */

/* What the machine's half does; first bits of SPEC_CTRL, which is set once. */
#define USE_IBRS 0x1u
#define USE_STIBP 0x2u
#define USE_RRSBA_DIS 0x40u
#define USE_BHI_DIS 0x400u
#define USE_SPEC_CTRL 0xffffu
#define USE_VERW 0x10000u /* overwrite buffers on the way to a guest */
#define USE_IBPB 0x20000u /* forget branches between two domains */
#define USE_AUTO_IBRS 0x40000u
#define USE_TSX_OFF 0x80000u

struct cpu_vuln {
	bool known;	   /* the table has the design */
	uint32_t affected; /* VULN_* */
	uint32_t lacking;  /* of these, what is open */
	uint32_t use;	   /* USE_* */
};

/** Judges a CPU by what it says of itself and by the table. */
void cpu_vuln_judge(const uint64_t word[CPU_WORDS], struct cpu_vuln *v);
/** One line to the log; where something lacks, a warning or boot_failed(). */
void cpu_vuln_report(const struct cpu_vuln *v, bool unsafe);

#endif

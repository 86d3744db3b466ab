/* SPDX-License-Identifier: MIT */
/*
 * Real CPUs by signature and feature bits, with and without the microcode that
 * brings the defences, and what the core must make of each.
 */
#include "core_test.h"

#include <hv/cpu_vuln.h>
#include <hv/printk.h>

#define BIT(n) (1ull << (n))
#define INTEL 0x756e6547u
#define AMD 0x68747541u
#define HYGON 0x6f677948u

/* Family, model and stepping as leaf 1 has them. */
#define SIG(family, model, stepping)                                              \
	((family) > 0xf ? ((family)-0xfu) << 20 | 0xf00u | ((model) >> 4) << 16 | \
				  ((model)&0xfu) << 4 | (stepping) :              \
			  ((model) >> 4) << 16 | (family) << 8 | ((model)&0xfu) << 4 | (stepping))

/* Leaf 7, EBX: AVX2, SMEP; RTM. Leaf 7, EDX. */
#define B (BIT(5) | BIT(7))
#define RTM BIT(11)
#define SRBDS_CTRL BIT(9)
#define MD_CLEAR BIT(10)
#define IBRS (BIT(26) | BIT(27))
/* Capabilities. */
#define RDCL_NO BIT(0)
#define EIBRS BIT(1)
#define RSBA BIT(2)
#define MDS_NO BIT(5)
#define TSX_CTRL BIT(7)
#define TAA_NO BIT(8)
#define RRSBA BIT(19)
#define BHI_NO BIT(20)
#define GDS_CTRL BIT(25)
#define GDS_NO BIT(26)
#define RFDS_NO BIT(27)
#define RFDS_CLEAR BIT(28)
/* AMD: 0x80000008 EBX, 0x80000021 EAX and ECX. */
#define AMD_IBPB (BIT(12) | BIT(14) | BIT(15))
#define BTC_NO BIT(29)
#define VERW_CLEAR BIT(5)
#define AUTO_IBRS BIT(8)
#define SRSO_NO BIT(29)
#define SRSO_USER_NO BIT(30)
#define TSA_NO (BIT(1) | BIT(2))

#define V(name) (1u << VULN_INDEX_##name)
#define OLD_INTEL (V(MELTDOWN) | V(L1TF) | V(MDS))
#define PREDICTORS (V(SPECTRE_V2) | V(RSB))
#define SPECIAL (USE_IBRS | USE_STIBP | USE_IBPB)

static const struct {
	const char *name;
	uint64_t word[CPU_WORDS];
	uint32_t affected, lacking, use;
	bool unknown;
} cpus[] = {
	{ "Penryn",
	  { INTEL, SIG(6, 0x17, 6) },
	  OLD_INTEL | PREDICTORS,
	  OLD_INTEL | PREDICTORS,
	  0,
	  false },
	{ "Pentium 4",
	  { INTEL, SIG(0xf, 6, 4) },
	  OLD_INTEL | PREDICTORS,
	  OLD_INTEL | PREDICTORS,
	  0,
	  false },
	{ "Bonnell, in order", { INTEL, SIG(6, 0x1c, 2) }, 0, 0, 0, false },
	{ "Broadwell server, microcode of 2019, two threads",
	  { INTEL,
	    SIG(6, 0x4f, 1), [CPU_7B] = B | RTM, [CPU_7D] = MD_CLEAR | IBRS, [CPU_THREADS] = 2 },
	  OLD_INTEL | V(TAA) | PREDICTORS | V(THREADS),
	  V(MELTDOWN) | V(L1TF) | V(THREADS),
	  USE_VERW | USE_IBPB | USE_STIBP,
	  false },
	{ "Skylake client, no microcode",
	  { INTEL, SIG(6, 0x5e, 3), [CPU_7B] = B | RTM },
	  OLD_INTEL | V(TAA) | V(SRBDS) | V(GDS) | V(RETBLEED) | PREDICTORS,
	  OLD_INTEL | V(TAA) | V(SRBDS) | V(GDS) | V(RETBLEED) | V(SPECTRE_V2),
	  0,
	  false },
	{ "Cascade Lake, TSX can be turned off, two threads",
	  { INTEL, SIG(6, 0x55, 7), [CPU_7B] = B | RTM, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_THREADS] = 2, [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TSX_CTRL | GDS_CTRL },
	  V(TAA) | V(GDS) | V(RETBLEED) | V(BHI) | PREDICTORS,
	  0,
	  SPECIAL | USE_VERW | USE_TSX_OFF,
	  false },
	{ "Cascade Lake, TSX cannot, two threads",
	  { INTEL, SIG(6, 0x55, 7), [CPU_7B] = B | RTM, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_THREADS] = 2, [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | GDS_CTRL },
	  V(TAA) | V(GDS) | V(RETBLEED) | V(BHI) | PREDICTORS | V(THREADS),
	  V(THREADS),
	  SPECIAL | USE_VERW,
	  false },
	{ "Cascade Lake, the same, one thread",
	  { INTEL, SIG(6, 0x55, 7), [CPU_7B] = B | RTM, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_THREADS] = 1, [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | GDS_CTRL },
	  V(TAA) | V(GDS) | V(RETBLEED) | V(BHI) | PREDICTORS,
	  0,
	  SPECIAL | USE_VERW,
	  false },
	{ "Whiskey Lake of stepping 0xb, two threads",
	  { INTEL, SIG(6, 0x8e, 0xb), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | SRBDS_CTRL | IBRS,
	    [CPU_THREADS] = 2, [CPU_CAPS] = RDCL_NO | RSBA | GDS_CTRL },
	  V(MDS) | V(SRBDS) | V(GDS) | V(RETBLEED) | PREDICTORS | V(THREADS),
	  V(RETBLEED) | V(THREADS),
	  USE_VERW | USE_IBPB | USE_STIBP,
	  false },
	{ "Comet Lake, no microcode against GDS and SRBDS",
	  { INTEL,
	    SIG(6, 0xa5, 2), [CPU_7B] = B, [CPU_7D] = IBRS, [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO },
	  V(SRBDS) | V(GDS) | V(RETBLEED) | V(BHI) | PREDICTORS,
	  V(SRBDS) | V(GDS),
	  SPECIAL,
	  false },
	{ "Ice Lake server",
	  { INTEL, SIG(6, 0x6a, 6), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | GDS_CTRL },
	  V(GDS) | V(BHI) | PREDICTORS,
	  0,
	  SPECIAL,
	  false },
	{ "Ice Lake server, returns from other predictors",
	  { INTEL, SIG(6, 0x6a, 6), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | GDS_CTRL | RRSBA },
	  V(GDS) | V(BHI) | PREDICTORS,
	  V(BHI),
	  SPECIAL,
	  false },
	{ "Ice Lake server as an emulator shows it",
	  { INTEL, SIG(6, 0x6a, 6), [CPU_7B] = B },
	  OLD_INTEL | V(GDS) | PREDICTORS,
	  OLD_INTEL | V(GDS) | V(SPECTRE_V2),
	  0,
	  false },
	{ "Tiger Lake, no gather",
	  { INTEL, SIG(6, 0x8c, 1), [CPU_7B] = BIT(7), [CPU_7D] = IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | BHI_NO },
	  PREDICTORS,
	  0,
	  SPECIAL,
	  false },
	{ "Rocket Lake",
	  { INTEL, SIG(6, 0xa7, 1), [CPU_7B] = B, [CPU_7D] = IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | GDS_CTRL },
	  V(GDS) | V(RETBLEED) | V(BHI) | PREDICTORS,
	  0,
	  SPECIAL,
	  false },
	{ "Alder Lake",
	  { INTEL, SIG(6, 0x97, 2), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_72D] = BIT(2) | BIT(4), [CPU_THREADS] = 2,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | GDS_NO | RRSBA | RFDS_CLEAR },
	  V(RFDS) | V(BHI) | PREDICTORS,
	  0,
	  SPECIAL | USE_RRSBA_DIS | USE_BHI_DIS | USE_VERW,
	  false },
	{ "Raptor Lake, no microcode against RFDS",
	  { INTEL, SIG(6, 0xb7, 1), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_72D] = BIT(2) | BIT(4), [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | RRSBA },
	  V(RFDS) | V(BHI) | PREDICTORS,
	  V(RFDS),
	  SPECIAL | USE_RRSBA_DIS | USE_BHI_DIS,
	  false },
	{ "a model not in the table that says RSBA and RFDS_CLEAR for others",
	  { INTEL, SIG(6, 0x8f, 8), [CPU_7B] = B, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | RSBA | MDS_NO | BHI_NO | RFDS_CLEAR },
	  V(RFDS) | V(RETBLEED) | PREDICTORS,
	  0,
	  SPECIAL | USE_VERW,
	  false },
	{ "Sapphire Rapids",
	  { INTEL, SIG(6, 0x8f, 8), [CPU_7B] = B | RTM, [CPU_7D] = MD_CLEAR | IBRS,
	    [CPU_72D] = BIT(2) | BIT(4), [CPU_THREADS] = 2,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | TAA_NO | RRSBA | RFDS_NO },
	  V(BHI) | PREDICTORS,
	  0,
	  SPECIAL | USE_RRSBA_DIS | USE_BHI_DIS,
	  false },
	{ "a family of Intel that is not there yet",
	  { INTEL, SIG(0x13, 1, 0), [CPU_7B] = B, [CPU_7D] = IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | BHI_NO },
	  PREDICTORS,
	  0,
	  SPECIAL,
	  false },
	{ "Goldmont",
	  { INTEL,
	    SIG(6, 0x5c, 9), [CPU_7B] = BIT(7), [CPU_7D] = IBRS, [CPU_CAPS] = RDCL_NO | RFDS_CLEAR },
	  V(RFDS) | PREDICTORS,
	  0,
	  USE_VERW | USE_IBPB | USE_STIBP,
	  false },
	{ "Tremont, no microcode",
	  { INTEL, SIG(6, 0x96, 1), [CPU_7B] = BIT(7), [CPU_7D] = IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | BHI_NO },
	  V(RFDS) | V(SRBDS) | PREDICTORS,
	  V(RFDS) | V(SRBDS),
	  SPECIAL,
	  false },
	{ "Gracemont",
	  { INTEL, SIG(6, 0xbe, 0), [CPU_7B] = B, [CPU_7D] = IBRS,
	    [CPU_CAPS] = RDCL_NO | EIBRS | MDS_NO | BHI_NO | GDS_NO | RFDS_CLEAR },
	  V(RFDS) | PREDICTORS,
	  0,
	  SPECIAL | USE_VERW,
	  false },
	{ "K8, as the emulator's own models are",
	  { AMD, SIG(0xf, 0x6b, 1) },
	  V(SPECTRE_V2),
	  0,
	  0,
	  true },
	{ "K10", { AMD, SIG(0x10, 4, 3) }, PREDICTORS, PREDICTORS, 0, false },
	{ "Piledriver",
	  { AMD, SIG(0x15, 2, 0), [CPU_E8B] = BIT(12) },
	  V(RETBLEED) | PREDICTORS,
	  V(RETBLEED) | V(RSB),
	  USE_IBPB,
	  false },
	{ "Jaguar",
	  { AMD, SIG(0x16, 0, 1), [CPU_7B] = BIT(7) },
	  V(RETBLEED) | PREDICTORS,
	  V(RETBLEED) | V(SPECTRE_V2),
	  0,
	  false },
	{ "Zen",
	  { AMD, SIG(0x17, 1, 2), [CPU_7B] = B, [CPU_E8B] = BIT(12) },
	  V(RETBLEED) | V(SRSO) | PREDICTORS,
	  V(RETBLEED) | V(SRSO),
	  USE_IBPB,
	  false },
	{ "Zen 2",
	  { AMD, SIG(0x17, 0x31, 0), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB },
	  V(RETBLEED) | V(SRSO) | V(ZENBLEED) | PREDICTORS,
	  V(RETBLEED) | V(SRSO) | V(ZENBLEED),
	  USE_IBPB | USE_STIBP,
	  false },
	{ "Dhyana",
	  { HYGON, SIG(0x18, 0, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB },
	  V(RETBLEED) | V(SRSO) | PREDICTORS,
	  V(RETBLEED) | V(SRSO),
	  USE_IBPB | USE_STIBP,
	  false },
	{ "Zen 3",
	  { AMD,
	    SIG(0x19, 1, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB | BTC_NO, [CPU_E21A] = VERW_CLEAR },
	  V(SRSO) | V(TSA) | PREDICTORS,
	  V(SRSO),
	  USE_IBPB | USE_STIBP | USE_VERW,
	  false },
	{ "Zen 4",
	  { AMD,
	    SIG(0x19, 0x11, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB | BTC_NO, [CPU_E21A] = AUTO_IBRS },
	  V(SRSO) | V(TSA) | PREDICTORS,
	  V(SRSO) | V(TSA),
	  USE_IBPB | USE_STIBP | USE_AUTO_IBRS,
	  false },
	{ "a Zen 4 without both",
	  { AMD, SIG(0x19, 0x11, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB | BTC_NO,
	    [CPU_E21A] = AUTO_IBRS | SRSO_NO, [CPU_E21C] = TSA_NO },
	  PREDICTORS,
	  0,
	  USE_IBPB | USE_STIBP | USE_AUTO_IBRS,
	  false },
	{ "half of TSA's bits",
	  { AMD, SIG(0x19, 0x11, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB | BTC_NO,
	    [CPU_E21A] = SRSO_NO, [CPU_E21C] = BIT(1) },
	  V(TSA) | PREDICTORS,
	  V(TSA),
	  USE_IBPB | USE_STIBP,
	  false },
	{ "Zen 5",
	  { AMD, SIG(0x1a, 2, 1), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB | BTC_NO,
	    [CPU_E21A] = AUTO_IBRS | SRSO_USER_NO },
	  PREDICTORS,
	  0,
	  USE_IBPB | USE_STIBP | USE_AUTO_IBRS,
	  false },
	{ "Zen 5, SMEP off",
	  { AMD, SIG(0x1a, 2, 1), [CPU_7B] = BIT(5), [CPU_E8B] = AMD_IBPB | BTC_NO,
	    [CPU_E21A] = AUTO_IBRS | SRSO_USER_NO },
	  PREDICTORS,
	  V(RSB),
	  USE_IBPB | USE_STIBP | USE_AUTO_IBRS,
	  false },
	{ "a family of AMD that is not there yet",
	  { AMD, SIG(0x1c, 1, 0), [CPU_7B] = B, [CPU_E8B] = AMD_IBPB, [CPU_E21A] = AUTO_IBRS },
	  V(SPECTRE_V2),
	  0,
	  USE_IBPB | USE_STIBP | USE_AUTO_IBRS,
	  true },
	{ "another vendor", { 0x746e6543u, SIG(7, 0x3b, 0) }, V(SPECTRE_V2), 0, 0, true },
};

static void test_cpus(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
		struct cpu_vuln v;

		cpu_vuln_judge(cpus[i].word, &v);
		if (v.affected != cpus[i].affected || v.lacking != cpus[i].lacking ||
		    v.use != cpus[i].use || v.known == cpus[i].unknown) {
			printf("\n    %s: affected %#x, lacking %#x, use %#x", cpus[i].name,
			       v.affected, v.lacking, v.use);
		}
		EQ(v.affected, cpus[i].affected);
		EQ(v.lacking, cpus[i].lacking);
		EQ(v.use, cpus[i].use);
		EQ(v.known, !cpus[i].unknown);
	}
}

/*
 * What the makers' lists say of each model, of what no bit of the CPU tells: only
 * the flaws of `ASKED' are compared, on a CPU that says nothing but AVX2.
 */
#define ASKED                                                                                   \
	(V(MELTDOWN) | V(L1TF) | V(MDS) | V(RFDS) | V(SRBDS) | V(GDS) | V(RETBLEED) | V(SRSO) | \
	 V(TSA) | V(ZENBLEED))
#define RDCL (V(MELTDOWN) | V(L1TF) | V(MDS))

static const struct {
	uint32_t vendor, family, affected;
	const char *models;
} models[] = {
	{ INTEL, 6, 0, "\x1c\x26\x27\x35\x36" },
	/* Silvermont, Airmont, Xeon Phi. */
	{ INTEL, 6, V(MELTDOWN) | V(MDS), "\x37\x4a\x4c\x4d\x57\x5a\x75\x85" },
	/* Core 2, Nehalem, Westmere, Sandy Bridge; servers to Broadwell. */
	{ INTEL, 6, RDCL, "\x0f\x17\x1d\x1a\x1e\x2e\x25\x2c\x2f\x2a\x2d\x3e\x3f\x4f\x56" },
	/* Clients: Ivy Bridge, Haswell, Broadwell. */
	{ INTEL, 6, RDCL | V(SRBDS), "\x3a\x3c\x45\x46\x3d\x47" },
	/* Clients from Skylake to Comet Lake, Cannon Lake among them; Ice Lake. */
	{ INTEL, 6, RDCL | V(SRBDS) | V(GDS) | V(RETBLEED),
	  "\x4e\x5e\x8e\x9e\x66\xa5\xa6\x7d\x7e\x9d" },
	/* Skylake to Cooper Lake servers, Rocket Lake; Ice Lake servers, Tiger Lake. */
	{ INTEL, 6, RDCL | V(GDS) | V(RETBLEED), "\x55\xa7" },
	{ INTEL, 6, RDCL | V(GDS), "\x6a\x6c\x8c\x8d" },
	{ INTEL, 6, RDCL | V(SRBDS) | V(GDS) | V(RETBLEED) | V(RFDS), "\x8a" }, /* Lakefield */
	/* Goldmont, Goldmont Plus, Tremont servers; other Tremonts. */
	{ INTEL, 6, V(MELTDOWN) | V(RFDS), "\x5c\x5f\x7a\x86" },
	{ INTEL, 6, V(MELTDOWN) | V(RFDS) | V(SRBDS), "\x96\x9c" },
	/* Alder Lake, Raptor Lake, Gracemont. */
	{ INTEL, 6, RDCL | V(RFDS), "\x97\x9a\xb7\xba\xbf\xbe" },
	/* Sapphire to Granite Rapids, Meteor to Lunar Lake, Crestmont: their bits alone. */
	{ INTEL, 6, RDCL, "\x8f\xcf\xad\xae\xaa\xac\xb5\xc5\xc6\xbd\xaf\xb6" },
	{ AMD, 0x10, 0, "\x02\x04\x08\x0a" },
	{ AMD, 0x12, 0, "\x01" },
	{ AMD, 0x14, 0, "\x01\x02" },
	{ AMD, 0x15, V(RETBLEED), "\x01\x02\x10\x13\x30\x38\x60\x65\x70" },
	{ AMD, 0x16, V(RETBLEED), "\x30" },
	/* Zen 1; Zen 2, whatever else its family may have included; Zen 3 and 4; Zen 5. */
	{ AMD, 0x17, V(RETBLEED) | V(SRSO), "\x01\x08\x11\x18\x20\x50" },
	{ AMD, 0x17, V(RETBLEED) | V(SRSO) | V(ZENBLEED),
	  "\x31\x3f\x47\x60\x67\x68\x6f\x71\x7f\x84\x90\x91\x98\xa0\xaf" },
	{ AMD, 0x19, V(SRSO) | V(TSA), "\x01\x08\x21\x44\x50\x11\x18\x61\x74\x78\xa0" },
	{ AMD, 0x1a, V(SRSO), "\x02\x11\x24\x44\x70" },
};

static void test_models(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		for (const char *m = models[i].models; *m != '\0'; m++) {
			uint32_t model = (unsigned char)*m;
			uint64_t word[CPU_WORDS] = {
				models[i].vendor, SIG(models[i].family, model, 1), [CPU_7B] = B
			};
			struct cpu_vuln v;

			cpu_vuln_judge(word, &v);
			if ((v.affected & ASKED) != models[i].affected || !v.known) {
				printf("\n    family %#x, model %#x: affected %#x, not %#x",
				       models[i].family, model, v.affected & ASKED,
				       models[i].affected);
			}
			EQ(v.affected & ASKED, models[i].affected);
			EQ(v.known, true);
		}
	}
}

/* What the administrator reads: the names, in the order of the bits. */
static void test_report(void)
{
	struct cpu_vuln v = { true, 0x7fff, V(SRSO) | V(THREADS), USE_VERW | USE_IBPB | USE_IBRS };
	char buf[1024];
	uint64_t pos = 0;
	size_t n;

	while (printk_read(buf, sizeof(buf), &pos) != 0) {}
	cpu_vuln_report(&v, true);
	n = printk_read(buf, sizeof(buf) - 1, &pos);
	buf[n] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(buf, " MELTDOWN L1TF MDS TAA RFDS SRBDS GDS SPECTRE_V2 BHI "
					   "RETBLEED RSB SRSO TSA ZENBLEED THREADS; in use: "
					   "retpolines verw ibpb, SPEC_CTRL 0x1\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf, "unsafe_cpu: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(buf, ": SRSO THREADS\n"));
}

CU_TestInfo cpu_vuln_tests[] = {
	{ "real CPUs", test_cpus },
	{ "the models of the makers' lists", test_models },
	{ "the report", test_report },
	CU_TEST_INFO_NULL,
};

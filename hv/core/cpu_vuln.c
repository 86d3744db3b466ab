/* SPDX-License-Identifier: MIT */
/*
 * Which CPU needs which defence.  Start-up code calls it once, on the boot CPU;
 * no state, no lock.  Never reads the machine itself, so that tests can make
 * CPUs up.
 *
 * Two tables: designs that have a flaw; and rules, in order: what a CPU says
 * that frees it of one, then what closes those that are left.  A design that
 * the first table does not have is believed: nothing is lacking, and the log
 * says that nobody has looked.
 */
#include <hv/cpu_vuln.h>

#define BIT(n) (1ull << (n))
#define V2 VULN_SPECTRE_V2

/* Every Intel CPU that does not say otherwise; Skylake and its successors. */
#define INTEL_ALL (VULN_MELTDOWN | VULN_L1TF | VULN_MDS | VULN_TAA | V2 | VULN_BHI | VULN_RSB)
#define SKYLAKE (VULN_GDS | VULN_RETBLEED)
#define BULLDOZER (V2 | VULN_RSB | VULN_RETBLEED)

#define VENDOR_INTEL 0x756e6547ull /* Genu */
#define INTEL(family) (VENDOR_INTEL << 8 | (family))
#define AMD(family) (0x68747541ull << 8 | (family))   /* Auth */
#define HYGON(family) (0x6f677948ull << 8 | (family)) /* Hygo */

static const struct design {
	uint64_t family;
	const char *models; /* NULL: all */
	uint32_t has, has_not;
} designs[] = {
	/* Bonnell and Saltwell execute in order; Silvermont, Airmont and Xeon Phi next. */
	{ INTEL(6), "\x1c\x26\x27\x35\x36", 0, INTEL_ALL },
	{ INTEL(6), "\x37\x4a\x4c\x4d\x57\x5a\x75\x85", 0, VULN_L1TF },
	/* From Skylake to Rocket Lake; clients from Ivy Bridge on; servers and Tiger Lake. */
	{ INTEL(6), "\x4e\x55\x5e\x66\x7d\x7e\x8a\x8e\x9d\x9e\xa5\xa6\xa7", SKYLAKE, 0 },
	{ INTEL(6), "\x3a\x3c\x3d\x45\x46\x47\x4e\x5e\x66\x7d\x7e\x8a\x8e\x96\x9c\x9d\x9e\xa5\xa6",
	  VULN_SRBDS, 0 },
	{ INTEL(6), "\x6a\x6c\x8c\x8d", VULN_GDS, 0 },
	/* Goldmont, Tremont; Lakefield, Alder Lake, Raptor Lake and their E-cores alone. */
	{ INTEL(6), "\x5c\x5f\x7a\x86\x96\x9c", VULN_RFDS, VULN_MDS | VULN_L1TF },
	{ INTEL(6), "\x8a\x97\x9a\xb7\xba\xbe\xbf", VULN_RFDS, 0 },
	{ AMD(0x10), NULL, V2 | VULN_RSB, 0 },
	{ AMD(0x11), NULL, V2 | VULN_RSB, 0 },
	{ AMD(0x12), NULL, V2 | VULN_RSB, 0 },
	{ AMD(0x14), NULL, V2 | VULN_RSB, 0 },
	{ AMD(0x15), NULL, BULLDOZER, 0 },
	{ AMD(0x16), NULL, BULLDOZER, 0 },
	{ AMD(0x17), NULL, BULLDOZER | VULN_SRSO | VULN_ZENBLEED, 0 },
	{ AMD(0x17), "\x01\x08\x11\x18\x20\x50", 0, VULN_ZENBLEED }, /* Zen 1 */
	{ HYGON(0x18), NULL, BULLDOZER | VULN_SRSO, 0 },
	{ AMD(0x19), NULL, V2 | VULN_RSB | VULN_SRSO | VULN_TSA, 0 },
	{ AMD(0x1a), NULL, V2 | VULN_RSB | VULN_SRSO, 0 },
};

#define FREED (~0u)

static const struct rule {
	uint32_t vulns; /* 0: a defence to use wherever it is offered */
	unsigned int word;
	uint64_t set, clear; /* bits that must be so */
	uint32_t use;	     /* USE_*; 0: it takes microcode alone; FREED */
} rules[] = {
	{ VULN_MELTDOWN | VULN_L1TF, CPU_CAPS, BIT(0), 0, FREED }, /* RDCL_NO */
	{ VULN_MDS, CPU_CAPS, BIT(5), 0, FREED },
	{ VULN_TAA, CPU_CAPS, BIT(8), 0, FREED },
	{ VULN_TAA, CPU_7B, 0, BIT(11), FREED },  /* no RTM */
	{ VULN_BHI, CPU_CAPS, 0, BIT(1), FREED }, /* predictors of before IBRS_ALL */
	{ VULN_BHI, CPU_CAPS, BIT(20), 0, FREED },
	{ VULN_GDS, CPU_CAPS, BIT(26), 0, FREED },
	{ VULN_GDS, CPU_7B, 0, BIT(5), FREED }, /* no AVX2: no gather */
	{ VULN_RFDS, CPU_CAPS, BIT(27), 0, FREED },
	{ VULN_RETBLEED, CPU_E8B, BIT(29), 0, FREED }, /* BTC_NO */
	{ VULN_SRSO, CPU_E21A, BIT(29), 0, FREED },
	{ VULN_SRSO, CPU_E21A, BIT(30), 0, FREED },	   /* not from ring 3 to ring 0 */
	{ VULN_TSA, CPU_E21C, BIT(1) | BIT(2), 0, FREED }, /* both forms */

	{ VULN_TAA, CPU_CAPS, BIT(7), 0, USE_TSX_OFF },
	{ VULN_MDS | VULN_TAA, CPU_7D, BIT(10), 0, USE_VERW }, /* MD_CLEAR */
	{ VULN_RFDS, CPU_CAPS, BIT(28), 0, USE_VERW },
	{ VULN_TSA, CPU_E21A, BIT(5), 0, USE_VERW },
	{ VULN_SRBDS, CPU_7D, BIT(9), 0, 0 },
	{ VULN_GDS, CPU_CAPS, BIT(25), 0, 0 },
	/* Between guests; the core has no branch to steer. */
	{ V2, CPU_7D, BIT(26), 0, USE_IBPB },
	{ V2, CPU_E8B, BIT(12), 0, USE_IBPB },
	{ VULN_RETBLEED, CPU_CAPS, BIT(1), 0, USE_IBRS },
	/* No RRSBA: returns come from the return stack, so retpolines will do. */
	{ VULN_BHI, CPU_CAPS, 0, BIT(19), 0 },
	{ VULN_BHI, CPU_72D, BIT(4), 0, USE_BHI_DIS },
	{ VULN_RSB, CPU_7B, BIT(7), 0, 0 }, /* SMEP */
	{ 0, CPU_CAPS, BIT(1), 0, USE_IBRS },
	{ 0, CPU_7D, BIT(27), 0, USE_STIBP },
	{ 0, CPU_E8B, BIT(15), 0, USE_STIBP },
	{ 0, CPU_72D, BIT(2), 0, USE_RRSBA_DIS },
	{ 0, CPU_E21A, BIT(8), 0, USE_AUTO_IBRS },
};

static uint32_t by_design(const uint64_t *word, bool *known)
{
	uint32_t signature = (uint32_t)word[CPU_SIGNATURE], family = signature >> 8 & 0xf;
	uint32_t model = (signature >> 4 & 0xf) | (signature >> 12 & 0xf0);
	uint32_t has, has_not = 0;

	family += family == 0xf ? signature >> 20 & 0xff : 0;
	*known = word[CPU_VENDOR] == VENDOR_INTEL;
	has = *known ? INTEL_ALL : 0;
	/* RSBA and RFDS_CLEAR: of other CPUs as well, to which a hypervisor may move us. */
	has |= *known && (word[CPU_CAPS] & BIT(2)) ? VULN_RETBLEED : 0;
	has |= *known && (word[CPU_CAPS] & BIT(28)) ? VULN_RFDS : 0;
	for (const struct design *d = designs; d < designs + ARRAY_SIZE(designs); d++) {
		if (d->family == (word[CPU_VENDOR] << 8 | family) &&
		    (d->models == NULL || (model != 0 && strchr(d->models, (char)model)))) {
			*known = true;
			has |= d->has;
			has_not |= d->has_not;
		}
	}
	/* Nobody's predictors are clean. */
	return *known ? has & ~has_not : (uint32_t)V2;
}

void cpu_vuln_judge(const uint64_t word[CPU_WORDS], struct cpu_vuln *v)
{
	uint32_t closed = 0;

	v->use = 0;
	v->affected = by_design(word, &v->known);
	for (const struct rule *r = rules; r < rules + ARRAY_SIZE(rules); r++) {
		uint64_t w = word[r->word];

		if ((r->vulns != 0 && (r->vulns & v->affected) == 0) || (w & r->set) != r->set ||
		    (w & r->clear) != 0) {
			continue;
		}
		if (r->use == FREED) {
			v->affected &= ~r->vulns;
		} else {
			closed |= r->vulns;
			v->use |= r->use;
		}
	}
	/* What one thread overwrites the other may have read already. */
	if (word[CPU_THREADS] > 1 &&
	    (v->affected & (v->use & USE_TSX_OFF ? VULN_MDS : VULN_MDS | VULN_TAA))) {
		v->affected |= VULN_THREADS;
	}
	v->lacking = v->known ? v->affected & ~closed : 0;
}

static void names(uint32_t vulns, char *buf, size_t size)
{
#define NAME(name) #name,
	static const char *const name[] = { CPU_VULNS(NAME) };
	int at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		if ((vulns >> i & 1) != 0 && (size_t)at < size) {
			at += format(buf + at, size - (size_t)at, " %s", name[i]);
		}
	}
}

void cpu_vuln_report(const struct cpu_vuln *v, bool unsafe)
{
	char list[128];

	names(v->affected, list, sizeof(list));
	pr_info("CPU vulnerabilities%s:%s; in use: retpolines%s%s%s%s, SPEC_CTRL %#x",
		v->known ? "" : " (not in the table, believed)", list,
		v->use & USE_VERW ? " verw" : "", v->use & USE_IBPB ? " ibpb" : "",
		v->use & USE_AUTO_IBRS ? " auto-ibrs" : "", v->use & USE_TSX_OFF ? " tsx-off" : "",
		v->use & USE_SPEC_CTRL);
	if (v->lacking == 0) {
		return;
	}
	names(v->lacking, list, sizeof(list));
	if (!unsafe) {
		boot_failed("guests could read foreign memory on this CPU, no defence against:%s "
			    "(docs/security.md); the option unsafe_cpu starts them",
			    list);
	}
	pr_warn("unsafe_cpu: guests can read foreign memory on this CPU, no defence against:%s",
		list);
}

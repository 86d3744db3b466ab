/* SPDX-License-Identifier: MIT */
/*
 * The one place where the core changes its own text: the SMAP windows that
 * entry.S left as 3-byte no-ops, and VERW where it is not needed.  Runs once on the boot CPU while the image is
 * still mapped writable, before paging_init() makes the text read-only.  Takes
 * no lock.
 */
#include <switch.h>

#include <hv/cpu_vuln.h>

/* Where, as a distance, and what. */
extern const struct patch {
	int32_t at;
	uint8_t insn[3];
} patch_smap_start[], patch_smap_end[];
extern const int32_t patch_verw_start[], patch_verw_end[];

INIT_TEXT void patch_text(void)
{
	static const uint8_t nop7[] = { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 };
	const int32_t *at;
	struct cpuid_regs unused;

	for (const struct patch *p = patch_smap_start; cpu_features.smap && p < patch_smap_end;
	     p++) {
		memcpy((char *)&p->at + p->at, p->insn, sizeof(p->insn));
	}
	for (at = patch_verw_start; !(cpu_features.use & USE_VERW) && at < patch_verw_end; at++) {
		memcpy((char *)at + *at, nop7, sizeof(nop7));
	}
	/* A serializing instruction drops what was fetched before. */
	arch_cpuid(0, 0, &unused);
}

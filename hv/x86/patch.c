/* SPDX-License-Identifier: MIT */
/*
 * The one place where the core changes its own text: the SMAP windows that
 * entry.S left as 3-byte no-ops.  Runs once on the boot CPU while the image is
 * still mapped writable, before paging_init() makes the text read-only.  Takes
 * no lock.
 */
#include <switch.h>

#include <hv/string.h>

/* Where, as a distance, and what. */
extern const struct patch {
	int32_t at;
	uint8_t insn[3];
} patch_smap_start[], patch_smap_end[];

INIT_TEXT void patch_smap(void)
{
	const struct patch *p;
	struct cpuid_regs unused;

	if (!cpu_features.smap) {
		return;
	}
	for (p = patch_smap_start; p < patch_smap_end; p++) {
		memcpy((char *)&p->at + p->at, p->insn, sizeof(p->insn));
	}
	/* A serializing instruction drops what was fetched before. */
	arch_cpuid(0, 0, &unused);
}

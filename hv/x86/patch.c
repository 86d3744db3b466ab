/* SPDX-License-Identifier: MIT */
/*
 * The one place where the core changes its own text: the SMAP windows that
 * entry.S left as 3-byte no-ops.  Runs once on the boot CPU while the image is
 * still mapped writable, before paging_init() makes the text read-only.  Takes
 * no lock.
 */
#include <switch.h>

#include <hv/string.h>

extern const int32_t patch_stac_start[], patch_stac_end[];
extern const int32_t patch_clac_start[], patch_clac_end[];

static INIT_TEXT void patch_list(const int32_t *p, const int32_t *end,
				 const uint8_t insn[3])
{
	for (; p < end; p++) {
		uint64_t va = (uint64_t)p + (uint64_t)(int64_t)*p;

		memcpy((void *)va, insn, 3);
	}
}

INIT_TEXT void patch_smap(void)
{
	static const uint8_t stac[3] = { 0x0f, 0x01, 0xcb };
	static const uint8_t clac[3] = { 0x0f, 0x01, 0xca };
	struct cpuid_regs unused;

	if (!cpu_features.smap) {
		return;
	}
	patch_list(patch_stac_start, patch_stac_end, stac);
	patch_list(patch_clac_start, patch_clac_end, clac);
	/* A serializing instruction drops what was fetched before. */
	arch_cpuid(0, 0, &unused);
}

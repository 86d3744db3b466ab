/* SPDX-License-Identifier: MIT */
/*
 * The start of day of a kernel that wants its p2m list at an address of its
 * own (INIT_P2M) and takes its ramdisk by frame number (MOD_START_PFN). The
 * runner passes test.h as the ramdisk.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define P2M 0x0000008000000000ul

void test(void)
{
	const struct start_info *si = shim_start_info;
	unsigned long pfn, wrong = 0;

	EXPECT_RC(si->mfn_list, P2M);
	EXPECT(si->first_p2m_pfn != 0 && si->nr_p2m_frames > 0);
	EXPECT(si->first_p2m_pfn + si->nr_p2m_frames <= si->nr_pages);
	for (pfn = 0; pfn < si->nr_pages; pfn++) {
		wrong += mfn_to_pfn(pfn_to_mfn(pfn)) != pfn;
	}
	EXPECT_RC(wrong, 0);
	if (si->mod_len == 0) {
		test_verdict("ERROR", "no ramdisk");
	}
	EXPECT(si->flags & SIF_MOD_START_PFN);
	EXPECT(si->mod_start < si->nr_pages);
	NEED(map_frame(VA, pfn_to_mfn(si->mod_start), PTE_RO) == 0);
	EXPECT(memcmp((void *)VA, "/* SPDX-License-Identifier", 26) == 0);
	/* What is behind it in its last page is nobody's data. */
	pfn = si->mod_start + (si->mod_len - 1) / PAGE_SIZE;
	NEED(map_frame(VA, pfn_to_mfn(pfn), PTE_RO) == 0);
	NEED(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0) == 0);
	EXPECT(((char *)VA)[(si->mod_len - 1) % PAGE_SIZE] == '\n');
	EXPECT_RC(((char *)VA)[si->mod_len % PAGE_SIZE], 0);
}

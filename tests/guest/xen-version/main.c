/* SPDX-License-Identifier: MIT */
/*
 * xen_version: what a guest is told, and that nothing is written beyond the
 * published buffers, nor where it must not be.
 */
#include <test.h>

static char buffer[4096];

/* Nothing may be written behind `size` bytes. */
static long bounded(unsigned int cmd, size_t size)
{
	long rc;
	size_t i, touched = 0;

	memset(buffer, 0x5a, sizeof(buffer));
	rc = hyp_xen_version(cmd, buffer);
	for (i = size; i < sizeof(buffer); i++) {
		touched += buffer[i] != 0x5a;
	}
	EXPECT_RC(touched, 0);
	return rc;
}

void test(void)
{
	static const unsigned int writers[] = {
		XENVER_extraversion, XENVER_compile_info,	 XENVER_capabilities,
		XENVER_changeset,    XENVER_platform_parameters, XENVER_get_features,
		XENVER_guest_handle, XENVER_commandline,
	};
	struct xen_feature_info features = { 0, 0 };
	void *page = page_alloc();
	unsigned int i;

	EXPECT_RC(hyp_xen_version(XENVER_version, NULL), 4 << 16 | 17);
	EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
	page_protect(page, false);
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		EXPECT_EFAULT(p, hyp_xen_version(writers[i], p));
		EXPECT_RC(hyp_xen_version(writers[i], (void *)M2P_POINTER), -XEN_EFAULT);
		EXPECT_RC(hyp_xen_version(writers[i], page), -XEN_EFAULT);
	}
	EXPECT_RC(bounded(XENVER_extraversion, XEN_EXTRAVERSION_LEN), 0);
	EXPECT(buffer[0] == '.');
	EXPECT_RC(bounded(XENVER_compile_info, sizeof(xen_compile_info_t)), 0);
	EXPECT_RC(bounded(XENVER_capabilities, XEN_CAPABILITIES_INFO_LEN), 0);
	EXPECT(has_word(buffer, "xen-3.0-x86_64"));
	EXPECT_RC(bounded(XENVER_changeset, XEN_CHANGESET_INFO_LEN), 0);
	EXPECT_RC(bounded(XENVER_guest_handle, 16), 0);
	EXPECT_RC(bounded(XENVER_commandline, sizeof(xen_commandline_t)), 0);
	EXPECT_RC(bounded(XENVER_platform_parameters, 8), 0);
	EXPECT(*(unsigned long *)buffer == CORE_START);

	EXPECT_RC(hyp_xen_version(XENVER_get_features, &features), 0);
	EXPECT((features.submap & 0xf) == 0);
	EXPECT(features.submap & 1u << XENFEAT_mmu_pt_update_preserve_ad);
	EXPECT(features.submap & 1u << XENFEAT_gnttab_map_avail_bits);
	EXPECT(features.submap & 1u << XENFEAT_dom0);
	features.submap_idx = 1;
	EXPECT_FAIL(hyp_xen_version(XENVER_get_features, &features));
	features.submap_idx = ~0u;
	EXPECT_FAIL(hyp_xen_version(XENVER_get_features, &features));
	EXPECT_RC(hyp_xen_version(99, buffer), -XEN_ENOSYS);
	EXPECT_RC(hyp_xen_version(0xffffffff, buffer), -XEN_ENOSYS);
	EXPECT_EFAULT(p, (long)hyp_xen_version(XENVER_build_id, p) == -XEN_ENODATA ?
				 -XEN_EFAULT :
				 hyp_xen_version(XENVER_build_id, p));
}

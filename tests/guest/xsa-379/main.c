/* SPDX-License-Identifier: MIT */
/*
 * XSA-379 (and 255, 384): the frames of a grant table itself. A change of the
 * version freed frames that the guest still had mapped, or kept handing them
 * out, so that it could read and write memory of somebody else's next.
 *
 * Here there is one version, and a frame of the table stays one until the domain
 * ends. While it is mapped and after, it is offered to everything that frees or
 * retypes a frame; the change of version is asked for with uses outstanding. The
 * entries must stay in their place, and be the ones the core reads.
 */
#include <grants.h>

#define REF 20u

static void *page;

static long memory_op(unsigned int cmd, xen_pfn_t frame)
{
	xen_pfn_t out = 0x3ff;
	struct xen_memory_reservation r = { .extent_start.p = &frame,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	struct xen_memory_exchange x = {
		.in = { .extent_start.p = &frame, .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .extent_start.p = &out, .nr_extents = 1, .domid = DOMID_SELF },
	};

	return cmd == XENMEM_exchange ? hyp_memory_op(cmd, &x) : hyp_memory_op(cmd, &r);
}

static void offer(xen_pfn_t frame)
{
	struct vcpu_register_vcpu_info info = { .mfn = frame };
	unsigned int level;

	EXPECT_RC(memory_op(XENMEM_decrease_reservation, frame), 0);
	EXPECT_FAIL(memory_op(XENMEM_exchange, frame));
	for (level = 1; level <= 4; level++) {
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, frame));
	}
	EXPECT_FAIL(hyp_set_gdt(&frame, 512));
	EXPECT_FAIL(mmuext(MMUEXT_NEW_USER_BASEPTR, frame));
	/* In a page of its own this is a use like any other; not of two. */
	info.offset = PAGE_SIZE;
	EXPECT_FAIL(hyp_vcpu_op(VCPUOP_register_vcpu_info, 0, &info));
}

static void versions(uint32_t now)
{
	static const uint32_t wanted[] = { 0, 2, 3, 0x7fffffff, 0xffffffff };
	struct gnttab_get_version get = { .dom = DOMID_SELF };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct gnttab_set_version set = { wanted[i] };

		EXPECT_FAIL(hyp_grant_table_op(GNTTABOP_set_version, &set, 1));
		EXPECT_RC(set.version, now);
	}
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_get_version, &get, 1), 0);
	EXPECT_RC(get.version, now);
}

void test(void)
{
	xen_pfn_t frame = setup_grants(&page), again = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = &again };
	struct gnttab_map_grant_ref m;
	struct gnttab_set_version one = { 1 };

	grant(REF, virt_to_mfn(page), GTF_permit_access);
	offer(frame);
	versions(1);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF), GNTST_okay);
	offer(frame);
	versions(1);
	/* To the one there is: the outstanding use stays counted. */
	(void)hyp_grant_table_op(GNTTABOP_set_version, &one, 1);
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);
	EXPECT_RC(in_use(REF), 0);
	/* Not mapped by anybody, and still the table's. */
	EXPECT_RC(va_set(TABLE, 0), 0);
	offer(frame);
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
	EXPECT(s.status == GNTST_okay && again == frame);
	EXPECT_RC(va_set(TABLE, mfn_pte(frame, PTE_RW)), 0);
	EXPECT_RC(table[REF].frame, virt_to_mfn(page));
	/* As a grant of its own: it may be lent, and is not lost by it. */
	grant(REF, frame, GTF_permit_access);
	if (map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF) == GNTST_okay) {
		offer(frame);
		EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);
	}
	EXPECT_RC(in_use(REF), 0);
	grant(REF, virt_to_mfn(page), GTF_permit_access);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF), GNTST_okay);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);
}

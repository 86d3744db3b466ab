/* SPDX-License-Identifier: MIT */
/*
 * XSA-224 (and 228): one grant mapped in several ways at once, for the processor
 * and for a device, read-only and writable. Ending one of them gave back what
 * another had taken: the granter's page was free, and a mapping of it was left.
 *
 * Here all combinations are mapped by one entry and ended in all orders. The
 * entry must say "in use" as long as any is left, and "written" as long as any
 * writable one is; the page must not become a page table before that. What is
 * ended twice, or by the wrong part, gives nothing back.
 */
#include <test.h>

#define VA 0x0000110000000000ul /* where grants are mapped */
#define TABLE 0x0000120000000000ul
#define REF 20u

static struct grant_entry_v1 *table;
static void *page;

static void grant(unsigned long mfn, uint16_t flags)
{
	table[REF].flags = 0;
	barrier();
	table[REF].domid = 0;
	table[REF].frame = (uint32_t)mfn;
	barrier();
	WRITE_ONCE(table[REF].flags, flags);
}

static uint16_t in_use(void)
{
	return READ_ONCE(table[REF].flags) & (GTF_reading | GTF_writing);
}

static xen_pfn_t setup(void)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = &frame };

	NEED(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1) == 0 && s.status == GNTST_okay);
	NEED(map_frame(TABLE, frame, PTE_RW) == 0);
	table = (struct grant_entry_v1 *)TABLE;
	page = page_alloc();
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RO) == 0 && va_set(VA, 0) == 0);
	return frame;
}

static int map(struct gnttab_map_grant_ref *m, unsigned long addr, uint32_t flags)
{
	*m = (struct gnttab_map_grant_ref){
		.host_addr = addr, .flags = flags, .ref = REF, .dom = DOMID_SELF, .status = 77
	};
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_map_grant_ref, m, 1), 0);
	return m->status;
}

static int unmap(unsigned long addr, uint64_t bus, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { addr, bus, handle, 77 };

	EXPECT_RC(hyp_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

#define WAYS 4u

static const uint32_t ways[WAYS] = {
	GNTMAP_host_map,
	GNTMAP_host_map | GNTMAP_readonly,
	GNTMAP_host_map | GNTMAP_device_map,
	GNTMAP_device_map | GNTMAP_readonly,
};

static unsigned long addr_of(unsigned int way)
{
	return (ways[way] & GNTMAP_host_map) != 0 ? VA + way * PAGE_SIZE : 0;
}

/* What the entry must say while these are mapped. */
static uint16_t expected(unsigned int mapped)
{
	uint16_t flags = 0;
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		if ((mapped >> i & 1) != 0) {
			flags |= GTF_reading;
			flags |= (ways[i] & GNTMAP_readonly) == 0 ? GTF_writing : 0;
		}
	}
	return flags;
}

static void check(unsigned int mapped)
{
	EXPECT_RC(in_use(), expected(mapped));
	/* The page is mapped read-only by ourselves: writable grants alone keep
	 * it from becoming a table. */
	if (mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)) == 0) {
		EXPECT((expected(mapped) & GTF_writing) == 0);
		EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page)), 0);
	} else {
		EXPECT((expected(mapped) & GTF_writing) != 0);
	}
}

/* Ends one, in two parts where it has two, and tries what it has not. */
static void end(unsigned int way, grant_handle_t handle, uint64_t bus, unsigned int *mapped)
{
	uint32_t flags = ways[way];

	if ((flags & GNTMAP_device_map) == 0) {
		/* A part that it does not have. */
		EXPECT(unmap(0, bus, handle) <= 0);
		check(*mapped);
	}
	EXPECT(unmap(0, bus + PAGE_SIZE, handle) < 0);
	EXPECT(unmap(0, 0, handle) <= 0);
	check(*mapped);
	if ((flags & GNTMAP_device_map) != 0) {
		EXPECT_RC(unmap(0, bus, handle), GNTST_okay);
		if ((flags & GNTMAP_host_map) != 0) {
			check(*mapped);
		}
	}
	if ((flags & GNTMAP_host_map) != 0) {
		EXPECT_RC(unmap(addr_of(way), 0, handle), GNTST_okay);
		EXPECT_TRAP(test_sink = peek(addr_of(way)), TRAP_PF);
	}
	*mapped &= ~(1u << way);
	check(*mapped);
	EXPECT_RC(unmap(addr_of(way), bus, handle), GNTST_bad_handle);
	check(*mapped);
}

static void in_order(unsigned int order)
{
	struct gnttab_map_grant_ref m[WAYS];
	unsigned int i, mapped = 0;

	for (i = 0; i < WAYS; i++) {
		unsigned int way = (i + order) % WAYS;

		EXPECT_RC(map(&m[way], addr_of(way), ways[way]), GNTST_okay);
		mapped |= 1u << way;
		check(mapped);
	}
	for (i = 0; i < WAYS; i++) {
		/* 1 and 3 have no common divisor with 4: all orders of a turn. */
		unsigned int way = (i * (order & 4 ? 3 : 1) + order / 8) % WAYS;

		end(way, m[way].handle, m[way].dev_bus_addr, &mapped);
	}
	EXPECT_RC(mapped, 0);
}

void test(void)
{
	unsigned int order;

	(void)setup();
	page_protect(page, false);
	grant(virt_to_mfn(page), GTF_permit_access);
	for (order = 0; order < 32; order++) {
		in_order(order);
	}
	EXPECT_RC(try_page_protect(page, true), 0);
}

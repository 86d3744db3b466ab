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
#include <grants.h>

#define REF 20u

static void *page;

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
	EXPECT_RC(in_use(REF), expected(mapped));
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

		EXPECT_RC(map(&m[way], addr_of(way), ways[way], DOMID_SELF, REF), GNTST_okay);
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

	(void)setup_grants(&page);
	page_protect(page, false);
	grant(REF, virt_to_mfn(page), GTF_permit_access);
	for (order = 0; order < 32; order++) {
		in_order(order);
	}
	EXPECT_RC(try_page_protect(page, true), 0);
}

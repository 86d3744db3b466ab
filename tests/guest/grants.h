/* SPDX-License-Identifier: MIT */
/*
 * Grants that a guest gives itself, for the guests that attack them: entries of
 * its table, and mappings by the published calls.
 */
#ifndef GRANTS_H
#define GRANTS_H

#include <test.h>

#define VA 0x0000110000000000ul /* where grants are mapped */
#define TABLE 0x0000120000000000ul

static struct grant_entry_v1 *table;

static MAYBE_UNUSED void grant(unsigned int ref, unsigned long mfn, uint16_t flags)
{
	table[ref].flags = 0;
	barrier();
	table[ref].domid = 0;
	table[ref].frame = (uint32_t)mfn;
	barrier();
	WRITE_ONCE(table[ref].flags, flags);
}

static MAYBE_UNUSED uint16_t in_use(unsigned int ref)
{
	return READ_ONCE(table[ref].flags) & (GTF_reading | GTF_writing);
}

/* A table of one frame, which it returns, and a page; VA has its page tables. */
static MAYBE_UNUSED xen_pfn_t setup_grants(void **page)
{
	xen_pfn_t frame = 0;
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1, .frame_list.p = &frame };

	NEED(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1) == 0 && s.status == GNTST_okay);
	NEED(map_frame(TABLE, frame, PTE_RW) == 0);
	table = (struct grant_entry_v1 *)TABLE;
	*page = page_alloc();
	NEED(map_frame(VA, virt_to_mfn(*page), PTE_RO) == 0 && va_set(VA, 0) == 0);
	return frame;
}

static MAYBE_UNUSED int map(struct gnttab_map_grant_ref *m, unsigned long addr, uint32_t flags,
			    domid_t dom, unsigned int ref)
{
	*m = (struct gnttab_map_grant_ref){
		.host_addr = addr, .flags = flags, .ref = ref, .dom = dom, .status = 77
	};
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_map_grant_ref, m, 1), 0);
	return m->status;
}

static MAYBE_UNUSED int unmap(unsigned long addr, uint64_t bus, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { addr, bus, handle, 77 };

	EXPECT_RC(hyp_grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

#endif

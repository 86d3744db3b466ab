/* SPDX-License-Identifier: MIT */
/* The helpers of gnttab_pair.h. */
#include "gnttab_pair.h"

/* Elements at FAKE_ARGS + 1024, one call, results back. */
long gt_list(uint64_t cmd, void *list, size_t size, unsigned int n)
{
	uint64_t at = FAKE_ARGS + 1024;
	long rc;

	fake_put(at, list, size * n);
	rc = fake_call(NR, cmd, at, n);
	if (me() != NULL) {
		fake_get(at, list, size * n);
	}
	return rc;
}

struct grant_entry_v1 *gt_entry(unsigned int id, grant_ref_t ref)
{
	return (struct grant_entry_v1 *)(void *)guest[id].d->gnttab->frame[ref / 512] + ref % 512;
}

const struct grant_use *gt_use(unsigned int id, grant_ref_t ref)
{
	return &guest[id].d->gnttab->use[ref / 1024][ref % 1024];
}

int gt_setup(unsigned int id, unsigned int frames, uint64_t *list)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = frames };

	run(id, 0);
	s.frame_list.p = (void *)(uintptr_t)(FAKE_ARGS + 2048);
	OK(gt_list(GNTTABOP_setup_table, &s, sizeof(s), 1));
	if (list != NULL) {
		fake_get(FAKE_ARGS + 2048, list, frames * sizeof(*list));
	}
	return s.status;
}

void gt_grant(unsigned int id, grant_ref_t ref, domid_t to, unsigned int pfn, uint16_t flags)
{
	*gt_entry(id, ref) =
		(struct grant_entry_v1){ .flags = (uint16_t)(GTF_permit_access | flags),
					 .domid = to,
					 .frame = (uint32_t)guest[id].mfn[pfn] };
}

/* Three domains, and 1 has granted a page with 0x5a in it to 2, which runs. */
void gt_world(uint16_t flags)
{
	world(3);
	OK(gt_setup(1, 1, NULL));
	gt_grant(1, REF, 2, GRANTED, flags);
	memset(frame_ptr(guest[1].mfn[GRANTED]), 0x5a, PAGE_SIZE);
	run(2, 0);
}

struct gnttab_map_grant_ref gt_map_at(uint64_t addr, uint32_t flags)
{
	return (struct gnttab_map_grant_ref){
		.host_addr = addr, .flags = flags, .ref = REF, .dom = 1, .status = 77
	};
}

int gt_map(struct gnttab_map_grant_ref *m)
{
	OK(gt_list(GNTTABOP_map_grant_ref, m, sizeof(*m), 1));
	return m->status;
}

int gt_map_slot(unsigned int pfn, uint32_t flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = gt_map_at(fake_va(pfn, 0), flags);
	int status = gt_map(&m);

	*handle = m.handle;
	return status;
}

int gt_unmap(uint64_t host, uint64_t bus, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { host, bus, handle, 77 };

	OK(gt_list(GNTTABOP_unmap_grant_ref, &u, sizeof(u), 1));
	return u.status;
}

void gt_check_use(unsigned int all, unsigned int writers)
{
	EQ(gt_use(1, REF)->all, all);
	EQ(gt_use(1, REF)->writers, writers);
	EQ(gt_entry(1, REF)->flags & GTF_reading, all != 0 ? GTF_reading : 0);
	EQ(gt_entry(1, REF)->flags & GTF_writing, writers != 0 ? GTF_writing : 0);
}

uint32_t gt_refs(unsigned int id, unsigned int pfn)
{
	return page_of(id, pfn)->count & PGC_COUNT_MASK;
}

int gt_try_map(uint64_t addr, uint32_t flags, domid_t dom, grant_ref_t ref)
{
	struct gnttab_map_grant_ref m = gt_map_at(addr, flags);

	m.dom = dom;
	m.ref = ref;
	return gt_map(&m);
}

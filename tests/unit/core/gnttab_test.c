/* SPDX-License-Identifier: MIT */
/*
 * Grant tables and mappings: every error, the references and pins after each
 * step, and what a hostile guest does to its side meanwhile.
 */
#include "gnttab_pair.h"

/* ---- Tables ------------------------------------------------------------------------ */

static void test_tables(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 2 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_get_version g = { .dom = DOMID_SELF };
	struct gnttab_set_version v = { 1 };
	uint64_t list[64], again[64];

	world(3);
	OK(gt_setup(2, 3, list));
	EQ(guest[2].d->gnttab->frames, 3);
	OK(gt_setup(2, 64, again));
	OK(memcmp(list, again, 3 * 8));
	EQ(gt_setup(2, 65, NULL), GNTST_general_error);
	EQ(gt_setup(2, ~0u, NULL), GNTST_general_error);
	OK(gt_setup(2, 0, NULL));
	OK(gt_list(GNTTABOP_query_size, &q, sizeof(q), 1));
	EQ(q.status, GNTST_okay);
	EQ(q.nr_frames, 64);
	EQ(q.max_nr_frames, 64);
	OK(gt_list(GNTTABOP_get_version, &g, sizeof(g), 1));
	EQ(g.version, 1);
	OK(gt_list(GNTTABOP_set_version, &v, sizeof(v), 1));
	v.version = 2;
	EQ(gt_list(GNTTABOP_set_version, &v, sizeof(v), 1), -XEN_ENOSYS);
	EQ(v.version, 1);
	v.version = 3;
	EQ(gt_list(GNTTABOP_set_version, &v, sizeof(v), 1), -XEN_EINVAL);

	/* another domain's: not for a guest */
	q.dom = g.dom = s.dom = 1;
	OK(gt_list(GNTTABOP_query_size, &q, sizeof(q), 1));
	EQ(q.status, GNTST_permission_denied);
	OK(gt_list(GNTTABOP_setup_table, &s, sizeof(s), 1));
	EQ(s.status, GNTST_permission_denied);
	EQ(gt_list(GNTTABOP_get_version, &g, sizeof(g), 1), -XEN_EPERM);
	q.dom = 99;
	OK(gt_list(GNTTABOP_query_size, &q, sizeof(q), 1));
	EQ(q.status, GNTST_bad_domain);
	run(0, 0);
	q.dom = 1;
	OK(gt_list(GNTTABOP_query_size, &q, sizeof(q), 1));
	EQ(q.status, GNTST_okay);
	EQ(q.nr_frames, 0);
	s.frame_list.p = (void *)(uintptr_t)FAKE_ARGS;
	OK(gt_list(GNTTABOP_setup_table, &s, sizeof(s), 1));
	EQ(s.status, GNTST_okay);
	EQ(guest[1].d->gnttab->frames, 2);
}

static void test_refused(void)
{
	static const unsigned int none[] = { GNTTABOP_dump_table,
					     GNTTABOP_transfer,
					     GNTTABOP_cache_flush,
					     GNTTABOP_get_status_frames,
					     GNTTABOP_swap_grant_ref,
					     13,
					     99,
					     ~0u };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };

	world(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		EQ(fake_call(NR, none[i], FAKE_ARGS, 1), -XEN_ENOSYS);
		EQ(fake_call(NR, none[i], 0, 0), -XEN_ENOSYS);
	}
	EQ(fake_call(NR, GNTTABOP_query_size, FAKE_ARGS, 2), -XEN_EINVAL);
	EQ(fake_call(NR, GNTTABOP_query_size, FAKE_ARGS, 0), -XEN_EINVAL);
	EQ(fake_call(NR, GNTTABOP_copy, FAKE_ARGS, 0x80000000), -XEN_EINVAL);
	OK(fake_call(NR, GNTTABOP_copy, 0, 0));
	EQ(fake_call(NR, GNTTABOP_copy, 0, 1), -XEN_EFAULT);
	EQ(fake_call(NR, GNTTABOP_copy, CORE_VIRT_START, 1), -XEN_EFAULT);
	s.frame_list.p = (void *)(uintptr_t)CORE_VIRT_START;
	fake_put(FAKE_ARGS, &s, sizeof(s));
	EQ(fake_call(NR, GNTTABOP_setup_table, FAKE_ARGS, 1), -XEN_EFAULT);
}

/* The frames of a table are the guest's to map and nothing else. */
static void test_table_frames(void)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	struct xen_memory_exchange e = { .in = { .nr_extents = 1, .domid = DOMID_SELF },
					 .out = { .nr_extents = 1, .domid = DOMID_SELF } };
	uint64_t mfn, word = 0x1234567890abcdef;

	world(2);
	OK(gt_setup(1, 1, &mfn));
	fake_put(FAKE_ARGS + 2048, &mfn, 8);
	r.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 2048);
	OK(call_struct(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r)));
	e.in.extent_start.p = e.out.extent_start.p = r.extent_start.p;
	EQ(call_struct(__HYPERVISOR_memory_op, XENMEM_exchange, &e, sizeof(e)), -XEN_EINVAL);
	OK(fake_call(__HYPERVISOR_update_va_mapping, fake_va(SLOT, 0), mfn << PAGE_SHIFT | RW, 0));
	fake_put(fake_va(SLOT, 8), &word, 8);
	EQ(guest[1].d->gnttab->frame[0][1], word);
	/* no table of page tables either */
	EQ(ext_op(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL);
}

/* ---- Mappings ------------------------------------------------------------------------ */

static void test_map(void)
{
	uint32_t refs, uses;
	grant_handle_t h, ro;
	uint8_t byte = 0;

	gt_world(0);
	refs = gt_refs(1, GRANTED);
	uses = uses_of(1, GRANTED);
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	gt_check_use(1, 1);
	EQ(gt_refs(1, GRANTED), refs + 2);
	EQ(uses_of(1, GRANTED), uses + 2);
	fake_get(fake_va(SLOT, 5), &byte, 1);
	EQ(byte, 0x5a);
	byte = 0xa5;
	TRUE_(fake_guest_write(fake_va(SLOT, 5), &byte, 1));
	EQ(((uint8_t *)frame_ptr(guest[1].mfn[GRANTED]))[5], 0xa5);

	OK(gt_map_slot(SLOT + 1, GNTMAP_host_map | GNTMAP_readonly, &ro));
	TRUE_(h != ro);
	gt_check_use(2, 1);
	FALSE_(fake_guest_write(fake_va(SLOT + 1, 5), &byte, 1));
	OK(audit_all());

	OK(gt_unmap(fake_va(SLOT, 0), 0, h));
	gt_check_use(1, 0);
	OK(gt_unmap(fake_va(SLOT + 1, 0), 0, ro));
	gt_check_use(0, 0);
	EQ(gt_refs(1, GRANTED), refs);
	EQ(uses_of(1, GRANTED), uses);
	FALSE_(fake_guest_read(fake_va(SLOT, 5), &byte, 1));
	/* handles are used again */
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &ro));
	EQ(guest[2].d->gnttab->maps, 2);
	OK(gt_unmap(fake_va(SLOT, 0), 0, ro));
}

static void test_map_by_entry(void)
{
	struct gnttab_map_grant_ref m;
	uint64_t at, pte;

	gt_world(0);
	at = fake_guest_l1e_maddr(&guest[2], SLOT);
	m = gt_map_at(at, GNTMAP_host_map | GNTMAP_application_map | GNTMAP_contains_pte |
				  5u << _GNTMAP_guest_avail0 | 1u << 29 | 1u << 31);
	OK(gt_map(&m));
	pte = *fake_guest_l1e(&guest[2], SLOT);
	EQ(pte_mfn(pte), guest[1].mfn[GRANTED]);
	EQ(pte & PTE_AVAIL, 5u << 9);
	TRUE_((pte & PTE_AVAIL_HIGH) == 1ull << 62);
	TRUE_((pte & PTE_NX) != 0);
	EQ(m.dev_bus_addr, (uint64_t)guest[1].mfn[GRANTED] << PAGE_SHIFT);
	/* as a linear address it is something else */
	EQ(gt_unmap(fake_va(SLOT, 0), 0, m.handle), GNTST_bad_virt_addr);
	EQ(gt_unmap(at + 1, 0, m.handle), GNTST_bad_virt_addr);
	EQ(gt_unmap(at + 8, 0, m.handle), GNTST_bad_virt_addr);
	gt_check_use(1, 1);
	OK(gt_unmap(at, 0, m.handle));
	gt_check_use(0, 0);
	OK(*fake_guest_l1e(&guest[2], SLOT));
}

static void test_map_parts(void)
{
	uint64_t bus;
	struct gnttab_map_grant_ref m;
	struct gnttab_unmap_grant_ref both[2];

	gt_world(0);
	bus = (uint64_t)guest[1].mfn[GRANTED] << PAGE_SHIFT;
	m = gt_map_at(0, GNTMAP_device_map | GNTMAP_readonly);
	OK(gt_map(&m));
	EQ(m.dev_bus_addr, bus);
	gt_check_use(1, 0);
	OK(gt_unmap(fake_va(SLOT, 0), 0, m.handle)); /* a part it has not */
	OK(gt_unmap(0, 0, m.handle));
	EQ(gt_unmap(0, bus + PAGE_SIZE, m.handle), GNTST_bad_dev_addr);
	gt_check_use(1, 0);
	OK(gt_unmap(0, bus, m.handle));
	gt_check_use(0, 0);

	m = gt_map_at(fake_va(SLOT, 0), GNTMAP_device_map | GNTMAP_host_map);
	OK(gt_map(&m));
	OK(gt_unmap(fake_va(SLOT, 0), 0, m.handle));
	gt_check_use(1, 1);
	EQ(guest[2].d->gnttab->map[0][m.handle].flags, GNTMAP_device_map);
	OK(gt_unmap(0, bus, m.handle));
	gt_check_use(0, 0);

	/* one after the other in one list; the third time it is gone */
	OK(gt_map(&m));
	both[0] = (struct gnttab_unmap_grant_ref){ fake_va(SLOT, 0), 0, m.handle, 77 };
	both[1] = (struct gnttab_unmap_grant_ref){ 0, bus, m.handle, 77 };
	OK(gt_list(GNTTABOP_unmap_grant_ref, both, sizeof(both[0]), 2));
	OK(both[0].status);
	OK(both[1].status);
	gt_check_use(0, 0);
	EQ(gt_unmap(0, bus, m.handle), GNTST_bad_handle);
}

static void test_map_errors(void)
{
	const uint32_t host = GNTMAP_host_map, pte = GNTMAP_host_map | GNTMAP_contains_pte;
	uint64_t va = fake_va(SLOT, 0), l1;

	gt_world(GTF_readonly);
	l1 = fake_guest_l1e_maddr(&guest[2], SLOT);
	EQ(gt_try_map(va, 0, 1, REF), GNTST_general_error);
	EQ(gt_try_map(va, host, 1, REF), GNTST_permission_denied);
	EQ(gt_try_map(va, host, 99, REF), GNTST_bad_domain);
	EQ(gt_try_map(va, host, DOMID_IO, REF), GNTST_bad_domain);
	EQ(gt_try_map(va, host, 0, REF), GNTST_bad_gntref); /* has no table */
	EQ(gt_try_map(va, host, DOMID_SELF, REF), GNTST_bad_gntref);
	EQ(gt_try_map(va, host, 1, REF + 1), GNTST_bad_gntref);
	EQ(gt_try_map(va, host, 1, 512), GNTST_bad_gntref);
	EQ(gt_try_map(va, host, 1, ~0u), GNTST_bad_gntref);
	gt_grant(1, REF, 0, GRANTED, 0); /* another's */
	EQ(gt_try_map(va, host, 1, REF), GNTST_bad_gntref);
	gt_grant(1, REF, 2, GRANTED, GTF_sub_page);
	EQ(gt_try_map(va, host, 1, REF), GNTST_bad_gntref);
	for (uint16_t type = 0; type < 4; type++) {
		gt_grant(1, REF, 2, GRANTED, 0);
		gt_entry(1, REF)->flags = type;
		EQ(gt_try_map(0, GNTMAP_device_map | GNTMAP_readonly, 1, REF),
		   type == GTF_permit_access ? GNTST_okay : GNTST_bad_gntref);
	}
	/* frames that are not the granter's, or no RAM */
	gt_grant(1, REF, 2, GRANTED, 0);
	for (unsigned int i = 0; i < 7; i++) {
		const uint32_t wrong[] = { (uint32_t)guest[0].mfn[20],
					   (uint32_t)guest[2].mfn[20],
					   FAKE_IO_FRAME,
					   FAKE_CORE_START,
					   FAKE_HOLE_START,
					   FAKE_DEVICE,
					   ~0u };

		gt_entry(1, REF)->frame = wrong[i];
		EQ(gt_try_map(va, host | GNTMAP_readonly, 1, REF), GNTST_general_error);
		EQ(gt_try_map(va, host, 1, REF), GNTST_general_error);
	}
	/* a page table, to write; to read it is a frame as any */
	gt_grant(1, REF, 2, FAKE_PFN_L1, 0);
	EQ(gt_try_map(va, host, 1, REF), GNTST_general_error);
	gt_grant(1, REF, 2, GRANTED, 0);
	/* addresses */
	EQ(gt_try_map(CORE_VIRT_START, host, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map(1ull << 47, host, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map(fake_va(0, 0) + (1ull << 30), host, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map(l1 + 4, pte, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map(fake_guest_l1e_maddr(&guest[1], SLOT), pte, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map((uint64_t)guest[2].mfn[20] << PAGE_SHIFT, pte, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map((uint64_t)guest[2].mfn[FAKE_PFN_L2] << PAGE_SHIFT, pte, 1, REF),
	   GNTST_bad_virt_addr);
	EQ(gt_try_map((uint64_t)guest[2].mfn[FAKE_PFN_L4] << PAGE_SHIFT, pte, 1, REF),
	   GNTST_bad_virt_addr);
	EQ(gt_try_map(FAKE_CORE_START << PAGE_SHIFT, pte, 1, REF), GNTST_bad_virt_addr);
	EQ(gt_try_map(~7ull, pte, 1, REF), GNTST_bad_virt_addr);
	gt_check_use(1, 0); /* the one that succeeded */
	EQ(guest[2].d->gnttab->maps, 2);
}

static void test_unmap_errors(void)
{
	grant_handle_t h;

	gt_world(0);
	EQ(gt_unmap(fake_va(SLOT, 0), 0, 0), GNTST_bad_handle);
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h + 1), GNTST_bad_handle);
	EQ(gt_unmap(fake_va(SLOT, 0), 0, ~0u), GNTST_bad_handle);
	EQ(gt_unmap(fake_va(SLOT + 1, 0), 0, h), GNTST_bad_virt_addr);
	EQ(gt_unmap(CORE_VIRT_START, 0, h), GNTST_bad_virt_addr);
	gt_check_use(1, 1);
	/* handles are each domain's own */
	run(1, 0);
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h), GNTST_bad_handle);
	run(2, 0);
	OK(gt_unmap(fake_va(SLOT, 0), 0, h));
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h), GNTST_bad_handle);
	gt_check_use(0, 0);
}

/* The guest overwrites the entry: counts stay, and so does the granter's pin. */
static void test_overwritten(void)
{
	uint32_t refs;
	grant_handle_t h, h2;

	gt_world(0);
	refs = gt_refs(1, GRANTED);
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	/* no way to have it elsewhere, or otherwise here */
	EQ(update_entry(fake_guest_l1e_maddr(&guest[2], SLOT + 1), entry_for(1, GRANTED, RW),
			DOMID_SELF),
	   -XEN_EINVAL);
	EQ(update_entry(fake_guest_l1e_maddr(&guest[2], SLOT + 1), entry_for(1, GRANTED, PTE_P),
			DOMID_SELF),
	   -XEN_EINVAL);
	EQ(update_entry(fake_guest_l1e_maddr(&guest[2], SLOT), entry_for(1, GRANTED, PTE_P),
			DOMID_SELF),
	   -XEN_EINVAL);
	EQ(update_entry(fake_guest_l1e_maddr(&guest[2], SLOT), entry_for(1, GRANTED, RW), 1),
	   -XEN_EPERM);
	OK(unmap(SLOT));
	OK(audit_all());
	EQ(gt_refs(1, GRANTED), refs + 1);
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h), GNTST_bad_virt_addr);
	gt_check_use(1, 1);
	/* a second mapping can serve the first handle, once */
	OK(gt_map_slot(SLOT, GNTMAP_host_map | GNTMAP_readonly, &h2));
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h), GNTST_bad_virt_addr);
	OK(gt_unmap(fake_va(SLOT, 0), 0, h2));
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h2));
	OK(gt_unmap(fake_va(SLOT, 0), 0, h));
	EQ(gt_unmap(fake_va(SLOT, 0), 0, h2), GNTST_bad_virt_addr);
	gt_check_use(1, 1);
	OK(audit_all());
	fake_guest_destroy(&guest[2]);
	EQ(gt_refs(1, GRANTED), refs);
	gt_check_use(0, 0);
}

/* The whole table goes out of use with the mapping in it. */
static void test_table_dropped(void)
{
	struct gnttab_map_grant_ref m;
	uint64_t *l1;

	gt_world(0);
	OK(unmap(20));
	l1 = frame_ptr(guest[2].mfn[20]);
	memset(l1, 0, PAGE_SIZE);
	OK(ext_op(MMUEXT_PIN_L1_TABLE, guest[2].mfn[20], 0));
	m = gt_map_at(((uint64_t)guest[2].mfn[20] << PAGE_SHIFT) + 16,
		      GNTMAP_host_map | GNTMAP_contains_pte);
	OK(gt_map(&m));
	OK(ext_op(MMUEXT_UNPIN_TABLE, guest[2].mfn[20], 0));
	OK(audit_all());
	EQ(gt_unmap(m.host_addr, 0, m.handle), GNTST_bad_virt_addr);
	/* the bytes are still there, and are not accepted again */
	TRUE_(l1[2] != 0);
	EQ(ext_op(MMUEXT_PIN_L1_TABLE, guest[2].mfn[20], 0), -XEN_EINVAL);
	gt_check_use(1, 1);
}

static void test_replace(void)
{
	struct gnttab_unmap_and_replace r;
	grant_handle_t h, h2;

	gt_world(0);
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	OK(gt_map_slot(SLOT + 1, GNTMAP_host_map, &h2));
	r = (struct gnttab_unmap_and_replace){ fake_va(SLOT, 0), fake_va(SLOT + 1, 0), h, 77 };
	/* by another mapping of the grant: one of them would be nobody's */
	OK(gt_list(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1));
	EQ(r.status, GNTST_general_error);
	r.new_addr = r.host_addr;
	OK(gt_list(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1));
	EQ(r.status, GNTST_general_error);
	r.new_addr = fake_va(FAKE_PFN_L1, 0);
	OK(gt_list(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1));
	EQ(r.status, GNTST_okay); /* read-only, as it was there */
	EQ(pte_mfn(*fake_guest_l1e(&guest[2], SLOT)), guest[2].mfn[FAKE_PFN_L1]);
	OK(*fake_guest_l1e(&guest[2], FAKE_PFN_L1));
	gt_check_use(1, 1);
	r = (struct gnttab_unmap_and_replace){ fake_va(SLOT + 1, 0), fake_va(20, 0), h2, 77 };
	OK(gt_list(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1));
	EQ(r.status, GNTST_okay);
	EQ(pte_mfn(*fake_guest_l1e(&guest[2], SLOT + 1)), guest[2].mfn[20]);
	OK(*fake_guest_l1e(&guest[2], 20));
	gt_check_use(0, 0);
	OK(gt_list(GNTTABOP_unmap_and_replace, &r, sizeof(r), 1));
	EQ(r.status, GNTST_bad_handle);
}

/* When the granter sees the bits go, no CPU of the mapper reaches the frame. */
static void test_flush(void)
{
	grant_handle_t h[3];
	struct gnttab_unmap_grant_ref u[3];
	unsigned long flushes;
	uint8_t byte;

	gt_world(0);
	for (unsigned int i = 0; i < 3; i++) {
		OK(gt_map_slot(SLOT + i, GNTMAP_host_map, &h[i]));
		u[i] = (struct gnttab_unmap_grant_ref){ fake_va(SLOT + i, 0), 0, h[i], 77 };
	}
	run(2, 1); /* on its own CPU */
	TRUE_(fake_guest_write(fake_va(SLOT, 0), "x", 1));
	TRUE_(fake_guest_write(fake_va(SLOT + 2, 0), "x", 1));
	run(2, 0);
	flushes = fake.flushes;
	OK(gt_list(GNTTABOP_unmap_grant_ref, u, sizeof(u[0]), 3));
	EQ(fake.flushes, flushes + 1);
	gt_check_use(0, 0);
	run(2, 1);
	FALSE_(fake_guest_read(fake_va(SLOT, 0), &byte, 1));
	FALSE_(fake_guest_read(fake_va(SLOT + 2, 0), &byte, 1));
	/* the granter makes a table of it at once */
	run(1, 0);
	OK(unmap(GRANTED));
	memset(frame_ptr(guest[1].mfn[GRANTED]), 0, PAGE_SIZE);
	OK(ext_op(MMUEXT_PIN_L1_TABLE, guest[1].mfn[GRANTED], 0));
	fake_tlb_check();
}

/* While it is mapped, the granter can make nothing else of the frame. */
static void test_granter_is_bound(void)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	uint64_t mfn;
	grant_handle_t h;

	gt_world(0);
	mfn = guest[1].mfn[GRANTED];
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	OK(unmap(SLOT)); /* the mapper's entry alone is gone */
	run(1, 0);
	OK(unmap(GRANTED));
	EQ(ext_op(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL);
	fake_put(FAKE_ARGS + 2048, &mfn, 8);
	r.extent_start.p = (void *)(uintptr_t)(FAKE_ARGS + 2048);
	EQ(call_struct(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, sizeof(r)), 1);
	EQ(mfn_to_page(mfn)->owner, 1); /* given up, and still there */
	/* The granter lies: nothing but its own entry changes. */
	*gt_entry(1, REF) = (struct grant_entry_v1){ 0 };
	OK(audit_all());
	fake_guest_destroy(&guest[2]);
	EQ(mfn_to_page(mfn)->count & PGC_COUNT_MASK, 0);
	OK(gt_entry(1, REF)->flags);
}

static void test_self(void)
{
	grant_handle_t h;
	struct gnttab_map_grant_ref m;

	world(2);
	OK(gt_setup(1, 1, NULL));
	gt_grant(1, REF, 1, GRANTED, 0);
	m = gt_map_at(fake_va(SLOT, 0), GNTMAP_host_map);
	m.dom = DOMID_SELF;
	OK(gt_map(&m));
	h = m.handle;
	gt_check_use(1, 1);
	OK(audit_all());
	/* its own table frame, too */
	gt_entry(1, REF + 1)->frame = (uint32_t)ptr_frame(guest[1].d->gnttab->frame[0]);
	gt_entry(1, REF + 1)->domid = 1;
	gt_entry(1, REF + 1)->flags = GTF_permit_access;
	m = gt_map_at(fake_va(SLOT + 1, 0), GNTMAP_host_map);
	m.ref = REF + 1;
	OK(gt_map(&m));
	OK(audit_all());
	OK(gt_unmap(fake_va(SLOT, 0), 0, h));
	gt_check_use(0, 0);
	/* the other one goes with the domain */
	fake_guest_destroy(&guest[1]);
}

static void test_limits(void)
{
	struct gnttab *t;
	grant_handle_t h;
	uint32_t max;

	gt_world(0);
	t = guest[2].d->gnttab;
	max = t->max_maps;
	t->max_maps = 1;
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	EQ(gt_map_slot(SLOT + 1, GNTMAP_host_map, &h), GNTST_no_space);
	t->max_maps = max;
	guest[1].d->gnttab->use[0][REF].all = UINT16_MAX;
	EQ(gt_map_slot(SLOT + 1, GNTMAP_host_map, &h), GNTST_no_space);
	guest[1].d->gnttab->use[0][REF].all = 1;
	for (unsigned int i = 0; i < 600; i++) { /* three pages of handles */
		EQ(gt_try_map(0, GNTMAP_device_map, 1, REF), GNTST_okay);
	}
	gt_check_use(601, 601);
}

CU_TestInfo gnttab_tests[] = {
	{ "tables, sizes, versions", test_tables },
	{ "what is refused", test_refused },
	{ "frames of the table stay", test_table_frames },
	{ "map and unmap", test_map },
	{ "by machine address of the entry", test_map_by_entry },
	{ "host and device parts", test_map_parts },
	{ "map: errors", test_map_errors },
	{ "unmap: errors", test_unmap_errors },
	{ "the entry is overwritten", test_overwritten },
	{ "the page table goes", test_table_dropped },
	{ "unmap and replace", test_replace },
	{ "one flush, before the bits go", test_flush },
	{ "the granter is bound", test_granter_is_bound },
	{ "grants to itself", test_self },
	{ "limits", test_limits },
	CU_TEST_INFO_NULL,
};

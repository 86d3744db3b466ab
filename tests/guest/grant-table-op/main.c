/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: a domain that grants to itself, by every wrong entry,
 * address, flag, handle and list, and by entries and handles that another vCPU
 * changes meanwhile. A page table must never become writable through a grant,
 * the bits of an entry must tell whether it is in use, and what was ended
 * stays ended.
 */
#include <grants.h>

#define REF 20u
#define ROUND_NS 300000000ul

static uint8_t *page;
static void *l1; /* the table that maps VA */

static void setup(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 2 };
	struct gnttab_query_size q = { .dom = DOMID_SELF };
	struct gnttab_set_version v = { 2 };
	xen_pfn_t frames[2] = { 0, 0 };

	EXPECT_ERR(hyp_grant_table_op(GNTTABOP_set_version, &v, 1), XEN_ENOSYS, XEN_EINVAL);
	EXPECT_RC(v.version, 1);
	s.frame_list.p = (void *)CORE_MIDDLE;
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1), -XEN_EFAULT);
	s.frame_list.p = frames;
	NEED(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1) == 0 && s.status == GNTST_okay);
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_setup_table, &s, 2), -XEN_EINVAL);
	s.nr_frames = ~0u;
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
	EXPECT(s.status != GNTST_okay);
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_query_size, &q, 1), 0);
	EXPECT(q.status == GNTST_okay && q.nr_frames >= 2 && q.nr_frames <= q.max_nr_frames);
	NEED(map_frame(TABLE, frames[0], PTE_RW) == 0);
	table = (struct grant_entry_v1 *)TABLE;
	/* A table of grants is no page table. */
	EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, frames[1]));
	/* The tables for VA come into being with a first mapping there. */
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RO) == 0 && va_set(VA, 0) == 0);
	l1 = mfn_to_virt(pte_mfn(*mm_slot(mm_l4(), VA, 2)));
}

static void good(void)
{
	const uint32_t by_entry = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_application_map |
				  1u << _GNTMAP_guest_avail0;
	struct gnttab_map_grant_ref m, ro;

	grant(REF, virt_to_mfn(page), GTF_permit_access);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF), GNTST_okay);
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	EXPECT_NO_TRAP(poke(VA + 8, 0x1234));
	EXPECT_RC(((uint64_t *)page)[1], 0x1234);
	EXPECT_RC(map(&ro, mm_slot_maddr(VA, 1) + 8, by_entry | GNTMAP_readonly, 0, REF),
		  GNTST_okay);
	EXPECT_RC(peek(VA + PAGE_SIZE + 8), 0x1234);
	EXPECT_RC(*mm_slot(mm_l4(), VA + PAGE_SIZE, 1) & PTE_AVAIL, 0x200);
	EXPECT_TRAP(poke(VA + PAGE_SIZE, 1), TRAP_PF, PFEC_P | PFEC_W);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);
	EXPECT_RC(in_use(REF), GTF_reading);
	EXPECT_TRAP(peek(VA), TRAP_PF);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_bad_handle);
	EXPECT_RC(unmap(VA + PAGE_SIZE, 0, ro.handle), GNTST_bad_virt_addr);
	EXPECT_RC(unmap(mm_slot_maddr(VA, 1) + 8, 0, ro.handle), GNTST_okay);
	EXPECT_RC(in_use(REF), 0);
	EXPECT_TRAP(peek(VA + PAGE_SIZE), TRAP_PF);
}

static void wrong_entries(void)
{
	static const uint16_t flags[] = { 0, GTF_accept_transfer, GTF_transitive,
					  GTF_permit_access | GTF_sub_page };
	static const unsigned long frames[] = { 0xb8, 0xfee00, 0xffffffff, 0x80000000 };
	struct gnttab_map_grant_ref m;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		grant(REF, virt_to_mfn(page), flags[i]);
		EXPECT(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF) < 0);
	}
	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		grant(REF, frames[i], GTF_permit_access);
		EXPECT(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF) < 0);
		EXPECT(map(&m, VA, GNTMAP_device_map | GNTMAP_readonly, DOMID_SELF, REF) < 0);
		EXPECT_RC(in_use(REF), 0);
	}
	/* frames of the core: its image begins at 1 MiB */
	for (i = 0; i < 16; i++) {
		grant(REF, 0x100 + i, GTF_permit_access);
		EXPECT(map(&m, VA, GNTMAP_host_map | GNTMAP_readonly, DOMID_SELF, REF) < 0);
	}
	/* page tables: to look at, not to write */
	grant(REF, virt_to_mfn(mm_l4()), GTF_permit_access);
	EXPECT(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF) < 0);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map | GNTMAP_readonly, DOMID_SELF, REF), GNTST_okay);
	EXPECT_FAIL(va_set(VA, mfn_pte(virt_to_mfn(mm_l4()), PTE_RW)));
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);

	grant(REF, virt_to_mfn(page), GTF_permit_access | GTF_readonly);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, REF), GNTST_permission_denied);
	table[REF].domid = 1;
	EXPECT(map(&m, VA, GNTMAP_host_map | GNTMAP_readonly, DOMID_SELF, REF) < 0);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, 1234, REF), GNTST_bad_domain);
	EXPECT(map(&m, VA, GNTMAP_host_map, DOMID_IO, REF) < 0);
	EXPECT(map(&m, VA, GNTMAP_host_map, DOMID_XEN, REF) < 0);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, 1024), GNTST_bad_gntref);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map, DOMID_SELF, ~0u), GNTST_bad_gntref);
}

static void wrong_addresses(void)
{
	const uint32_t pte = GNTMAP_host_map | GNTMAP_contains_pte;
	struct gnttab_map_grant_ref m;
	size_t i;

	grant(REF, virt_to_mfn(page), GTF_permit_access);
	EXPECT(map(&m, VA, 0, DOMID_SELF, REF) < 0);
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		EXPECT(map(&m, bad_pointers[i] & ~7ul, GNTMAP_host_map, DOMID_SELF, REF) < 0);
		EXPECT(map(&m, bad_pointers[i] & ~7ul, pte, DOMID_SELF, REF) < 0);
	}
	EXPECT(map(&m, mm_slot_maddr(VA, 1) + 4, pte, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, mm_slot_maddr(VA, 2), pte, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, virt_to_maddr(mm_l4()) + 256 * 8, pte, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, virt_to_maddr(page), pte, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, 0xb8000, pte, DOMID_SELF, REF) < 0);
	EXPECT(map(&m, 0x100000, pte, DOMID_SELF, REF) < 0);
	EXPECT_RC(in_use(REF), 0);
}

static void wrong_handles(void)
{
	struct gnttab_unmap_and_replace r;
	struct gnttab_map_grant_ref m;
	uint64_t bus;

	grant(REF, virt_to_mfn(page), GTF_permit_access);
	EXPECT_RC(map(&m, VA, GNTMAP_host_map | GNTMAP_device_map, DOMID_SELF, REF), GNTST_okay);
	bus = m.dev_bus_addr;
	EXPECT_RC(bus, virt_to_maddr(page));
	EXPECT_RC(unmap(VA, 0, m.handle + 1), GNTST_bad_handle);
	EXPECT_RC(unmap(VA, 0, 0x80000000), GNTST_bad_handle);
	EXPECT_RC(unmap(VA, 0, ~0u), GNTST_bad_handle);
	EXPECT_RC(unmap(VA + PAGE_SIZE, 0, m.handle), GNTST_bad_virt_addr);
	EXPECT_RC(unmap(CORE_MIDDLE, 0, m.handle), GNTST_bad_virt_addr);
	EXPECT_RC(unmap((unsigned long)page, bus + PAGE_SIZE, m.handle), GNTST_bad_dev_addr);
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	/* Overwritten by the guest: the handle keeps the grant in use. */
	EXPECT_RC(va_set(VA, 0), 0);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_bad_virt_addr);
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	EXPECT_RC(unmap(0, bus, m.handle), GNTST_okay);
	EXPECT_RC(unmap(0, bus, m.handle), GNTST_okay); /* a part it has not any more */
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	/* Any of its own mappings of the frame will do in the end. */
	r = (struct gnttab_unmap_and_replace){ VA, (unsigned long)page, m.handle, 77 };
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_unmap_and_replace, &r, 1), 0);
	EXPECT(r.status < 0);
	EXPECT_RC(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RW)), 0);
	EXPECT_RC(unmap(VA, 0, m.handle), GNTST_okay);
	EXPECT_RC(in_use(REF), 0);
}

static int copy(struct gnttab_copy c)
{
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

static void copies(void)
{
	struct gnttab_copy c = { .len = 64, .flags = GNTCOPY_source_gref, .status = 77 }, bad;
	uint8_t *other = page_alloc();
	unsigned int i;

	grant(REF, virt_to_mfn(page), GTF_permit_access);
	c.source.u.ref = REF;
	c.source.domid = c.dest.domid = DOMID_SELF;
	c.dest.u.gmfn = virt_to_mfn(other);
	memset(page, 0x77, 64);
	c.dest.offset = PAGE_SIZE - 64;
	EXPECT_RC(copy(c), GNTST_okay);
	EXPECT(other[PAGE_SIZE - 64] == 0x77 && other[PAGE_SIZE - 1] == 0x77);
	EXPECT_RC(other[PAGE_SIZE - 65], 0);
	EXPECT_RC(in_use(REF), 0);
	for (i = 0; i < 3; i++) {
		bad = c;
		bad.dest.offset = i == 0 ? PAGE_SIZE - 63 : i == 1 ? PAGE_SIZE : 0xffff;
		EXPECT_RC(copy(bad), GNTST_bad_copy_arg);
		bad.source.offset = bad.dest.offset;
		bad.dest.offset = 0;
		EXPECT_RC(copy(bad), GNTST_bad_copy_arg);
		bad.len = 0xffff;
		EXPECT_RC(copy(bad), GNTST_bad_copy_arg);
	}
	bad = c;
	bad.dest.u.gmfn = virt_to_mfn(l1);
	EXPECT(copy(bad) < 0);
	bad.dest.u.gmfn = 0x100;
	EXPECT(copy(bad) < 0);
	bad.dest.u.gmfn = 0xb8;
	EXPECT(copy(bad) < 0);
	bad.dest.u.gmfn = ~0ul;
	EXPECT(copy(bad) < 0);
	bad = c;
	bad.source.u.ref = ~0u;
	EXPECT(copy(bad) < 0);
	bad = c;
	bad.dest.domid = 1234;
	EXPECT_RC(copy(bad), GNTST_bad_domain);
	bad = c;
	bad.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
	bad.dest.u.ref = REF + 1; /* grants nothing */
	EXPECT_RC(copy(bad), GNTST_bad_gntref);
	page_free(other);
}

/* Any command, count and address; results that cannot be written. */
static void lists(void)
{
	static const unsigned long counts[] = { 1, 2, 33, 0x7fffffff, 0x80000000, 0xffffffff };
	struct gnttab_map_grant_ref *m = page_alloc();
	unsigned int cmd, i;
	long rc;

	for (cmd = 0; cmd < 16; cmd++) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			rc = hyp_grant_table_op(cmd, (void *)UNMAPPED, counts[i]);
			EXPECT(rc < 0 && rc > -4096);
			rc = hyp_grant_table_op(cmd, (void *)CORE_MIDDLE, counts[i]);
			EXPECT(rc < 0 && rc > -4096);
		}
		memset(m, 0xff, PAGE_SIZE);
		rc = hyp_grant_table_op(cmd, m, 3);
		EXPECT(rc <= 0 && rc > -4096);
	}
	EXPECT_RC(hyp_grant_table_op(99, m, 1), -XEN_ENOSYS);
	EXPECT_RC(hyp_grant_table_op(0xffffffff, m, 1), -XEN_ENOSYS);
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_map_grant_ref, NULL, 0), 0);
	/* A long one, all of it good; the place is taken over again and again. */
	grant(REF, virt_to_mfn(page), GTF_permit_access);
	for (i = 0; i < 100; i++) {
		m[i] = (struct gnttab_map_grant_ref){ .host_addr = VA + i % 8 * PAGE_SIZE,
						      .flags = GNTMAP_host_map,
						      .ref = REF,
						      .dom = DOMID_SELF,
						      .status = 77 };
	}
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_map_grant_ref, m, 100), 0);
	for (i = 0; i < 100; i++) {
		EXPECT_RC(m[i].status, GNTST_okay);
		/* Each handle needs a mapping to give up. */
		EXPECT_RC(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RW)), 0);
		EXPECT_RC(unmap(VA, 0, m[i].handle), GNTST_okay);
	}
	EXPECT_RC(in_use(REF), 0);
	/* Read-only: what was mapped stays so, its handle unknown. */
	m[0].host_addr = VA;
	page_protect(m, false);
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_map_grant_ref, m, 1), -XEN_EFAULT);
	page_protect(m, true);
	EXPECT_RC(in_use(REF), GTF_reading | GTF_writing);
	EXPECT_RC(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RW)), 0);
	EXPECT_RC(unmap(VA, 0, m[0].handle), GNTST_bad_handle);
	for (i = 0; i < 200 && in_use(REF) != 0; i++) {
		(void)unmap(VA, 0, i);
	}
	EXPECT_RC(in_use(REF), 0);
	for (i = 0; i < 8; i++) {
		EXPECT_RC(va_set(VA + i * PAGE_SIZE, 0), 0);
	}
	page_free(m);
}

/* ---- Two vCPUs ----------------------------------------------------------------- */

static volatile bool stop;
static unsigned long victim;

/* Changes the entry, ends every handle, and writes where it can. */
static void meddler(unsigned long arg)
{
	struct gnttab_unmap_grant_ref u[8];
	unsigned int round = 0, i;
	struct trap t;

	(void)arg;
	while (!stop) {
		table[REF].frame = (uint32_t)(round++ & 1 ? victim : virt_to_mfn(page));
		table[REF].flags = round & 2 ? GTF_permit_access : 0;
		for (i = 0; i < 8; i++) {
			u[i] = (struct gnttab_unmap_grant_ref){ VA + i / 2 * PAGE_SIZE, 0, i / 2,
								0 };
		}
		(void)hyp_grant_table_op(GNTTABOP_unmap_grant_ref, u, 8);
		for (i = 0; i < 4; i++) {
			TRAP_TRY(&t, poke(VA + i * PAGE_SIZE + 256 * 8, 0xbad));
		}
	}
}

static void races(void)
{
	uint64_t end = time_ns() + ROUND_NS, *l4 = table_alloc();
	unsigned long pins = 0, maps = 0, bad = 0;
	struct gnttab_map_grant_ref m;
	unsigned int i;

	victim = virt_to_mfn(l4);
	NEED(smp_start(1, meddler, 0) == 0);
	/* On a slow machine until something was tried. */
	while (time_ns() < end || (maps < 20 && time_ns() < end + 10 * ROUND_NS)) {
		for (i = 0; i < 4; i++) {
			m = (struct gnttab_map_grant_ref){ .host_addr = VA + i * PAGE_SIZE,
							   .flags = GNTMAP_host_map,
							   .ref = REF,
							   .dom = DOMID_SELF };
			/* Both write it: or the two may keep in step. */
			WRITE_ONCE(table[REF].flags, GTF_permit_access);
			bad += hyp_grant_table_op(GNTTABOP_map_grant_ref, &m, 1) != 0;
			maps += m.status == GNTST_okay;
		}
		for (i = 0; i < 4; i++) {
			(void)va_set(VA + i * PAGE_SIZE, 0);
		}
		if (mmuext(MMUEXT_PIN_L4_TABLE, victim) == 0) {
			pins++;
			bad += READ_ONCE(l4[256]) == 0xbad;
			bad += mmuext(MMUEXT_UNPIN_TABLE, victim) != 0;
		}
	}
	stop = true;
	smp_wait(1);
	print("%lu maps, %lu pins\n", maps, pins);
	EXPECT(maps != 0);
	EXPECT_RC(bad, 0);
}

void test(void)
{
	page = page_alloc();
	setup();
	good();
	wrong_entries();
	wrong_addresses();
	wrong_handles();
	copies();
	lists();
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) >= 0) {
		races();
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Copies between domains, both ends of a grant dying first, and each
 * allocation, guest copy and interruption in a life with grants.
 */
#include "gnttab_pair.h"

/* ---- Copies -------------------------------------------------------------------------- */

static struct gnttab_copy copy_of(bool from_ref)
{
	struct gnttab_copy c = { .len = 100, .status = 77 };
	struct gnttab_copy_ptr ref = { .domid = 1 }, own = { .domid = DOMID_SELF };

	ref.u.ref = REF;
	own.u.gmfn = guest[2].mfn[20];
	c.source = from_ref ? ref : own;
	c.dest = from_ref ? own : ref;
	c.flags = (uint16_t)(from_ref ? GNTCOPY_source_gref : GNTCOPY_dest_gref);
	return c;
}

static int copy_op(struct gnttab_copy c)
{
	OK(gt_list(GNTTABOP_copy, &c, sizeof(c), 1));
	return c.status;
}

static void test_copy(void)
{
	uint8_t *theirs, *mine;
	struct gnttab_copy c;

	gt_world(0);
	theirs = frame_ptr(guest[1].mfn[GRANTED]);
	mine = frame_ptr(guest[2].mfn[20]);
	c = copy_of(true);
	c.source.offset = 10;
	c.dest.offset = PAGE_SIZE - 100;
	theirs[10] = 1;
	theirs[109] = 2;
	OK(copy_op(c));
	EQ(mine[PAGE_SIZE - 100], 1);
	EQ(mine[PAGE_SIZE - 1], 2);
	OK(mine[PAGE_SIZE - 101]);
	gt_check_use(0, 0);
	c = copy_of(false);
	memset(mine, 7, 100);
	OK(copy_op(c));
	EQ(theirs[99], 7);
	EQ(theirs[100], 0x5a);
	c.len = 0;
	c.source.offset = PAGE_SIZE;
	OK(copy_op(c));
	/* within its own frame, across itself */
	c = copy_of(true);
	c.flags = 0;
	c.source = c.dest;
	c.source.domid = 2;
	c.dest.offset = 1;
	memcpy(mine, "abc", 3);
	OK(copy_op(c));
	OK(memcmp(mine, "aabc", 4));
	/* between two that have both granted */
	OK(gt_setup(0, 1, NULL));
	gt_grant(0, REF, 2, 20, 0);
	run(2, 0);
	c = copy_of(true);
	c.flags |= GNTCOPY_dest_gref;
	c.dest.u.ref = REF;
	c.dest.domid = 0;
	OK(copy_op(c));
	EQ(((uint8_t *)frame_ptr(guest[0].mfn[20]))[0], 7);
}

static void test_copy_errors(void)
{
	struct gnttab_copy c, many[3];

	gt_world(GTF_readonly);
	EQ(copy_op(copy_of(false)), GNTST_permission_denied);
	OK(copy_op(copy_of(true)));
	for (unsigned int i = 0; i < 2; i++) {
		c = copy_of(true);
		*(i == 0 ? &c.source.offset : &c.dest.offset) = PAGE_SIZE - 99;
		EQ(copy_op(c), GNTST_bad_copy_arg);
		*(i == 0 ? &c.source.offset : &c.dest.offset) = 0xffff;
		EQ(copy_op(c), GNTST_bad_copy_arg);
		c.len = 0xffff;
		EQ(copy_op(c), GNTST_bad_copy_arg);
	}
	c = copy_of(true);
	c.source.domid = 99;
	EQ(copy_op(c), GNTST_bad_domain);
	c = copy_of(true);
	c.source.u.ref = 511;
	EQ(copy_op(c), GNTST_bad_gntref);
	c = copy_of(true);
	c.flags = 0; /* a frame of domain 1 by number */
	c.source.u.gmfn = guest[1].mfn[GRANTED];
	EQ(copy_op(c), GNTST_permission_denied);
	c.source.domid = DOMID_SELF;
	EQ(copy_op(c), GNTST_bad_page);
	for (unsigned int i = 0; i < 6; i++) {
		const uint64_t wrong[] = {
			guest[2].mfn[FAKE_PFN_L1], guest[1].mfn[20], FAKE_IO_FRAME,
			FAKE_CORE_START,	   FAKE_HOLE_START,  ~0ull
		};

		c = copy_of(true);
		c.dest.u.gmfn = wrong[i];
		EQ(copy_op(c), GNTST_bad_page);
	}
	/* one that fails stops none of the others */
	many[0] = many[2] = copy_of(true);
	many[1] = copy_of(false);
	OK(gt_list(GNTTABOP_copy, many, sizeof(c), 3));
	OK(many[0].status);
	EQ(many[1].status, GNTST_permission_denied);
	OK(many[2].status);
	gt_check_use(0, 0);
}

/*
 * A side stays held for the next element.  One that took the frame of the last
 * element for its own would write into another's memory, or let go of it twice.
 */
static void test_copy_batch(void)
{
	uint8_t *theirs, *mine, *other;
	struct gnttab_copy c[6];

	gt_world(0);
	theirs = frame_ptr(guest[1].mfn[GRANTED]);
	mine = frame_ptr(guest[2].mfn[20]);
	other = frame_ptr(guest[2].mfn[21]);
	memset(theirs, 1, PAGE_SIZE);
	memset(mine, 2, PAGE_SIZE);
	memset(other, 3, PAGE_SIZE);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = copy_of(true);
		c[i].source.offset = c[i].dest.offset = (uint16_t)(i * 100);
	}
	c[1].dest.u.gmfn = guest[2].mfn[21]; /* the source alone is the same */
	c[2].source.u.ref = REF + 1;	     /* refused: nothing is held then */
	c[3].dest.domid = 2;		     /* the same frame by another name */
	c[4].flags = 0;			     /* the reference's number is a frame's */
	c[4].source.domid = DOMID_SELF;
	c[5].dest.u.gmfn = 0; /* the destination alone is refused */
	OK(gt_list(GNTTABOP_copy, c, sizeof(c[0]), ARRAY_SIZE(c)));
	OK(c[0].status);
	OK(c[1].status);
	EQ(c[2].status, GNTST_bad_gntref);
	OK(c[3].status);
	EQ(c[4].status, GNTST_bad_page);
	EQ(c[5].status, GNTST_bad_page);
	for (unsigned int i = 0; i < PAGE_SIZE; i++) {
		EQ(mine[i], i / 100 == 0 || i / 100 == 3 ? 1 : 2);
		EQ(other[i], i / 100 == 1 ? 1 : 3);
		EQ(theirs[i], 1);
	}
	gt_check_use(0, 0);
	/* what is read by reference is written by frame, and the other way round */
	c[0] = copy_of(true);
	c[1] = copy_of(false);
	c[1].source.u.gmfn = guest[2].mfn[21];
	c[2] = copy_of(true);
	c[2].dest.offset = 200;
	run(1, 0);
	gt_grant(1, REF, 2, GRANTED, 0);
	run(2, 0);
	OK(gt_list(GNTTABOP_copy, c, sizeof(c[0]), 3));
	OK(c[0].status);
	OK(c[1].status);
	OK(c[2].status);
	EQ(mine[99], 1);
	EQ(theirs[99], 3);
	EQ(mine[299], 3);
	gt_check_use(0, 0);
}

/* ---- Ends -------------------------------------------------------------------------------- */

static void test_granter_dies(void)
{
	unsigned long before;
	grant_handle_t h, h2;
	uint8_t byte;

	world(1);
	before = heap_free_frames();
	core_setup();
	gt_world(0);
	OK(gt_map_slot(SLOT, GNTMAP_host_map, &h));
	OK(gt_map_slot(SLOT + 1, GNTMAP_host_map, &h2));
	OK(unmap(SLOT + 1));
	EQ(fake_destroy(guest[1].d), -XEN_EBUSY);
	OK(audit_all());
	run(2, 0);
	TRUE_(fake_guest_read(fake_va(SLOT, 7), &byte, 1));
	EQ(byte, 0x5a);
	EQ(gt_map_slot(SLOT + 2, GNTMAP_host_map, &h2), GNTST_bad_domain);
	EQ(copy_op(copy_of(true)), GNTST_bad_domain);
	OK(gt_unmap(fake_va(SLOT, 0), 0, h));
	EQ(fake_destroy(guest[1].d), -XEN_EBUSY); /* the handle without an entry */
	fake_guest_destroy(&guest[2]);
	OK(fake_destroy(guest[1].d));
	EQ(heap_free_frames(), before);
}

static void test_mapper_dies(void)
{
	for (unsigned long n = 1; n < 40; n++) {
		core_setup();
		gt_world(0);
		for (unsigned int i = 0; i < 100; i++) {
			EQ(gt_try_map(fake_va(20 + i % 20, 0), GNTMAP_host_map | (i & 1) << 2, 1,
				      REF),
			   GNTST_okay);
		}
		gt_check_use(100, 50);
		fake.preempt_countdown = n;
		fake.preempt_chance = n == 39 ? 1 : 0;
		fake_guest_destroy(&guest[2]);
		fake.preempt_countdown = fake.preempt_chance = 0;
		gt_check_use(0, 0);
		OK(audit_all());
	}
}

/* Each has mapped the other's. */
static void test_both_die(void)
{
	struct gnttab_map_grant_ref m;

	gt_world(0);
	m = gt_map_at(fake_va(SLOT, 0), GNTMAP_host_map);
	OK(gt_map(&m));
	OK(gt_setup(2, 1, NULL));
	gt_grant(2, REF, 1, 20, 0);
	/* a frame of the table, which is no ordinary one */
	gt_entry(2, REF)->frame = (uint32_t)ptr_frame(guest[2].d->gnttab->frame[0]);
	run(1, 0);
	m.dom = 2;
	OK(gt_map(&m));
	run(0, 0);
	EQ(fake_destroy(guest[1].d), -XEN_EBUSY);
	OK(audit_all());
	OK(fake_destroy(guest[2].d));
	OK(fake_destroy(guest[1].d));
}

/*
 * The mapper's table of handles is, and stays, as large as the most mappings at once
 * needed: 341 of them fit a frame, and as many again add nothing.
 */
static void test_handles_stay(void)
{
	static const unsigned int most[] = { 1, 341, 342, 342, 1, 682, 683, 600 };
	static const unsigned long frames[] = { 1, 1, 2, 2, 2, 2, 3, 3 };
	uint64_t bus;
	unsigned long before;

	gt_world(0);
	bus = (uint64_t)guest[1].mfn[GRANTED] << PAGE_SHIFT;
	before = heap_free_frames();
	for (unsigned int i = 0; i < ARRAY_SIZE(most); i++) {
		grant_handle_t h[683];

		for (unsigned int k = 0; k < most[i]; k++) {
			struct gnttab_map_grant_ref m = gt_map_at(0, GNTMAP_device_map);

			OK(gt_map(&m));
			h[k] = m.handle;
		}
		gt_check_use(most[i], most[i]);
		for (unsigned int k = 0; k < most[i]; k++) {
			OK(gt_unmap(0, bus, h[(k * 677u) % most[i]]));
		}
		gt_check_use(0, 0);
		EQ(before - heap_free_frames(), frames[i]);
	}
	OK(audit_all());
}

/* ---- Failures at each step ------------------------------------------------------------- */

static void life(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 3 };
	struct gnttab_map_grant_ref m[40];
	struct gnttab_unmap_grant_ref u[40];
	struct gnttab_copy c[40];
	uint64_t at = FAKE_ARGS + 1024;

	s.frame_list.p = (void *)(uintptr_t)(FAKE_ARGS + 512);
	fake_put(FAKE_ARGS, &s, sizeof(s));
	(void)fake_call(NR, GNTTABOP_setup_table, FAKE_ARGS, 1);
	for (unsigned int i = 0; i < 40; i++) {
		m[i] = gt_map_at(fake_va(20 + i % 20, 0), GNTMAP_host_map);
		u[i] = (struct gnttab_unmap_grant_ref){ fake_va(20 + i % 20, 0), 0, i, 77 };
		c[i] = copy_of(i & 1);
		c[i].source.u.gmfn = c[i].dest.u.gmfn = guest[2].mfn[FAKE_PFN_ARGS + 2];
		*(i & 1 ? &c[i].source.u.ref : &c[i].dest.u.ref) = REF;
	}
	fake_put(at, m, sizeof(m));
	(void)fake_call(NR, GNTTABOP_map_grant_ref, at, 40);
	fake_put(at, c, sizeof(c));
	(void)fake_call(NR, GNTTABOP_copy, at, 40);
	fake_put(at, u, sizeof(u));
	(void)fake_call(NR, GNTTABOP_unmap_grant_ref, at, 40);
}

static void test_failures(void)
{
	for (unsigned int how = 0; how < 3; how++) {
		for (unsigned long n = 1; n < 24; n++) {
			core_setup();
			gt_world(0);
			*(how == 0 ? &heap_fail_countdown :
			  how == 1 ? &fake.copy_fail_countdown :
				     &fake.preempt_countdown) = n;
			life();
			heap_fail_countdown = fake.copy_fail_countdown = 0;
			fake.preempt_countdown = 0;
			OK(audit_all());
			if (how == 2) { /* 20 were overwritten by the other 20 */
				gt_check_use(20, 20);
			}
			fake_guest_destroy(&guest[2]);
			gt_check_use(0, 0);
			fake_guest_destroy(&guest[1]);
		}
	}
}

static void test_seed(void)
{
	world(3);
	OK(gnttab_seed(guest[1].d, GNTTAB_RESERVED_CONSOLE, 2, guest[1].mfn[GRANTED]));
	OK(gnttab_seed(guest[1].d, GNTTAB_RESERVED_XENSTORE, 0, guest[1].mfn[20]));
	EQ(guest[1].d->gnttab->frames, 1);
	EQ(gt_try_map(fake_va(SLOT, 0), GNTMAP_host_map, 1, GNTTAB_RESERVED_CONSOLE), GNTST_okay);
	EQ(gt_try_map(fake_va(SLOT, 0), GNTMAP_host_map, 1, GNTTAB_RESERVED_XENSTORE),
	   GNTST_bad_gntref);
}

CU_TestInfo gnttab_life_tests[] = {
	{ "copies", test_copy },
	{ "copies: errors", test_copy_errors },
	{ "copies: a list", test_copy_batch },
	{ "the granter dies first", test_granter_dies },
	{ "the mapper dies, interrupted", test_mapper_dies },
	{ "both map each other, and die", test_both_die },
	{ "the table of handles stays as large as it was", test_handles_stay },
	{ "allocations, copies, interruptions", test_failures },
	{ "reserved entries", test_seed },
	CU_TEST_INFO_NULL,
};

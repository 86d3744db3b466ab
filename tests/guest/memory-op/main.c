/* SPDX-License-Identifier: MIT */
/*
 * memory_op: a guest gives and takes frames of its own and no others, and
 * learns what it may know.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static long reserve(unsigned int cmd, xen_pfn_t *list, unsigned long count, unsigned int order,
		    unsigned int dom)
{
	struct xen_memory_reservation r = {
		.extent_start.p = list,
		.nr_extents = count,
		.extent_order = order,
		.domid = (domid_t)dom,
	};

	return hyp_memory_op(cmd, &r);
}

static long reserve_one(unsigned int cmd, xen_pfn_t frame)
{
	return reserve(cmd, &frame, 1, 0, DOMID_SELF);
}

static long current_pages(void)
{
	struct xen_memory_domain ask = { DOMID_SELF };

	return hyp_memory_op(XENMEM_current_reservation, &ask);
}

static void pointers(void)
{
	static const unsigned int cmds[] = {
		XENMEM_current_reservation, XENMEM_maximum_reservation, XENMEM_exchange,
		XENMEM_machphys_mapping,    XENMEM_machine_memory_map,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EFAULT(p, hyp_memory_op(cmds[i], p));
	}
	EXPECT_RC(hyp_memory_op(XENMEM_machphys_mapping, (void *)M2P_POINTER), -XEN_EFAULT);
	/* The result of these is the number of extents done: none. */
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		void *p = (void *)bad_pointers[i];

		EXPECT(hyp_memory_op(XENMEM_increase_reservation, p) <= 0);
		EXPECT(hyp_memory_op(XENMEM_decrease_reservation, p) <= 0);
		EXPECT(hyp_memory_op(XENMEM_populate_physmap, p) <= 0);
	}
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		xen_pfn_t *list = (xen_pfn_t *)bad_pointers[i];

		EXPECT(reserve(XENMEM_decrease_reservation, list, 4, 0, DOMID_SELF) <= 0);
		EXPECT(reserve(XENMEM_populate_physmap, list, 4, 0, DOMID_SELF) <= 0);
	}
}

static void foreign_frames(void)
{
	static const xen_pfn_t frames[] = { 0xfee00, 0xfec00,	 0,	1ul << 40,
					    ~0ul,    ~0ul >> 12, 0x100, 0x101 };
	long before = current_pages();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(frames); i++) {
		EXPECT_RC(reserve_one(XENMEM_decrease_reservation, frames[i]), 0);
	}
	EXPECT_RC(current_pages(), before);
}

/* What is in use cannot go, or goes only when the use ends. */
static void frames_in_use(void)
{
	xen_pfn_t l4 = virt_to_mfn(mm_l4());
	void *page = page_alloc();
	xen_pfn_t mfn = virt_to_mfn(page);
	long before, rc;

	rc = reserve_one(XENMEM_decrease_reservation, l4);
	EXPECT(rc == 0 || rc == 1);
	EXPECT_NO_TRAP(barrier());
	EXPECT_RC(map_frame(VA, virt_to_mfn(page), PTE_RW), 0);

	/* Mapped twice: the mappings stay good, the frame goes with them. */
	rc = reserve_one(XENMEM_decrease_reservation, mfn);
	EXPECT(rc == 0 || rc == 1);
	EXPECT_NO_TRAP(poke(VA, 1));
	EXPECT_NO_TRAP(poke((unsigned long)page, 1));
	/* And it goes once, whatever is answered the second time. */
	before = current_pages();
	(void)reserve_one(XENMEM_decrease_reservation, mfn);
	EXPECT_RC(current_pages(), before);
	EXPECT_RC(va_set(VA, 0), 0);
	EXPECT_RC(va_set((unsigned long)page, 0), 0);
	if (rc == 1) {
		EXPECT_FAIL(va_set(VA, mfn_pte(mfn, PTE_RW)));
	}
}

static void populate(void)
{
	void *page = page_alloc();
	xen_pfn_t pfn = (unsigned long)page >> PAGE_SHIFT;
	xen_pfn_t mfn = virt_to_mfn(page), frame = pfn;
	long before = current_pages();

	EXPECT_RC(va_set((unsigned long)page, 0), 0);
	EXPECT_RC(reserve_one(XENMEM_decrease_reservation, mfn), 1);
	EXPECT_RC(current_pages(), before - 1);
	EXPECT_RC(reserve(XENMEM_populate_physmap, &frame, 1, 0, DOMID_SELF), 1);
	EXPECT_RC(current_pages(), before);
	EXPECT_RC(mfn_to_pfn(frame), pfn);
	EXPECT_RC(va_set((unsigned long)page, mfn_pte(frame, PTE_RW)), 0);
	EXPECT_RC(peek((unsigned long)page), 0); /* scrubbed */
	EXPECT_NO_TRAP(poke((unsigned long)page, 5));
}

static void counts(void)
{
	static xen_pfn_t list[8];
	unsigned int order;

	EXPECT_RC(reserve(XENMEM_decrease_reservation, list, 0, 0, DOMID_SELF), 0);
	for (order = 19; order <= 64; order += 5) {
		EXPECT_RC(reserve(XENMEM_populate_physmap, list, 1, order, DOMID_SELF), 0);
		EXPECT_RC(reserve(XENMEM_increase_reservation, list, 1, order, DOMID_SELF), 0);
		EXPECT(reserve(XENMEM_decrease_reservation, list, 1, order, DOMID_SELF) <= 0);
	}
	EXPECT(reserve(XENMEM_populate_physmap, list, 1, ~0u, DOMID_SELF) <= 0);
	/* Too long a list, of frames that are not ours: nothing is done. */
	list[0] = ~0ul;
	EXPECT(reserve(XENMEM_decrease_reservation, list, ~0ul, 0, DOMID_SELF) <= 0);
	EXPECT(reserve(XENMEM_decrease_reservation, list, 1ul << 59, 0, DOMID_SELF) <= 0);
	EXPECT(reserve(XENMEM_decrease_reservation, list, 1ul << 40, 0, DOMID_SELF) <= 0);
	EXPECT(reserve(XENMEM_decrease_reservation, list, 1, 0, 1234) <= 0);
	EXPECT(reserve(XENMEM_populate_physmap, list, 1, 0, DOMID_IO) <= 0);
	EXPECT(reserve(XENMEM_populate_physmap, list, 1, 0, DOMID_IDLE) <= 0);
	/* A start beyond the end, in the command's upper bits. */
	EXPECT(reserve(XENMEM_decrease_reservation | 5u << 6, list, 1, 0, DOMID_SELF) <= 5);
}

static void questions(void)
{
	struct xen_memory_domain ask = { DOMID_SELF };
	struct xen_machphys_mapping map = { 0 };
	unsigned char buffer[20 * 32];
	struct xen_memory_map e820 = { 32, { buffer } };
	long max;

	EXPECT(current_pages() >= 1024);
	max = hyp_memory_op(XENMEM_maximum_reservation, &ask);
	EXPECT(max >= current_pages());
	ask.domid = 1234;
	EXPECT_FAIL(hyp_memory_op(XENMEM_maximum_reservation, &ask));
	EXPECT(hyp_memory_op(XENMEM_maximum_ram_page, NULL) > 0);
	EXPECT_RC(hyp_memory_op(XENMEM_machphys_mapping, &map), 0);
	EXPECT(map.v_start == MACH2PHYS_VIRT_START && map.v_end > map.v_start);
	EXPECT_RC(hyp_memory_op(XENMEM_machine_memory_map, &e820), 0);
	EXPECT(e820.nr_entries >= 2 && e820.nr_entries <= 32);
	e820.buffer.p = (void *)CORE_MIDDLE;
	EXPECT_RC(hyp_memory_op(XENMEM_machine_memory_map, &e820), -XEN_EFAULT);
	e820.nr_entries = 0;
	e820.buffer.p = buffer;
	(void)hyp_memory_op(XENMEM_machine_memory_map, &e820);
	EXPECT(e820.nr_entries == 0);
	EXPECT_RC(hyp_memory_op(63, NULL), -XEN_ENOSYS);
	EXPECT_FAIL(hyp_memory_op(XENMEM_set_pod_target, buffer));
}

void test(void)
{
	pointers();
	foreign_frames();
	populate();
	frames_in_use();
	counts();
	questions();
}

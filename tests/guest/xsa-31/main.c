/* SPDX-License-Identifier: MIT */
/*
 * XSA-31 (and 158): orders and counts of extents that nobody bounded. A shift
 * by the guest's number, or a loop over 2 to the power of it, kept the machine
 * busy for as long as the guest liked, or led beyond the lists.
 *
 * Here orders and counts up to the largest numbers, and pairs whose product
 * wraps to something small, go to the exchange and to the reservation calls.
 * Each must come back at once with nothing done, and no frame may be lost.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static xen_pfn_t list[16];

static long current_pages(void)
{
	struct xen_memory_domain ask = { DOMID_SELF };

	return hyp_memory_op(XENMEM_current_reservation, &ask);
}

static long exchange(unsigned long in, unsigned int in_order, unsigned long out,
		     unsigned int out_order, unsigned long done)
{
	struct xen_memory_exchange x = {
		.in = { .extent_start.p = list,
			.nr_extents = in,
			.extent_order = in_order,
			.domid = DOMID_SELF },
		.out = { .extent_start.p = list,
			 .nr_extents = out,
			 .extent_order = out_order,
			 .domid = DOMID_SELF },
		.nr_exchanged = done,
	};
	long rc = hyp_memory_op(XENMEM_exchange, &x);

	EXPECT_RC(x.nr_exchanged, done);
	return rc;
}

static void exchanges(void)
{
	static const unsigned int orders[] = { 13, 19, 20,   31,	 32,	     33,	63,
					       64, 65, 1024, 0x7fffffff, 0x80000000, 0xffffffff };
	static const unsigned long counts[] = { 1,	   2,	      1ul << 31, 1ul << 32,
						1ul << 49, 1ul << 52, 1ul << 63, (1ul << 63) + 1,
						~0ul };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		for (k = 0; k < ARRAY_SIZE(counts); k++) {
			EXPECT_FAIL(exchange(counts[k], orders[i], counts[k], orders[i], 0));
			EXPECT_FAIL(exchange(counts[k], 0, 1, orders[i], 0));
			EXPECT_FAIL(exchange(1, orders[i], counts[k], 0, 0));
		}
	}
	for (k = 4; k < ARRAY_SIZE(counts); k++) {
		/* Equal only after the product has wrapped. */
		EXPECT_FAIL(exchange(counts[k], 12, 0, 0, 0));
		EXPECT_FAIL(exchange(1ul << 52, 12, 1, 0, 0));
		EXPECT_FAIL(exchange((1ul << 52) + 1, 12, 1, 12, 0));
		/* Further done than there is, or in the middle of a chunk. */
		EXPECT_FAIL(exchange(4, 0, 1, 2, counts[k]));
		EXPECT_FAIL(exchange(4, 0, 4, 0, counts[k]));
	}
	EXPECT_FAIL(exchange(4, 0, 1, 2, 1));
	EXPECT_FAIL(exchange(8, 0, 2, 2, 5));
}

static void reservations(void)
{
	static const unsigned int cmds[] = { XENMEM_increase_reservation,
					     XENMEM_decrease_reservation, XENMEM_populate_physmap };
	static const unsigned int orders[] = { 13, 20, 32, 63, 64, 0x7fffffff, 0xffffffff };
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		for (k = 0; k < ARRAY_SIZE(orders); k++) {
			struct xen_memory_reservation r = {
				.extent_start.p = list,
				.nr_extents = 1,
				.extent_order = orders[k],
				.domid = DOMID_SELF,
			};

			EXPECT(hyp_memory_op(cmds[i], &r) <= 0);
			r.nr_extents = ~0ul;
			EXPECT(hyp_memory_op(cmds[i], &r) <= 0);
			/* Further on than the list is long. */
			EXPECT(hyp_memory_op(cmds[i] | ~0ul << 6, &r) >= 0);
		}
	}
}

void test(void)
{
	long before = current_pages();
	void *page = page_alloc();
	unsigned int i;

	/* Frames of ours, so that a wrong number would find something to do. */
	NEED(va_set((unsigned long)page, 0) == 0);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = virt_to_mfn(page);
	}
	exchanges();
	reservations();
	EXPECT_RC(current_pages(), before);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		EXPECT_RC(list[i], virt_to_mfn(page));
	}
	EXPECT_RC(va_set((unsigned long)page, mfn_pte(virt_to_mfn(page), PTE_RW)), 0);
}

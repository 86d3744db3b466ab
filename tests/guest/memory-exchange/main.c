/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: frames are swapped only if they are the caller's and free,
 * and what is left over after an error is told.
 */
#include <test.h>

#define COUNT 4

static void *pages[COUNT];
static xen_pfn_t in[COUNT], out[COUNT];

static long exchange(struct xen_memory_exchange *x)
{
	return hyp_memory_op(XENMEM_exchange, x);
}

static struct xen_memory_exchange simple(unsigned long in_count, unsigned int in_order,
					 unsigned long out_count, unsigned int out_order)
{
	return (struct xen_memory_exchange){
		.in = { .extent_start.p = in,
			.nr_extents = in_count,
			.extent_order = in_order,
			.domid = DOMID_SELF },
		.out = { .extent_start.p = out,
			 .nr_extents = out_count,
			 .extent_order = out_order,
			 .domid = DOMID_SELF },
	};
}

static void prepare(bool unmap)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		in[i] = pte_mfn(*mm_slot(mm_l4(), (unsigned long)pages[i], 1));
		out[i] = (unsigned long)pages[i] >> PAGE_SHIFT;
		if (unmap) {
			NEED(va_set((unsigned long)pages[i], 0) == 0);
		}
	}
}

static void map_again(const xen_pfn_t *list, unsigned int step)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		xen_pfn_t mfn = step == 1 ? list[i] : list[0] + i;

		EXPECT_RC(va_set((unsigned long)pages[i], mfn_pte(mfn, PTE_RW)), 0);
		EXPECT_RC(mfn_to_pfn(mfn), (unsigned long)pages[i] >> PAGE_SHIFT);
	}
}

static void good(void)
{
	struct xen_memory_exchange x = simple(COUNT, 0, 1, 2);

	prepare(true);
	EXPECT_RC(exchange(&x), 0);
	EXPECT_RC(x.nr_exchanged, COUNT);
	EXPECT((out[0] & (COUNT - 1)) == 0);
	map_again(out, COUNT);
	EXPECT_RC(peek((unsigned long)pages[0]), 0);

	prepare(true);
	x = simple(COUNT, 0, COUNT, 0);
	EXPECT_RC(exchange(&x), 0);
	map_again(out, 1);
}

static void refused(void)
{
	struct xen_memory_exchange x;
	unsigned int i;

	prepare(false);
	/* Still mapped: they stay ours, mapped and usable. */
	x = simple(COUNT, 0, 1, 2);
	EXPECT_FAIL(exchange(&x));
	EXPECT_RC(x.nr_exchanged, 0);
	for (i = 0; i < COUNT; i++) {
		EXPECT_NO_TRAP(poke((unsigned long)pages[i], i));
	}
	/* Sums that do not agree, or do not fit. */
	x = simple(COUNT, 0, 1, 3);
	EXPECT_FAIL(exchange(&x));
	x = simple(1ul << 62, 2, 1, 0);
	EXPECT_FAIL(exchange(&x));
	x = simple(1ul << 63, 1, 0, 0);
	EXPECT_FAIL(exchange(&x));
	x = simple(~0ul, 0, ~0ul, 0);
	EXPECT_FAIL(exchange(&x));
	x = simple(1, 64, 1, 64);
	EXPECT_FAIL(exchange(&x));
	x = simple(1, ~0u, 1, ~0u);
	EXPECT_FAIL(exchange(&x));
	x = simple(1, 19, 1, 19);
	EXPECT_FAIL(exchange(&x));
	x = simple(COUNT, 0, 1, 2);
	x.nr_exchanged = COUNT + 1;
	EXPECT_FAIL(exchange(&x));
	x = simple(COUNT, 0, 1, 2);
	x.out.domid = 1234;
	EXPECT_FAIL(exchange(&x));
	x.in.domid = 1234;
	EXPECT_FAIL(exchange(&x));
	x = simple(COUNT, 0, 1, 2);
	x.in.extent_start.p = (xen_pfn_t *)CORE_MIDDLE;
	EXPECT_RC(exchange(&x), -XEN_EFAULT);
	x = simple(COUNT, 0, 1, 2);
	x.out.extent_start.p = (xen_pfn_t *)CORE_MIDDLE;
	EXPECT_FAIL(exchange(&x));
}

/* One of the frames is wrong: the others come back. */
static void undone(void)
{
	static const xen_pfn_t wrong[] = { ~0ul, 0xfee00, 0x100, 1ul << 40 };
	struct xen_memory_exchange x;
	xen_pfn_t saved[COUNT];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		prepare(true);
		memcpy(saved, in, sizeof(in));
		in[COUNT - 1] = wrong[i];
		x = simple(COUNT, 0, 1, 2);
		EXPECT_FAIL(exchange(&x));
		EXPECT_RC(x.nr_exchanged, 0);
		map_again(saved, 1);
	}
	/* The same one twice. */
	prepare(true);
	memcpy(saved, in, sizeof(in));
	in[COUNT - 1] = in[0];
	x = simple(COUNT, 0, 1, 2);
	EXPECT_FAIL(exchange(&x));
	map_again(saved, 1);
	/* A table. */
	prepare(true);
	memcpy(saved, in, sizeof(in));
	in[2] = virt_to_mfn(mm_l4());
	x = simple(COUNT, 0, 1, 2);
	EXPECT_FAIL(exchange(&x));
	map_again(saved, 1);
}

void test(void)
{
	unsigned int i;

	/* Guest frames in a row: what an extent of the exchange gives. */
	for (i = COUNT; i > 0; i--) {
		pages[i - 1] = page_alloc();
		NEED(i == COUNT || (char *)pages[i] - (char *)pages[i - 1] == (long)PAGE_SIZE);
	}
	refused();
	undone();
	good();
	refused();
}

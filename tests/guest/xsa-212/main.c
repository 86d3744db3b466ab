/* SPDX-License-Identifier: MIT */
/*
 * XSA-212 (and 29): the exchange writes the numbers of new frames to a list of
 * the guest's. The check of the list's address covered its start and not what
 * was already exchanged, which the guest may claim freely, so that the writes
 * went wherever the guest wanted, into the hypervisor too.
 *
 * Here lists start in, before and behind the core's addresses, with counts of
 * finished extents and chunk sizes that lead into it: nothing of the core's
 * may be read as a list or written. The machine-to-physical table, which we
 * can see, must be as it was, and so must a page behind the end of a list.
 */
#include <test.h>

#define COUNT 4u

static xen_pfn_t list[COUNT];
static void *pages[COUNT];

static long exchange(const void *in, const void *out, unsigned int out_order, unsigned long total,
		     unsigned long done)
{
	struct xen_memory_exchange x = {
		.in = { .extent_start.p = (xen_pfn_t *)(unsigned long)in,
			.nr_extents = total,
			.domid = DOMID_SELF },
		.out = { .extent_start.p = (xen_pfn_t *)(unsigned long)out,
			 .nr_extents = total >> out_order,
			 .extent_order = out_order,
			 .domid = DOMID_SELF },
		.nr_exchanged = done,
	};

	return hyp_memory_op(XENMEM_exchange, &x);
}

/* Takes the pages from their addresses, to be exchanged; and maps what came. */
static void unmap(void)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		list[i] = pte_mfn(*mm_slot(mm_l4(), (unsigned long)pages[i], 1));
		NEED(va_set((unsigned long)pages[i], 0) == 0);
	}
}

static void map(const xen_pfn_t *frames)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		/* Lost ones are the guest's own loss. */
		(void)va_set((unsigned long)pages[i], mfn_pte(frames[i], PTE_RW));
	}
}

/* A list so that entry `done` of it lies at `target`. */
static void *list_for(unsigned long target, unsigned long done)
{
	return (void *)(target - done * sizeof(xen_pfn_t));
}

static void out_of_bounds(void)
{
	static const unsigned long targets[] = {
		CORE_START,	      CORE_START + 0x1000, CORE_MIDDLE,	   CORE_LAST_PAGE,
		0xffff870000000000ul, NONCANONICAL,	   CORE_START - 8, CORE_LAST_PAGE + 0xff8,
	};
	static const unsigned long dones[] = { 0, 4, 512, 1ul << 20, 1ul << 40, 1ul << 44 };
	uint64_t first = mfn_to_pfn(0), mine;
	unsigned int i, k;

	unmap();
	mine = mfn_to_pfn(list[0]);
	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		for (k = 0; k < ARRAY_SIZE(dones); k++) {
			unsigned long done = dones[k];
			const void *wild = list_for(targets[i], done);
			const void *good = list_for((unsigned long)list, done);

			/* As input: a number read there would be a frame of ours
			 * only by chance, so the reason must be the address. */
			EXPECT_RC(exchange(wild, good, 0, done + COUNT, done), -XEN_EFAULT);
			EXPECT_RC(exchange(wild, wild, 0, done + COUNT, done), -XEN_EFAULT);
		}
	}
	EXPECT_RC(mfn_to_pfn(0), first);
	EXPECT_RC(mfn_to_pfn(list[0]), mine);
	map(list);
}

/* The output goes wrong where the input was good: frames may be lost, to the
 * guest, and nothing is written. */
static void out_only(void)
{
	static const unsigned long targets[] = { CORE_START, CORE_START + 0x8000, CORE_MIDDLE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		uint64_t before = mfn_to_pfn((targets[i] - CORE_START) / 8 & 0xffff);

		unmap();
		EXPECT_FAIL(exchange(list_for((unsigned long)list, 512), list_for(targets[i], 512),
				     0, 512 + 1, 512));
		EXPECT_RC(mfn_to_pfn((targets[i] - CORE_START) / 8 & 0xffff), before);
		map(list);
		/* Extents of the output: the index is a different one. */
		unmap();
		EXPECT_FAIL(exchange(list_for((unsigned long)list, 512), list_for(targets[i], 128),
				     2, 512 + COUNT, 512));
		pages[0] = page_alloc();
		pages[1] = page_alloc();
		pages[2] = page_alloc();
		pages[3] = page_alloc();
	}
}

/* An honest call writes as many numbers as it says, and none behind. */
static void neighbours(void)
{
	static xen_pfn_t out[COUNT + 2];
	unsigned int i;

	unmap();
	for (i = 0; i < ARRAY_SIZE(out); i++) {
		out[i] = i == 0 || i > COUNT ? 0x77 : (unsigned long)pages[i - 1] >> PAGE_SHIFT;
	}
	EXPECT_RC(exchange(list, &out[1], 0, COUNT, 0), 0);
	EXPECT(out[0] == 0x77 && out[COUNT + 1] == 0x77);
	map(&out[1]);
	for (i = 0; i < COUNT; i++) {
		EXPECT_NO_TRAP(poke((unsigned long)pages[i], i));
	}
}

void test(void)
{
	unsigned int i;

	for (i = 0; i < COUNT; i++) {
		pages[i] = page_alloc();
	}
	neighbours();
	out_of_bounds();
	neighbours();
	out_only();
}

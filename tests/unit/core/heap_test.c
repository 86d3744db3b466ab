/* SPDX-License-Identifier: MIT */
/* The buddy allocator, alone and against a naive model. */
#include "core_test.h"

#include <hv/mm.h>

static bool all_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		if (b[i] != 0) {
			return false;
		}
	}
	return true;
}

static void test_orders(void)
{
	unsigned long before = heap_free_frames();

	for (unsigned int order = 0; order <= 11; order++) {
		struct page *pg = heap_alloc(order, ADDRESS_BITS_ANY);
		unsigned long mfn;

		CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
		mfn = page_to_mfn(pg);
		OK(mfn & ((1ul << order) - 1));
		EQ(heap_free_frames(), before - (1ul << order));
		for (unsigned long i = 0; i < 1ul << order; i++) {
			OK(pg[i].count);
			EQ(pg[i].owner, OWNER_CORE);
			TRUE_(all_zero(frame_ptr(mfn + i), PAGE_SIZE));
		}
		heap_free(pg, order);
		EQ(heap_free_frames(), before);
	}
	CU_ASSERT_PTR_NULL(heap_alloc(HEAP_MAX_ORDER, ADDRESS_BITS_ANY));
	CU_ASSERT_PTR_NULL(heap_alloc(HEAP_MAX_ORDER + 1, ADDRESS_BITS_ANY));
	CU_ASSERT_PTR_NULL(heap_alloc(~0u, ADDRESS_BITS_ANY));
}

static void test_scrubbed(void)
{
	struct page *pg = heap_alloc(0, ADDRESS_BITS_ANY);
	unsigned long mfn = page_to_mfn(pg);
	struct page *again;

	memset(frame_ptr(mfn), 0xa5, PAGE_SIZE);
	arch_m2p_set(mfn, 1234);
	heap_free(pg, 0);
	/* No trace in the table that guests can read. */
	EQ(arch_m2p_get(mfn), M2P_INVALID);
	for (;;) {
		again = heap_alloc(0, ADDRESS_BITS_ANY);
		CU_ASSERT_PTR_NOT_NULL_FATAL(again);
		TRUE_(all_zero(frame_ptr(page_to_mfn(again)), PAGE_SIZE));
		if (again == pg) {
			break;
		}
	}
}

static void test_address_bits(void)
{
	for (unsigned int bits = 1; bits < 30; bits++) {
		struct page *pg = heap_alloc(1, bits);

		/* Memory starts at 1 MiB. */
		EQ(pg != NULL, bits > 20);
		if (pg != NULL) {
			uint64_t end = (page_to_mfn(pg) + 2) << PAGE_SHIFT;

			TRUE_(end <= 1ull << bits);
			heap_free(pg, 1);
		}
	}
	/* Without a limit the highest memory goes first. */
	struct page *pg = heap_alloc(0, ADDRESS_BITS_ANY);

	EQ(page_to_mfn(pg), fake.config.low_frames - 1);
	heap_free(pg, 0);
}

static void test_exhaustion(void)
{
	unsigned long before = heap_free_frames(), count = 0, i;
	struct page **all = malloc(before * sizeof(*all));

	while ((all[count] = heap_alloc_raw(0, ADDRESS_BITS_ANY)) != NULL) {
		count++;
		CU_ASSERT_FATAL(count < before + 1);
		if (count == before) {
			break;
		}
	}
	EQ(count, before);
	OK(heap_free_frames());
	CU_ASSERT_PTR_NULL(heap_alloc(0, ADDRESS_BITS_ANY));
	/* Every other one first: then all must join again. */
	for (i = 0; i < count; i += 2) {
		heap_free(all[i], 0);
	}
	CU_ASSERT_PTR_NULL(heap_alloc(1, ADDRESS_BITS_ANY));
	for (i = 1; i < count; i += 2) {
		heap_free(all[i], 0);
	}
	EQ(heap_free_frames(), before);
	CU_ASSERT_PTR_NOT_NULL(heap_alloc(12, ADDRESS_BITS_ANY));
	free(all);
}

/* Never inside what is not RAM, never twice. */
static void test_model(void)
{
	static uint8_t taken[16384];
	struct {
		struct page *pg;
		unsigned int order;
	} live[400] = { { NULL, 0 } };
	unsigned long before = heap_free_frames(), used = 0;

	memset(taken, 0, sizeof(taken));
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int i = fake_random() % ARRAY_SIZE(live);
		unsigned long mfn, n;

		if (live[i].pg == NULL) {
			live[i].order = fake_random() % 6;
			live[i].pg = heap_alloc_raw(live[i].order, 22 + fake_random() % 10);
			if (live[i].pg == NULL) {
				continue;
			}
		}
		mfn = page_to_mfn(live[i].pg);
		n = 1ul << live[i].order;
		if (taken[mfn] == 0) {
			for (unsigned long k = 0; k < n; k++) {
				OK(taken[mfn + k]);
				TRUE_(fake_is_ram(mfn + k));
				taken[mfn + k] = 1;
			}
			used += n;
		} else {
			memset(taken + mfn, 0, n);
			used -= n;
			heap_free(live[i].pg, live[i].order);
			live[i].pg = NULL;
		}
		EQ(heap_free_frames(), before - used);
	}
}

static void test_bytes(void)
{
	static const size_t sizes[] = { 1, 8, 4095, 4096, 4097, 65536, 100000 };
	unsigned long before = heap_free_frames();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *p = heap_alloc_bytes(sizes[i]);

		CU_ASSERT_PTR_NOT_NULL_FATAL(p);
		TRUE_(all_zero(p, sizes[i]));
		heap_free_bytes(p, sizes[i]);
		EQ(heap_free_frames(), before);
	}
	CU_ASSERT_PTR_NULL(heap_alloc_bytes((size_t)-1));
	heap_free_bytes(NULL, 10);
	heap_free_bytes(NULL, PAGE_SIZE);
}

static void test_fail_hook(void)
{
	heap_fail_countdown = 2;
	CU_ASSERT_PTR_NOT_NULL(heap_alloc_bytes(PAGE_SIZE));
	CU_ASSERT_PTR_NULL(heap_alloc_bytes(PAGE_SIZE));
	CU_ASSERT_PTR_NOT_NULL(heap_alloc_bytes(PAGE_SIZE));
}

static void test_assign(void)
{
	struct page *pg;
	struct domain *d;

	world(1);
	d = guest[0].d;
	d->max_pages = d->tot_pages + 3;
	pg = domain_alloc_frames(d, 1, ADDRESS_BITS_ANY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pg);
	EQ(pg->owner, 0);
	EQ(pg->count, PGC_ALLOCATED | 1);
	EQ(d->tot_pages, PAGES + 2);
	CU_ASSERT_PTR_NULL(domain_alloc_frames(d, 1, ADDRESS_BITS_ANY));
	CU_ASSERT_PTR_NOT_NULL(domain_alloc_frames(d, 0, ADDRESS_BITS_ANY));
	CU_ASSERT_PTR_NULL(domain_alloc_frames(d, 0, ADDRESS_BITS_ANY));
	EQ(d->tot_pages, PAGES + 3);
}

CU_TestInfo heap_tests[] = {
	{ "every order, aligned and zeroed", test_orders },
	{ "a frame comes back scrubbed", test_scrubbed },
	{ "address limits", test_address_bits },
	{ "all frames, and joined again", test_exhaustion },
	{ "random calls against a model", test_model },
	{ "blocks of bytes", test_bytes },
	{ "the n-th allocation fails", test_fail_hook },
	{ "frames for a domain", test_assign },
	CU_TEST_INFO_NULL,
};

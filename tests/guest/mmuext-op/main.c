/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, base pointers, flushes, LDTs and filling of frames, with
 * wrong frames, wrong levels and at the wrong time.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static const unsigned long bad_frames[] = { ~0ul, 0xfee00, 1ul << 28, 1ul << 40, 1ul << 52 };

static long ext(unsigned int cmd, unsigned long arg1, unsigned long arg2)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

	return hyp_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void pointers(void)
{
	struct mmuext_op ops[3] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL },
				    { .cmd = MMUEXT_TLB_FLUSH_ALL },
				    { .cmd = 99 } };
	unsigned int done = 77;

	EXPECT_EFAULT(p, hyp_mmuext_op(p, 1, NULL, DOMID_SELF));
	EXPECT_RC(hyp_mmuext_op((void *)M2P_POINTER, 1, NULL, DOMID_SELF), -XEN_EFAULT);
	EXPECT_RC(hyp_mmuext_op(ops, 3, &done, DOMID_SELF), -XEN_ENOSYS);
	EXPECT_RC(done, 2);
	EXPECT_RC(hyp_mmuext_op(ops, 0, &done, DOMID_SELF), 0);
	EXPECT_FAIL(hyp_mmuext_op(ops, 0x7fffffff, NULL, DOMID_SELF));
	EXPECT_FAIL(hyp_mmuext_op(ops, 1, NULL, 1234));
	EXPECT_FAIL(hyp_mmuext_op(ops, 1, NULL, DOMID_IDLE));
	EXPECT_FAIL(ext(MMUEXT_MARK_SUPER, 0, 0));
	EXPECT_FAIL(ext(0xffffffff, 0, 0));
	EXPECT_FAIL(ext(14, 0, 0));
}

static void pins(void)
{
	uint64_t *table = page_alloc();
	unsigned long mfn = virt_to_mfn(table);
	unsigned int cmd, i;

	for (cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_UNPIN_TABLE; cmd++) {
		for (i = 0; i < ARRAY_SIZE(bad_frames); i++) {
			EXPECT_FAIL(ext(cmd, bad_frames[i], 0));
		}
		/* Mapped writable, and never pinned. */
		EXPECT_FAIL(ext(cmd, mfn, 0));
	}
	page_protect(table, false);
	for (cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++) {
		EXPECT_RC(ext(cmd, mfn, 0), 0);
		/* Twice, or as something else. */
		for (i = MMUEXT_PIN_L1_TABLE; i <= MMUEXT_PIN_L4_TABLE; i++) {
			EXPECT_FAIL(ext(i, mfn, 0));
		}
		EXPECT_FAIL(try_page_protect(table, true));
		EXPECT_TRAP(poke((unsigned long)table, ~0ul), TRAP_PF, PFEC_P | PFEC_W);
		EXPECT_FAIL(ext(MMUEXT_CLEAR_PAGE, mfn, 0));
		EXPECT_RC(ext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
		EXPECT_FAIL(ext(MMUEXT_UNPIN_TABLE, mfn, 0));
	}
	EXPECT_RC(try_page_protect(table, true), 0);
	EXPECT_NO_TRAP(poke((unsigned long)table, 0));
	/* The tables we run on: their pins are the loader's. */
	EXPECT_FAIL(ext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(mm_l4()), 0));
	page_free(table);
}

static void base_pointers(void)
{
	unsigned long l4 = virt_to_mfn(mm_l4());
	uint64_t *fresh = page_alloc();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_frames); i++) {
		EXPECT_FAIL(ext(MMUEXT_NEW_BASEPTR, bad_frames[i], 0));
		EXPECT_FAIL(ext(MMUEXT_NEW_USER_BASEPTR, bad_frames[i], 0));
	}
	EXPECT_FAIL(ext(MMUEXT_NEW_BASEPTR, virt_to_mfn(fresh), 0));
	EXPECT_FAIL(ext(MMUEXT_NEW_BASEPTR, pte_mfn(*mm_slot(mm_l4(), 0x400000, 4)), 0));
	EXPECT_FAIL(ext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(fresh), 0));
	EXPECT_RC(ext(MMUEXT_NEW_BASEPTR, l4, 0), 0);
	EXPECT_RC(ext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
	EXPECT_RC(ext(MMUEXT_NEW_USER_BASEPTR, l4, 0), 0);
	EXPECT_RC(ext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);

	/* Another table, with the same contents, and unpinned while it is in
	 * use: it stays a table. */
	for (i = 0; i < TABLE_ENTRIES; i++) {
		fresh[i] = i >= 256 && i < 272 ? 0 : mm_l4()[i];
	}
	page_protect(fresh, false);
	EXPECT_RC(ext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(fresh), 0), 0);
	EXPECT_RC(ext(MMUEXT_NEW_BASEPTR, virt_to_mfn(fresh), 0), 0);
	EXPECT_RC(ext(MMUEXT_UNPIN_TABLE, virt_to_mfn(fresh), 0), 0);
	EXPECT_FAIL(try_page_protect(fresh, true));
	EXPECT_FAIL(ext(MMUEXT_CLEAR_PAGE, virt_to_mfn(fresh), 0));
	EXPECT_NO_TRAP(test_sink = peek(CORE_START));
	EXPECT_RC(ext(MMUEXT_NEW_BASEPTR, l4, 0), 0);
	/* Given up, it is a page again, and shows nothing of the core. */
	EXPECT_RC(try_page_protect(fresh, true), 0);
	for (i = 256; i < 272; i++) {
		EXPECT_RC(fresh[i], 0);
	}
	page_free(fresh);
}

static void flushes(void)
{
	uint64_t vcpus = ~0ul;
	unsigned int i;

	EXPECT_RC(ext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT_RC(ext(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
	EXPECT_RC(ext(MMUEXT_TLB_FLUSH_MULTI, 0, (unsigned long)&vcpus), 0);
	EXPECT_RC(ext(MMUEXT_INVLPG_MULTI, VA, (unsigned long)&vcpus), 0);
	for (i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		EXPECT_FAIL(ext(MMUEXT_TLB_FLUSH_MULTI, 0, bad_pointers[i]));
		EXPECT_RC(ext(MMUEXT_INVLPG_LOCAL, bad_pointers[i], 0), 0);
		EXPECT_RC(ext(MMUEXT_INVLPG_ALL, bad_pointers[i], 0), 0);
	}
	EXPECT_RC(ext(MMUEXT_FLUSH_CACHE, 0, 0), 0);
	EXPECT_RC(ext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
}

static void filling(void)
{
	uint64_t *a = page_alloc(), *b = page_alloc();
	unsigned int i;

	a[5] = 55;
	EXPECT_RC(ext(MMUEXT_COPY_PAGE, virt_to_mfn(b), virt_to_mfn(a)), 0);
	EXPECT_RC(b[5], 55);
	EXPECT_RC(ext(MMUEXT_CLEAR_PAGE, virt_to_mfn(b), 0), 0);
	EXPECT_RC(b[5], 0);
	EXPECT_RC(ext(MMUEXT_COPY_PAGE, virt_to_mfn(a), virt_to_mfn(a)), 0);
	EXPECT_RC(a[5], 55);
	for (i = 0; i < ARRAY_SIZE(bad_frames); i++) {
		EXPECT_FAIL(ext(MMUEXT_CLEAR_PAGE, bad_frames[i], 0));
		EXPECT_FAIL(ext(MMUEXT_COPY_PAGE, bad_frames[i], virt_to_mfn(a)));
		EXPECT_FAIL(ext(MMUEXT_COPY_PAGE, virt_to_mfn(b), bad_frames[i]));
	}
	EXPECT_FAIL(ext(MMUEXT_CLEAR_PAGE, virt_to_mfn(mm_l4()), 0));
	EXPECT_FAIL(ext(MMUEXT_COPY_PAGE, virt_to_mfn(mm_l4()), virt_to_mfn(a)));
	page_free(a);
	page_free(b);
}

static void ldts(void)
{
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, 0x400001, 512));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, 0x400000, 8193));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, 0x400000, 0xffffffff));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, CORE_START, 512));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, CORE_MIDDLE, 512));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, NONCANONICAL, 512));
	EXPECT_FAIL(ext(MMUEXT_SET_LDT, NONCANONICAL - PAGE_SIZE, 8192));
	EXPECT_RC(ext(MMUEXT_SET_LDT, 0, 0), 0);
}

void test(void)
{
	pointers();
	pins();
	base_pointers();
	flushes();
	filling();
	ldts();
}

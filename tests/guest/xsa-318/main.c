/* SPDX-License-Identifier: MIT */
/*
 * XSA-318 (and 226): copies by grant. A copy that fails in the middle left a
 * reference or said that it had done what it had not; one that the granter's
 * side refers on went from one domain to the next without an end.
 *
 * Here copies fail for each reason there is, alone and between good ones: the
 * status of each says so, exactly the bytes of the good ones change, the entry
 * is not left in use, and the page can become anything afterwards. Entries that
 * refer on to another domain are not offered.
 */
#include <grants.h>

#define REF 20u

static void *page;

static struct gnttab_copy list[40];
static uint8_t *target;

static struct gnttab_copy good(uint16_t offset, uint16_t length)
{
	return (struct gnttab_copy){
		.source = { .u.ref = REF, .domid = DOMID_SELF, .offset = offset },
		.dest = { .u.gmfn = virt_to_mfn(target), .domid = DOMID_SELF, .offset = offset },
		.len = length,
		.flags = GNTCOPY_source_gref,
		.status = 77,
	};
}

/* One way to be wrong each. */
static struct gnttab_copy bad(unsigned int how)
{
	struct gnttab_copy c = good(0, 16);

	switch (how) {
	case 0:
		c.source.u.ref = ~0u;
		break;
	case 1:
		c.source.u.ref = REF + 1;
		break;
	case 2:
		c.dest.u.gmfn = virt_to_mfn(mm_l4());
		break;
	case 3:
		c.dest.u.gmfn = 0x100;
		break;
	case 4:
		c.dest.u.gmfn = ~0ul;
		break;
	case 5:
		c.dest.domid = 1234;
		break;
	case 6:
		c.source.domid = DOMID_IO;
		break;
	case 7:
		c.len = PAGE_SIZE + 1;
		break;
	case 8:
		c.source.offset = PAGE_SIZE - 15;
		break;
	case 9:
		c.dest.offset = 0xfff8;
		break;
	case 10:
		c.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
		c.dest.u.ref = REF + 1;
		break;
	default:
		/* A frame of another domain, by number instead of by grant. */
		c.flags = 0;
		c.source.u.gmfn = 0x101;
		break;
	}
	return c;
}
#define BAD_WAYS 12u

static void single(void)
{
	unsigned int i;

	for (i = 0; i < BAD_WAYS; i++) {
		list[0] = bad(i);
		memset(target, 0, PAGE_SIZE);
		EXPECT_RC(hyp_grant_table_op(GNTTABOP_copy, list, 1), 0);
		if (!EXPECT(list[0].status < 0)) {
			print("  way %u: status %d\n", i, list[0].status);
		}
		EXPECT_RC(in_use(REF), 0);
		EXPECT_RC(target[0], 0);
	}
}

/* Good and bad by turns: 40 are more than the core takes at once. */
static void mixed(void)
{
	unsigned int i, wrong = 0;

	memset(target, 0, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		list[i] = i % 2 == 0 ? good((uint16_t)(i * 64), 32) : bad(i / 2 % BAD_WAYS);
	}
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_copy, list, ARRAY_SIZE(list)), 0);
	for (i = 0; i < ARRAY_SIZE(list); i++) {
		EXPECT((list[i].status == GNTST_okay) == (i % 2 == 0));
	}
	for (i = 0; i < PAGE_SIZE; i++) {
		bool copied = i < ARRAY_SIZE(list) * 64 && i % 128 < 32;

		wrong += target[i] != (copied ? 0x5a : 0);
	}
	EXPECT_RC(wrong, 0);
	EXPECT_RC(in_use(REF), 0);
}

static void entries(void)
{
	static const uint16_t refused[] = { 0, GTF_accept_transfer, GTF_transitive,
					    GTF_permit_access | GTF_sub_page,
					    GTF_transitive | GTF_readonly };
	unsigned int i;

	memset(target, 0, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		grant(REF, virt_to_mfn(page), refused[i]);
		list[0] = good(0, 64);
		EXPECT_RC(hyp_grant_table_op(GNTTABOP_copy, list, 1), 0);
		EXPECT(list[0].status < 0);
		EXPECT_RC(target[0], 0);
		EXPECT_RC(READ_ONCE(table[REF].flags), refused[i]);
	}
	/* Read-only: from it, not to it. */
	grant(REF, virt_to_mfn(page), GTF_permit_access | GTF_readonly);
	list[0] = good(0, 64);
	list[1] = (struct gnttab_copy){
		.source = { .u.gmfn = virt_to_mfn(target), .domid = DOMID_SELF },
		.dest = { .u.ref = REF, .domid = DOMID_SELF },
		.len = 64,
		.flags = GNTCOPY_dest_gref,
		.status = 77,
	};
	EXPECT_RC(hyp_grant_table_op(GNTTABOP_copy, list, 2), 0);
	EXPECT(list[0].status == GNTST_okay && list[1].status < 0);
	EXPECT_RC(in_use(REF), 0);
}

void test(void)
{
	(void)setup_grants(&page);
	target = page_alloc();
	memset(page, 0x5a, PAGE_SIZE);
	grant(REF, virt_to_mfn(page), GTF_permit_access);
	single();
	mixed();
	entries();
	/* Both are free, for any use. */
	memset(page, 0, PAGE_SIZE);
	memset(target, 0, PAGE_SIZE);
	page_protect(page, false);
	page_protect(target, false);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)), 0);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(target)), 0);
}

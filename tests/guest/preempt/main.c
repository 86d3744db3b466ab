/* SPDX-License-Identifier: MIT */
/*
 * Large trees of tables: validation and teardown let events in on their way,
 * can be continued, and stand another vCPU that plays with parts of the tree
 * meanwhile.
 */
#include <test.h>

#define L1_TABLES 96u
#define ROUNDS 40u

static uint64_t *l4, *l3, *l2, *l1[L1_TABLES];
static volatile unsigned int ticks;
static volatile bool stop;

static void on_timer(unsigned int port)
{
	(void)port;
	ticks++;
}

static uint64_t entry_for(const void *page, uint64_t flags)
{
	return mfn_pte(virt_to_mfn(page), flags);
}

static void build(const void *leaf)
{
	unsigned int i, j;

	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	for (i = 0; i < L1_TABLES; i++) {
		l1[i] = page_alloc();
		for (j = 0; j < TABLE_ENTRIES; j++) {
			l1[i][j] = entry_for(leaf, PTE_RO);
		}
		l2[i * 5] = entry_for(l1[i], PTE_TABLE);
		page_protect(l1[i], false);
	}
	l3[3] = entry_for(l2, PTE_TABLE);
	l4[500] = entry_for(l3, PTE_TABLE);
	page_protect(l2, false);
	page_protect(l3, false);
	page_protect(l4, false);
}

static void meddler(unsigned long arg)
{
	unsigned int i = 0;

	while (!stop) {
		unsigned int n = i++ % L1_TABLES;

		(void)mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(l2));
		(void)try_page_protect(l1[n], true);
		(void)mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(l1[n]));
		(void)mmu_set(virt_to_maddr(&l1[n][7]), entry_for(l4, PTE_RO));
		(void)mmu_set(virt_to_maddr(&l1[n][8]), entry_for(l2, PTE_RW));
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l1[n]));
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l2));
		(void)mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(l2));
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l2));
		(void)try_page_protect(l1[n], false);
		(void)arg;
	}
}

static void rounds(bool alone)
{
	unsigned int i, good = 0;
	long rc;

	for (i = 0; i < ROUNDS; i++) {
		rc = mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4));
		if (rc == 0) {
			good++;
			EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l4)), 0);
		}
		EXPECT(rc == 0 || !alone);
	}
	print("%u of %u rounds, %u ticks\n", good, ROUNDS, ticks);
}

void test(void)
{
	struct vcpu_set_periodic_timer periodic = { .period_ns = 1000000 };
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	unsigned int i;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	evtchn_set_handler((unsigned int)port, on_timer);
	build(page_alloc());
	NEED(hyp_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic) == 0);
	rounds(true);
	EXPECT(ticks > 0);
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) == 0) {
		EXPECT_RC(smp_start(1, meddler, 0), 0);
		rounds(false);
		stop = true;
		smp_wait(1);
	}
	EXPECT_RC(hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	/* All of it is ordinary memory again. */
	(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l2));
	EXPECT_RC(try_page_protect(l4, true), 0);
	EXPECT_RC(try_page_protect(l3, true), 0);
	EXPECT_RC(try_page_protect(l2, true), 0);
	for (i = 0; i < L1_TABLES; i++) {
		(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l1[i]));
		EXPECT_RC(try_page_protect(l1[i], true), 0);
	}
}

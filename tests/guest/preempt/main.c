/* SPDX-License-Identifier: MIT */
/*
 * Large trees of tables: validation and teardown let events in on their way,
 * can be continued, and stand another vCPU that plays with parts of the tree
 * meanwhile.
 */
#include <tree.h>

#define ROUNDS 40u
#define PERIOD_NS 1000000

static volatile unsigned int ticks;
static volatile bool stop;

static void on_timer(unsigned int port)
{
	(void)port;
	ticks++;
	(void)hyp_set_timer_op((int64_t)(time_ns() + PERIOD_NS));
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
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	unsigned int i;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	evtchn_set_handler((unsigned int)port, on_timer);
	build_tree(page_alloc(), 500, false);
	NEED(hyp_set_timer_op((int64_t)(time_ns() + PERIOD_NS)) == 0);
	rounds(true);
	EXPECT(ticks > 0);
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) == 0) {
		EXPECT_RC(smp_start(1, meddler, 0), 0);
		rounds(false);
		stop = true;
		smp_wait(1);
	}
	evtchn_mask((unsigned int)port);
	EXPECT_RC(hyp_set_timer_op(0), 0);
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

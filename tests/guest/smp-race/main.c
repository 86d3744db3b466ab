/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs at one page: one makes it a page table again and again, the other
 * makes it writable and puts a hostile entry into it. A table that contains
 * the entry must never be accepted, nor a table become writable.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define ROUND_NS 300000000ul

static uint64_t *page;
static volatile bool stop;
static volatile unsigned long pins, writes, stale_writes;
static uint64_t hostile;

/* The adversary. */
static void writer(unsigned long arg)
{
	uint64_t rw = mfn_pte(virt_to_mfn(page), PTE_RW);
	uint64_t ro = mfn_pte(virt_to_mfn(page), PTE_RO);
	struct trap t;

	struct sched_poll nap = { .nr_ports = 0 };
	unsigned int round = 0;

	(void)arg;
	while (!stop) {
		/* Now and then the other one gets its way for longer. */
		if (round++ % 4 == 0) {
			nap.timeout = time_ns() + 1000000;
			(void)hyp_sched_op(SCHEDOP_poll, &nap);
		}
		if (hyp_update_va_mapping(VA, rw, UVMF_INVLPG | UVMF_ALL) == 0) {
			TRAP_TRY(&t, poke(VA, hostile));
			writes += !t.hit;
			TRAP_TRY(&t, poke(VA, 0));
		}
		/* Without a flush: the stale entry must do no harm. */
		(void)hyp_update_va_mapping(VA, ro, UVMF_NONE);
		TRAP_TRY(&t, poke(VA, hostile));
		stale_writes += !t.hit;
		TRAP_TRY(&t, poke(VA, 0));
	}
}

/* One level: the page is pinned and looked at. */
static unsigned long attack(unsigned int cmd)
{
	unsigned long mfn = virt_to_mfn(page), bad = 0;
	uint64_t end = time_ns() + ROUND_NS;
	unsigned int i;

	while (time_ns() < end) {
		if (mmuext(cmd, mfn) != 0) {
			continue;
		}
		pins++;
		for (i = 0; i < 50; i++) {
			bad += (READ_ONCE(page[0]) & PTE_P) != 0 &&
			       pte_mfn(page[0]) == pte_mfn(hostile);
		}
		if (mmuext(MMUEXT_UNPIN_TABLE, mfn) != 0) {
			bad += 1000000;
		}
	}
	return bad;
}

/* Both pin and unpin: the count of the type must come out even. */
static void pinner(unsigned long arg)
{
	while (!stop) {
		if (mmuext(MMUEXT_PIN_L1_TABLE, arg) == 0) {
			(void)mmuext(MMUEXT_UNPIN_TABLE, arg);
		}
	}
}

void test(void)
{
	uint64_t end;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	page = page_alloc();
	hostile = mfn_pte(virt_to_mfn(mm_l4()), PTE_TABLE);
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RO) == 0);
	page_protect(page, false);
	EXPECT_RC(smp_start(1, writer, 0), 0);
	EXPECT_RC(attack(MMUEXT_PIN_L1_TABLE), 0);
	EXPECT_RC(attack(MMUEXT_PIN_L2_TABLE), 0);
	EXPECT_RC(attack(MMUEXT_PIN_L4_TABLE), 0);
	stop = true;
	smp_wait(1);
	print("%lu pins, %lu writes, %lu by a stale entry\n", pins, writes, stale_writes);
	EXPECT(pins > 0);

	stop = false;
	EXPECT_RC(smp_start(1, pinner, virt_to_mfn(page)), 0);
	for (end = time_ns() + ROUND_NS; time_ns() < end;) {
		if (mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(page)) == 0) {
			(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page));
		}
	}
	stop = true;
	smp_wait(1);
	(void)mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(page));
	EXPECT_RC(va_set(VA, 0), 0);
	EXPECT_RC(try_page_protect(page, true), 0);
}

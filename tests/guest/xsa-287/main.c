/* SPDX-License-Identifier: MIT */
/*
 * XSA-287: a page that is taken away from its owner, by an exchange, while
 * another vCPU is just taking a reference to it. With the counts looked at in
 * the wrong order the page went to its next owner with a mapping, a pin or a
 * table entry of the old one still there.
 *
 * Here one vCPU exchanges a page for a fresh one, again and again, and another
 * maps, pins and references the same frame, and flushes nothing. A page that
 * the exchange took must refuse every later use; one that is in use must be
 * refused by the exchange; and frames that stay are never lost. Needs two
 * vCPUs.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define ROUND_NS 300000000ul

static volatile unsigned long frame;
static volatile bool stop;
static volatile unsigned long mapped;

static void other_vcpu(unsigned long arg)
{
	struct sched_poll nap = { .nr_ports = 0 };
	unsigned long mfn;
	unsigned int n = 0;

	(void)arg;
	while (!stop) {
		/* Now and then the exchange gets its way for longer. */
		if (n % 4 == 0) {
			nap.timeout = time_ns() + 1000000;
			(void)hyp_sched_op(SCHEDOP_poll, &nap);
		}
		mfn = frame;
		if (hyp_update_va_mapping(VA, mfn_pte(mfn, n & 1 ? PTE_RW : PTE_RO), UVMF_NONE) ==
		    0) {
			mapped++;
			(void)hyp_update_va_mapping(VA, 0, UVMF_NONE);
		}
		spin_ns(n * 7919 % 64 * 1000);
		mfn = frame;
		if (mmuext(n & 2 ? MMUEXT_PIN_L1_TABLE : MMUEXT_PIN_L2_TABLE, mfn) == 0) {
			(void)mmuext(MMUEXT_UNPIN_TABLE, mfn);
		}
		spin_ns(n * 104729 % 64 * 1000);
		(void)mmuext(MMUEXT_CLEAR_PAGE, frame);
		n++;
	}
	(void)va_set(VA, 0);
}

static long exchange_one(xen_pfn_t in, xen_pfn_t *out)
{
	struct xen_memory_exchange x = {
		.in = { .extent_start.p = &in, .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .extent_start.p = out, .nr_extents = 1, .domid = DOMID_SELF },
	};
	long rc = hyp_memory_op(XENMEM_exchange, &x);

	EXPECT_RC(x.nr_exchanged, rc == 0);
	return rc;
}

static long current_pages(void)
{
	struct xen_memory_domain ask = { DOMID_SELF };

	return hyp_memory_op(XENMEM_current_reservation, &ask);
}

static void against_another(unsigned long pfn)
{
	unsigned int tries = 0, taken = 0;
	long before = current_pages();
	uint64_t end;

	EXPECT_RC(smp_start(1, other_vcpu, 0), 0);
	for (end = time_ns() + ROUND_NS; time_ns() < end; tries++) {
		xen_pfn_t old = frame, next = pfn;

		if (exchange_one(old, &next) == 0) {
			taken++;
			/* Nothing of it is left to us. */
			EXPECT(next != old);
			EXPECT_FAIL(mmuext(MMUEXT_PIN_L1_TABLE, old));
			frame = next;
		}
		EXPECT_RC(current_pages(), before);
		spin_ns(tries * 7907 % 64 * 1000);
	}
	stop = true;
	smp_wait(1);
	{
		/* Nobody uses it any more: no reference was left behind. */
		xen_pfn_t next = pfn;

		EXPECT_RC(exchange_one(frame, &next), 0);
		frame = next;
	}
	print("%u of %u exchanged, %lu mapped\n", taken, tries, mapped);
	EXPECT(taken > 0 && mapped > 0);
}

/* Each use that there can be, one at a time: refused while it stands. */
static void in_use(unsigned long pfn)
{
	xen_pfn_t next = pfn, gdt;

	EXPECT_RC(va_set(VA, mfn_pte(frame, PTE_RO)), 0);
	EXPECT_FAIL(exchange_one(frame, &next));
	EXPECT_RC(va_set(VA, 0), 0);
	EXPECT_RC(mmuext(MMUEXT_CLEAR_PAGE, frame), 0);
	EXPECT_RC(mmuext(MMUEXT_PIN_L1_TABLE, frame), 0);
	EXPECT_FAIL(exchange_one(frame, &next));
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, frame), 0);
	gdt = frame;
	EXPECT_RC(hyp_set_gdt(&gdt, 512), 0);
	EXPECT_FAIL(exchange_one(frame, &next));
	EXPECT_RC(hyp_set_gdt(NULL, 0), 0);
	EXPECT_FAIL(exchange_one(shim_start_info->shared_info >> PAGE_SHIFT, &next));
	EXPECT_FAIL(exchange_one(virt_to_mfn(mm_l4()), &next));
	EXPECT_RC(next, pfn);
	EXPECT_RC(exchange_one(frame, &next), 0);
	EXPECT_FAIL(va_set(VA, mfn_pte(frame, PTE_RO)));
	frame = next;
}

void test(void)
{
	void *page = page_alloc();
	unsigned long pfn = (unsigned long)page >> PAGE_SHIFT;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	frame = virt_to_mfn(page);
	NEED(map_frame(VA, frame, PTE_RW) == 0);
	NEED(va_set(VA, 0) == 0 && va_set((unsigned long)page, 0) == 0);
	in_use(pfn);
	against_another(pfn);
	EXPECT_RC(va_set((unsigned long)page, mfn_pte(frame, PTE_RW)), 0);
	EXPECT_NO_TRAP(poke((unsigned long)page, 1));
}

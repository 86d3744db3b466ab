/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs: events between them, a TLB flush that reaches the other one, an
 * exception there, and one that is taken down in a loop.
 */
#include <test.h>

#define VA 0x0000100000000000ul

static volatile unsigned int stage, seen, faults, ports[2], ipis[2];
static volatile uint64_t counter;

static void on_ipi(unsigned int port)
{
	(void)port;
	ipis[cpu_id()]++;
}

static void wait_for(const volatile unsigned int *what, unsigned int value)
{
	uint64_t end = time_ns() + 3000000000;

	while (*what != value) {
		__asm__ __volatile__("pause");
		NEED(time_ns() < end);
	}
}

static void second(unsigned long arg)
{
	struct trap t;

	seen = cpu_id() + (unsigned int)arg;
	TRAP_TRY(&t, __asm__ __volatile__("ud2"));
	faults = t.hit && t.vector == TRAP_UD;
	stage = 1;
	events_on();
	wait_for(&ipis[1], 1);
	(void)evtchn_send(ports[0]);
	stage = 2;
	/* Writes until the page becomes read-only. */
	TRAP_TRY(
		&t, for (;;) { poke(VA, ++counter); });
	faults = t.hit && t.vector == TRAP_PF && t.cr2 == VA;
	stage = 3;
}

static void loops(unsigned long arg)
{
	(void)arg;
	stage = 10;
	for (;;) {
		__asm__ __volatile__("pause");
	}
}

void test(void)
{
	uint64_t *page = page_alloc();
	uint64_t after;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	NEED(map_frame(VA, virt_to_mfn(page), PTE_RW) == 0);
	ports[0] = (unsigned int)evtchn_bind_ipi(0);
	ports[1] = (unsigned int)evtchn_bind_ipi(1);
	evtchn_set_handler(ports[0], on_ipi);
	evtchn_set_handler(ports[1], on_ipi);
	NEED(evtchn_unmask(ports[0]) == 0 && evtchn_unmask(ports[1]) == 0);

	EXPECT_RC(smp_start(1, second, 100), 0);
	wait_for(&stage, 1);
	EXPECT_RC(seen, 101);
	EXPECT_RC(faults, 1);
	EXPECT_RC(evtchn_send(ports[1]), 0);
	wait_for(&stage, 2);
	wait_for(&ipis[0], 1);
	EXPECT_RC(ipis[1], 1);

	while (counter < 1000) {
		__asm__ __volatile__("pause");
	}
	/* From here on no store of the other one may land. */
	EXPECT_RC(va_set(VA, mfn_pte(virt_to_mfn(page), PTE_RO)), 0);
	after = READ_ONCE(*page);
	spin_ns(20000000);
	EXPECT(READ_ONCE(*page) == after);
	wait_for(&stage, 3);
	EXPECT_RC(faults, 1);
	smp_wait(1);

	EXPECT_RC(smp_start(1, loops, 0), 0);
	wait_for(&stage, 10);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_down, 1, NULL), 0);
	EXPECT_RC(hyp_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
}

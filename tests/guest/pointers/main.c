/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall with every kind of wrong address in each of its arguments:
 * no answer is wrong, but the core lives and the guest's memory, and what it
 * can see of the core's, is as it was.
 */
#include <test.h>

static uint64_t canary[512];

static bool skipped(unsigned int nr, unsigned long cmd)
{
	switch (nr) {
	case __HYPERVISOR_iret:
	case __HYPERVISOR_set_callbacks: /* an address is what it wants */
	case __HYPERVISOR_stack_switch:
		return true;
	case __HYPERVISOR_sched_op: /* block, and poll without an end */
		return cmd == SCHEDOP_block || cmd == SCHEDOP_poll;
	case __HYPERVISOR_vcpu_op:
		return cmd == VCPUOP_down;
	default:
		return false;
	}
}

static unsigned long address(unsigned int i)
{
	static const unsigned long more[] = {
		CORE_START,	      CORE_START + 0x1000,  0xffff808000000000ul,
		0xffff810000000000ul, 0xffff828000000000ul, 0xffff82d080000000ul,
		0xffff870000000000ul,
	};

	return i < ARRAY_SIZE(bad_pointers) ? bad_pointers[i] : more[i - ARRAY_SIZE(bad_pointers)];
}

void test(void)
{
	static const unsigned long counts[] = { 0, 1, 16, 0x10000, 0x7fffffff };
	unsigned int nr, cmd, i, n;
	uint64_t first = peek(CORE_START), sum = 0;

	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	memset(canary, 0x5a, sizeof(canary));
	for (nr = 0; nr < 64; nr++) {
		for (cmd = 0; cmd < 40; cmd++) {
			if (skipped(nr, cmd)) {
				continue;
			}
			for (i = 0; i < ARRAY_SIZE(bad_pointers) + 7; i++) {
				unsigned long p = address(i);

				(void)hypercall5(nr, cmd, p, p, p, p);
				(void)hypercall5(nr, cmd, 1, p, p, p);
				n = (cmd + i) % ARRAY_SIZE(counts);
				(void)hypercall5(nr, p, counts[n], p, p, p);
				(void)hypercall5(nr, p, p, counts[n], 0x7ff0, p);
			}
		}
		traps_init();
	}
	for (i = 0; i < ARRAY_SIZE(canary); i++) {
		sum += canary[i] != 0x5a5a5a5a5a5a5a5aul;
	}
	EXPECT_RC(sum, 0);
	EXPECT(peek(CORE_START) == first);
	EXPECT_RC(hyp_xen_version(XENVER_pagesize, NULL), PAGE_SIZE);
	EXPECT_TRAP(__asm__ __volatile__("ud2"), TRAP_UD);
}

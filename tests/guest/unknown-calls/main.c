/* SPDX-License-Identifier: MIT */
/*
 * Numbers that are no hypercalls, and published ones that are not offered:
 * -ENOSYS for all, with any arguments.
 */
#include <test.h>

static void try(unsigned long nr)
{
	EXPECT_RC(hypercall5(nr, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	EXPECT_RC(hypercall5(nr, CORE_MIDDLE, ~0ul, 1, 2, 3), -XEN_ENOSYS);
}

void test(void)
{
	static const unsigned long numbers[] = {
		11,	    43,		44,	    45,	       46,	  47,	56,    57,
		63,	    64,		65,	    127,       128,	  255,	256,   1000,
		0x7fffffff, 0x80000000, 0xffffffff, 1ul << 32, 1ul << 63, ~0ul, -23ul,
	};
	static const unsigned long refused[] = {
		__HYPERVISOR_tmem_op, __HYPERVISOR_arch_2, __HYPERVISOR_arch_3,
		__HYPERVISOR_arch_4,  __HYPERVISOR_arch_5, __HYPERVISOR_arch_6,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		try(numbers[i]);
	}
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		try(refused[i]);
	}
}

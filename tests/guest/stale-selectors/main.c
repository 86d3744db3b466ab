/* SPDX-License-Identifier: MIT */
/*
 * Selectors whose descriptor goes away while they are loaded: the core comes
 * upon them when it returns to the vCPU, and hands the trouble to the guest's
 * failsafe callback. Of a data segment it may also make the null one, which is
 * what that callback would do. Two vCPUs share a processor, so that each return loads
 * everything anew.
 */
#include <test.h>

#define DATA_DPL3 0x00cff2000000ffffull
#define CODE64_DPL3 0x00affa000000ffffull
#define SELECTOR(n) ((uint32_t)((n) << 3 | 3))

enum {
	DS = 1,
	ES,
	FS,
	GS,
	SS,
	CS,
	COUNT
};

static uint64_t *table;
static volatile unsigned int turn; /* what the second vCPU has loaded */
static volatile unsigned int finished;
static volatile bool armed, quit;
static volatile unsigned int caught[COUNT];
static volatile uint16_t left[GS + 1]; /* in the segment register, after */

static void take_away(unsigned int which, uint64_t desc)
{
	NEED(hyp_update_descriptor(virt_to_maddr(&table[which]), desc) == 0);
}

/* Spins until something happens to it. */
#define SPIN "1: pause\n\tcmpb $0, (%1)\n\tje 1b"

static void load_and_spin(unsigned int which)
{
	uint32_t sel = SELECTOR(which);

	armed = true;
	switch (which) {
	case DS:
		__asm__ __volatile__("mov %0, %%ds\n\t" SPIN ::"r"(sel), "r"(&quit));
		break;
	case ES:
		__asm__ __volatile__("mov %0, %%es\n\t" SPIN ::"r"(sel), "r"(&quit));
		break;
	case FS:
		__asm__ __volatile__("mov %0, %%fs\n\t" SPIN ::"r"(sel), "r"(&quit));
		break;
	case GS:
		__asm__ __volatile__("mov %0, %%gs\n\t" SPIN ::"r"(sel), "r"(&quit));
		break;
	case SS:
		__asm__ __volatile__("mov %0, %%ss\n\t" SPIN ::"r"(sel), "r"(&quit));
		break;
	default:
		__asm__ __volatile__("push %q0\n\t"
				     "lea 2f(%%rip), %%rax\n\t"
				     "push %%rax\n\t"
				     "lretq\n"
				     "2:\n\t" SPIN ::"r"((uint64_t)sel),
				     "r"(&quit)
				     : "rax", "memory");
		break;
	}
}

static void read_back(unsigned int which)
{
	uint16_t sel[4];

	__asm__ __volatile__("mov %%ds, %0\n\t"
			     "mov %%es, %1\n\t"
			     "mov %%fs, %2\n\t"
			     "mov %%gs, %3"
			     : "=m"(sel[0]), "=m"(sel[1]), "=m"(sel[2]), "=m"(sel[3]));
	if (which <= GS) {
		left[which] = sel[which - 1];
	}
}

static void second(unsigned long arg)
{
	unsigned int which;
	struct trap t;

	(void)arg;
	for (which = DS; which < COUNT; which++) {
		xen_pfn_t frame = virt_to_mfn(table);

		NEED(hyp_set_gdt(&frame, 512) == 0);
		turn = which;
		TRAP_TRY(&t, load_and_spin(which));
		read_back(which);
		caught[which] = t.hit ? t.vector : 0;
		finished = which;
		__asm__ __volatile__("mov %0, %%ds\n\t"
				     "mov %0, %%es\n\t"
				     "mov %0, %%fs\n\t"
				     "mov %0, %%gs\n\t"
				     "mov %1, %%ss"
				     :
				     : "r"(0), "r"(FLAT_KERNEL_SS));
		while (armed) {
			(void)hyp_sched_op(SCHEDOP_yield, NULL);
		}
	}
}

void test(void)
{
	unsigned int which;
	uint64_t end;

	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	table = page_alloc();
	for (which = DS; which < COUNT; which++) {
		table[which] = which == CS ? CODE64_DPL3 : DATA_DPL3;
	}
	page_protect(table, false);
	EXPECT_RC(smp_start(1, second, 0), 0);
	for (which = DS; which < COUNT; which++) {
		while (turn != which || !armed) {
			(void)hyp_sched_op(SCHEDOP_yield, NULL);
		}
		/* Once more, so that it has gone beyond the load. */
		(void)hyp_sched_op(SCHEDOP_yield, NULL);
		spin_ns(20000000);
		take_away(which, 0);
		end = time_ns() + 100000000;
		while (finished != which) {
			(void)hyp_sched_op(SCHEDOP_yield, NULL);
			quit = time_ns() >= end;
		}
		quit = false;
		armed = false;
	}
	smp_wait(1);
	/* Stack and code must not be silently exchanged. */
	EXPECT(caught[SS] == SHIM_VECTOR_FAILSAFE || caught[SS] == TRAP_GP ||
	       caught[SS] == TRAP_SS || caught[SS] == TRAP_NP);
	EXPECT(caught[CS] == SHIM_VECTOR_FAILSAFE || caught[CS] == TRAP_GP ||
	       caught[CS] == TRAP_NP);
	for (which = DS; which <= GS; which++) {
		EXPECT(left[which] == 0);
		EXPECT(caught[which] == SHIM_VECTOR_FAILSAFE || caught[which] == 0);
	}
}

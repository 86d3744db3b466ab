/* SPDX-License-Identifier: MIT */
/*
 * Two vCPUs on one processor: none sees anything of the other's registers,
 * FPU state, segment bases or debug registers.
 */
#include <test.h>

#define ROUNDS 300u

static volatile bool done;
static volatile unsigned int bad[2], turns[2];

struct state {
	uint64_t xmm, ymm_high, fs, gs, dr0;
	uint32_t mxcsr;
	uint16_t fcw;
};

static void load(const struct state *s)
{
	uint64_t pair[4] = { s->xmm, s->xmm, s->ymm_high, s->ymm_high };

	__asm__ __volatile__("movdqu %0, %%xmm3\n\t"
			     "ldmxcsr %1\n\t"
			     "fldcw %2"
			     :
			     : "m"(pair), "m"(s->mxcsr), "m"(s->fcw));
	(void)hyp_set_segment_base(SEGBASE_FS, s->fs);
	(void)hyp_set_segment_base(SEGBASE_GS_KERNEL, s->gs);
	(void)hyp_set_debugreg(0, s->dr0);
}

static unsigned int differs(const struct state *s)
{
	uint64_t xmm, fs, gs;
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ __volatile__("movq %%xmm3, %0\n\t"
			     "stmxcsr %1\n\t"
			     "fnstcw %2\n\t"
			     "mov %%fs:0, %3\n\t"
			     "mov %%gs:0, %4"
			     : "=r"(xmm), "=m"(mxcsr), "=m"(fcw), "=r"(fs), "=r"(gs));
	return (xmm != s->xmm) | (unsigned int)(mxcsr != s->mxcsr) << 1 |
	       (unsigned int)(fcw != s->fcw) << 2 | (unsigned int)(fs != *(uint64_t *)s->fs) << 3 |
	       (unsigned int)(gs != *(uint64_t *)s->gs) << 4 |
	       (unsigned int)((uint64_t)hyp_get_debugreg(0) != s->dr0) << 5;
}

static uint64_t words[2][2] = { { 100, 101 }, { 200, 201 } };

static void play(unsigned int cpu)
{
	struct state s = {
		.xmm = 0x1111111111111111ul << cpu,
		.fs = (uint64_t)&words[cpu][0],
		.gs = (uint64_t)&words[cpu][1],
		.dr0 = 0x500000 + cpu,
		.mxcsr = cpu ? 0x1f80 : 0x9f80,
		.fcw = cpu ? 0x37f : 0x27f,
	};
	unsigned int i, burn;

	load(&s);
	for (i = 0; i < ROUNDS && !done; i++) {
		bad[cpu] |= differs(&s);
		turns[cpu]++;
		if (i % 3 == 0) {
			(void)hyp_sched_op(SCHEDOP_yield, NULL);
		}
		for (burn = 0; burn < 20000; burn++) {
			barrier();
		}
	}
}

static void second(unsigned long arg)
{
	(void)arg;
	play(1);
}

void test(void)
{
	if (hyp_vcpu_op(VCPUOP_is_up, 1, NULL) < 0) {
		test_skip("needs two vCPUs");
	}
	EXPECT_RC(smp_start(1, second, 0), 0);
	play(0);
	smp_wait(1);
	EXPECT_RC(bad[0], 0);
	EXPECT_RC(bad[1], 0);
	EXPECT_RC(turns[0], ROUNDS);
	EXPECT_RC(turns[1], ROUNDS);
}

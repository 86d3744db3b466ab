// SPDX-License-Identifier: MIT
/* FPU, SSE and AVX state belongs to its thread, wherever and whenever it runs. */
#define _GNU_SOURCE
#include "syscheck.h"

#include <cpuid.h>
#include <pthread.h>

static bool has_avx(void)
{
	uint32_t a, b, c, d;

	__cpuid(1, a, b, c, d);
	if (!(c & 1U << 27)) { /* OSXSAVE */
		return false;
	}
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6 && (c & 1U << 28);
}

struct state {
	uint64_t ymm[4], ymm15[4];
	double x87;
	uint32_t mxcsr;
	uint16_t control;
};

/* Load a pattern, run code that switches threads, read it back: no C between,
 * which might use the registers itself. */
static void check_state(uint64_t n, uint64_t number)
{
	struct state in = { .x87 = (double)n * 1.5,
			    .mxcsr = 0x1f80 | (uint32_t)(n % 4) << 13,
			    .control = (uint16_t)(0x37f | (n % 4) << 10) };
	struct state out = { 0 };
	bool avx = has_avx();

	for (size_t i = 0; i < 4; i++) {
		in.ymm[i] = n * 0x0101010101010101 + i;
		in.ymm15[i] = ~in.ymm[i];
	}
	asm volatile("ldmxcsr %[mxcsr_in]; fninit; fldcw %[control_in]; fldl %[x87_in]\n\t"
		     "test %[avx], %[avx]; jz 1f\n\t"
		     "vmovdqu %[a_in], %%ymm3; vmovdqu %[b_in], %%ymm15; jmp 2f\n\t"
		     "1: movdqu %[a_in], %%xmm3; movdqu %[b_in], %%xmm15\n\t"
		     "2: mov %[number], %%rax; syscall\n\t"
		     "test %[avx], %[avx]; jz 3f\n\t"
		     "vmovdqu %%ymm3, %[a_out]; vmovdqu %%ymm15, %[b_out]; jmp 4f\n\t"
		     "3: movdqu %%xmm3, %[a_out]; movdqu %%xmm15, %[b_out]\n\t"
		     "4: fstpl %[x87_out]; fnstcw %[control_out]; stmxcsr %[mxcsr_out]; fninit"
		     : [a_out] "=m"(out.ymm), [b_out] "=m"(out.ymm15), [x87_out] "=m"(out.x87),
		       [control_out] "=m"(out.control), [mxcsr_out] "=m"(out.mxcsr)
		     : [a_in] "m"(in.ymm), [b_in] "m"(in.ymm15), [x87_in] "m"(in.x87),
		       [control_in] "m"(in.control), [mxcsr_in] "m"(in.mxcsr),
		       [avx] "r"((uint32_t)avx), [number] "r"(number)
		     : "rax", "rcx", "r11", "xmm3", "xmm15", "memory", "cc", "st");
	uint32_t plain = 0x1f80;

	asm volatile("ldmxcsr %0" : : "m"(plain));
	expect(memcmp(in.ymm, out.ymm, avx ? 32 : 16) == 0, "ymm3 is %lx %lx %lx", out.ymm[0],
	       out.ymm[1], out.ymm[2]);
	expect(memcmp(in.ymm15, out.ymm15, avx ? 32 : 16) == 0, "ymm15 is %lx %lx %lx",
	       out.ymm15[0], out.ymm15[1], out.ymm15[2]);
	expect(in.x87 == out.x87, "x87 holds %f, not %f", out.x87, in.x87);
	expect_equal(out.control & 0xf3f, in.control & 0xf3f);
	expect_equal(out.mxcsr, in.mxcsr);
}

static void *switches(void *seed)
{
	for (uint64_t i = 0; i < 400; i++) {
		check_state((uint64_t)seed * 1000 + i, SYS_sched_yield);
	}
	return NULL;
}

static void between_threads(void)
{
	pthread_t threads[6];

	move_to(0);
	for (uint64_t i = 0; i < COUNT(threads); i++) {
		must(pthread_create(&threads[i], NULL, switches, (void *)i));
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
}

static void *between_cpus_body(void *seed)
{
	for (uint64_t i = 0; i < 60; i++) {
		move_to((int)i);
		switches(seed);
	}
	return NULL;
}

static void between_cpus(void)
{
	pthread_t threads[3];

	needs_cpus(2);
	for (uint64_t i = 0; i < COUNT(threads); i++) {
		must(pthread_create(&threads[i], NULL, between_cpus_body, (void *)i));
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
	}
}

static void spoil(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	asm volatile("fninit; pxor %%xmm3, %%xmm3; pxor %%xmm15, %%xmm15"
		     :
		     :
		     : "xmm3", "xmm15", "st");
	if (has_avx()) {
		asm volatile("vzeroall"
			     :
			     :
			     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			       "xmm15");
	}
}

/* The signal comes in between: sent just before, delivered by the system call. */
static void over_signals(void)
{
	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec spec = { { 0, 500000 }, { 0, 500000 } };

	on_signal(SIGUSR1, spoil, SA_RESTART);
	must(timer_create(CLOCK_MONOTONIC, &event, &timer));
	must(timer_settime(timer, 0, &spec, NULL));
	for (double end = now() + 0.5; now() < end;) {
		check_state((uint64_t)(now() * 1e6), SYS_sched_yield);
	}
	must(timer_delete(timer));
}

/* A handler may change the state through its frame. */
static void set_in_frame(int number, siginfo_t *info, void *context)
{
	fpregset_t fpu = ((ucontext_t *)context)->uc_mcontext.fpregs;

	(void)number, (void)info;
	fpu->_xmm[7].element[1] = 0x4242;
}

static void frame(void)
{
	uint32_t value[4] = { 1, 2, 3, 4 };

	on_signal(SIGILL, set_in_frame, 0);
	on_signal(SIGTRAP, set_in_frame, 0);
	asm volatile("movdqu %0, %%xmm7; int3; movdqu %%xmm7, %0" : "+m"(value) : : "xmm7");
	expect_equal(value[0], 1);
	expect_equal(value[1], 0x4242);
	expect_equal(value[3], 4);
}

static void over_fork(void)
{
	for (int i = 0; i < 20; i++) {
		int status;
		uint64_t pattern = 0x1111111111111111 * (uint64_t)i, value;
		pid_t pid;

		asm volatile("movq %2, %%xmm9; mov $57, %%eax; syscall; movq %%xmm9, %1"
			     : "=&a"(pid), "=r"(value)
			     : "r"(pattern)
			     : "rcx", "r11", "xmm9", "memory");
		if (pid == 0) {
			_exit(value != pattern);
		}
		expect_equal(value, pattern);
		must(waitpid(pid, &status, 0));
		expect_equal(status, 0);
	}
}

const struct check fpu_checks[] = {
	{ "fpu-between-threads", between_threads },
	{ "fpu-between-cpus", between_cpus },
	{ "fpu-over-signals", over_signals },
	{ "fpu-frame", frame },
	{ "fpu-over-fork", over_fork },
	{ NULL, NULL },
};

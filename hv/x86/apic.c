/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: on, off, interrupts to other CPUs, and the one-shot timer.
 * Memory-mapped mode, or MSRs where the firmware left it so.  Each CPU only
 * touches its own; what is shared is written once by the boot CPU.
 */
#include <x86.h>

#include <hv/check.h>
#include <hv/printk.h>

#define APIC_BASE_ENABLE 0x800ull
#define APIC_BASE_X2 0x400ull
#define APIC_BASE_DEFAULT 0xfee00000ull

#define REG_ID 0x020
#define REG_TPR 0x080
#define REG_EOI 0x0b0
#define REG_SVR 0x0f0
#define REG_ESR 0x280
#define REG_ICR 0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_LVT_THERMAL 0x330
#define REG_LVT_PERF 0x340
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE 0x3e0

#define SVR_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define TIMER_DEADLINE 0x40000
#define DIVIDE_BY_1 0xb
#define ICR_PENDING 0x1000
#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600
#define ICR_FIXED 0x4000
#define ICR_ALL_OTHERS 0xc0000

static volatile uint32_t *regs; /* write-once */
static bool x2_mode;		/* write-once */
static uint64_t base_address;	/* write-once */
static uint64_t counts_per_ns;	/* write-once: << 32; timer rate */

static uint32_t apic_read(unsigned int reg)
{
	if (x2_mode) {
		return (uint32_t)rdmsr(MSR_X2APIC + reg / 16);
	}
	return regs[reg / 4];
}

static void apic_write(unsigned int reg, uint32_t value)
{
	if (x2_mode) {
		wrmsr(MSR_X2APIC + reg / 16, value);
	} else {
		regs[reg / 4] = value;
	}
}

bool apic_present(void)
{
	return regs != NULL || x2_mode;
}

bool apic_can_reach(uint32_t target)
{
	return x2_mode || target < 255;
}

uint64_t apic_base(void)
{
	return base_address;
}

INIT_TEXT void apic_init_boot(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	x2_mode = (base & APIC_BASE_X2) != 0;
	base_address = base & 0x000ffffffffff000ull;
	if (base_address == 0) {
		base_address = APIC_BASE_DEFAULT;
	}
	if (!x2_mode) {
		regs = map_io(base_address, PAGE_SIZE);
		CHECK(regs != NULL);
	}
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	unsigned int i;

	if (x2_mode) {
		base |= APIC_BASE_X2;
	}
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);

	apic_write(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(REG_TPR, 0);
	apic_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(REG_LVT_THERMAL, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(REG_LVT_PERF, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(REG_LVT_LINT0, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, VECTOR_ERROR);
	apic_write(REG_ESR, 0);
	/* What the firmware left in service would block lower vectors. */
	for (i = 0; i < 256; i++) {
		apic_write(REG_EOI, 0);
	}
	this_cpu()->arch.apic_id = apic_id();
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(REG_ID);

	return x2_mode ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(REG_EOI, 0);
}

static void send_command(uint32_t target, uint32_t command)
{
	if (x2_mode) {
		/* The MSR write orders nothing; memory must be seen first. */
		__asm__ __volatile__("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC + REG_ICR / 16,
		      (uint64_t)target << 32 | command);
		return;
	}
	while ((apic_read(REG_ICR) & ICR_PENDING) != 0) {
		cpu_pause();
	}
	apic_write(REG_ICR_HIGH, target << 24);
	apic_write(REG_ICR, command);
}

void apic_send(uint32_t target, unsigned int vector)
{
	send_command(target, ICR_FIXED | vector);
}

void apic_send_init(uint32_t target)
{
	send_command(target, ICR_INIT);
}

void apic_send_startup(uint32_t target, uint64_t paddr)
{
	send_command(target, ICR_STARTUP | (uint32_t)(paddr >> PAGE_SHIFT));
}

void apic_send_others(unsigned int vector)
{
	send_command(0, ICR_ALL_OTHERS | ICR_FIXED | vector);
}

/* The timer's count and the counter at one moment: closest of some tries. */
static INIT_TEXT uint32_t sample_timer(uint64_t *ticks)
{
	uint64_t least = ~0ull;
	uint32_t best = 0;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		uint64_t before = rdtsc_ordered();
		uint32_t count = apic_read(REG_TIMER_CURRENT);
		uint64_t took = rdtsc_ordered() - before;

		if (took < least) {
			least = took;
			*ticks = before + took / 2;
			best = count;
		}
	}
	return best;
}

/* Rate of the timer against the time-stamp counter, over 10 ms. */
static INIT_TEXT void calibrate(void)
{
	const uint64_t wanted = clock_ns_to_ticks(10 * 1000 * 1000);
	uint64_t start, end;
	uint32_t first, last;

	apic_write(REG_TIMER_INITIAL, ~0u);
	first = sample_timer(&start);
	while (rdtsc_ordered() - start < wanted) {
		cpu_pause();
	}
	last = sample_timer(&end);
	apic_write(REG_TIMER_INITIAL, 0);

	counts_per_ns =
		mul_div(mul_div(first - last, arch_clock()->hz, end - start),
			1ull << 32, 1000000000);
	if (counts_per_ns == 0) {
		panic("the local APIC's timer does not run");
	}
	pr_info("APIC timer: %llu kHz",
		(unsigned long long)(counts_per_ns * 1000000 >> 32));
}

void apic_timer_init(void)
{
	uint32_t mode = cpu_features.tsc_deadline ? TIMER_DEADLINE : 0;

	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	if (mode == 0 && counts_per_ns == 0) {
		calibrate();
	}
	apic_write(REG_LVT_TIMER, mode | VECTOR_TIMER);
	/* The mode must be in place before the first deadline. */
	__asm__ __volatile__("mfence" : : : "memory");
}

void arch_timer_arm(uint64_t deadline)
{
	uint64_t now, ns;
	unsigned __int128 count;

	if (cpu_features.tsc_deadline) {
		wrmsr(MSR_TSC_DEADLINE,
		      deadline == ~0ull ? 0 : clock_deadline(deadline));
		return;
	}
	if (deadline == ~0ull) {
		apic_write(REG_TIMER_INITIAL, 0);
		return;
	}
	now = arch_now();
	ns = deadline > now ? deadline - now : 0;
	count = ((unsigned __int128)ns * counts_per_ns >> 32) + 1;
	/* A far deadline fires early; the timer code arms it again. */
	apic_write(REG_TIMER_INITIAL,
		   count > 0xffffffffu ? 0xffffffffu : (uint32_t)count);
}

void arch_kick_cpu(unsigned int cpu)
{
	if (cpu != this_cpu()->id) {
		apic_send(percpu_table[cpu]->arch.apic_id, VECTOR_KICK);
	}
}

void apic_error(void)
{
	uint32_t status;

	apic_write(REG_ESR, 0);
	status = apic_read(REG_ESR);
	pr_debug("CPU %u: APIC error %#x", this_cpu()->id, status);
}

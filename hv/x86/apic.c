/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: on, off, interrupts to other CPUs, and the one-shot timer.
 * Memory-mapped mode, or MSRs where the firmware left it so.  Each CPU only
 * touches its own; what is shared is written once by the boot CPU.
 */
#include <x86.h>

#define APIC_BASE_ENABLE 0x800ull
#define APIC_BASE_X2 0x400ull

#define REG_ID 0x020
#define REG_TPR 0x080
#define REG_EOI 0x0b0
#define REG_SVR 0x0f0
#define REG_ICR 0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE 0x3e0

#define SVR_ENABLE 0x100
#define LVT_MASKED 0x10000
#define LVT_NMI 0x400
#define DIVIDE_BY_1 0xb
#define ICR_PENDING 0x1000

static volatile uint32_t *regs; /* write-once; NULL in x2APIC mode */
static uint64_t counts_per_ns;	/* write-once: << 32; timer rate */
uint64_t apic_base;		/* write-once; 0: no APIC yet */

static uint32_t apic_read(unsigned int reg)
{
	return regs == NULL ? rdmsr(MSR_X2APIC + reg / 16) : regs[reg / 4];
}

static void apic_write(unsigned int reg, uint32_t value)
{
	if (regs == NULL) {
		wrmsr(MSR_X2APIC + reg / 16, value);
	} else {
		regs[reg / 4] = value;
	}
}

bool apic_can_reach(uint32_t target)
{
	return regs == NULL || target < 255;
}

void apic_eoi(void)
{
	apic_write(REG_EOI, 0);
}

void apic_send(uint32_t target, uint32_t command)
{
	if (regs == NULL) {
		/* The MSR write orders nothing; memory must be seen first. */
		__asm__ __volatile__("mfence\n\tlfence" : : : "memory");
		wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)target << 32 | command);
		return;
	}
	while ((apic_read(REG_ICR) & ICR_PENDING) != 0) {
		__builtin_ia32_pause();
	}
	apic_write(REG_ICR_HIGH, target << 24);
	apic_write(REG_ICR, command);
}

void apic_stop_others(void)
{
	/* A panic can come before there is an APIC, or another CPU. */
	if (apic_base != 0) {
		apic_send(0, APIC_ALL_OTHERS | APIC_FIXED | VECTOR_STOP);
	}
}

void arch_kick_cpu(unsigned int cpu)
{
	if (cpu != this_cpu()->id) {
		apic_send(percpu_table[cpu]->apic_id, APIC_FIXED | VECTOR_KICK);
	}
}

/*
 * Rate of the timer against the time-stamp counter, over 10 ms.  The counter
 * is read outside of the timer's span: an interruption between the two makes
 * timers early, which the timer code corrects, and never late.
 */
static INIT_TEXT void calibrate(void)
{
	uint64_t start = arch_ticks();
	uint64_t hz;

	apic_write(REG_TIMER_INITIAL, ~0u);
	clock_delay_us(10000);
	hz = ~0u - apic_read(REG_TIMER_CURRENT);
	hz = mul_div(hz, arch_clock.hz, arch_ticks() - start);
	apic_write(REG_TIMER_INITIAL, 0);
	if (hz < 1000000) {
		boot_failed("the local APIC's timer does not run");
	}
	counts_per_ns = mul_div(hz, 1ull << 32, 1000000000);
	pr_info("APIC timer: %llu kHz", (unsigned long long)hz / 1000);
}

void apic_init(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	uint32_t id;

	if (apic_base == 0) {
		apic_base = base & PTE_ADDR_MASK;
		regs = (base & APIC_BASE_X2) ? NULL : map_device(apic_base, PAGE_SIZE, DEVICE_RW);
	}
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | (regs == NULL ? APIC_BASE_X2 : 0));
	apic_write(REG_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	apic_write(REG_TPR, 0);
	apic_write(REG_LVT_LINT0, LVT_MASKED | VECTOR_SPURIOUS);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, LVT_MASKED | VECTOR_SPURIOUS);
	/* What the firmware left in service would block lower vectors. */
	for (unsigned int i = 0; i < 256; i++) {
		apic_eoi();
	}
	id = apic_read(REG_ID);
	this_cpu()->apic_id = regs == NULL ? id : id >> 24;
	apic_write(REG_LVT_TIMER, VECTOR_TIMER);
	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	if (counts_per_ns == 0) {
		calibrate();
	}
}

void arch_timer_arm(uint64_t deadline)
{
	uint64_t now = arch_now();
	unsigned __int128 count = deadline > now ? deadline - now : 0;

	count = (count * counts_per_ns >> 32) + 1;
	/* A far deadline fires early; the timer code arms it again. */
	apic_write(REG_TIMER_INITIAL, MIN(count, ~0u));
}

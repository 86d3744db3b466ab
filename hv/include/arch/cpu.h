/* SPDX-License-Identifier: MIT */
/*
 * The seam, part one: the CPU.  Implemented by hv/x86 and by tests/fake.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

struct cpuid_regs;

typedef uint64_t cpumask_t; /* bit per CPU; NR_CPUS is at most 64 */

#include <percpu_x86.h> /* struct arch_percpu, this_cpu(); the fake has its own */

/** Waits a moment in a spin loop; serves cross-CPU requests meanwhile. */
void arch_cpu_relax(void);
/**
 * Lets pending interrupts in and shuts them out again.  No lock may be held.
 */
void arch_irq_window(void);
/** Waits for an interrupt with interrupts on, then shuts them out again. */
void arch_idle(void);
/** Makes CPU look at its softirqs (and at v->kick) soon. */
void arch_kick_cpu(unsigned int cpu);
unsigned int cpu_count(void); /* CPUs up */
cpumask_t cpu_online_mask(void);

void arch_machine_restart(void) noreturn_fn;
void arch_machine_poweroff(void) noreturn_fn;
/** Stops all CPUs for good. */
void arch_machine_stop(void) noreturn_fn;
/** Registers and stack of the core, for a panic message. */
void arch_dump_core_state(void);
/** PM1 control values for ACPI sleep; -XEN_EINVAL if not the power-off state. */
int must_check arch_acpi_sleep(uint32_t pm1a, uint32_t pm1b);

/* Time: a counter, and how it turns into ns. */
struct arch_clock {
	uint32_t mul; /* ns = ((ticks << shift or >> -shift) * mul) >> 32 */
	int8_t shift;
	bool stable; /* in step on all CPUs, constant rate */
	uint64_t hz;
	uint64_t wallclock; /* seconds since 1970 by the battery clock, at start-up */
};
extern struct arch_clock arch_clock; /* write-once at start-up */
uint64_t arch_ticks(void);
/** ns since start, from arch_ticks(). */
uint64_t arch_now(void);
/** One-shot interrupt at ns `deadline` on this CPU. */
void arch_timer_arm(uint64_t deadline);

/* Native values behind the guest's view (cpuid.c, emul.c). */
void arch_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);
/** MSRs on the allowed list of the caller only; -XEN_EFAULT if it faults. */
int must_check arch_rdmsr(uint32_t msr, uint64_t *value);
/**
 * What the CPUs have and Vellum uses.  The core needs null_clears_base,
 * paddr_bits and xcr0, which is what the CPU and the core offer guests; 0: no XSAVE.
 */
struct cpu_features {
	bool smep, smap, xsave;
	bool null_clears_base; /* so does a null selector in FS or GS */
	bool tsc_invariant, tsc_aux, hypervisor, gb_pages;
	unsigned int paddr_bits;
	uint64_t xcr0;
	uint64_t cr4; /* what every CPU runs with */
	uint32_t use; /* USE_* of hv/cpu_vuln.h */
};
extern struct cpu_features cpu_features; /* write-once at start-up */
#define XCR0_X87 0x01ull
#define XCR0_SSE 0x02ull
#define XCR0_AVX 0x04ull
#define XCR0_AVX512 0xe0ull
uint32_t arch_port_read(uint16_t port, unsigned int bytes);
void arch_port_write(uint16_t port, unsigned int bytes, uint32_t value);
/** Ports that only the core may use: UART, PIC, PIT, PM timer in use... */
bool arch_port_denied(uint16_t port);

/* Console device: polled, always works; byte for byte, CR is the caller's. */
void arch_console_write(const char *s, size_t n);
/** One received byte or -1. */
int arch_console_read(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The end: an invariant of the core does not hold, or start-up cannot go on.
 * Called by CHECK, ASSERT and UNREACHABLE, by fatal exceptions in hv/x86, and
 * by start-up code; boot_failed() is for what the administrator can mend.
 * Takes no lock and trusts little: it prints what the log needs for a report,
 * the least likely to fail first, then stops the machine or starts it anew.
 * Guests never cause it; domain_crash() is for them.
 */
#include <hv/check.h>

#include <hv/cmdline.h>
#include <hv/hypercall.h>

#define REASON_MAX 200

static uint32_t panic_cpu; /* atomic: 0, or 1 + the CPU that panics */

/* One CPU reports. Others that panic wait for it to end the machine; the
 * same one again means that the report itself is broken. */
static void claim_panic(uint32_t token)
{
	static const char again[] = "\r\n(VL) panic within a panic\r\n";
	uint32_t expected = 0;

	if (__atomic_compare_exchange_n(&panic_cpu, &expected, token, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		return;
	}
	if (expected == token) {
		arch_console_write(again, sizeof(again) - 1);
		arch_machine_stop();
	}
	for (;;) {
		arch_cpu_relax();
	}
}

void machine_give_up(void)
{
	if (options.noreboot) {
		pr_err("noreboot: the machine stops here");
		arch_machine_stop();
	}
	pr_err("restarting the machine");
	arch_machine_restart();
}

void panic(const char *fmt, ...)
{
	struct percpu *pc = this_cpu();
	const struct vcpu *v = pc->curr;
	char reason[REASON_MAX];
	va_list ap;

	claim_panic(pc->id + 1);
	printk_panic_mode();

	va_start(ap, fmt);
	vformat(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	pr_err("PANIC on CPU %u: %s", pc->id, reason);
	arch_dump_core_state();
	if (v != NULL) {
		pr_err("current: d%uv%u in %s mode, rip %04x:%016lx rflags %08lx "
		       "rsp %016lx",
		       v->domain->id, v->id, v->in_kernel ? "kernel" : "user", v->regs.cs,
		       v->regs.rip, v->regs.rflags, v->regs.rsp);
		hypercall_history_print(v);
	}
	pr_err("longest time with interrupts off on this CPU: %lu us",
	       pc->irqs_off_worst / (arch_clock.hz / 1000000 + 1));
	machine_give_up();
}

void boot_failed(const char *fmt, ...)
{
	char reason[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vformat(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	pr_err("%s; the machine stops here", reason);
	arch_machine_stop();
}

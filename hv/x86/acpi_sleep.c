/* SPDX-License-Identifier: MIT */
/*
 * Ends of the machine: power-off by ACPI's PM1 control registers, restart by
 * whatever works, and stopping all CPUs.  Called from panic(), from
 * domain_shutdown() of the control domain, and for XENPF_enter_acpi_sleep.
 */
#include <x86.h>

#define PM1_SCI_ENABLE 0x0001u
#define PM1_TYPE_SHIFT 10
#define PM1_TYPE_MASK (7u << PM1_TYPE_SHIFT)
#define PM1_SLEEP_ENABLE 0x2000u

#define RESET_PORT 0xcf9
#define KEYBOARD_PORT 0x64

/* Roughly, also where the clock is not calibrated: a port read takes 1 us. */
static void wait_us(unsigned int us)
{
	while (us-- > 0) {
		(void)inb(0x80);
	}
}

int arch_acpi_sleep(uint32_t pm1a, uint32_t pm1b)
{
	uint32_t type = (pm1a & PM1_TYPE_MASK) >> PM1_TYPE_SHIFT;

	if (acpi_info.pm1a_cnt == 0 || (pm1a | pm1b) > 0xffff ||
	    (acpi_info.s5_known && type != acpi_info.s5_typ_a)) {
		return -XEN_EINVAL;
	}
	pr_info("power off, as the control domain asks");
	if ((inw(acpi_info.pm1a_cnt) & PM1_SCI_ENABLE) == 0 && acpi_info.smi_cmd != 0 &&
	    acpi_info.acpi_enable != 0) {
		outb(acpi_info.smi_cmd, acpi_info.acpi_enable);
		wait_us(10000);
	}
	outw(acpi_info.pm1a_cnt, pm1a | PM1_SLEEP_ENABLE);
	if (acpi_info.pm1b_cnt != 0) {
		outw(acpi_info.pm1b_cnt, pm1b | PM1_SLEEP_ENABLE);
	}
	wait_us(1000000);
	return 0;
}

void arch_machine_poweroff(void)
{
	if (acpi_info.s5_known) {
		(void)!arch_acpi_sleep(acpi_info.s5_typ_a << PM1_TYPE_SHIFT,
				       acpi_info.s5_typ_b << PM1_TYPE_SHIFT);
	}
	pr_err("the machine does not switch off: power it off by hand");
	arch_machine_stop();
}

void arch_machine_restart(void)
{
	const struct table_register no_idt = { 0, 0 };

	if (acpi_info.reset_port != 0) {
		outb(acpi_info.reset_port, acpi_info.reset_value);
		wait_us(100000);
	}
	outb(RESET_PORT, 0x02);
	wait_us(50);
	outb(RESET_PORT, 0x06);
	wait_us(100000);
	outb(KEYBOARD_PORT, 0xfe);
	wait_us(100000);
	/* An exception without an IDT: the CPU shuts down, boards reset. */
	__asm__ __volatile__("lidt %0\n\tint3" : : "m"(no_idt));
	halt_forever();
}

void arch_machine_stop(void)
{
	apic_stop_others();
	halt_forever();
}

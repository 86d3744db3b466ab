/* SPDX-License-Identifier: MIT */
/*
 * The order in which the boot CPU brings the machine up, from the jump of
 * boot.S to core_main(); nothing else.  Interrupts stay off throughout.
 */
#include <switch.h>

#include <hv/boot.h>
#include <hv/cmdline.h>

/* Called by boot.S on the boot CPU's own stack. */
void start_boot_cpu(uint32_t info, uint32_t magic) noreturn_fn;

INIT_TEXT void start_boot_cpu(uint32_t info, uint32_t magic)
{
	desc_init_boot();
	uart_init();
	multiboot_parse(magic, info);
	cmdline_parse(boot_info.cmdline, false);
	uart_init(); /* again: now as the options say */
	pr_info("started by %s, options: %s", boot_info.loader, boot_info.cmdline);
	cmdline_parse(boot_info.cmdline, true);

	cpu_detect();
	patch_text(); /* text is writable until the final tables */
	boot_mem_init();
	paging_init();
	boot_mem_finish();
	cpu_init();
	desc_load();

	pic_mask();
	acpi_init();
	clock_init();
	apic_init();
	ioapic_init();
	uart_enable_input();
	smp_start_others();
	core_main();
}

/* SPDX-License-Identifier: MIT */
/*
 * What the boot protocol told us, in the core's own form; written once by
 * multiboot.c, read by main.c, build.c and hv/x86 during start-up, then freed.
 */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#define BOOT_MODULES_MAX 16
#define BOOT_MEMMAP_MAX 512 /* UEFI firmware: often more than a hundred */

struct boot_module {
	uint64_t start, end; /* machine addresses, end exclusive */
	const char *cmdline; /* without the file's name; "" if none */
};

/* As firmware (INT 15h, E820h), loaders and the control domain have it. */
#define BOOT_MEMORY_RAM 1
#define BOOT_MEMORY_RESERVED 2
#define BOOT_MEMORY_ACPI 3
#define BOOT_MEMORY_BAD 5 /* the last one; 4 is non-volatile */
struct boot_memory {
	uint64_t start, size;
	uint32_t type;
} packed_struct;
_Static_assert(sizeof(struct boot_memory) == 20, "ACPI, INT 15h E820h");

struct boot_info {
	const char *cmdline;
	const char *loader;
	unsigned int module_count;
	struct boot_module module[BOOT_MODULES_MAX];
	unsigned int memory_count;
	struct boot_memory memory[BOOT_MEMMAP_MAX + 1]; /* room for rsdp_addr */
	/* A copy of ACPI's root pointer, and the frame that the control domain
	 * finds it in: nobody knows where the firmware has it.  0: not given. */
	unsigned int rsdp_size;
	uint8_t rsdp[36];
	uint64_t rsdp_addr;
};
extern struct boot_info boot_info;

/** Fills boot_info from what the boot loader left at `info`, below 4 GiB. */
void multiboot_parse(uint32_t magic, uint32_t info);

/** Start-up in order, called by x86 on the boot CPU once; does not return. */
void core_main(void) noreturn_fn;
/** Each further CPU, once it is set up; does not return. */
void core_secondary(void) noreturn_fn;

/** Builds and starts the control domain from the modules; ends with one line
 *  that says why if it cannot. */
void dom0_build(void);

#endif

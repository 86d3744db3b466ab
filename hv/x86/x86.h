/* SPDX-License-Identifier: MIT */
/*
 * Private to hv/x86: instructions that C cannot express, architectural bit
 * names, and what the files of this folder offer each other.  Functions
 * return nothing, or 0 / -XEN_Exxx where marked must_check.
 */
#ifndef X86_H
#define X86_H

#include <hv/mm.h>
#include <hv/trap.h>
#include <layout.h>

#define CR0_PE 0x00000001ull
#define CR0_MP 0x00000002ull
#define CR0_ET 0x00000010ull
#define CR0_NE 0x00000020ull
#define CR0_WP 0x00010000ull
#define CR0_AM 0x00040000ull
#define CR0_PG 0x80000000ull

#define CR4_DE 0x000008ull
#define CR4_PAE 0x000020ull
#define CR4_OSFXSR 0x000200ull
#define CR4_OSXMMEXCPT 0x000400ull
#define CR4_SMEP 0x100000ull
#define CR4_SMAP 0x200000ull

#define MSR_SPEC_CTRL 0x00000048u
#define MSR_PRED_CMD 0x00000049u
#define PRED_CMD_IBPB 1ull
#define MSR_ARCH_CAPABILITIES 0x0000010au
#define MSR_TSX_CTRL 0x00000122u
#define TSX_CTRL_OFF 3ull /* aborts, and CPUID says so */
#define MSR_SYSENTER_CS 0x00000174u
#define MSR_X2APIC 0x00000800u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SFMASK 0xc0000084u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX 0xc0000103u

#define CPUID_7B_SMEP 0x80ull

#define EFER_SCE 0x001ull
#define EFER_LME 0x100ull
#define EFER_LMA 0x400ull
#define EFER_NXE 0x800ull
#define EFER_AUTO_IBRS 0x200000ull

/*
 * Exception table: an instruction in the core that may fault, and where to go
 * on when it does.  Both as distances, so the table needs no relocation.
 */
struct extable_entry {
	int32_t insn;
	int32_t fixup;
};
extern const struct extable_entry extable_start[], extable_end[];
#define EXTABLE(from, to)                               \
	".pushsection .extable, \"a\"\n\t.balign 4\n\t" \
	".long " from " - .\n\t.long " to " - .\n\t"    \
	".popsection\n\t"

#define DEFINE_PORT_ACCESS(suffix, type)                                              \
	static inline void out##suffix(uint16_t port, type v)                         \
	{                                                                             \
		__asm__ __volatile__("out" #suffix " %0, %1" : : "a"(v), "Nd"(port)); \
	}                                                                             \
	static inline type in##suffix(uint16_t port)                                  \
	{                                                                             \
		type v;                                                               \
                                                                                      \
		__asm__ __volatile__("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port));  \
		return v;                                                             \
	}
DEFINE_PORT_ACCESS(b, uint8_t)
DEFINE_PORT_ACCESS(w, uint16_t)
DEFINE_PORT_ACCESS(l, uint32_t)

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ __volatile__("wrmsr"
			     :
			     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			     : "memory");
}

/* Control, debug and segment registers. */
#define READ_REG(name)                                                                      \
	({                                                                                  \
		uint64_t reg_value;                                                         \
		__asm__ __volatile__("mov %%" #name ", %0" : "=r"(reg_value) : : "memory"); \
		reg_value;                                                                  \
	})
#define WRITE_REG(name, value) \
	__asm__ __volatile__("mov %0, %%" #name : : "r"((uint64_t)(value)) : "memory")

static inline void xsetbv(uint64_t v)
{
	__asm__ __volatile__("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}
static inline void clts(void)
{
	__asm__ __volatile__("clts" : : : "memory");
}
/** a * b / c without losing the upper half; the quotient must fit. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t lo = a, hi;

	__asm__("mulq %[b]\n\tdivq %[c]" : "+&a"(lo), "=&d"(hi) : [b] "rm"(b), [c] "rm"(c));
	return lo;
}
static inline void invlpg(uint64_t va)
{
	__asm__ __volatile__("invlpg (%0)" : : "r"(va) : "memory");
}
static inline noreturn_fn void halt_forever(void)
{
	for (;;) {
		__asm__ __volatile__("cli\n\thlt" : : : "memory");
	}
}

/* --- cpu.c --- */
/** Reads CPUID of the boot CPU; panics if a needed feature is missing. */
void cpu_detect(void);
/** Control registers and MSRs of this CPU, SYSCALL entry points included. */
void cpu_init(void);

/* --- desc.c --- */
struct table_register { /* operand of LGDT and LIDT */
	uint16_t limit;
	uint64_t base;
} packed_struct;
/** IDT, TSS and reserved GDT page of the boot CPU, before paging is final. */
void desc_init_boot(void);
/** Prepares the zeroed block and reserved GDT page of a CPU. */
void desc_prepare(struct percpu *p, uint64_t *reserved_page);
/** Loads GDTR (the window), TR, IDTR and null data selectors on this CPU. */
void desc_load(void);
/** Sets the LDT of this CPU to `entries` of its LDT window; 0: none. */
void desc_set_ldt(unsigned int entries);
/**
 * In a CPU's window, 16 pages of GDT, then 16 of LDT, the entry of an unused
 * GDT page must hold this, that of an unused LDT page 0 (its fault makes the
 * core map it).
 */
extern uint64_t desc_zero_pte; /* write-once: a zero page, read-only */

/* --- paging.c --- */
extern uint64_t core_cr3; /* machine address of the core's own L4 */
#define SIZE_2M 0x200000ull
#define KERNEL_RW (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)
#define KERNEL_RO (PTE_P | PTE_A | PTE_NX)
#define KERNEL_RX (PTE_P | PTE_A)
#define DEVICE_RW (KERNEL_RW | PTE_PWT | PTE_PCD)
/** Maps device registers or firmware memory for good; at start-up only. */
void *map_device(uint64_t paddr, size_t size, uint64_t flags);
/**
 * Maps [pa, pa + size) at va in the core's tables with the largest pages that
 * fit; at start-up only.  Whole pages; va was not mapped before.
 */
void paging_map(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags);
/** Maps a CPU's block at va, but for its guard page. */
void paging_map_block(uint64_t va, const void *block);
/** The core's entry of `level` for va; tables that lack are made, for PTE_U or 0. */
uint64_t *paging_entry(uint64_t va, unsigned int level, uint64_t user);
/** Machine address of something in the image or in the direct map. */
uint64_t virt_phys(const void *p);
/** Final tables: image, direct map, windows; leaves the early ones. */
void paging_init(void);
/** Memory for the m2p; after boot_mem_init(). */
void paging_init_m2p(void);

/* --- boot_mem.c --- */
/** Sorts the memory map; memory can be taken from now on. */
void boot_mem_init(void);
/**
 * Takes zeroed memory for good, aligned to its size, as high as possible below
 * `limit`; panics if there is none.  Only until boot_mem_finish().
 */
void *boot_mem_alloc(uint64_t size, uint64_t limit);
/* Ranges of memory: disjoint, in any order; some may be empty. */
#define RANGES_MAX 1024
struct range_list {
	unsigned int count;
	struct range {
		uint64_t start, end;
	} r[RANGES_MAX];
};
extern struct range_list boot_ram; /* whole pages; until start-up ends */
/** Frame table and m2p; all RAM that is left goes to the heap. */
void boot_mem_finish(void);
/** A page of RAM below 640 KiB to start CPUs in; 0: none. */
extern uint64_t boot_low_page;
extern bool boot_mem_done; /* the heap works */

/* --- tlb.c --- */
/** Serves what other CPUs asked of this one. */
void call_service(void);
/**
 * Loads CR3 unless it holds paddr already.  cr3_loaded changes after CR3: as
 * long as it names a table of a domain, arch_domain_tlb_mask() counts this CPU.
 */
static inline void load_cr3(uint64_t paddr)
{
	struct percpu *p = this_cpu();

	if (p->arch.cr3_loaded != paddr) {
		WRITE_REG(cr3, paddr);
		WRITE_ONCE(p->arch.cr3_loaded, paddr);
	}
}

/* --- apic.c --- */
#define APIC_FIXED 0x4000u /* commands; the first with a vector */
#define APIC_INIT 0x4500u
#define APIC_STARTUP 0x4600u /* with the number of a page below 1 MiB */
#define APIC_ALL_OTHERS 0xc0000u
/** This CPU's local APIC on; the first call maps it and calibrates the timer. */
void apic_init(void);
void apic_eoi(void);
void apic_send(uint32_t apic_id, uint32_t command);
void apic_stop_others(void);	       /* in a panic, too: they halt for good */
bool apic_can_reach(uint32_t apic_id); /* in the mode it is in */
extern uint64_t apic_base;	       /* write-once: its registers */

/* --- ioapic.c, pic.c --- */
void pic_mask(void);
void ioapic_init(void);
/** Interrupts of the core's own devices: 0 or -XEN_ENODEV. */
int must_check ioapic_claim(unsigned int isa_irq);
/**
 * Every vector from 32 on, from a guest (except 0x80) or from the core.
 * Acknowledges it, too.  Interrupts are off.
 */
void irq_handle(unsigned int vector);

/* --- acpi.c, acpi_sleep.c --- */
struct acpi_cpu {
	uint32_t apic_id, acpi_id;
};
struct acpi_ioapic {
	uint32_t address, gsi_base;
	uint32_t lines; /* this and regs: set by ioapic.c */
	volatile uint32_t *regs;
};
struct acpi_override { /* ISA interrupt routed elsewhere */
	uint32_t gsi;
	bool set, level, active_low;
};
#define ACPI_IOAPICS_MAX 16
struct acpi_info {
	unsigned int cpu_count; /* usable ones, may exceed NR_CPUS; 0: no
				   MADT */
	struct acpi_cpu cpu[CONFIG_NR_CPUS];
	unsigned int ioapic_count;
	struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
	struct acpi_override isa[16];
	/* FADT; 0: absent */
	uint16_t pm1a_cnt, pm1b_cnt, pm_timer, smi_cmd;
	uint16_t reset_port;
	uint8_t acpi_enable, reset_value;
	uint32_t pm_timer_mask; /* bits that it has */
	bool s5_known;
	uint8_t s5_typ_a, s5_typ_b;
};
extern struct acpi_info acpi_info; /* write-once at start-up */
void acpi_init(void);

/* --- clock.c --- */
/** Rate of the time-stamp counter; after acpi_init(). */
void clock_init(void);
/** Busy-waits; after clock_init(). */
void clock_delay_us(unsigned int us);

/* --- smp.c --- */
void smp_start_others(void);

/* --- uart.c --- */
void uart_init(void);
void uart_enable_input(void); /* receive interrupt, after the IO-APIC */
void uart_interrupt(void);

/* --- linker script --- */
extern char image_start[], text_end[], rodata_end[];
extern char init_text_start[], init_text_end[], init_end[], image_end[];

/* --- entry.S --- */
extern char idt_stubs[], syscall_stubs[], cstar_stubs[];

/* --- boot.S --- */
extern char boot_cpu_block[];
extern uint64_t start_l4[];		    /* identity map of low memory, to start CPUs with */
extern char trampoline[], trampoline_end[]; /* first code of other CPUs */
/* What a CPU goes on with, once in 64-bit mode; at first the boot CPU's. */
extern uint64_t start_stack;
extern void (*start_entry)(void);

/**
 * Interrupts went off / go on: debug builds keep the longest time between.  A
 * release build compiles both to nothing.
 */
static inline void irqs_off_begin(void)
{
	if (LOCK_CHECKS) {
		this_cpu()->irqs_off_since = arch_ticks();
	}
}
static inline void irqs_off_end(void)
{
	struct percpu *p = this_cpu();

	/* 0: the way in was one that is not measured. */
	if (LOCK_CHECKS && p->irqs_off_since != 0) {
		p->irqs_off_worst = MAX(p->irqs_off_worst, arch_ticks() - p->irqs_off_since);
		p->irqs_off_since = 0;
	}
}

#endif

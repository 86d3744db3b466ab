/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: one IDT for all CPUs, and for each CPU a task state
 * segment and the reserved page of its GDT window (layout.h).  Filled by the
 * boot CPU before the CPU they belong to starts; the LDT entry is rewritten
 * by its own CPU only.  Never touches the guest's part of a window.
 */
#include <x86.h>

static uint64_t idt[256][2] aligned_to(4096);

/* Flat ring-0 and ring-3 segments, Accessed set already. */
#define SEG_CODE64(dpl) (0x00af9b000000ffffull | (uint64_t)(dpl) << 45)
#define SEG_CODE32(dpl) (0x00cf9b000000ffffull | (uint64_t)(dpl) << 45)
#define SEG_DATA(dpl) (0x00cf93000000ffffull | (uint64_t)(dpl) << 45)
#define SYS_LDT 0x82
#define SYS_TSS 0x89

#define SLOT(selector) (((selector)-GDT_RESERVED_BASE) / 8)

static void set_system(uint64_t *slot, unsigned int type, uint64_t base, uint32_t limit)
{
	slot[1] = base >> 32;
	slot[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)type << 40 |
		  (base >> 24 & 0xff) << 56;
}

/* An interrupt gate; manual volume 3, 6.14.1. */
static INIT_TEXT void set_gate(unsigned int vector, unsigned int dpl, unsigned int ist)
{
	uint64_t stub = (uint64_t)idt_stubs + vector * IDT_STUB_SIZE;

	idt[vector][0] = (stub & 0xffff) | (uint64_t)CORE_CS << 16 |
			 (uint64_t)(0x8e00 | dpl << 13 | ist) << 32 | (stub >> 16 & 0xffff) << 48;
	idt[vector][1] = stub >> 32;
}

void desc_prepare(struct percpu *p, uint64_t *reserved)
{
	struct tss *tss = &p->arch.tss;
	uint64_t block = (uint64_t)p;

	tss->rsp0 = block + CPU_STACK_TOP; /* until a vCPU is loaded */
	for (unsigned int i = 1; i <= IST_COUNT; i++) {
		tss->ist[i - 1] = block + IST_TOP(i);
	}
	tss->iomap = sizeof(*tss);

	reserved[SLOT(CORE_CS)] = SEG_CODE64(0);
	reserved[SLOT(CORE_DS)] = SEG_DATA(0);
	reserved[SLOT(GUEST_CS32)] = SEG_CODE32(3);
	reserved[SLOT(GUEST_DS)] = SEG_DATA(3);
	reserved[SLOT(GUEST_CS64)] = SEG_CODE64(3);
	set_system(&reserved[SLOT(CORE_TSS)], SYS_TSS, (uint64_t)tss, sizeof(*tss) - 1);
	p->arch.gdt_reserved = reserved;
}

/* boot.S loaded CS and SS: a selector means the same in all tables. */
static void load_tables(uint64_t gdt_base)
{
	struct table_register gdtr = { GDT_LIMIT, gdt_base };
	struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t *tss = &this_cpu()->arch.gdt_reserved[SLOT(CORE_TSS)];

	*tss &= ~(2ull << 40); /* not busy, or LTR faults */
	__asm__ __volatile__("lgdt %0" : : "m"(gdtr));
	__asm__ __volatile__("ltr %w0" : : "r"(CORE_TSS));
	__asm__ __volatile__("lidt %0" : : "m"(idtr));
}

INIT_TEXT void desc_init_boot(void)
{
	struct percpu *p = this_cpu();

	for (unsigned int i = 0; i < ARRAY_SIZE(idt); i++) {
		set_gate(i, 0, 0);
	}
	set_gate(TRAP_NMI, 0, IST_NMI);
	set_gate(TRAP_DF, 0, IST_DF);
	set_gate(TRAP_MC, 0, IST_MC);
	set_gate(TRAP_DB, 0, IST_DB);
	set_gate(TRAP_BP, 3, 0);
	set_gate(TRAP_OF, 3, 0);
	set_gate(VECTOR_GUEST_INT80, 3, 0);
	desc_prepare(p, frame_ptr(ptr_frame(p) + CPU_GUARD / PAGE_SIZE));
	/* The window is not mapped yet: only the reserved page exists. */
	load_tables((uint64_t)p->arch.gdt_reserved - GDT_RESERVED_BASE);
}

void desc_load(void)
{
	struct percpu *p = this_cpu();

	p->arch.window_ptes = paging_entry(GDT_WINDOW(p->id), 1, 0);
	p->arch.window_ptes[GDT_RESERVED_PAGE] =
		(uint64_t)ptr_frame(p->arch.gdt_reserved) << PAGE_SHIFT | KERNEL_RW;
	load_tables(GDT_WINDOW(p->id));
}

void desc_set_ldt(unsigned int entries)
{
	struct percpu *p = this_cpu();

	ASSERT(entries <= 8192);
	if (entries != 0) {
		set_system(&p->arch.gdt_reserved[SLOT(CORE_LDT)], SYS_LDT, LDT_WINDOW(p->id),
			   entries * 8 - 1);
	}
	__asm__ __volatile__("lldt %w0" : : "r"(entries != 0 ? CORE_LDT : 0) : "memory");
}

/* SPDX-License-Identifier: MIT */
/*
 * The core's own page tables: the image with write-xor-execute, the direct
 * map of RAM, the m2p that guests may read, descriptor windows, and mappings
 * of device registers.  Every L4 slot is filled at start-up and never changes
 * after that, because guests' tables hold copies; new mappings appear below
 * (device registers only, under no lock: start-up, or one CPU at a time).
 * Never changes a guest's entries except slots 256..271 of its L4.
 */
#include <x86.h>

#include <hv/boot.h>
#include <hv/check.h>
#include <hv/heap.h>
#include <hv/mm.h>
#include <hv/page.h>
#include <hv/printk.h>

#define FOUR_GIB 0x100000000ull
#define SIZE_2M 0x200000ull
#define SIZE_1G 0x40000000ull

#define KERNEL_RW (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)
#define KERNEL_RO (PTE_P | PTE_A | PTE_NX)
#define KERNEL_RX (PTE_P | PTE_A)
#define TABLE_FLAGS (PTE_P | PTE_W | PTE_A)

#define WINDOW_TABLES ((CONFIG_NR_CPUS * WINDOW_PAGES + PTES - 1) / PTES)
#define M2P_PARTS 4096 /* 4 TiB of m2p entries' worth of RAM: 1 GiB each */

extern uint64_t start_l4[PTES];

static uint64_t core_l4[PTES] aligned_to(4096);
static uint64_t window_l1[WINDOW_TABLES * PTES] aligned_to(4096);
static const uint64_t zero_page[PTES] aligned_to(4096);
static uint64_t m2p_part[M2P_PARTS]; /* machine address; write-once */
static uint64_t io_next = IO_VIRT;

uint64_t core_cr3;
uint64_t desc_zero_pte;

void *frame_ptr(unsigned long mfn)
{
	return (void *)(DIRECT_VIRT + ((uint64_t)mfn << PAGE_SHIFT));
}

/* Machine address of something in the image or in the direct map. */
static uint64_t virt_phys(const void *p)
{
	uint64_t va = (uint64_t)p;

	if (va >= DIRECT_VIRT) {
		return va - DIRECT_VIRT;
	}
	return va - IMAGE_VIRT;
}

unsigned long ptr_frame(const void *p)
{
	return virt_phys(p) >> PAGE_SHIFT;
}

static uint64_t *entry_table(uint64_t entry)
{
	return frame_ptr(pte_mfn(entry));
}

/* A zeroed table: from the boot allocator, later from the heap. */
static uint64_t *new_table(void)
{
	uint64_t pa;

	if (boot_mem_done) {
		return heap_alloc_page();
	}
	pa = boot_mem_alloc(PAGE_SIZE, PAGE_SIZE, FOUR_GIB);
	return frame_ptr(pa >> PAGE_SHIFT);
}

static uint64_t *next_level(uint64_t *entry, uint64_t user)
{
	if ((*entry & PTE_P) == 0) {
		uint64_t *table = new_table();

		if (table == NULL) {
			return NULL;
		}
		*entry = virt_phys(table) | TABLE_FLAGS | user;
	}
	CHECK((*entry & PTE_PS) == 0);
	return entry_table(*entry);
}

/* Largest page that fits at va and pa and within size. */
static unsigned int level_for(uint64_t va, uint64_t pa, uint64_t size)
{
	uint64_t both = va | pa;

	if (cpu_features.gb_pages && (both & (SIZE_1G - 1)) == 0 &&
	    size >= SIZE_1G) {
		return 3;
	}
	if ((both & (SIZE_2M - 1)) == 0 && size >= SIZE_2M) {
		return 2;
	}
	return 1;
}

bool paging_map(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
	while (size > 0) {
		unsigned int target = level_for(va, pa, size);
		unsigned int level = 4;
		uint64_t *table = core_l4;
		uint64_t step = 1ull << (12 + 9 * (target - 1));

		while (level > target) {
			uint64_t *e;

			e = &table[va >> (12 + 9 * (level - 1)) & (PTES - 1)];
			table = next_level(e, flags & PTE_U);
			if (table == NULL) {
				return false;
			}
			level--;
		}
		table[va >> (12 + 9 * (target - 1)) & (PTES - 1)] =
			pa | flags | (target > 1 ? PTE_PS : 0);
		va += step;
		pa += step;
		size -= step;
	}
	return true;
}

static INIT_TEXT void map_or_die(uint64_t va, uint64_t pa, uint64_t size,
				 uint64_t flags)
{
	if (!paging_map(va, pa, size, flags)) {
		panic("no memory for the core's page tables");
	}
}

static INIT_TEXT void map_image(const char *start, const char *end,
				uint64_t flags)
{
	map_or_die((uint64_t)start, virt_phys(start), (uint64_t)(end - start),
		   flags);
}

/*
 * RAM in the direct map, writable but for text and constants of the image:
 * an alias must not undo their protection.
 */
static INIT_TEXT void map_direct(void)
{
	uint64_t ro_start = virt_phys(image_start);
	uint64_t ro_end = virt_phys(rodata_end);
	uint64_t start, end;
	unsigned int i;

	for (i = 0; boot_mem_ram(i, &start, &end); i++) {
		uint64_t a = MIN(MAX(start, ro_start), end);
		uint64_t b = MAX(MIN(end, ro_end), a);

		map_or_die(DIRECT_VIRT + start, start, a - start, KERNEL_RW);
		map_or_die(DIRECT_VIRT + a, a, b - a, KERNEL_RO);
		map_or_die(DIRECT_VIRT + b, b, end - b, KERNEL_RW);
	}
}

/* Every slot that may ever be used gets its L3 now. */
static INIT_TEXT void fill_slot(uint64_t va, uint64_t user)
{
	uint64_t *entry = &core_l4[va >> 39 & (PTES - 1)];

	if (next_level(entry, user) == NULL) {
		panic("no memory for the core's page tables");
	}
}

static INIT_TEXT void map_windows(void)
{
	uint64_t *l3, *l2;
	unsigned int i, cpu;

	l3 = entry_table(core_l4[WINDOW_VIRT >> 39 & (PTES - 1)]);
	l2 = next_level(&l3[0], 0);
	CHECK(l2 != NULL);
	for (i = 0; i < WINDOW_TABLES; i++) {
		l2[i] = virt_phys(&window_l1[i * PTES]) | TABLE_FLAGS;
	}
	desc_zero_pte = virt_phys(zero_page) | KERNEL_RO;
	for (cpu = 0; cpu < CONFIG_NR_CPUS; cpu++) {
		uint64_t *ptes = desc_window_ptes(cpu);

		for (i = 0; i < WINDOW_PAGES / 2; i++) {
			ptes[i] = desc_zero_pte;
		}
	}
}

uint64_t *desc_window_ptes(unsigned int cpu)
{
	return &window_l1[cpu * WINDOW_PAGES];
}

void paging_map_reserved(unsigned int cpu)
{
	struct percpu *p = percpu_table[cpu];

	desc_window_ptes(cpu)[GDT_RESERVED_PAGE] =
		virt_phys(p->arch.gdt_reserved) | KERNEL_RW;
}

INIT_TEXT void paging_init(void)
{
	unsigned int slot;

	fill_slot(M2P_VIRT, PTE_U);
	fill_slot(WINDOW_VIRT, 0);
	fill_slot(IO_VIRT, 0);
	fill_slot(IMAGE_VIRT, 0);
	fill_slot(FRAMETABLE_VIRT, 0);

	map_image(image_start, text_end, KERNEL_RX);
	map_image(text_end, rodata_end, KERNEL_RO);
	map_image(init_text_start, init_text_end, KERNEL_RX);
	map_image(init_text_end, image_end, KERNEL_RW);
	map_direct();
	map_windows();

	core_cr3 = virt_phys(core_l4);
	load_cr3(core_cr3);
	/* The start tables find the core like any other address space. */
	for (slot = L4_CORE_FIRST; slot < L4_CORE_END; slot++) {
		start_l4[slot] = core_l4[slot];
	}
	paging_map_reserved(0);
}

INIT_TEXT uint64_t paging_start_cr3(void)
{
	return virt_phys(start_l4);
}

static void *map_device(uint64_t paddr, size_t size, uint64_t flags)
{
	uint64_t offset = paddr & (PAGE_SIZE - 1);
	uint64_t bytes = (offset + size + PAGE_SIZE - 1) & PAGE_MASK;
	uint64_t va = io_next;

	io_next += bytes;
	/* By 4 KiB pages, so that tables and not luck decide the size. */
	for (uint64_t done = 0; done < bytes; done += PAGE_SIZE) {
		if (!paging_map(va + done, paddr - offset + done, PAGE_SIZE,
				flags)) {
			return NULL;
		}
	}
	return (void *)(va + offset);
}

void *map_io(uint64_t paddr, size_t size)
{
	return map_device(paddr, size, KERNEL_RW | PTE_PWT | PTE_PCD);
}

void *map_firmware(uint64_t paddr, size_t size)
{
	return map_device(paddr, size, KERNEL_RO);
}

void arch_l4_install(uint64_t *l4)
{
	unsigned int slot;

	for (slot = L4_CORE_FIRST; slot < L4_CORE_END; slot++) {
		l4[slot] = core_l4[slot];
	}
}

void arch_l4_remove(uint64_t *l4)
{
	unsigned int slot;

	for (slot = L4_CORE_FIRST; slot < L4_CORE_END; slot++) {
		l4[slot] = 0;
	}
}

INIT_TEXT void paging_set_m2p(unsigned int i, uint64_t paddr)
{
	CHECK(i < M2P_PARTS);
	m2p_part[i] = paddr;
	map_or_die(M2P_VIRT + (uint64_t)i * SIZE_2M, paddr, SIZE_2M,
		   KERNEL_RO | PTE_U);
}

#define M2P_PER_PART (SIZE_2M / sizeof(uint64_t))

/* The core writes through the direct map; guests have a read-only view. */
static uint64_t *m2p_entry(unsigned long mfn)
{
	uint64_t *part;

	ASSERT(mfn < frame_max);
	part = frame_ptr(m2p_part[mfn / M2P_PER_PART] >> PAGE_SHIFT);
	return &part[mfn % M2P_PER_PART];
}

void arch_m2p_set(unsigned long mfn, uint64_t pfn)
{
	__atomic_store_n(m2p_entry(mfn), pfn, __ATOMIC_RELAXED);
}

uint64_t arch_m2p_get(unsigned long mfn)
{
	return __atomic_load_n(m2p_entry(mfn), __ATOMIC_RELAXED);
}

unsigned long arch_m2p_frame(unsigned int i)
{
	if (i >= M2P_PARTS || m2p_part[i] == 0) {
		return 0;
	}
	return m2p_part[i] >> PAGE_SHIFT;
}

void arch_free_init(void)
{
	uint64_t va = (uint64_t)init_text_start;
	unsigned long frames = 0;

	for (; va < (uint64_t)init_end; va += PAGE_SIZE) {
		uint64_t *table = core_l4;
		unsigned int level;

		for (level = 4; level > 1; level--) {
			table = entry_table(table[va >> (12 + 9 * (level - 1)) &
						  (PTES - 1)]);
		}
		table[va >> 12 & (PTES - 1)] = 0;
		frames++;
	}
	arch_flush_tlb(cpu_online_mask());
	for (va = (uint64_t)init_text_start; va < (uint64_t)init_end;
	     va += PAGE_SIZE) {
		heap_free(mfn_to_page(ptr_frame((void *)va)), 0);
	}
	pr_info("freed %lu KiB of start-up code", frames * 4);
}

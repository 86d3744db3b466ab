/* SPDX-License-Identifier: MIT */
/*
 * The core's own page tables: the image with write-xor-execute, the direct
 * map of RAM, the m2p that guests may read, descriptor windows, and mappings
 * of device registers.  Every L4 slot is filled at start-up and never changes
 * after that, because guests' tables hold copies; new mappings appear below
 * (device registers only: at start-up, and later in one page under a lock).
 * Never changes a guest's entries except slots 256..271 of its L4.
 */
#include <x86.h>

#include <arch/irq.h>

#include <hv/heap.h>

#define FOUR_GIB 0x100000000ull

#define TABLE_FLAGS (PTE_P | PTE_W | PTE_A)

#define SLOT_SIZE (1ull << 39)
#define M2P_PER_PART (SIZE_2M / sizeof(uint64_t)) /* 1 GiB of RAM */
#define M2P_PARTS (DIRECT_SIZE / PAGE_SIZE / M2P_PER_PART)

static uint64_t core_l4[PTES] aligned_to(4096);
static const uint64_t zero_page[PTES] aligned_to(4096);
static uint64_t *m2p_part[M2P_PARTS]; /* write-once */
static uint64_t io_next = IO_VIRT;
static spinlock_t mmio_lock = SPINLOCK_INIT(RANK_IRQ);
static char *mmio_window;    /* mmio lock: what it shows */
static uint64_t *mmio_entry; /* write-once */

uint64_t core_cr3;
uint64_t desc_zero_pte;

void *frame_ptr(unsigned long mfn)
{
	return (void *)(DIRECT_VIRT + ((uint64_t)mfn << PAGE_SHIFT));
}

uint64_t virt_phys(const void *p)
{
	uint64_t va = (uint64_t)p;

	return va - (va >= DIRECT_VIRT ? DIRECT_VIRT : IMAGE_VIRT);
}

unsigned long ptr_frame(const void *p)
{
	return virt_phys(p) >> PAGE_SHIFT;
}

uint64_t *paging_entry(uint64_t va, unsigned int level, uint64_t user)
{
	uint64_t *table = core_l4, *entry;

	for (unsigned int l = 4;; l--) {
		entry = &table[va >> (3 + 9 * l) & (PTES - 1)];
		if (l == level) {
			return entry;
		}
		if ((*entry & PTE_P) == 0) {
			/* The early tables show no more than 4 GiB. */
			table = boot_mem_done ? heap_alloc_bytes(PAGE_SIZE) :
						boot_mem_alloc(PAGE_SIZE, FOUR_GIB);
			if (table == NULL) {
				panic("no memory for the core's page tables");
			}
			*entry = virt_phys(table) | TABLE_FLAGS | user;
		}
		CHECK((*entry & PTE_PS) == 0);
		table = frame_ptr(pte_mfn(*entry));
	}
}

INIT_TEXT void paging_map(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
	uint64_t step;

	for (; size > 0; va += step, pa += step, size -= step) {
		unsigned int level = cpu_features.gb_pages ? 3 : 2;

		/* The largest page that fits. */
		for (;; level--) {
			step = 1ull << (3 + 9 * level);
			if (((va | pa) & (step - 1)) == 0 && size >= step) {
				break;
			}
		}
		*paging_entry(va, level, flags & PTE_U) = pa | flags | (level > 1 ? PTE_PS : 0);
	}
}

static INIT_TEXT void map_image(const char *start, const char *end, uint64_t flags)
{
	paging_map((uint64_t)start, virt_phys(start), end - start, flags);
}

/*
 * RAM in the direct map, writable but for text and constants of the image:
 * an alias must not undo their protection.
 */
static INIT_TEXT void map_direct(void)
{
	uint64_t ro_start = virt_phys(image_start);
	uint64_t ro_end = virt_phys(rodata_end);

	for (unsigned int i = 0; i < boot_ram.count; i++) {
		uint64_t start = boot_ram.r[i].start, end = boot_ram.r[i].end;
		uint64_t a = MIN(MAX(start, ro_start), end);
		uint64_t b = MAX(MIN(end, ro_end), a);

		paging_map(DIRECT_VIRT + start, start, a - start, KERNEL_RW);
		paging_map(DIRECT_VIRT + a, a, b - a, KERNEL_RO);
		paging_map(DIRECT_VIRT + b, b, end - b, KERNEL_RW);
	}
}

/* Descriptor windows: no memory of a guest yet. */
static INIT_TEXT void map_windows(void)
{
	desc_zero_pte = virt_phys(zero_page) | KERNEL_RO;
	for (unsigned int cpu = 0; cpu < CONFIG_NR_CPUS; cpu++) {
		for (unsigned int i = 0; i < GDT_GUEST_PAGES; i++) {
			*paging_entry(GDT_WINDOW(cpu) + i * PAGE_SIZE, 1, 0) = desc_zero_pte;
		}
	}
}

INIT_TEXT void paging_map_block(uint64_t va, const void *block)
{
	const uint64_t above = CPU_GUARD + PAGE_SIZE;
	uint64_t pa = virt_phys(block);

	paging_map(va, pa, CPU_GUARD, KERNEL_RW);
	paging_map(va + above, pa + above, CPU_BLOCK_SIZE - above, KERNEL_RW);
}

INIT_TEXT void paging_init(void)
{
	char *guard = boot_cpu_block + CPU_GUARD;

	/* Every slot that may ever be used gets its L3 now. */
	for (uint64_t va = M2P_VIRT; va < DIRECT_VIRT; va += SLOT_SIZE) {
		(void)paging_entry(va, 3, va == M2P_VIRT ? PTE_U : 0);
	}
	map_image(image_start, text_end, KERNEL_RX);
	map_image(text_end, rodata_end, KERNEL_RO);
	map_image(init_text_start, init_text_end, KERNEL_RX);
	map_image(init_text_end, guard, KERNEL_RW);
	map_image(guard + PAGE_SIZE, image_end, KERNEL_RW);
	map_direct();
	map_windows();
	mmio_window = map_device(0, PAGE_SIZE, DEVICE_RW);
	mmio_entry = paging_entry((uint64_t)mmio_window, 1, 0);

	core_cr3 = virt_phys(core_l4);
	load_cr3(core_cr3);
	/* The start tables find the core like any other address space. */
	arch_l4_install(start_l4);
}

/* By 4 KiB pages, so that tables and not luck decide the size. */
INIT_TEXT void *map_device(uint64_t paddr, size_t size, uint64_t flags)
{
	uint64_t offset = paddr % PAGE_SIZE;
	uint64_t va = io_next;

	for (; io_next < va + offset + size; io_next += PAGE_SIZE) {
		paging_map(io_next, paddr - offset + (io_next - va), PAGE_SIZE, flags);
	}
	return (void *)(va + offset);
}

/* Of device registers that are not the core's: one page, mapped when needed. */
static volatile void *mmio_at(uint64_t paddr)
{
	*mmio_entry = (paddr & PAGE_MASK) | DEVICE_RW;
	invlpg((uint64_t)mmio_window);
	return mmio_window + paddr % PAGE_SIZE;
}

uint32_t arch_mmio_read(uint64_t paddr)
{
	uint32_t value;

	spin_lock(&mmio_lock);
	value = *(volatile uint32_t *)mmio_at(paddr);
	spin_unlock(&mmio_lock);
	return value;
}

void arch_mmio_write(uint64_t paddr, unsigned int bytes, uint64_t value)
{
	volatile void *p;

	spin_lock(&mmio_lock);
	p = mmio_at(paddr);
	if (bytes == 1) {
		*(volatile uint8_t *)p = value;
	} else if (bytes == 2) {
		*(volatile uint16_t *)p = value;
	} else if (bytes == 4) {
		*(volatile uint32_t *)p = value;
	} else {
		*(volatile uint64_t *)p = value;
	}
	spin_unlock(&mmio_lock);
}

void arch_l4_install(uint64_t *l4)
{
	memcpy(l4 + L4_CORE_FIRST, core_l4 + L4_CORE_FIRST,
	       (L4_CORE_END - L4_CORE_FIRST) * sizeof(*l4));
}

void arch_l4_remove(uint64_t *l4)
{
	memset(l4 + L4_CORE_FIRST, 0, (L4_CORE_END - L4_CORE_FIRST) * sizeof(*l4));
}

INIT_TEXT void paging_init_m2p(void)
{
	/* Holes, too: a guest may look up any frame below frame_max. */
	for (unsigned long i = 0; i * M2P_PER_PART < frame_max; i++) {
		m2p_part[i] = memset(boot_mem_alloc(SIZE_2M, DIRECT_SIZE), 0xff, SIZE_2M);
		paging_map(M2P_VIRT + i * SIZE_2M, virt_phys(m2p_part[i]), SIZE_2M,
			   KERNEL_RO | PTE_U);
	}
}

/* The core writes through the direct map; guests have a read-only view. */
void arch_m2p_set(unsigned long mfn, uint64_t pfn)
{
	ASSERT(mfn < frame_max);
	WRITE_ONCE(m2p_part[mfn / M2P_PER_PART][mfn % M2P_PER_PART], pfn);
}

void arch_free_init(void)
{
	uint64_t start = (uint64_t)init_text_start;
	uint64_t va, end = (uint64_t)init_end;

	for (va = start; va < end; va += PAGE_SIZE) {
		*paging_entry(va, 1, 0) = 0;
	}
	arch_flush_tlb(cpu_online_mask());
	for (va = start; va < end; va += PAGE_SIZE) {
		heap_free(mfn_to_page(ptr_frame((void *)va)), 0);
	}
	pr_info("freed %lu KiB of start-up code", (end - start) >> 10);
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory: guest and machine frames, the initial mapping, a stock of pages, and
 * the guest's own page tables.
 *
 * Guest frame n is mapped at n * 4096 as far as the loader mapped frames at
 * all, so a table found in an entry can be read without further ado. Tables
 * are mapped read-only by the loader; they change by hypercalls only. No lock:
 * vCPUs that change tables or take pages at once must agree about it.
 */
#include "shim.h"

#define STOCK_MAX 2048ul

extern char shim_image_end[];

static const unsigned long *p2m;
static unsigned long mapped_pages; /* of the initial mapping, from 0 */
static void *stock[STOCK_MAX];
static unsigned long stock_size;

unsigned long pfn_to_mfn(unsigned long pfn)
{
	return p2m[pfn];
}

unsigned long mfn_to_pfn(unsigned long mfn)
{
	return READ_ONCE(machine_to_phys_mapping[mfn]);
}

unsigned long virt_to_mfn(const void *p)
{
	unsigned long pfn = (unsigned long)p >> PAGE_SHIFT;

	if (pfn >= mapped_pages) {
		shim_panic("%p is not in the initial mapping", p);
	}
	return p2m[pfn];
}

uint64_t virt_to_maddr(const void *p)
{
	return mfn_pte(virt_to_mfn(p), (unsigned long)p & (PAGE_SIZE - 1));
}

void *mfn_to_virt(unsigned long mfn)
{
	unsigned long pfn = mfn_to_pfn(mfn);

	if (pfn >= mapped_pages || p2m[pfn] != mfn) {
		shim_panic("frame %lx is not in the initial mapping", mfn);
	}
	return (void *)(pfn << PAGE_SHIFT);
}

static bool is_mapped(unsigned long va)
{
	uint64_t *slot = mm_slot(mm_l4(), va, 1);

	return slot != NULL && (READ_ONCE(*slot) & PTE_P) != 0;
}

void mm_init(void)
{
	const struct start_info *si = shim_start_info;
	unsigned long l4 = si->pt_base >> PAGE_SHIFT;
	unsigned long last_used = l4 + si->nr_pt_frames; /* the boot stack */
	unsigned long pfn;

	p2m = (const unsigned long *)si->mfn_list;
	/* To walk the tables is to read them, which lie below their end. */
	mapped_pages = last_used + 1;
	while (mapped_pages < si->nr_pages && is_mapped(mapped_pages << PAGE_SHIFT)) {
		mapped_pages++;
	}
	for (pfn = last_used + 1; pfn < mapped_pages && stock_size < STOCK_MAX; pfn++) {
		stock[stock_size++] = (void *)(pfn << PAGE_SHIFT);
	}
	/* Below the image, frame 0 excepted: address 0 shall be no page. */
	for (pfn = 1; pfn < 0x400 && stock_size < STOCK_MAX; pfn++) {
		stock[stock_size++] = (void *)(pfn << PAGE_SHIFT);
	}
	if (va_set(0, 0) != 0) {
		shim_panic("cannot unmap page 0");
	}
}

void *page_alloc(void)
{
	if (stock_size == 0) {
		shim_panic("out of pages");
	}
	return memset(stock[--stock_size], 0, PAGE_SIZE);
}

void page_free(void *page)
{
	if (stock_size == STOCK_MAX) {
		shim_panic("a page too many");
	}
	stock[stock_size++] = page;
}

unsigned long pages_left(void)
{
	return stock_size;
}

uint64_t *mm_l4(void)
{
	return (uint64_t *)shim_start_info->pt_base;
}

uint64_t *mm_slot(uint64_t *table, unsigned long va, unsigned int level)
{
	unsigned int at = 4;

	for (;; at--) {
		uint64_t *slot = &table[va >> (3 + 9 * at) & (TABLE_ENTRIES - 1)];

		if (at == level) {
			return slot;
		}
		if ((READ_ONCE(*slot) & PTE_P) == 0) {
			return NULL;
		}
		table = (uint64_t *)(mfn_to_pfn(pte_mfn(*slot)) << PAGE_SHIFT);
	}
}

uint64_t mm_slot_maddr(unsigned long va, unsigned int level)
{
	uint64_t *slot = mm_slot(mm_l4(), va, level);

	if (slot == NULL) {
		shim_panic("%lx has no table of level %u", va, level);
	}
	return virt_to_maddr(slot);
}

long mmu_set(uint64_t slot_maddr, uint64_t value)
{
	struct mmu_update req = { slot_maddr, value };

	return hyp_mmu_update(&req, 1, NULL, DOMID_SELF);
}

long mmuext(unsigned int cmd, unsigned long arg1)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1 };

	return hyp_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long va_set(unsigned long va, uint64_t pte)
{
	return hyp_update_va_mapping(va, pte, UVMF_INVLPG | UVMF_ALL);
}

long try_page_protect(const void *page, bool writable)
{
	return va_set((unsigned long)page & ~(PAGE_SIZE - 1),
		      mfn_pte(virt_to_mfn(page), writable ? PTE_RW : PTE_RO));
}

void page_protect(const void *page, bool writable)
{
	long rc = try_page_protect(page, writable);

	if (rc != 0) {
		shim_panic("cannot make %p %s: %ld", page, writable ? "writable" : "read-only", rc);
	}
}

void *table_alloc(void)
{
	void *table = page_alloc();

	page_protect(table, false);
	return table;
}

void table_write(void *table, unsigned int n, uint64_t value)
{
	page_protect(table, true);
	((uint64_t *)table)[n] = value;
	page_protect(table, false);
}

long map_frame(unsigned long va, unsigned long mfn, uint64_t flags)
{
	unsigned int level;

	for (level = 4; level > 1; level--) {
		uint64_t *slot = mm_slot(mm_l4(), va, level);
		void *table;
		long rc;

		if ((READ_ONCE(*slot) & PTE_P) != 0) {
			continue;
		}
		table = table_alloc();
		rc = mmu_set(virt_to_maddr(slot), mfn_pte(virt_to_mfn(table), PTE_TABLE));
		if (rc != 0) {
			page_protect(table, true);
			page_free(table);
			return rc;
		}
	}
	return va_set(va, mfn_pte(mfn, flags));
}

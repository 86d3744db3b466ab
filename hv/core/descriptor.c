/* SPDX-License-Identifier: MIT */
/*
 * Rules for descriptors that a guest puts into its GDT and LDT, and the frames
 * of both that a vCPU uses.  Called by set_gdt, update_descriptor, context
 * loading, faults in the LDT, changes of base tables (mm_vcpu.c) and page-type validation (pgtype.c).  A frame stays of type DESC, and so not
 * writable by any guest, for as long as a vCPU uses it; the reference words
 * of the frame table are the only shared data, so no lock is taken.
 */
#include <xen/xen.h>

#include <arch/switch.h>

#include <hv/hypercall.h>
#include <hv/mm.h>
#include <hv/trap.h>

#define DESC_S (1ull << 44) /* code or data, not a system descriptor */
#define DESC_DPL (3ull << 45)
#define DESC_P (1ull << 47)
#define LDT_ENTRIES_MAX 8192

/*
 * Whatever the guest's kernel thinks, all of it runs in ring 3: raise DPL and
 * tell nobody, because kernels write DPL 0 descriptors before they know where
 * they run.  A gate or a TSS would let the guest choose where ring 0 starts.
 */
bool descriptor_check(uint64_t *desc)
{
	if ((*desc & (DESC_P | DESC_S)) == DESC_P) {
		return false;
	}
	*desc |= (*desc & DESC_P) != 0 ? DESC_DPL : 0;
	return true;
}

int descriptor_check_frame(uint64_t *descs)
{
	for (unsigned int i = 0; i < DESCS_PER_FRAME; i++) {
		if (!descriptor_check(&descs[i])) {
			return -XEN_EINVAL;
		}
	}
	return 0;
}

/* ---- The frames of a vCPU ------------------------------------------------------- */

static void put_frames(const unsigned long *frames, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (frames[i] != 0) {
			page_put_and_type(mfn_to_page(frames[i]));
		}
	}
}

int vcpu_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
	unsigned int count = (entries + DESCS_PER_FRAME - 1) / DESCS_PER_FRAME;
	unsigned long old[ARRAY_SIZE(v->gdt_frame)];
	struct page *pg;

	for (unsigned int i = 0; i < count; i++) {
		if (page_get_and_type(frames[i], v->domain, PGT_DESC, &pg) != 0) {
			put_frames(frames, i);
			return -XEN_EINVAL;
		}
	}

	memcpy(old, v->gdt_frame, sizeof(old));
	memset(v->gdt_frame, 0, sizeof(old));
	memcpy(v->gdt_frame, frames, count * sizeof(frames[0]));
	v->gdt_entries = entries;
	if (this_cpu()->curr == v) {
		arch_load_descriptors(v);
	}
	put_frames(old, ARRAY_SIZE(old));
	return 0;
}

void ldt_drop(struct vcpu *v)
{
	unsigned long old[ARRAY_SIZE(v->ldt_frame)];

	if (v->ldt_entries == 0) {
		return; /* pages are only mapped while there is a table */
	}
	memcpy(old, v->ldt_frame, sizeof(old));
	memset(v->ldt_frame, 0, sizeof(old));
	if (this_cpu()->curr == v) {
		arch_load_descriptors(v);
	}
	put_frames(old, ARRAY_SIZE(old));
}

int vcpu_set_ldt(struct vcpu *v, uint64_t base, uint64_t entries)
{
	if (entries > LDT_ENTRIES_MAX ||
	    (entries != 0 &&
	     ((base & (PAGE_SIZE - 1)) != 0 || !guest_range_ok(guest_ptr(base), entries * 8)))) {
		return -XEN_EINVAL;
	}
	if (entries == 0 && v->ldt_entries == 0) {
		return 0;
	}
	ldt_drop(v);
	v->ldt_base = entries != 0 ? base : 0;
	v->ldt_entries = (unsigned int)entries;
	if (this_cpu()->curr == v) {
		arch_load_descriptors(v);
	}
	return 0;
}

bool ldt_map_fault(struct vcpu *v, unsigned int page_index)
{
	struct page *pg;
	uint64_t pte;

	if (page_index >= ARRAY_SIZE(v->ldt_frame) ||
	    page_index * DESCS_PER_FRAME >= v->ldt_entries || v->ldt_frame[page_index] != 0) {
		return false;
	}
	pte = guest_walk(v, v->ldt_base + (uint64_t)page_index * PAGE_SIZE, 1);
	if (page_get_and_type(pte_mfn(pte), v->domain, PGT_DESC, &pg) != 0) {
		return false;
	}
	v->ldt_frame[page_index] = pte_mfn(pte);
	arch_load_descriptors(v);
	return true;
}

/* ---- Hypercalls -------------------------------------------------------------------- */

long do_set_gdt(uint64_t frames, uint64_t entries)
{
	unsigned long list[FIRST_RESERVED_GDT_PAGE];
	uint64_t count = (entries + DESCS_PER_FRAME - 1) / DESCS_PER_FRAME;

	if (entries > FIRST_RESERVED_GDT_ENTRY) {
		return -XEN_EINVAL;
	}
	if (copy_from_guest(list, guest_ptr(frames), count * sizeof(list[0])) != 0) {
		return -XEN_EFAULT;
	}
	return vcpu_set_gdt(current_vcpu(), list, (unsigned int)entries);
}

long do_update_descriptor(uint64_t maddr, uint64_t desc)
{
	struct domain *d = current_domain();
	struct page *pg;
	uint64_t *slot, type;

	if ((maddr & 7) != 0 || !descriptor_check(&desc)) {
		return -XEN_EINVAL;
	}
	pg = page_get_from_mfn((unsigned long)(maddr >> PAGE_SHIFT), d);
	if (pg == NULL) {
		return -XEN_EINVAL;
	}
	/*
	 * A frame in use as a GDT or LDT keeps that type while it changes; any
	 * other has to be one that the guest could write itself.
	 */
	type = READ_ONCE(pg->type) & PGT_TYPE_MASK;
	if (page_get_type(pg, type == PGT_DESC ? PGT_DESC : PGT_WRITABLE) != 0) {
		page_put(pg);
		return -XEN_EINVAL;
	}
	slot = frame_ptr(page_to_mfn(pg));
	__atomic_store_n(&slot[(maddr & (PAGE_SIZE - 1)) / 8], desc, __ATOMIC_RELAXED);
	page_put_and_type(pg);
	return 0;
}

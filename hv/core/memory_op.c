/* SPDX-License-Identifier: MIT */
/*
 * memory_op: the dispatcher, the reservation commands (give frames, take
 * frames), and the small questions about memory.
 *
 * Called from the hypercall table only.  Takes no lock itself; frames change
 * hands through heap.c and page.c.  Extent lists are worked through one extent
 * at a time, with a look for interrupts before each; how far the list is done
 * stands in the command word, so an interrupted call is simply made again.  A
 * guest may write anything there: it skips extents of its own list by it.
 */
#include <hv/memory.h>

#include <xen/memory.h>

#include <hv/heap.h>
#include <hv/hypercall.h>
#include <hv/page.h>

#define ORDER_MAX_GUEST 9    /* 2 MiB: zeroing it holds off interrupts */
#define ORDER_MAX_CONTROL 12 /* 16 MiB */

unsigned int memory_max_order(void)
{
	return current_domain()->is_control ? ORDER_MAX_CONTROL : ORDER_MAX_GUEST;
}

void memory_name_frames(unsigned long mfn, unsigned int order, uint64_t gpfn)
{
	for (unsigned long i = 0; i < 1ul << order; i++) {
		arch_m2p_set(mfn + i, gpfn + i);
	}
}

/* ---- Reservations -------------------------------------------------------------- */

/* Frees frames that d owns, up to the first that it does not. */
static bool decrease_extent(struct domain *d, unsigned long mfn, unsigned int order)
{
	bool freed = true;

	for (unsigned long end = mfn + (1ul << order); freed && mfn != end; mfn++) {
		freed = page_deallocate(mfn, d);
	}
	return freed;
}

static bool reserve_extent(unsigned int op, struct domain *d,
			   const struct xen_memory_reservation *r, unsigned long i)
{
	guest_ptr_t list = GUEST_HANDLE_PTR(r->extent_start);
	guest_ptr_t slot = guest_ptr_add(list, i * sizeof(xen_pfn_t));
	xen_pfn_t mfn, frame = 0;
	struct page *pg;

	if (op != XENMEM_increase_reservation &&
	    copy_from_guest(&frame, slot, sizeof(frame)) != 0) {
		return false;
	}
	if (op == XENMEM_decrease_reservation) {
		return decrease_extent(d, frame, r->extent_order);
	}
	pg = domain_alloc_frames(d, r->extent_order, XENMEMF_get_address_bits(r->mem_flags));
	if (pg == NULL) {
		return false;
	}
	mfn = page_to_mfn(pg);
	if (op == XENMEM_populate_physmap) {
		memory_name_frames(mfn, r->extent_order, frame);
	} else if (list.addr == 0) {
		return true; /* does not want to know */
	}
	if (copy_to_guest(slot, &mfn, sizeof(mfn)) == 0) {
		return true;
	}
	/* A guest that is not told could never give them back.  It may have
	 * guessed one and done so: then there is nothing to do. */
	(void)decrease_extent(d, mfn, r->extent_order);
	return false;
}

static long reservation(unsigned int op, uint64_t cmd, uint64_t arg)
{
	unsigned long i, start = cmd >> MEMOP_EXTENT_SHIFT;
	struct xen_memory_reservation r;
	bool preempt = false;
	struct domain *d;
	int rc;

	if (copy_from_guest(&r, guest_ptr(arg), sizeof(r)) != 0) {
		return -XEN_EFAULT;
	}
	if ((r.mem_flags & XENMEMF_populate_on_demand) != 0) {
		return -XEN_EINVAL;
	}
	/* Nothing of a list that is too long, or of too large extents, can be
	 * done: that is a result, not an error. */
	if (start >= r.nr_extents || r.extent_order > memory_max_order() ||
	    r.nr_extents > ~0ul >> MEMOP_EXTENT_SHIFT) {
		return (long)start;
	}
	rc = domain_get_target(r.domid, &d);
	if (rc != 0) {
		return rc;
	}
	for (i = start; i < r.nr_extents && !preempt && reserve_extent(op, d, &r, i); i++) {
		preempt = i + 1 < r.nr_extents && hypercall_preempt();
	}
	domain_put_target(d);
	cmd = op | i << MEMOP_EXTENT_SHIFT;
	return preempt ? hypercall_restart(2, (uint64_t[]){ cmd, arg }) : (long)i;
}

/* ---- Questions ------------------------------------------------------------------- */

static long ask_domain(unsigned int op, uint64_t arg)
{
	struct xen_memory_domain ask;
	struct domain *d;
	long n;
	int rc;

	if (copy_from_guest(&ask, guest_ptr(arg), sizeof(ask)) != 0) {
		return -XEN_EFAULT;
	}
	rc = domain_get_target(ask.domid, &d);
	if (rc != 0) {
		return rc;
	}
	if (op == XENMEM_current_reservation) {
		n = READ_ONCE(d->tot_pages);
	} else if (op == XENMEM_maximum_reservation) {
		n = READ_ONCE(d->max_pages);
	} else { /* XENMEM_maximum_gpfn: what the guest says itself */
		n = (long)(READ_ONCE(d->shared->arch.max_pfn) - 1);
		n = n >= 0 && n < 1l << 40 ? n : -XEN_EINVAL;
	}
	domain_put_target(d);
	return n;
}

static long machphys_mapping(uint64_t arg)
{
	struct xen_machphys_mapping m = {
		.v_start = CORE_VIRT_START,
		.v_end = CORE_VIRT_START + frame_max * sizeof(uint64_t),
		.max_mfn = frame_max - 1,
	};

	return copy_to_guest(guest_ptr(arg), &m, sizeof(m));
}

long do_memory_op(uint64_t cmd, uint64_t arg)
{
	unsigned int op = (unsigned int)(cmd & MEMOP_CMD_MASK);

	switch (op) {
	case XENMEM_increase_reservation:
	case XENMEM_decrease_reservation:
	case XENMEM_populate_physmap:
		return reservation(op, cmd, arg);
	case XENMEM_exchange:
		return memory_exchange(cmd, arg);
	case XENMEM_maximum_ram_page:
		return (long)(frame_max - 1);
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return ask_domain(op, arg);
	case XENMEM_machphys_mapping:
		return machphys_mapping(arg);
	case XENMEM_machine_memory_map:
		return current_domain()->is_control ? memory_map_machine(arg) : -XEN_EPERM;
	default:
		/*
		 * Among them memory_map, which is documented to fail so where
		 * none was set, machphys_mfn_list, since guests see the whole
		 * table, and all that changes a frame map: a PV guest
		 * keeps its own.
		 */
		return -XEN_ENOSYS;
	}
}

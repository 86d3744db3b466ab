/* SPDX-License-Identifier: MIT */
/*
 * XSA-97 (89, 45 and their kin): what is left of a long call is kept between
 * its rounds where the guest can reach it: argument registers, a list, a count
 * in memory. A call that trusts its own remainder skips the checks of the first
 * round.
 *
 * Here every remainder is forged: calls are made with "continued" marks and
 * progress that no round ever left, and real ones are altered while they are
 * interrupted: the list is rewritten, the count raised, another call put in
 * their place. Each is treated as the new call that it may be.
 */
#include <test.h>

#define VA 0x0000100000000000ul
#define CONTINUED 0x80000000ul
#define SYSCALL_BYTES 0x050fu
#define MANY 4096u
#define HOSTILE mfn_pte(virt_to_mfn(mm_l4()), PTE_RW)

static struct mmu_update requests[MANY];
static struct multicall_entry calls[256];
static volatile bool in_call;
static volatile unsigned int interrupted;
static void (*volatile alter)(struct trap_regs *regs);
static uint64_t *slot;

static bool on_event(struct trap_regs *regs)
{
	if (in_call && READ_ONCE(*(const uint16_t *)regs->rip) == SYSCALL_BYTES) {
		interrupted++;
		if (alter != NULL) {
			alter(regs);
		}
	}
	return false;
}

static long current_pages(void)
{
	struct xen_memory_domain ask = { DOMID_SELF };

	return hyp_memory_op(XENMEM_current_reservation, &ask);
}

/* Progress that nobody made. */
static void forged(void)
{
	uint64_t good = mfn_pte(virt_to_mfn(page_alloc()), PTE_RO);
	struct mmu_update two[2] = { { virt_to_maddr(slot), good },
				     { virt_to_maddr(slot), HOSTILE } };
	struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = virt_to_mfn(mm_l4()) };
	xen_pfn_t frame = virt_to_mfn(page_alloc());
	struct xen_memory_reservation r = { .extent_start.p = &frame,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	unsigned int done = 0xfffffff0, cmd;
	long before = current_pages();

	EXPECT_FAIL(hyp_mmu_update(two, 2 | CONTINUED, &done, DOMID_SELF));
	EXPECT_RC(done, 0xfffffff1u);
	EXPECT_RC(pte_mfn(*slot), pte_mfn(good));
	EXPECT_FAIL(hyp_mmu_update(&two[1], 1 | CONTINUED, NULL, DOMID_SELF));
	EXPECT_FAIL(hyp_mmu_update(&two[1], 1 | CONTINUED, (void *)CORE_MIDDLE, DOMID_SELF));
	EXPECT_FAIL(hyp_mmuext_op(&pin, 1 | CONTINUED, NULL, DOMID_SELF));
	EXPECT_RC(hyp_mmu_update((void *)CORE_MIDDLE, CONTINUED, NULL, DOMID_SELF), 0);
	EXPECT_RC(hyp_mmu_update((void *)CORE_MIDDLE, 1 | CONTINUED, NULL, DOMID_SELF),
		  -XEN_EFAULT);
	/* Extents done before the first, or more than there are. */
	for (cmd = XENMEM_increase_reservation; cmd <= XENMEM_populate_physmap; cmd++) {
		if (cmd == XENMEM_increase_reservation || cmd == XENMEM_decrease_reservation ||
		    cmd == XENMEM_populate_physmap) {
			EXPECT(hyp_memory_op(cmd | 1ul << 6, &r) >= 0);
			EXPECT(hyp_memory_op(cmd | ~0ul << 6, &r) >= 0);
			r.nr_extents = ~0ul >> 6;
			EXPECT(hyp_memory_op(cmd | (~0ul - 1) << 6, &r) >= 0);
			r.nr_extents = 1;
		}
	}
	EXPECT_RC(current_pages(), before);
	EXPECT_RC(hyp_multicall((void *)CORE_MIDDLE, 0), 0);
	EXPECT_FAIL(hyp_multicall((void *)(0ul - sizeof(calls[0])), 2));
}

/* Calls the list until it is interrupted once. */
static void run_list(void (*how)(struct trap_regs *))
{
	uint64_t took = 2000000, start;
	unsigned int i, before = interrupted;

	for (i = 0; i < 30 && interrupted == before; i++) {
		uint64_t ro = mfn_pte(virt_to_mfn(mm_l4()), PTE_RO);
		unsigned int n, done = 0;

		for (n = 0; n < MANY; n++) {
			requests[n] = (struct mmu_update){ virt_to_maddr(slot), n % 2 ? ro : 0 };
		}
		alter = how;
		start = time_ns();
		NEED(hyp_set_timer_op((int64_t)(start + took * (i % 5 + 2) / 8)) == 0);
		in_call = true;
		(void)hyp_mmu_update(requests, MANY, &done, DOMID_SELF);
		in_call = false;
		alter = NULL;
		took = interrupted == before ? time_ns() - start : took;
		/* Whatever was made of the rest, never this. */
		EXPECT((READ_ONCE(*slot) & PTE_W) == 0);
	}
	EXPECT(interrupted > before);
}

static void rewrite_requests(struct trap_regs *regs)
{
	unsigned int n;

	(void)regs;
	for (n = 0; n < MANY; n++) {
		requests[n].val = HOSTILE;
	}
}

static void list_elsewhere(struct trap_regs *regs)
{
	regs->rdi = CORE_MIDDLE;
	regs->rsi |= 0x7fffffff;
}

static void count_raised(struct trap_regs *regs)
{
	regs->rsi = ~0ul;
	rewrite_requests(regs);
}

static void done_elsewhere(struct trap_regs *regs)
{
	regs->rdx = CORE_MIDDLE;
}

static void other_domain(struct trap_regs *regs)
{
	regs->r10 = DOMID_IO | (uint64_t)(DOMID_IO + 1) << 16;
}

static void other_call(struct trap_regs *regs)
{
	regs->rax = __HYPERVISOR_mmuext_op;
}

static void no_memory(struct trap_regs *regs)
{
	regs->rax = __HYPERVISOR_memory_op;
	regs->rdi = XENMEM_decrease_reservation | ~0ul << 6;
}

/* A list of lists: what is left of the inner call stands in its entry. */
static void rewrite_entry(struct trap_regs *regs)
{
	unsigned int i;

	(void)regs;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].args[0] = CORE_MIDDLE;
		calls[i].args[1] = 0xffffffff;
		calls[i].args[3] = 0xffffffff;
	}
}

static void entry_to_iret(struct trap_regs *regs)
{
	unsigned int i;

	(void)regs;
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		calls[i].op = i % 2 ? __HYPERVISOR_iret : __HYPERVISOR_multicall;
	}
}

static void run_multicall(void (*how)(struct trap_regs *))
{
	uint64_t took = 2000000, start;
	unsigned int i, n, before = interrupted;

	for (n = 0; n < MANY; n++) {
		requests[n] = (struct mmu_update){ virt_to_maddr(slot), 0 };
	}
	for (i = 0; i < 30 && interrupted == before; i++) {
		for (n = 0; n < ARRAY_SIZE(calls); n++) {
			calls[n] = (struct multicall_entry){
				.op = __HYPERVISOR_mmu_update,
				.args = { (unsigned long)requests, 64, 0, DOMID_SELF },
			};
		}
		alter = how;
		start = time_ns();
		NEED(hyp_set_timer_op((int64_t)(start + took * (i % 5 + 2) / 8)) == 0);
		in_call = true;
		(void)hyp_multicall(calls, ARRAY_SIZE(calls));
		in_call = false;
		alter = NULL;
		took = interrupted == before ? time_ns() - start : took;
	}
	EXPECT(interrupted > before);
}

void test(void)
{
	static void (*const ways[])(struct trap_regs *) = {
		rewrite_requests, list_elsewhere, count_raised, done_elsewhere,
		other_domain,	  other_call,	  no_memory,
	};
	long port = evtchn_bind_virq(VIRQ_TIMER, 0), before;
	unsigned int i;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	NEED(map_frame(VA, virt_to_mfn(page_alloc()), PTE_RO) == 0);
	slot = mm_slot(mm_l4(), VA, 1);
	trap_set_hook(SHIM_VECTOR_EVENT, on_event);
	before = current_pages();
	forged();
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		run_list(ways[i]);
	}
	run_multicall(rewrite_entry);
	run_multicall(entry_to_iret);
	EXPECT_RC(current_pages(), before);
	EXPECT_RC(va_set(VA, 0), 0);
}

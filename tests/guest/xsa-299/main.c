/* SPDX-License-Identifier: MIT */
/*
 * XSA-299: a table whose check or teardown was interrupted is neither valid nor
 * idle. Mistakes about who holds what of it (references taken twice or never,
 * a half-checked table taken for a whole one, one level for another) gave
 * guests writable page tables.
 *
 * Here the calls that check and tear down a large tree are interrupted by a
 * timer and, instead of being continued, given up by the guest. What is left
 * then is attacked: made writable, altered, used as another level, freed. A
 * hostile entry must never be accepted, and all pages must come back.
 */
#include <tree.h>

#define ROUNDS 24u
#define GIVEN_UP (-999l)

static volatile bool in_call, give_up;
static volatile unsigned int interrupted, accepted, refused;
static uint64_t pin_ns, unpin_ns;

/* The call stands at its instruction with part of the work done: step over. */
static bool on_event(struct trap_regs *regs)
{
	if (in_call && give_up && regs->rax == __HYPERVISOR_mmuext_op && at_syscall(regs)) {
		regs->rip += 2;
		regs->rax = (uint64_t)GIVEN_UP;
		in_call = false;
		interrupted++;
	}
	return false;
}

static long call(unsigned int cmd, const void *table)
{
	long rc;

	in_call = true;
	rc = mmuext(cmd, virt_to_mfn(table));
	in_call = false;
	return rc;
}

/* A timer goes off at some part of the time that the call takes. */
static void call_half_way(unsigned int cmd, unsigned int part)
{
	uint64_t took = cmd == MMUEXT_UNPIN_TABLE ? unpin_ns : pin_ns;

	give_up = true;
	NEED(hyp_set_timer_op((int64_t)(time_ns() + took * (part % 7 + 1) / 8)) == 0);
	(void)call(cmd, l4);
	give_up = false;
	NEED(hyp_set_timer_op(0) == 0);
}

static void measure(void)
{
	uint64_t start = time_ns();

	EXPECT_RC(call(MMUEXT_PIN_L4_TABLE, l4), 0);
	pin_ns = time_ns() - start;
	start = time_ns();
	EXPECT_RC(call(MMUEXT_UNPIN_TABLE, l4), 0);
	unpin_ns = time_ns() - start;
}

/* Writes a hostile entry if it can; true if it stands. */
static bool spoil(uint64_t *table, unsigned int n, uint64_t entry, uint64_t *old)
{
	if (try_page_protect(table, true) != 0) {
		return false;
	}
	*old = table[n];
	table[n] = entry;
	page_protect(table, false);
	return true;
}

static void mend(uint64_t *table, unsigned int n, uint64_t entry)
{
	/* Refused ones are undone by the next who asks. */
	(void)call(MMUEXT_UNPIN_TABLE, l4);
	if (EXPECT(try_page_protect(table, true) == 0)) {
		table[n] = entry;
		page_protect(table, false);
	}
}

/* A hostile entry in the part that was looked at already. */
static void attack_entry(uint64_t *table, unsigned int n, uint64_t entry)
{
	uint64_t old;

	if (!spoil(table, n, entry, &old)) {
		/* In use, as it must be; then no update puts it there, either. */
		EXPECT_FAIL(mmu_set(virt_to_maddr(&table[n]), entry));
		refused++;
		return;
	}
	accepted++;
	EXPECT_FAIL(call(MMUEXT_PIN_L4_TABLE, l4));
	mend(table, n, old);
}

static void as_other_level(unsigned int level, const void *table)
{
	if (mmuext(MMUEXT_PIN_L1_TABLE + level - 1, virt_to_mfn(table)) == 0) {
		EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(table)), 0);
	}
}

static void attack(unsigned int round)
{
	switch (round % 6) {
	case 0:
		attack_entry(l2, 0, entry_for(mm_l4(), PTE_TABLE));
		break;
	case 1:
		attack_entry(l1[0], 5, entry_for(mm_l4(), PTE_RW));
		break;
	case 2:
		attack_entry(l3, 0, entry_for(l1[0], PTE_TABLE));
		break;
	case 3:
		attack_entry(l2, 511, entry_for(l2, PTE_TABLE));
		break;
	case 4:
		/* What fits as another level is an honest tree. */
		as_other_level(2, l3);
		as_other_level(3, l4);
		as_other_level(2, l1[0]);
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(l2)));
		EXPECT_FAIL(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l2)));
		break;
	default:
		/* Twice the same: each pin may be taken once. */
		if (call(MMUEXT_PIN_L4_TABLE, l4) == 0) {
			EXPECT_FAIL(call(MMUEXT_PIN_L4_TABLE, l4));
			EXPECT_RC(call(MMUEXT_UNPIN_TABLE, l4), 0);
		}
		EXPECT_FAIL(call(MMUEXT_UNPIN_TABLE, l4));
		break;
	}
}

static void rounds(void)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		/* Given up half-way on the way up, or on the way down. */
		if (i % 2 == 0) {
			call_half_way(MMUEXT_PIN_L4_TABLE, i / 2);
		} else if (EXPECT(call(MMUEXT_PIN_L4_TABLE, l4) == 0)) {
			call_half_way(MMUEXT_UNPIN_TABLE, i / 2);
		}
		/* The call was quicker than the timer, or its pin went first. */
		(void)call(MMUEXT_UNPIN_TABLE, l4);
		attack(i / 2);
		if (call(MMUEXT_PIN_L4_TABLE, l4) == 0) {
			EXPECT_RC(call(MMUEXT_UNPIN_TABLE, l4), 0);
		} else {
			EXPECT(!"the tree is good and can be pinned");
		}
	}
}

/* Frames of a half-checked tree are given back by the guest. */
static void give_frame_up(void)
{
	xen_pfn_t mfn = virt_to_mfn(l2);
	struct xen_memory_reservation r = { .extent_start.p = &mfn,
					    .nr_extents = 1,
					    .domid = DOMID_SELF };
	unsigned int before = interrupted, i;

	for (i = 0; i < 50 && interrupted == before; i++) {
		call_half_way(MMUEXT_PIN_L4_TABLE, i);
		(void)call(MMUEXT_UNPIN_TABLE, l4);
	}
	EXPECT(interrupted > before);
	EXPECT_RC(hyp_memory_op(XENMEM_decrease_reservation, &r), 1);
	/* It is still in the tree, and no memory of anybody else's yet. */
	EXPECT_RC(call(MMUEXT_PIN_L4_TABLE, l4), 0);
	EXPECT_RC(READ_ONCE(l2[5]) & PTE_ADDR, virt_to_maddr(l1[1]));
	EXPECT_RC(call(MMUEXT_UNPIN_TABLE, l4), 0);
}

void test(void)
{
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	unsigned int i;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	build_tree(page_alloc(), 500, false);
	trap_set_hook(SHIM_VECTOR_EVENT, on_event);
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	measure();
	rounds();
	give_frame_up();
	print("%u calls given up, %u tables spoilt, %u not\n", interrupted, accepted, refused);
	EXPECT(interrupted > 0);
	EXPECT_RC(try_page_protect(l4, true), 0);
	EXPECT_RC(try_page_protect(l3, true), 0);
	l3[3] = 0;
	EXPECT_RC(va_set((unsigned long)l2, 0), 0);
	for (i = 0; i < L1_TABLES; i++) {
		EXPECT_RC(try_page_protect(l1[i], true), 0);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * XSA-290 (and 252, 45): checks and teardowns of page tables that could not be
 * interrupted. A guest prepares tables that refer to each other as often as
 * there are entries, or drops a tree of many, and the machine serves nobody
 * else for seconds.
 *
 * Here trees are pinned, unpinned, hung into a live table, cut from it, and
 * lost as a vCPU changes its base tables, each while a timer runs. Each of
 * these calls must be interrupted on its way (the timer's event finds it on its
 * own instruction, with work left) and must finish by itself.
 */
#include <tree.h>

#define VA 0x0000100000000000ul
#define TRIES 20u

static volatile bool in_call;
static volatile unsigned int interrupted;

/* The call stands at its instruction again, to be continued. */
static bool on_event(struct trap_regs *regs)
{
	if (in_call && at_syscall(regs) &&
	    (regs->rax == __HYPERVISOR_mmuext_op || regs->rax == __HYPERVISOR_mmu_update)) {
		interrupted++;
	}
	return false;
}

static long pin_l4(void)
{
	return mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4));
}

static long unpin_l4(void)
{
	return mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(l4));
}

static long hang_in(void)
{
	return mmu_set(virt_to_maddr(&mm_l4()[300]), entry_for(l3, PTE_TABLE));
}

static long cut_off(void)
{
	return mmu_set(virt_to_maddr(&mm_l4()[300]), 0);
}

static long load_it(void)
{
	return mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(l4));
}

static long load_ours(void)
{
	return mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(mm_l4()));
}

static long load_user(void)
{
	return mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(l4));
}

static long drop_user(void)
{
	return mmuext(MMUEXT_NEW_USER_BASEPTR, 0);
}

/* Both calls of a pair are interrupted at some time, and always succeed. */
static void pair(const char *name, long (*there)(void), long (*back)(void))
{
	unsigned int seen[2] = { 0, 0 }, i;
	uint64_t took[2] = { 0, 0 }, start;
	long (*const calls[2])(void) = { there, back };

	for (i = 0; i < 2 * TRIES && (i % 2 != 0 || seen[0] == 0 || seen[1] == 0); i++) {
		unsigned int which = i % 2;

		/* The first round shows how long it takes. */
		interrupted = 0;
		start = time_ns();
		NEED(hyp_set_timer_op((int64_t)(start + (took[which] + 1) * (i % 5 + 2) / 8)) == 0);
		in_call = true;
		EXPECT_RC(calls[which](), 0);
		in_call = false;
		took[which] = time_ns() - start;
		seen[which] += interrupted;
	}
	if (seen[0] == 0 || seen[1] == 0) {
		print("  %s: %u and %u times interrupted, %lu and %lu ns\n", name, seen[0], seen[1],
		      took[0], took[1]);
		EXPECT(!"both ways are interrupted");
	}
}

/* Many references to few tables: 512 x 512 x 512 if each was walked anew. */
static void many_references(void)
{
	uint64_t *top = page_alloc(), *third = page_alloc(), *second = page_alloc();
	uint64_t start = time_ns();
	unsigned int i;

	for (i = 0; i < TABLE_ENTRIES; i++) {
		second[i] = entry_for(l1[i % L1_TABLES], PTE_TABLE);
		third[i] = entry_for(second, PTE_TABLE);
		top[i] = i < 256 || i >= 272 ? entry_for(third, PTE_TABLE) : 0;
	}
	page_protect(second, false);
	page_protect(third, false);
	page_protect(top, false);
	EXPECT_RC(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(top)), 0);
	EXPECT_RC(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(top)), 0);
	/* Each table once: far below what even a walk of 2^18 entries takes. */
	EXPECT(time_ns() - start < 5000000000ul);
	EXPECT_RC(try_page_protect(top, true), 0);
	EXPECT_RC(try_page_protect(third, true), 0);
	EXPECT_RC(try_page_protect(second, true), 0);
}

void test(void)
{
	long port = evtchn_bind_virq(VIRQ_TIMER, 0);
	unsigned int i;

	NEED(port > 0 && evtchn_unmask((unsigned int)port) == 0);
	(void)hyp_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
	build_tree(page_alloc(), 300, true);
	trap_set_hook(SHIM_VECTOR_EVENT, on_event);
	pair("pin", pin_l4, unpin_l4);
	pair("entry", hang_in, cut_off);
	pair("base table", load_it, load_ours);
	pair("user table", load_user, drop_user);
	many_references();
	EXPECT_RC(try_page_protect(l4, true), 0);
	EXPECT_RC(try_page_protect(l3, true), 0);
	EXPECT_RC(try_page_protect(l2, true), 0);
	for (i = 0; i < L1_TABLES; i++) {
		EXPECT_RC(try_page_protect(l1[i], true), 0);
	}
}

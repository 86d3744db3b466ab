/* SPDX-License-Identifier: MIT */
/*
 * A tree of page tables that takes long to validate and to tear down, for the
 * guests that are interrupted in the middle of that.
 */
#ifndef TREE_H
#define TREE_H

#include <test.h>

#define L1_TABLES 96u
#define SYSCALL_BYTES 0x050fu

static uint64_t *l4, *l3, *l2, *l1[L1_TABLES];

static MAYBE_UNUSED uint64_t entry_for(const void *page, uint64_t flags)
{
	return mfn_pte(virt_to_mfn(page), flags);
}

/* All of it maps `leaf`, through entry `slot` of l4; with `ours` l4 has what the
 * guest runs on as well. */
static MAYBE_UNUSED void build_tree(const void *leaf, unsigned int slot, bool ours)
{
	unsigned int i, j;

	l4 = page_alloc();
	l3 = page_alloc();
	l2 = page_alloc();
	for (i = 0; i < L1_TABLES; i++) {
		l1[i] = page_alloc();
		for (j = 0; j < TABLE_ENTRIES; j++) {
			l1[i][j] = entry_for(leaf, PTE_RO);
		}
		l2[i * 5] = entry_for(l1[i], PTE_TABLE);
		page_protect(l1[i], false);
	}
	l3[3] = entry_for(l2, PTE_TABLE);
	for (i = 0; ours && i < TABLE_ENTRIES; i++) {
		if (i < 256 || i >= 272) {
			l4[i] = mm_l4()[i];
		}
	}
	l4[slot] = entry_for(l3, PTE_TABLE);
	page_protect(l2, false);
	page_protect(l3, false);
	page_protect(l4, false);
}

/* An event found the guest at a hypercall that is to be continued. */
static MAYBE_UNUSED bool at_syscall(const struct trap_regs *regs)
{
	return READ_ONCE(*(const uint16_t *)regs->rip) == SYSCALL_BYTES;
}

#endif

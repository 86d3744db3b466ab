/* SPDX-License-Identifier: MIT */
/*
 * For the tests of grants: domain 1 grants, 2 maps and copies, 0 is the control
 * domain.  The usual entry is REF of domain 1, for its page GRANTED.
 */
#ifndef GNTTAB_PAIR_H
#define GNTTAB_PAIR_H

#include "core_test.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

#include <hv/gnttab.h>
#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define NR __HYPERVISOR_grant_table_op
#define REF 9u
#define GRANTED 25u
#define SLOT 30u /* page of domain 2 where it maps */

/** Elements of a list in one call, and their results. */
long gt_list(uint64_t cmd, void *list, size_t size, unsigned int n);
struct grant_entry_v1 *gt_entry(unsigned int id, grant_ref_t ref);
const struct grant_use *gt_use(unsigned int id, grant_ref_t ref);
/** setup_table for the domain itself, which runs from then on: its status. */
int gt_setup(unsigned int id, unsigned int frames, uint64_t *list);
void gt_grant(unsigned int id, grant_ref_t ref, domid_t to, unsigned int pfn, uint16_t flags);
/** Three domains; 1 has granted a page full of 0x5a to 2, which runs. */
void gt_world(uint16_t flags);
struct gnttab_map_grant_ref gt_map_at(uint64_t addr, uint32_t flags);
int gt_map(struct gnttab_map_grant_ref *m);
int gt_map_slot(unsigned int pfn, uint32_t flags, grant_handle_t *handle);
int gt_unmap(uint64_t host, uint64_t bus, grant_handle_t handle);
/** Counts of REF, and what the flags in its entry say of them. */
void gt_check_use(unsigned int all, unsigned int writers);
uint32_t gt_refs(unsigned int id, unsigned int pfn);
int gt_try_map(uint64_t addr, uint32_t flags, domid_t dom, grant_ref_t ref);

#endif

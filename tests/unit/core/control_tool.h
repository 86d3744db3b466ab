/* SPDX-License-Identifier: MIT */
/*
 * A toolstack for tests, in the control domain: what control_test.c and
 * control_life_test.c share.
 */
#ifndef CONTROL_TOOL_H
#define CONTROL_TOOL_H

#include "core_test.h"

#include <vl/control.h>
#include <xen/vcpu.h>

#include <hv/mm.h>

#define RW (PTE_P | PTE_U | PTE_W | PTE_A)
#define RO (PTE_P | PTE_U | PTE_A)
#define CONTEXT fake_va(FAKE_PFN_SCRATCH + 8, 0)
#define LIST fake_va(FAKE_PFN_SCRATCH + 10, 0)
#define WINDOW 12u /* pfn of the control domain at which others' frames appear */

/** One call with an argument of so many bytes, copied back. */
long control(uint64_t op, uint64_t domid, void *arg, size_t size);
#define CONTROL(op, domid, arg) control((op), (domid), (arg), sizeof(*(arg)))

/** Clears the place of arguments; a call with any command and what lies there. */
void control_zero(void);
long control_raw(uint64_t cmd, uint64_t domid);

struct vl_create control_params(void);
long control_create(uint64_t domid);
/** Extents for domain `id`, by the published call; their frames to mfn. */
long control_populate(unsigned int id, unsigned int first, unsigned int count, unsigned int order,
		      unsigned long *mfn);
struct vcpu_guest_context control_context(const struct fake_guest *g);
long control_set_context(unsigned int id, unsigned int vcpu, const struct vcpu_guest_context *c);
/** Domain 1 as a toolstack makes it, up to the moment when it may run. */
void control_build(void);
struct vl_domain_info control_info(unsigned int id);
/** One call; afterwards the control domain runs. */
long control_destroy(unsigned int id);
/** The control domain's port for VIRQ_DOM_EXC, and whether it has been told. */
uint32_t control_listen(void);
bool control_told(uint32_t port);

#endif

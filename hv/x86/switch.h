/* SPDX-License-Identifier: MIT */
/*
 * Private to hv/x86: what entry.S, switch.c, fpu.c, patch.c and traps.c offer
 * each other.
 */
#ifndef SWITCH_X86_H
#define SWITCH_X86_H

#include <x86.h>

/* entry.S */
extern uint64_t vcpu_regs_end[CONFIG_NR_CPUS];

/* fpu.c */
void fpu_save(struct vcpu *v);
void fpu_restore(struct vcpu *v);

/* patch.c */
/** Puts stac and clac in, takes verw out, as the CPU needs; boot CPU, before guests. */
void patch_text(void);

#endif

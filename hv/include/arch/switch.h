/* SPDX-License-Identifier: MIT */
/*
 * The seam, part three: what of a vCPU is in the machine while it runs.
 */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

/** Bytes of a vCPU's FPU state. */
size_t arch_fpu_size(void);
/** v->fpu is zeroed: as after reset. */
void arch_vcpu_init(struct vcpu *v);
/** Its memory is about to go. */
void arch_vcpu_free(struct vcpu *v);

/**
 * Makes `next` the loaded vCPU of this CPU: saves what of `prev` is in the
 * machine (prev may be NULL or dying), loads page tables, segments, FPU,
 * descriptor window, debug registers, stack pointers.
 */
void arch_switch_vcpu(struct vcpu *prev, struct vcpu *next);
/** Saves prev and loads the core's own tables; curr becomes NULL. */
void arch_unload_vcpu(struct vcpu *prev);

/** current v: kernel <-> user; swaps GS bases and CR3. */
void arch_toggle_mode(struct vcpu *v, bool to_kernel);
/** current v: reload CR3 after v->cr3_kernel/_user changed. */
void arch_reload_cr3(struct vcpu *v);
/** current v: rewrite the GDT/LDT window from v's frames. */
void arch_load_descriptors(struct vcpu *v);

/* All of these: the current vCPU's.  Segment bases as the guest has them now. */
uint64_t arch_get_base(struct vcpu *v, unsigned int which); /* SEGBASE_* */
void arch_set_base(struct vcpu *v, unsigned int which, uint64_t base);
/** SEGBASE_GS_USER_SEL: loads %gs of the user half; a bad selector is null. */
void arch_load_user_gs(struct vcpu *v, uint16_t sel);
/** Current data selectors to read for a failsafe frame: ds es fs gs. */
void arch_read_selectors(uint16_t sel[4]);

void arch_set_cr0_ts(struct vcpu *v, bool on);
void arch_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value);
void arch_set_xcr0(struct vcpu *v, uint64_t xcr0);
/** FPU state in the published 512-byte or XSAVE form, from a context. */
void arch_load_fpu_image(struct vcpu *v, const void *fxsave);

#endif

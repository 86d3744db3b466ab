/* SPDX-License-Identifier: MIT */
/*
 * The machine's part of struct percpu, which the fake has no use for; in place
 * of hv/x86/percpu_x86.h, for arch/cpu.h.
 */
#ifndef PERCPU_X86_H
#define PERCPU_X86_H

struct arch_percpu {
	int unused;
};

struct percpu *this_cpu(void);

#endif

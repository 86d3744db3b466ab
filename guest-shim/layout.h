/* SPDX-License-Identifier: MIT */
/*
 * Sizes that C and assembly share. Usable from both.
 */
#ifndef SHIM_LAYOUT_H
#define SHIM_LAYOUT_H

#define SHIM_STACK_SIZE 0x4000
#define SHIM_MAX_CPUS 4

/* Vector of the frame that a system call from user mode leaves. */
#define SHIM_VECTOR_SYSCALL 0x100
#define SHIM_VECTOR_EVENT 0x101
#define SHIM_VECTOR_FAILSAFE 0x102
#define SHIM_VECTOR_NMI 0x103

#endif

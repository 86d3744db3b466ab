/* SPDX-License-Identifier: MIT */
/*
 * The x86-64 part of the guest interface, under its published name.
 *
 * Nothing is defined here: the file exists because guest sources include it
 * by this name. The definitions are in arch-x86/xen.h (what depends on x86
 * at all) and arch-x86/xen-x86_64.h (what depends on 64-bit mode). Vellum
 * has no 32-bit guests, so there is no third file.
 */
#ifndef VL_ABI_XEN_ARCH_X86_64_H
#define VL_ABI_XEN_ARCH_X86_64_H

#include "arch-x86/xen.h"

#endif

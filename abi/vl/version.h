/* SPDX-License-Identifier: MIT */
/*
 * Name and version of Vellum itself, as told in XENVER_extraversion, in
 * messages and by the tools. The level of the published guest interface is a
 * different number and does not follow this one.
 *
 * Usable from assembly and from linker scripts.
 */
#ifndef VL_ABI_VL_VERSION_H
#define VL_ABI_VL_VERSION_H

#define VL_NAME "Vellum"
#define VL_VERSION_MAJOR 0
#define VL_VERSION_MINOR 1
#define VL_VERSION_STRING "0.1"

#endif

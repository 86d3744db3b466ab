/* SPDX-License-Identifier: MIT */
/* See begin.c. */
extern char core_data_end[64], core_bss_end[64];

char core_data_end[64] = { 1 };
char core_bss_end[64];

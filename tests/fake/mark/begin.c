/* SPDX-License-Identifier: MIT */
/*
 * Linked just before the objects of hv/core, as end.c is just after them: what
 * lies between is the core's static data, which fake_snapshot() keeps.
 */
extern char core_data_begin[64], core_bss_begin[64];

char core_data_begin[64] = { 1 };
char core_bss_begin[64];

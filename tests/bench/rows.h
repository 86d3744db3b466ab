/* SPDX-License-Identifier: MIT */
/*
 * What rows.c and hv_rows.c share: a row is something done n times.
 */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include <stddef.h>
#include <stdint.h>

struct row {
	const char *name;
	void (*run)(long n);
	long count; /* operations in one measurement */
};

/** Rows that need a hypervisor; 0 where there is none. */
size_t hv_rows(const struct row **list);
void fail(const char *what) __attribute__((noreturn));

#endif

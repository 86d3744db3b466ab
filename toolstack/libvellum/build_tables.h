/* SPDX-License-Identifier: MIT */
/* A guest's first page tables and its list of frames; for build.c alone. */
#ifndef LIBVELLUM_BUILD_TABLES_H
#define LIBVELLUM_BUILD_TABLES_H

#include "libvellum/build_memory.h"
#include "libvellum/build_plan.h"

/** Writes the page tables of the plan; tables are mapped read-only. */
int build_tables(struct build_memory *m, const struct build_plan *plan, struct vl_error *error);
/** Writes the list: the machine frame of each guest frame. */
int build_p2m(struct build_memory *m, const struct build_plan *plan, struct vl_error *error);

#endif

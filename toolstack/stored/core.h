/* SPDX-License-Identifier: MIT */
/* The little that the store asks of the core: which domains there are. */
#ifndef STORED_CORE_H
#define STORED_CORE_H

#include "stored/engine.h"

struct core;

int core_open(struct core **core, struct vl_error *error);
/** Null is fine. */
void core_close(struct core *core);
/** All domains that live, in order of their numbers, malloc'd. */
int core_list(struct core *core, struct domain_state **states, size_t *count,
	      struct vl_error *error);

#endif

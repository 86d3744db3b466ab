/* SPDX-License-Identifier: MIT */
/* Stands in for core.c where libvellum has no calls of the core: nobody is known. */
#include "stored/core.h"

#include <errno.h>

int core_open(struct core **core, struct vl_error *error)
{
	*core = NULL;
	return vl_error_set(error, -ENODEV, "this vl-stored was built without calls of the core");
}

void core_close(struct core *core)
{
	(void)core;
}

int core_list(struct core *core, struct domain_state **states, size_t *count,
	      struct vl_error *error)
{
	(void)core;
	*states = NULL;
	*count = 0;
	return vl_error_set(error, -ENODEV, "no calls of the core");
}

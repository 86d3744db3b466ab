/* SPDX-License-Identifier: MIT */
/* Domains from the core, by libvellum; see core.h. A domain that is dying lives no more. */
#include "stored/core.h"

#include <errno.h>
#include <stdlib.h>

#include "libvellum/ctl.h"

int core_open(struct core **core, struct vl_error *error)
{
	struct vl_ctl *ctl = NULL;
	int rc = vl_ctl_open(&ctl, error);

	*core = (struct core *)ctl;
	return rc;
}

void core_close(struct core *core)
{
	vl_ctl_close((struct vl_ctl *)core);
}

int core_list(struct core *core, struct domain_state **states, size_t *count,
	      struct vl_error *error)
{
	struct vl_domain_info *list;
	size_t all;
	int rc = vl_ctl_list((struct vl_ctl *)core, 0, &list, &all, error);

	if (rc) {
		return rc;
	}
	*states = calloc(all + 1, sizeof(**states));
	if (!*states) {
		free(list);
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	*count = 0;
	for (size_t i = 0; i < all; i++) {
		if (!(list[i].flags & VL_DOMAIN_dying)) {
			(*states)[(*count)++] =
				(struct domain_state){ list[i].domid,
						       (list[i].flags & VL_DOMAIN_shutdown) != 0 };
		}
	}
	free(list);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Domains as nested lists in parentheses, which the old xm printed and cluster
 * managers still read; see docs/vl.conf.md for the form.
 */
#ifndef VL_SXP_H
#define VL_SXP_H

#include <jansson.h>
#include <stdio.h>

#include "libvellum/ctl.h"

/**
 * Prints one domain: `config` is what vl_config_json() gives, or less of it.  Of a
 * dry run there is no info, and all that the core would tell is left out.  A null
 * name: that of the configuration.  The caller looks whether `out` took it.
 */
void sxp_print(FILE *out, const char *name, const struct vl_domain_info *info,
	       const json_t *config);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What vl itself is to do, as the file vl.conf says it: xl.cfg syntax, as that of
 * a guest, with keys of its own.
 *
 * Errors: see error.h; a sentence names file and line.
 */
#ifndef LIBVELLUM_CONFIG_TOOL_H
#define LIBVELLUM_CONFIG_TOOL_H

#include "libvellum/config.h"

/** In what form configurations of guests are printed. */
enum vl_output_format {
	VL_OUTPUT_JSON,
	VL_OUTPUT_SXP /* lists in parentheses, as the old xm printed them */
};

struct vl_tool_config {
	enum vl_output_format output_format;
};

/**
 * Reads it; where there is no such file, everything is as if nothing stood in it.
 * Warnings, which may be null, tell of keys that are not known; the caller frees
 * them.  -EINVAL, -ENOMEM, -EFBIG, or why the file cannot be read.
 */
int vl_tool_config_read(const char *path, struct vl_tool_config *config,
			struct vl_warnings *warnings, struct vl_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * How libvellum reports a failure: the function returns a negative errno value
 * and writes one sentence that names the cause, without a final newline, into
 * the caller's struct vl_error. Nothing in the library prints, exits or keeps
 * the text anywhere else. A null pointer is accepted where only the value
 * matters.
 */
#ifndef LIBVELLUM_ERROR_H
#define LIBVELLUM_ERROR_H

#include <stdarg.h>
#include <stdio.h>

/** One sentence on what went wrong; valid only after a failure. */
struct vl_error {
	char text[256];
};

/** Write the sentence; returns rc, so that callers can return the call. */
__attribute__((format(printf, 3, 4))) static inline int vl_error_set(struct vl_error *error, int rc,
								     const char *format, ...)
{
	va_list args;

	if (error) {
		va_start(args, format);
		vsnprintf(error->text, sizeof(error->text), format, args);
		va_end(args);
	}
	return rc;
}

#endif

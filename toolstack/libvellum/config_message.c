/* SPDX-License-Identifier: MIT */
/*
 * What is said of a file: errors and warnings, each with its name and the line.
 * Called by every other config*.c; knows nothing of what they read.
 */
#include "libvellum/config_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void write_message(const struct config_ctx *ctx,
								char *text, size_t size,
								const char *format, va_list args)
{
	int used = ctx->line ? snprintf(text, size, "%.120s:%u: ", ctx->file, ctx->line) :
			       snprintf(text, size, "%.120s: ", ctx->file);

	if (used > 0 && (size_t)used < size) {
		vsnprintf(text + used, size - (size_t)used, format, args);
	}
}

int config_fail(const struct config_ctx *ctx, const char *format, ...)
{
	va_list args;

	if (ctx->error) {
		va_start(args, format);
		write_message(ctx, ctx->error->text, sizeof(ctx->error->text), format, args);
		va_end(args);
	}
	return -EINVAL;
}

int config_warn(const struct config_ctx *ctx, const char *format, ...)
{
	struct vl_warnings *warnings = ctx->warnings;
	struct vl_error message;
	char **text;
	va_list args;

	if (!warnings || warnings->count >= CONFIG_MAX_WARNINGS) {
		return 0;
	}
	va_start(args, format);
	write_message(ctx, message.text, sizeof(message.text), format, args);
	va_end(args);
	text = realloc(warnings->text, (warnings->count + 1) * sizeof(*text));
	if (!text) {
		return config_no_memory(ctx);
	}
	warnings->text = text;
	text[warnings->count] = strdup(message.text);
	if (!text[warnings->count]) {
		return config_no_memory(ctx);
	}
	warnings->count++;
	return 0;
}

void vl_warnings_free(struct vl_warnings *warnings)
{
	for (size_t i = 0; i < warnings->count; i++) {
		free(warnings->text[i]);
	}
	free(warnings->text);
	warnings->text = NULL;
	warnings->count = 0;
}

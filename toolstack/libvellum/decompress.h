/* SPDX-License-Identifier: MIT */
/*
 * Decompression of whole streams in memory, by the format's own magic number:
 * gzip, xz, zstd, and the legacy LZ4 frame that Linux uses for its kernel. The
 * input is hostile: output and the decoders' working memory are bounded, and
 * any malformed or truncated stream is an error, never partial data.
 *
 * Errors: see error.h.
 */
#ifndef LIBVELLUM_DECOMPRESS_H
#define LIBVELLUM_DECOMPRESS_H

#include <stddef.h>

#include "libvellum/error.h"

/** A decoder; one constant object for each format. */
struct decompressor;

/**
 * Find the decoder for a stream by its first bytes. Returns null if it is none
 * of the supported formats.
 */
const struct decompressor *decompress_detect(const void *data, size_t size);

/** The format's name, for instance "xz". */
const char *decompress_name(const struct decompressor *format);

/**
 * The name of a compression format that is recognised but not supported, for a
 * better message; null if the data looks like none of these either.
 */
const char *decompress_unsupported(const void *data, size_t size);

/**
 * Decompress the stream at the start of data. Bytes after its end are ignored,
 * except for LZ4, whose legacy frame ends where the data end.
 *
 * On success *out is a malloc'd buffer of *out_size bytes, which the caller
 * frees. -EINVAL: damaged or truncated. -EFBIG: more than limit bytes come out.
 * -ENOMEM: out of memory, or the stream asks for an unreasonable window.
 */
int decompress(const struct decompressor *format, const void *data, size_t size, size_t limit,
	       void **out, size_t *out_size, struct vl_error *error);

#endif

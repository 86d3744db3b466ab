/* SPDX-License-Identifier: MIT */
/*
 * One decoder for each compression format of Linux kernels, over the format's
 * own library. All of them write into a buffer that grows by doubling up to
 * the caller's limit, so a header that promises gigabytes costs nothing. Pure
 * functions of their input: no files, no state between calls.
 */
#include "libvellum/decompress.h"

#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * What a decoder may use beside its output. Kernels are compressed with windows
 * of at most 128 MiB.
 */
#define WINDOW_LOG_MAX 27
#define XZ_MEMORY_MAX ((uint64_t)256 << 20)

/* zlib counts in unsigned int. */
#define GZIP_STEP_MAX ((size_t)1 << 30)

/* The legacy LZ4 frame: a magic number, then blocks behind their sizes. */
#define LZ4_MAGIC_SIZE 4
#define LZ4_BLOCK_MAX ((size_t)8 << 20)

/* The first allocation of an output buffer. */
#define OUTPUT_START ((size_t)1 << 20)

struct input {
	const unsigned char *data;
	size_t size;
};

struct output {
	unsigned char *data;
	size_t used;
	size_t size;
	size_t limit;
};

struct decompressor {
	const char *name;
	unsigned char magic[6];
	size_t magic_size;
	int (*decode)(struct input in, struct output *out, struct vl_error *error);
};

static int damaged(struct vl_error *error, const char *name)
{
	return vl_error_set(error, -EINVAL, "the %s data are damaged or cut short", name);
}

static int too_big(struct vl_error *error, const struct output *out)
{
	return vl_error_set(error, -EFBIG,
			    "the image unpacks to more than the allowed "
			    "%zu bytes",
			    out->limit);
}

/*
 * Make room for at least one more byte. A buffer as large as the limit still
 * gets one byte more: only a decoder that writes it has passed the limit.
 */
static int output_grow(struct output *out, struct vl_error *error)
{
	size_t size = out->size ? out->size : OUTPUT_START / 2;
	unsigned char *data;

	if (out->used > out->limit) {
		return too_big(error, out);
	}
	if (out->used < out->size) {
		return 0;
	}
	size = size > out->limit / 2 ? out->limit + 1 : size * 2;
	data = realloc(out->data, size);
	if (!data) {
		return vl_error_set(error, -ENOMEM,
				    "not enough memory for %zu bytes of "
				    "unpacked image",
				    size);
	}
	out->data = data;
	out->size = size;
	return 0;
}

static int gzip_decode(struct input in, struct output *out, struct vl_error *error)
{
	z_stream stream = { 0 };
	size_t in_step, out_step;
	int rc = 0, result;

	/* 15: the largest window; 16: a gzip header, and its checksum. */
	if (inflateInit2(&stream, 15 + 16) != Z_OK) {
		return vl_error_set(error, -ENOMEM, "not enough memory");
	}
	do {
		rc = output_grow(out, error);
		if (rc) {
			break;
		}
		in_step = in.size < GZIP_STEP_MAX ? in.size : GZIP_STEP_MAX;
		out_step = out->size - out->used;
		out_step = out_step < GZIP_STEP_MAX ? out_step : GZIP_STEP_MAX;
		/* The interface lacks a const that the function keeps to. */
		stream.next_in = (unsigned char *)(uintptr_t)in.data;
		stream.avail_in = (unsigned int)in_step;
		stream.next_out = out->data + out->used;
		stream.avail_out = (unsigned int)out_step;
		result = inflate(&stream, Z_NO_FLUSH);
		in_step -= stream.avail_in;
		out_step -= stream.avail_out;
		in.data += in_step;
		in.size -= in_step;
		out->used += out_step;
		if (result != Z_STREAM_END && (result != Z_OK || (in_step == 0 && out_step == 0))) {
			rc = damaged(error, "gzip");
		}
	} while (!rc && result != Z_STREAM_END);
	inflateEnd(&stream);
	return rc;
}

static int xz_decode(struct input in, struct output *out, struct vl_error *error)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret result = LZMA_OK;
	int rc = 0;

	if (lzma_stream_decoder(&stream, XZ_MEMORY_MAX, 0) != LZMA_OK) {
		return vl_error_set(error, -ENOMEM, "not enough memory");
	}
	stream.next_in = in.data;
	stream.avail_in = in.size;
	while (!rc && result != LZMA_STREAM_END) {
		rc = output_grow(out, error);
		if (rc) {
			break;
		}
		stream.next_out = out->data + out->used;
		stream.avail_out = out->size - out->used;
		result = lzma_code(&stream, LZMA_FINISH);
		out->used = out->size - stream.avail_out;
		if (result == LZMA_MEM_ERROR || result == LZMA_MEMLIMIT_ERROR) {
			rc = vl_error_set(error, -ENOMEM,
					  "the xz data need more memory to "
					  "unpack than there is or is allowed");
		} else if (result != LZMA_OK && result != LZMA_STREAM_END) {
			rc = damaged(error, "xz");
		}
	}
	lzma_end(&stream);
	return rc;
}

static int zstd_decode(struct input in, struct output *out, struct vl_error *error)
{
	ZSTD_inBuffer from = { in.data, in.size, 0 };
	ZSTD_DStream *stream = ZSTD_createDStream();
	size_t before, read_before, left;
	int rc = 0;

	if (!stream ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		ZSTD_freeDStream(stream);
		return vl_error_set(error, -ENOMEM, "not enough memory");
	}
	do {
		rc = output_grow(out, error);
		if (rc) {
			break;
		}
		ZSTD_outBuffer to = { out->data, out->size, out->used };

		before = out->used;
		read_before = from.pos;
		left = ZSTD_decompressStream(stream, &to, &from);
		out->used = to.pos;
		if (ZSTD_isError(left)) {
			rc = vl_error_set(error, -EINVAL, "the zstd data are damaged: %s",
					  ZSTD_getErrorName(left));
		} else if (left != 0 && out->used == before && from.pos == read_before) {
			rc = damaged(error, "zstd");
		}
	} while (!rc && left != 0);
	ZSTD_freeDStream(stream);
	return rc;
}

static uint32_t read_le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Unpack one block through a buffer of the largest size that it may have. */
static int lz4_block(struct input in, char *block, struct output *out, struct vl_error *error)
{
	int written;
	size_t step, left, done = 0;
	int rc;

	written =
		LZ4_decompress_safe((const char *)in.data, block, (int)in.size, (int)LZ4_BLOCK_MAX);
	if (written < 0) {
		return damaged(error, "lz4");
	}
	for (left = (size_t)written; left > 0; left -= step) {
		rc = output_grow(out, error);
		if (rc) {
			return rc;
		}
		step = out->size - out->used;
		step = step < left ? step : left;
		memcpy(out->data + out->used, block + done, step);
		out->used += step;
		done += step;
	}
	return out->used > out->limit ? too_big(error, out) : 0;
}

static int lz4_decode(struct input in, struct output *out, struct vl_error *error)
{
	char *block = malloc(LZ4_BLOCK_MAX);
	size_t block_size;
	int rc = 0;

	if (!block) {
		return vl_error_set(error, -ENOMEM, "not enough memory");
	}
	in.data += LZ4_MAGIC_SIZE;
	in.size -= LZ4_MAGIC_SIZE;
	while (!rc && in.size > 0) {
		block_size = in.size < 4 ? 0 : read_le32(in.data);
		if (block_size == 0 || block_size > in.size - 4 ||
		    block_size > (size_t)LZ4_COMPRESSBOUND(LZ4_BLOCK_MAX)) {
			rc = damaged(error, "lz4");
			break;
		}
		rc = lz4_block((struct input){ in.data + 4, block_size }, block, out, error);
		in.data += 4 + block_size;
		in.size -= 4 + block_size;
	}
	free(block);
	return rc;
}

static const struct decompressor formats[] = {
	{ "gzip", { 0x1f, 0x8b, 0x08 }, 3, gzip_decode },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0x00 }, 6, xz_decode },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_decode },
	{ "lz4", { 0x02, 0x21, 0x4c, 0x18 }, 4, lz4_decode },
};

static const struct decompressor unsupported[] = {
	{ "bzip2", { 'B', 'Z', 'h' }, 3, NULL },
	{ "lzma", { 0x5d, 0x00, 0x00 }, 3, NULL },
	{ "lzo", { 0x89, 'L', 'Z', 'O' }, 4, NULL },
	{ "lz4 (current frame format)", { 0x04, 0x22, 0x4d, 0x18 }, 4, NULL },
};

static const struct decompressor *find(const struct decompressor *table, size_t count,
				       const void *data, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		if (size >= table[i].magic_size &&
		    memcmp(data, table[i].magic, table[i].magic_size) == 0) {
			return &table[i];
		}
	}
	return NULL;
}

const struct decompressor *decompress_detect(const void *data, size_t size)
{
	return find(formats, LENGTH_OF(formats), data, size);
}

const char *decompress_unsupported(const void *data, size_t size)
{
	const struct decompressor *format = find(unsupported, LENGTH_OF(unsupported), data, size);

	return format ? format->name : NULL;
}

const char *decompress_name(const struct decompressor *format)
{
	return format->name;
}

int decompress(const struct decompressor *format, const void *data, size_t size, size_t limit,
	       void **out, size_t *out_size, struct vl_error *error)
{
	struct output output = { .limit = limit };
	struct input input = { data, size };
	int rc;

	/* One spare byte beyond the limit must not overflow. */
	if (limit > SIZE_MAX / 2) {
		output.limit = SIZE_MAX / 2;
	}
	rc = format->decode(input, &output, error);
	if (!rc && output.used > output.limit) {
		rc = too_big(error, &output);
	}
	if (rc) {
		free(output.data);
		return rc;
	}
	*out = output.data;
	*out_size = output.used;
	return 0;
}

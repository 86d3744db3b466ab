/* SPDX-License-Identifier: MIT */
/* Packers for test data; see pack.h. */
#include "pack.h"

#include <lz4.h>
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define LZ4_BLOCK ((size_t)8 << 20)

static void need(int good)
{
	if (!good) {
		abort();
	}
}

static struct bytes make(size_t size)
{
	struct bytes bytes = { malloc(size ? size : 1), size };

	need(bytes.data != NULL);
	return bytes;
}

struct bytes bytes_pattern(size_t size)
{
	struct bytes bytes = make(size);
	uint32_t state = 12345;

	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes.data[i] =
			i % 64 < 40 ? (unsigned char)(i / 64) : (unsigned char)(state >> 24);
	}
	return bytes;
}

struct bytes bytes_copy(struct bytes from, size_t size)
{
	struct bytes bytes = { malloc(size), size };

	memcpy(bytes.data, from.data, size);
	return bytes;
}

struct bytes bytes_join(struct bytes a, struct bytes b)
{
	struct bytes bytes = make(a.size + b.size);

	memcpy(bytes.data, a.data, a.size);
	memcpy(bytes.data + a.size, b.data, b.size);
	return bytes;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}

static struct bytes pack_gzip(struct bytes plain)
{
	z_stream stream = { 0 };
	struct bytes out = make(plain.size + 1024);

	need(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	stream.next_in = plain.data;
	stream.avail_in = (unsigned int)plain.size;
	stream.next_out = out.data;
	stream.avail_out = (unsigned int)out.size;
	need(deflate(&stream, Z_FINISH) == Z_STREAM_END);
	out.size = stream.total_out;
	deflateEnd(&stream);
	return out;
}

static struct bytes pack_xz(struct bytes plain)
{
	struct bytes out = make(lzma_stream_buffer_bound(plain.size));
	size_t used = 0;

	need(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, plain.data, plain.size, out.data,
				     &used, out.size) == LZMA_OK);
	out.size = used;
	return out;
}

static struct bytes pack_zstd(struct bytes plain)
{
	struct bytes out = make(ZSTD_compressBound(plain.size));
	ZSTD_CCtx *context = ZSTD_createCCtx();

	need(context != NULL);
	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	out.size = ZSTD_compress2(context, out.data, out.size, plain.data, plain.size);
	need(!ZSTD_isError(out.size));
	ZSTD_freeCCtx(context);
	return out;
}

static void put_le32(unsigned char *to, uint32_t value)
{
	for (int i = 0; i < 4; i++) {
		to[i] = (unsigned char)(value >> (8 * i));
	}
}

static struct bytes pack_lz4(struct bytes plain)
{
	size_t blocks = plain.size / LZ4_BLOCK + 1, used = 4, step, done;
	struct bytes out = make(4 + blocks * (LZ4_COMPRESSBOUND(LZ4_BLOCK) + 4));
	int packed;

	put_le32(out.data, 0x184c2102);
	for (done = 0; done < plain.size; done += step) {
		step = plain.size - done;
		step = step < LZ4_BLOCK ? step : LZ4_BLOCK;
		packed =
			LZ4_compress_default((char *)plain.data + done, (char *)out.data + used + 4,
					     (int)step, LZ4_COMPRESSBOUND(LZ4_BLOCK));
		need(packed > 0);
		put_le32(out.data + used, (uint32_t)packed);
		used += 4 + (size_t)packed;
	}
	out.size = used;
	return out;
}

const struct pack_method pack_methods[] = {
	{ "gzip", pack_gzip }, { "xz", pack_xz }, { "zstd", pack_zstd },
	{ "lz4", pack_lz4 },   { NULL, NULL },
};

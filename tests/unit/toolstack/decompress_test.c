/* SPDX-License-Identifier: MIT */
/*
 * Every format at sizes round the output buffer's steps, at and one below the
 * limit, cut at every length, and with every bit of a small stream flipped.
 */
#include "libvellum/decompress.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

#define MIB ((size_t)1 << 20)

static int unpack(struct bytes packed, size_t limit, struct bytes *out)
{
	const struct decompressor *format = decompress_detect(packed.data, packed.size);
	struct vl_error error = { "" };
	void *data = NULL;
	int rc;

	*out = (struct bytes){ 0 };
	if (!format) {
		return -ENOTSUP;
	}
	rc = decompress(format, packed.data, packed.size, limit, &data, &out->size, &error);
	out->data = data;
	/* A failure has a sentence and leaves nothing to free. */
	CU_ASSERT(rc == 0 || (error.text[0] != '\0' && data == NULL));
	return rc;
}

static int same(struct bytes a, struct bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void round_trip(void)
{
	static const size_t sizes[] = { 1,	 4096,	  MIB - 1,     MIB,	MIB + 1,
					3 * MIB, 8 * MIB, 8 * MIB + 1, 17 * MIB };
	struct bytes plain, packed, out;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			plain = bytes_pattern(sizes[i]);
			packed = m->pack(plain);
			CU_ASSERT_STRING_EQUAL(
				decompress_name(decompress_detect(packed.data, packed.size)),
				m->name);
			CU_ASSERT_EQUAL(unpack(packed, 64 * MIB, &out), 0);
			CU_ASSERT(same(plain, out));
			bytes_free(&plain);
			bytes_free(&packed);
			bytes_free(&out);
		}
	}
}

static void limit(void)
{
	static const size_t sizes[] = { 1000, MIB, 8 * MIB };
	struct bytes plain, packed, out;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			plain = bytes_pattern(sizes[i]);
			packed = m->pack(plain);
			CU_ASSERT_EQUAL(unpack(packed, sizes[i], &out), 0);
			bytes_free(&out);
			CU_ASSERT_EQUAL(unpack(packed, sizes[i] - 1, &out), -EFBIG);
			CU_ASSERT_EQUAL(unpack(packed, 0, &out), -EFBIG);
			bytes_free(&plain);
			bytes_free(&packed);
		}
	}
}

/* Bytes behind the end: ignored by all formats that know their end. */
static void trailing(void)
{
	struct bytes plain = bytes_pattern(5000), tail = bytes_pattern(9);
	struct bytes packed, longer, out;
	int rc;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		packed = m->pack(plain);
		longer = bytes_join(packed, tail);
		rc = unpack(longer, MIB, &out);
		if (strcmp(m->name, "lz4") == 0) {
			CU_ASSERT_EQUAL(rc, -EINVAL);
		} else {
			CU_ASSERT_EQUAL(rc, 0);
			CU_ASSERT(same(plain, out));
		}
		bytes_free(&packed);
		bytes_free(&longer);
		bytes_free(&out);
	}
	bytes_free(&plain);
	bytes_free(&tail);
}

static void truncated(void)
{
	struct bytes plain = bytes_pattern(3000), packed, part, out;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		packed = m->pack(plain);
		for (size_t size = 0; size < packed.size; size++) {
			part = bytes_copy(packed, size);
			/* A legacy LZ4 frame may end after any block, so
			 * its bare magic number is an empty file. */
			if (unpack(part, MIB, &out) == 0) {
				CU_ASSERT_STRING_EQUAL(m->name, "lz4");
				CU_ASSERT_EQUAL(size, 4);
				CU_ASSERT_EQUAL(out.size, 0);
			}
			bytes_free(&part);
			bytes_free(&out);
		}
		bytes_free(&packed);
	}
	bytes_free(&plain);
}

/* The three formats with a checksum never return other data than went in. */
static void corrupt(void)
{
	struct bytes plain = bytes_pattern(150), packed, out;
	int changed;

	for (const struct pack_method *m = pack_methods; m->name; m++) {
		packed = m->pack(plain);
		changed = 0;
		for (size_t bit = 0; bit < packed.size * 8; bit++) {
			packed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (unpack(packed, MIB, &out) == 0) {
				changed += !same(plain, out);
			}
			bytes_free(&out);
			packed.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		CU_ASSERT(changed == 0 || strcmp(m->name, "lz4") == 0);
		bytes_free(&packed);
	}
	bytes_free(&plain);
}

static void unknown(void)
{
	static const char bzip2[] = "BZh91AY";
	static const char text[] = "plain text";

	CU_ASSERT_PTR_NULL(decompress_detect(text, sizeof(text)));
	CU_ASSERT_PTR_NULL(decompress_detect(bzip2, sizeof(bzip2)));
	CU_ASSERT_PTR_NULL(decompress_detect("", 0));
	CU_ASSERT_PTR_NULL(decompress_unsupported(text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(decompress_unsupported(bzip2, sizeof(bzip2)), "bzip2");
}

CU_TestInfo decompress_tests[] = {
	{ "round trip at many sizes", round_trip },
	{ "output limit is exact", limit },
	{ "bytes behind the end", trailing },
	{ "cut at every length", truncated },
	{ "every bit flipped", corrupt },
	{ "unknown formats", unknown },
	CU_TEST_INFO_NULL,
};

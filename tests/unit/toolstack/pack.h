/* SPDX-License-Identifier: MIT */
/*
 * Compressed test data, made with the libraries that the code under test reads
 * them with. All functions abort on failure: they are not what is tested.
 */
#ifndef TESTS_PACK_H
#define TESTS_PACK_H

#include <stddef.h>

struct bytes {
	unsigned char *data;
	size_t size;
};

/** One way to pack; pack_methods ends in a null name. */
struct pack_method {
	const char *name;
	struct bytes (*pack)(struct bytes plain);
};
extern const struct pack_method pack_methods[];

/** size bytes that compress somewhat, the same every time. */
struct bytes bytes_pattern(size_t size);

/** A malloc'd copy of the first size bytes, so that ASan sees its end. */
struct bytes bytes_copy(struct bytes from, size_t size);
struct bytes bytes_join(struct bytes a, struct bytes b);
void bytes_free(struct bytes *bytes);

#endif

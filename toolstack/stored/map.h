/* SPDX-License-Identifier: MIT */
/*
 * A hash table from strings to whatever embeds a struct map_link. It owns only
 * its buckets; the key belongs to the entry. Hashes are keyed with a random
 * number, so that nobody outside can choose names that collide. A hash can be
 * carried on from a prefix of a path to the next, which makes looking up all
 * prefixes of a path as cheap as one pass over it.
 */
#ifndef STORED_MAP_H
#define STORED_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_link {
	struct map_link *next;
	uint64_t hash;
	const char *key; /* size bytes; no zero byte is needed */
	size_t size;
};

struct map {
	struct map_link **buckets;
	size_t bucket_count; /* 0, or a power of two */
	size_t count;
};

/** The hash of no bytes at all: where map_hash() starts. */
uint64_t map_hash_start(void);
/** Carries a hash on over some more bytes. */
uint64_t map_hash(uint64_t hash, const char *bytes, size_t size);
struct map_link *map_find(const struct map *map, uint64_t hash, const char *key, size_t size);
/** Adds an entry whose key, size and hash are set. -ENOMEM: it is not added. */
int map_add(struct map *map, struct map_link *link);
void map_remove(struct map *map, struct map_link *link);
/** Frees the buckets; entries are the caller's. */
void map_free(struct map *map);

#endif

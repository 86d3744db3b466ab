/* SPDX-License-Identifier: MIT */
/*
 * Chained hash table with buckets that double; see map.h. Called by watch.c
 * and tx.c. Never frees entries.
 */
#include "stored/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 16

uint64_t map_hash_start(void)
{
	static uint64_t key;

	/* One key for the process; without random bytes a fixed one still works. */
	if (!key && getrandom(&key, sizeof(key), GRND_NONBLOCK) != (ssize_t)sizeof(key)) {
		key = 0x9e3779b97f4a7c15u;
	}
	return key | 1;
}

uint64_t map_hash(uint64_t hash, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		hash = (hash ^ (unsigned char)bytes[i]) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 29;
	}
	return hash;
}

static struct map_link **bucket(const struct map *map, uint64_t hash)
{
	return &map->buckets[(hash >> 7) & (map->bucket_count - 1)];
}

struct map_link *map_find(const struct map *map, uint64_t hash, const char *key, size_t size)
{
	struct map_link *link;

	if (!map->bucket_count) {
		return NULL;
	}
	for (link = *bucket(map, hash); link; link = link->next) {
		if (link->hash == hash && link->size == size && memcmp(link->key, key, size) == 0) {
			return link;
		}
	}
	return NULL;
}

static int grow(struct map *map)
{
	struct map old = *map;
	size_t count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
	struct map_link **buckets = calloc(count, sizeof(struct map_link *)), *link;

	if (!buckets) {
		return -ENOMEM;
	}
	map->buckets = buckets;
	map->bucket_count = count;
	for (size_t i = 0; i < old.bucket_count; i++) {
		while ((link = old.buckets[i])) {
			old.buckets[i] = link->next;
			link->next = *bucket(map, link->hash);
			*bucket(map, link->hash) = link;
		}
	}
	free(old.buckets);
	return 0;
}

int map_add(struct map *map, struct map_link *link)
{
	struct map_link **head;

	/* A table that cannot grow only becomes slower. */
	if (map->count >= map->bucket_count && grow(map) && !map->bucket_count) {
		return -ENOMEM;
	}
	head = bucket(map, link->hash);
	link->next = *head;
	*head = link;
	map->count++;
	return 0;
}

void map_remove(struct map *map, struct map_link *link)
{
	struct map_link **at = bucket(map, link->hash);

	while (*at != link) {
		at = &(*at)->next;
	}
	*at = link->next;
	map->count--;
}

void map_free(struct map *map)
{
	free(map->buckets);
	*map = (struct map){ 0 };
}

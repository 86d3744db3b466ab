/* SPDX-License-Identifier: MIT */
/*
 * How much output a guest may still have taken from it: a bucket of bytes that
 * fills at a rate.  A guest that is out of it finds its ring full, and so waits
 * by itself; the other guests and the disk do not notice.  Times are
 * milliseconds of any clock that does not go back.
 */
#ifndef VLD_THROTTLE_H
#define VLD_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throttle {
	uint64_t burst; /* bytes it holds */
	uint64_t rate;	/* bytes in a second */
	uint64_t level; /* thousandths of a byte */
	uint64_t last;	/* when it was filled */
	uint64_t waits; /* how often it was empty */
};

static inline void throttle_init(struct throttle *t, uint64_t burst, uint64_t rate, uint64_t now)
{
	*t = (struct throttle){ .burst = burst, .rate = rate, .level = burst * 1000, .last = now };
}

/** Bytes that may be taken now. */
static inline size_t throttle_allows(struct throttle *t, uint64_t now)
{
	uint64_t passed = now - t->last;
	uint64_t full = t->burst * 1000;

	if (now > t->last) {
		/* No more than fills it, so that the product stays small. */
		if (t->rate > 0 && passed > full / t->rate) {
			t->level = full;
		} else {
			t->level += passed * t->rate;
		}
		t->last = now;
		if (t->level > full) {
			t->level = full;
		}
	}
	return t->level / 1000;
}

static inline void throttle_take(struct throttle *t, size_t bytes)
{
	uint64_t cost = (uint64_t)bytes * 1000;

	t->level = cost < t->level ? t->level - cost : 0;
}

#endif

/* SPDX-License-Identifier: MIT */
/* Small things that every part of the toolstack needs, each written once. */
#ifndef LIBVELLUM_COMMON_H
#define LIBVELLUM_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define VL_UUID_SIZE 37 /* as text, with the zero */

/** "00112233-4455-6677-8899-aabbccddeeff" */
static inline void vl_uuid_text(const uint8_t uuid[16], char text[VL_UUID_SIZE])
{
	for (unsigned int i = 0; i < 16; i++) {
		text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
				uuid[i]);
	}
}

/** Milliseconds of a clock that nobody sets. */
static inline int64_t vl_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif

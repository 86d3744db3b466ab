/* SPDX-License-Identifier: MIT */
/*
 * Memory and string functions of the core.  Everybody calls them, and so does
 * the compiler for copies of structures.  They own no data and take no lock.
 * Copies go by 64-bit words: x86 takes unaligned ones, and no vector register
 * may be touched here since they all hold a guest's state.  The host test
 * build uses libc's.
 */
#include <hv/string.h>

#ifndef VELLUM_HOST

/* Any alignment, and an exception to the aliasing rules. */
typedef uint64_t word_t __attribute__((may_alias, aligned(1)));

#define WORD sizeof(word_t)
#define ROW 8 /* words */

/*
 * The barrier in each loop keeps the compiler from recognising the loop as the
 * very function that it implements and calling that.
 */
void *memmove(void *dst, const void *src, size_t n)
{
	const uint8_t *s = src;
	uint8_t *d = dst;

	/* Wraps to a large number if dst lies below src: copy up then. */
	if ((uintptr_t)dst - (uintptr_t)src < n) {
		for (; n > 0; n--) {
			d[n - 1] = s[n - 1];
			barrier();
		}
		return dst;
	}
	for (; n >= WORD; n -= WORD) {
		*(word_t *)d = *(const word_t *)s;
		d += WORD;
		s += WORD;
		barrier();
	}
	for (; n > 0; n--) {
		*d++ = *s++;
		barrier();
	}
	return dst;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	return memmove(dst, src, n);
}

void *memset(void *dst, int c, size_t n)
{
	word_t word = (uint8_t)c * 0x0101010101010101ull;
	uint8_t *d = dst;

	/* Rows of words for what takes long: the frames of a new domain. */
	for (; n >= ROW * WORD; n -= ROW * WORD) {
		word_t *w = (word_t *)d;

		w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = word;
		d += ROW * WORD;
		barrier();
	}
	for (; n >= WORD; n -= WORD) {
		*(word_t *)d = word;
		d += WORD;
		barrier();
	}
	for (; n > 0; n--) {
		*d++ = (uint8_t)c;
		barrier();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i]) {
			return (int)x[i] - (int)y[i];
		}
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0') {
		n++;
		barrier();
	}
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b || *a == '\0') {
			return (int)(uint8_t)*a - (int)(uint8_t)*b;
		}
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++) {
		if (*s == '\0') {
			return NULL;
		}
	}
	return (char *)(uintptr_t)s;
}

#endif /* !VELLUM_HOST */

/* SPDX-License-Identifier: MIT */
/*
 * String functions of the core, and memcmp(); what fills and copies memory is in
 * entry.S, by the processor's own instructions, since no vector register may be
 * touched: they all hold a guest's state.  Everybody calls them.  They own no
 * data and take no lock.  The host test build uses libc's.
 */
#include <hv/string.h>

#ifndef VELLUM_HOST

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

/* The barrier keeps the compiler from making a call of strlen() of it. */
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

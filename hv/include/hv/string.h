/* SPDX-License-Identifier: MIT */
/*
 * The few freestanding memory and string functions the core needs, with
 * their standard meaning.  The host test build takes libc's.
 */
#ifndef HV_STRING_H
#define HV_STRING_H

#ifdef VELLUM_HOST
#include <string.h>
#include <stdlib.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Fails one allocation: the linker puts these in front of malloc(), calloc(),
 * realloc(), reallocarray(), strdup() and strndup() wherever libvellum or a test calls them.
 *
 *     for (unsigned int n = 1; ; n++) {
 *             fake_alloc_fail_at(n);
 *             rc = the_function();
 *             if (!fake_alloc_failed()) break;      it made fewer than n
 *             rc must be -ENOMEM, nothing may leak
 *     }
 */
#ifndef TESTS_FAKE_ALLOC_H
#define TESTS_FAKE_ALLOC_H

#include <stdbool.h>

/** The n-th from now on fails; 0: none. */
void fake_alloc_fail_at(unsigned int n);
/** True if one has failed since; from here on none does. */
bool fake_alloc_failed(void);

#endif

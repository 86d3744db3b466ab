/* SPDX-License-Identifier: MIT */
/*
 * A store in memory behind libvellum/store.h: one tree for all handles,
 * permissions that are kept but not enforced, transactions that meet every other
 * write, watches, and a hook by which a test plays the drivers.  One thread.
 *
 *     fake_store_install(true);        vl_store_*() work on it from now on
 *     fake_store_reset();
 *     ...
 *     fake_store_install(false);       and on the real one again
 */
#ifndef TESTS_FAKES_FAKE_STORE_H
#define TESTS_FAKES_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void fake_store_install(bool install);
bool fake_store_installed(void);
/** Forgets everything; handles must be closed. */
void fake_store_reset(void);
/** The value as a string, or null; valid until the next write. */
const char *fake_store_get(const char *path);
void fake_store_set(const char *path, const char *value);
void fake_store_remove(const char *path);
/** "n0r5": owner and others first, as xenstore-ls -p writes it; "" if there is no such node. */
const char *fake_store_perms(const char *path);
/** How many nodes there are. */
size_t fake_store_count(void);
/** Nodes, one "path = value" a line, malloc'd: for comparing and for looking at. */
char *fake_store_dump(void);
/** Handles, watches and transactions that are open. */
size_t fake_store_open(void);
/** Called after each committed change of a path; may call the functions above. */
void fake_store_hook(void (*hook)(const char *path));
/** The next so many commits meet another transaction. */
void fake_store_conflict(unsigned int times);
/** The n-th call from now on fails with -EIO; 0: none. */
void fake_store_fail_at(unsigned int n);
/** True if one has failed since; from here on none does. */
bool fake_store_failed(void);
bool fake_store_introduced(uint16_t domid);

#endif

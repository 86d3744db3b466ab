/* SPDX-License-Identifier: MIT */
/*
 * What the tests of guests share: a folder of their own, configurations from
 * xl's syntax, and the two backend drivers, which act when the store changes.
 */
#ifndef TESTS_GUEST_HELP_H
#define TESTS_GUEST_HELP_H

#include <stdbool.h>
#include <stddef.h>

#include "fake_ctl.h"
#include "libvellum/config.h"
#include "libvellum/guest.h"

#define GUEST_UUID "11223344-5566-7788-99aa-bbccddeeff00"

enum drivers {
	DRIVERS_WORK,
	DRIVERS_ABSENT, /* no module is loaded */
	DRIVERS_REFUSE, /* they take no device */
	DRIVERS_STUCK	/* they never let go of one */
};

/** Do loop devices, does a network of our own, with a bridge vlbr0 of MTU 1400, work? If not, says so once in each test. */
bool machine_has_loops(void);
bool machine_has_network(void);
/** A bridge more; 0, or a negative errno. */
int machine_bridge(const char *name, bool add);

/* For each test. */
void guest_setup(void);
void guest_teardown(void);
/** Looks at the machine before the first of these suites. */
int guest_suite(void);

extern struct fake_ctl *core;
extern struct vl_host host;
extern struct vl_error error;
/** The folder of this test; host.root. */
extern char folder[64];
extern enum drivers drivers;

/** FOLDER/NAME; valid until the fourth call after it. */
const char *in_folder(const char *name);
/** A file of that size; its path. */
const char *make_file(const char *name, size_t size);
/** A kernel that the builder takes; its path. */
const char *make_kernel(void);
/** A script of that text; its path. */
const char *make_script(const char *name, const char *text);
/** The text of a file, malloc'd, or null. */
char *read_text(const char *path);

/** A configuration in xl's syntax; %s in it are the given paths. */
__attribute__((format(printf, 1, 2))) struct vl_config *parse(const char *text, ...);
/** A guest with next to nothing, and one with all there is, of the UUID GUEST_UUID. */
struct vl_config *small_guest(const char *name);
struct vl_config *large_guest(void);
/** Tests that there is nothing of a guest, one that had number 1 or that UUID above all. */
void no_guest_left(void);
/** Loop devices of files in our folder. */
unsigned int loops(void);
/** Files below the folder, without those that tests made by make_file(). */
unsigned int files_left(void);
/** Domains but the control domain. */
unsigned int domains(void);
/** Open descriptors of this process. */
unsigned int descriptors(void);

#define HAS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))
/* What a node of the store holds. */
#define IS(path, text) \
	CU_ASSERT_STRING_EQUAL(fake_store_get(path) ? fake_store_get(path) : "(none)", text)

#endif

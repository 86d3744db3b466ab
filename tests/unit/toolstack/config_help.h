/* SPDX-License-Identifier: MIT */
/*
 * For the tests of configurations: parsing that must succeed or must fail with a
 * known sentence, comparison of whole structures, and random ones.
 */
#ifndef TESTS_CONFIG_HELP_H
#define TESTS_CONFIG_HELP_H

#include "libvellum/config.h"

/** What every configuration needs; put before what a test is about. */
#define CONFIG_BASE "name=\"g\"\nkernel=\"/k\"\n"

/** The configuration of a text, "x.cfg" by name; null after a failed assertion. */
struct vl_config *config_good(const char *text);
/** The same, and all warnings, a line each, must be these. */
struct vl_config *config_warned(const char *text, const char *warnings);
/** How many of them are about something else than a value that nothing is done with. */
size_t config_other_warnings(const struct vl_warnings *warnings);
/** The text must be refused with this sentence. */
void config_refused(const char *text, const char *sentence);
/** The first difference by its name; null if there is none. */
const char *config_difference(const struct vl_config *one, const struct vl_config *two);
/** One that vl_config_parse() could have given; the same for the same seed. */
struct vl_config *config_random(uint64_t seed);

#endif

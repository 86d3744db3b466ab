/* SPDX-License-Identifier: MIT */
/*
 * vld's own messages: one line each, to stderr or to a file with a time stamp.
 * What only costs a console or a guest is said here and the work goes on.
 */
#ifndef VLD_SAY_H
#define VLD_SAY_H

/** Messages go to this file from now on; 0 or a negative errno. */
int say_open(const char *path);
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

#endif

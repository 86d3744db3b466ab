/* SPDX-License-Identifier: MIT */
/* The terminal on a guest's console: for "vl console" and "vl create -c". */
#ifndef VL_CONSOLE_H
#define VL_CONSOLE_H

#define CONSOLE_ESCAPE 0x1d /* ^] */

/** Until it is detached or the guest has ended; returns an exit code. */
int console_attach(const char *guest, int escape);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Puts the terminal into raw mode while it shows a guest's console, and back
 * however that ends: the guest, not this terminal, edits lines and shows what is
 * typed.
 */
#include "console.h"

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "libvellum/vld_client.h"

int console_attach(const char *guest, int escape)
{
	struct termios cooked, raw;
	struct vl_error error;
	bool terminal = tcgetattr(STDIN_FILENO, &cooked) == 0;
	int rc;

	fflush(stdout);
	if (terminal) {
		raw = cooked;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	rc = vl_vld_console(guest, STDIN_FILENO, STDOUT_FILENO, escape, true, &error);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
		fputc('\n', stderr);
	}
	return rc < 0 ? cli_fail("%s", error.text) : CLI_OK;
}

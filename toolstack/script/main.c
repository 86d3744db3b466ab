/* SPDX-License-Identifier: MIT */
/*
 * vl-script: runs one script of the user for vld, whose sandbox scripts cannot
 * work in.  systemd starts it for each connection to vellum-script.socket, which is
 * its standard input; see libvellum/script_run.h.  Exit code 0: the request was
 * answered, however the script ended; 1: there was none, one sentence on stderr.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libvellum/script_run.h"

int main(void)
{
	int rc = script_serve(STDIN_FILENO);

	if (rc) {
		fprintf(stderr, "vl-script: no valid request on standard input: %s\n",
			strerror(-rc));
		return 1;
	}
	return 0;
}

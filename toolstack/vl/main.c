/* SPDX-License-Identifier: MIT */
/* The program vl: cli_run() by itself, so that tests can call that. */
#include "cli.h"

int main(int argc, char **argv)
{
	return cli_run(argc, argv);
}

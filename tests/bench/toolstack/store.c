/* SPDX-License-Identifier: MIT */
/*
 * Operations of 1, 8 and 64 clients of the control domain's store daemon,
 * whichever it is:
 *
 *   bench-store cost|rate ROUNDS
 *   ROW store-LOAD-CLIENTS NS                   cost: of an operation
 *   ROW store-LOAD-CLIENTS-per-second NUMBER    rate
 *   ROW store-LOAD-CLIENTS-refused PERCENT      of those that were done
 *
 * ROUNDS operations of each load are shared by the clients. Where the machine
 * counts instructions a nanosecond is one: of client, kernel, daemon and
 * hypervisor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../store_client.h"

void die(const char *text)
{
	printf("MISSING store: %s\n", text);
	exit(1);
}

static void print(enum load load, unsigned int clients, const struct load_result *result, bool rate)
{
	double count = (double)result->operations;

	if (rate) {
		printf("ROW store-%s-%u-per-second %.0f\n", load_names[load], clients,
		       count * 1e9 / result->ns);
	} else {
		printf("ROW store-%s-%u %.0f\n", load_names[load], clients, result->ns / count);
	}
	if (load == LOAD_TOGETHER) {
		printf("ROW store-%s-%u-refused %.1f\n", load_names[load], clients,
		       100 * (double)result->aborted / count);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct load_result result;
	unsigned long rounds;

	if (argc != 3 || (rounds = strtoul(argv[2], NULL, 10)) < CLIENTS_MAX) {
		fputs("usage: bench-store cost|rate ROUNDS (64 or more)\n", stderr);
		return 2;
	}
	for (int load = 0; load < LOAD_COUNT; load++) {
		for (unsigned int clients = 1; clients <= CLIENTS_MAX; clients *= 8) {
			/* The first time warms caches and, in an emulator, translated code. */
			load_run(VL_STORE_SOCKET, (enum load)load, clients, 2);
			result = load_run(VL_STORE_SOCKET, (enum load)load, clients,
					  rounds / clients);
			print((enum load)load, clients, &result, strcmp(argv[1], "rate") == 0);
		}
	}
	return 0;
}

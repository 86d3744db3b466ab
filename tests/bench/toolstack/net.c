/* SPDX-License-Identifier: MIT */
/*
 * What TCP costs between two domains:
 *
 *   net serve PORT                         in the guest, for ever
 *   net ask ADDRESS PORT LABEL ROUNDS MIB  in the control domain
 *   NET LABEL round_trip NS send NS receive NS
 *
 * Nanoseconds for one byte there and back, and for each MiB to the server and
 * from it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)

static char buffer[MIB / 4];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void write_all(int fd, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, buffer, count < sizeof(buffer) ? count : sizeof(buffer));

		if (n <= 0) {
			fail("write");
		}
		count -= (size_t)n;
	}
}

static void read_all(int fd, size_t count)
{
	while (count > 0) {
		ssize_t n = read(fd, buffer, count < sizeof(buffer) ? count : sizeof(buffer));

		if (n <= 0) {
			fail("read");
		}
		count -= (size_t)n;
	}
}

/* What the client wants: how many bytes there, and how many back, how often. */
struct order {
	uint32_t rounds, there, back;
};

static void serve_one(int fd)
{
	struct order order;

	while (recv(fd, &order, sizeof(order), MSG_WAITALL) == sizeof(order)) {
		for (uint32_t i = 0; i < order.rounds; i++) {
			read_all(fd, order.there);
			write_all(fd, order.back);
		}
	}
}

static int64_t run(int fd, uint32_t rounds, uint32_t there, uint32_t back)
{
	struct order order = { rounds, there, back };
	int64_t begin = now();

	if (write(fd, &order, sizeof(order)) != sizeof(order)) {
		fail("write");
	}
	for (uint32_t i = 0; i < rounds; i++) {
		write_all(fd, there);
		read_all(fd, back);
	}
	return now() - begin;
}

static void serve(int fd)
{
	int one = 1;

	if (listen(fd, 8) != 0) {
		fail("listen");
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0) {
			fail("accept");
		}
		setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		serve_one(client);
		close(client);
	}
}

int main(int argc, char **argv)
{
	int is_server = argc == 3 && strcmp(argv[1], "serve") == 0;
	struct sockaddr_in to = { .sin_family = AF_INET };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	uint32_t rounds, mib;
	int64_t round_trip, there;

	if (fd < 0 || (!is_server && (argc != 7 || strcmp(argv[1], "ask") != 0))) {
		fputs("usage: net serve PORT | net ask ADDRESS PORT LABEL ROUNDS MIB\n", stderr);
		return 2;
	}
	to.sin_port = htons((uint16_t)atoi(argv[is_server ? 2 : 3]));
	if (is_server) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
			fail("bind");
		}
		serve(fd);
	}
	if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		fail("connect");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	rounds = (uint32_t)atoi(argv[5]);
	mib = (uint32_t)atoi(argv[6]);
	run(fd, 50, 1, 1);
	run(fd, 4, MIB, MIB);
	round_trip = run(fd, rounds, 1, 1);
	/* One byte back says that all has arrived. */
	there = run(fd, 1, mib * MIB, 1);
	printf("NET %s round_trip %lld send %lld receive %lld\n", argv[4],
	       (long long)round_trip / rounds, (long long)there / mib,
	       (long long)run(fd, 1, 1, mib * MIB) / mib);
	return 0;
}

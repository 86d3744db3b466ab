/* SPDX-License-Identifier: MIT */
/*
 * Scripts of the user, run here or by vl-script, and both ends of the connection
 * to that; see script_run.h.  Called by device_script.c and toolstack/script.  Both
 * ends run with the same rights: what a request names is run as it stands.
 */
#include "libvellum/script_run.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libvellum/common.h"
#include "libvellum/unix_socket.h"

#define REQUEST_SIZE 16384
#define ANSWER_SIZE (CHILD_LINE_SIZE + 16)
#define WORDS 64
#define MAX_LIMIT_MS 3600000
/* Beside the time that the script may take. */
#define GRACE_MS 20000

struct request {
	char text[REQUEST_SIZE];
	size_t size;
};

/* ---- Who asks ---- */

static bool put(struct request *request, const char *word)
{
	size_t size = strlen(word) + 1;

	if (size > sizeof(request->text) - request->size) {
		return false;
	}
	memcpy(request->text + request->size, word, size);
	request->size += size;
	return true;
}

static bool fill(struct request *request, char *const *argv, char *const *environment, int limit_ms)
{
	char limit[16];
	bool fits;

	snprintf(limit, sizeof(limit), "%d", limit_ms);
	request->size = 0;
	fits = put(request, limit);
	for (; fits && *argv; argv++) {
		fits = put(request, *argv);
	}
	fits = fits && put(request, "");
	for (; fits && *environment; environment++) {
		fits = put(request, *environment);
	}
	return fits;
}

static int send_all(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR) {
			return -errno;
		}
		text += sent > 0 ? sent : 0;
		size -= sent > 0 ? (size_t)sent : 0;
	}
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

/* Up to the end of the connection; the size, or a negative errno. */
static ssize_t receive(int fd, char *text, size_t room, int limit_ms)
{
	int64_t end = vl_now_ms() + limit_ms, left;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t size = 0;
	ssize_t got = 1;

	while (got) {
		left = end - vl_now_ms();
		if (left <= 0) {
			return -ETIMEDOUT;
		}
		if (poll(&ready, 1, (int)left) <= 0) {
			continue;
		}
		got = recv(fd, text + size, room - size, MSG_DONTWAIT);
		if (got < 0 && errno != EINTR && errno != EAGAIN) {
			return -errno;
		}
		size += got > 0 ? (size_t)got : 0;
		if (size == room) {
			return -EMSGSIZE;
		}
	}
	return (ssize_t)size;
}

static int ask(const char *path, const struct request *request, int limit_ms,
	       char answer[ANSWER_SIZE])
{
	int fd = unix_connect(path), rc;
	ssize_t size = 0;

	if (fd < 0) {
		return fd;
	}
	rc = send_all(fd, request->text, request->size);
	if (!rc) {
		size = receive(fd, answer, ANSWER_SIZE - 1, limit_ms + GRACE_MS);
		rc = size < 0 ? (int)size : 0;
	}
	close(fd);
	answer[rc ? 0 : size] = '\0';
	return rc;
}

__attribute__((format(printf, 2, 3))) static int nobody(char said[CHILD_LINE_SIZE],
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(said, CHILD_LINE_SIZE, format, args);
	va_end(args);
	return -ECOMM;
}

int script_run(char *const *argv, char *const *environment, int limit_ms,
	       char said[CHILD_LINE_SIZE])
{
	const char *path = secure_getenv("VL_SCRIPT_SOCKET");
	char answer[ANSWER_SIZE], *end;
	struct request request;
	long status;
	int rc;

	if (!path || !*path) {
		return child_run(argv, environment, limit_ms, said);
	}
	if (!fill(&request, argv, environment, limit_ms)) {
		return nobody(said, "its arguments are too long");
	}
	rc = ask(path, &request, limit_ms, answer);
	if (rc) {
		return nobody(said, "vellum-script.socket (%.100s): %s", path, strerror(-rc));
	}
	status = strtol(answer, &end, 10);
	if (end == answer || *end != ' ' || status < INT16_MIN || status > UINT16_MAX) {
		return nobody(said, "vl-script has not answered");
	}
	snprintf(said, CHILD_LINE_SIZE, "%s", end + 1);
	return (int)status;
}

/* ---- Who is asked ---- */

/* The next string, null at the end. */
static char *take(struct request *request, size_t *pos)
{
	char *word = request->text + *pos;

	if (*pos == request->size) {
		return NULL;
	}
	*pos += strlen(word) + 1; /* the last character is a zero */
	return word;
}

struct order {
	char *argv[WORDS + 1], *environment[WORDS + 1];
	int limit_ms;
};

/* The strings stay in the request. */
static bool understand(struct request *request, struct order *order)
{
	size_t pos = 0, args = 0, variables = 0;
	char *end, *word;
	long limit;

	if (!request->size || request->text[request->size - 1]) {
		return false;
	}
	word = take(request, &pos);
	limit = strtol(word, &end, 10);
	if (end == word || *end || limit <= 0 || limit > MAX_LIMIT_MS) {
		return false;
	}
	while ((word = take(request, &pos)) && *word && args < WORDS) {
		order->argv[args++] = word;
	}
	if (!word || *word || !args || *order->argv[0] != '/') {
		return false;
	}
	while ((word = take(request, &pos)) && variables < WORDS) {
		order->environment[variables++] = word;
	}
	order->argv[args] = order->environment[variables] = NULL;
	order->limit_ms = (int)limit;
	return !word;
}

int script_serve(int fd)
{
	char said[CHILD_LINE_SIZE] = "", answer[ANSWER_SIZE];
	struct request request;
	struct order order;
	struct ucred peer;
	socklen_t peer_size = sizeof(peer);
	ssize_t size;
	int rc;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) < 0) {
		return -errno;
	}
	if (peer.uid != geteuid()) {
		return -EPERM;
	}
	size = receive(fd, request.text, sizeof(request.text), GRACE_MS);
	if (size < 0) {
		return (int)size;
	}
	request.size = (size_t)size;
	if (!understand(&request, &order)) {
		return -EBADMSG;
	}
	rc = child_run(order.argv, order.environment, order.limit_ms, said);
	snprintf(answer, sizeof(answer), "%d %s", rc, said);
	/* Who has asked may have gone; the script has run. */
	send_all(fd, answer, strlen(answer));
	return 0;
}

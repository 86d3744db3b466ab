/* SPDX-License-Identifier: MIT */
/*
 * The connection of a client of the store: one request at a time, its reply
 * waited for; events that come meanwhile are kept in order for
 * vl_store_event(). Called by store.c. Never reconnects by itself: watches and
 * transactions would be lost without anybody knowing.
 *
 * The daemon is not trusted either: lengths and strings of what it sends are
 * checked before use.
 */
#include "libvellum/store_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libvellum/common.h"

struct event {
	STAILQ_ENTRY(event) next;
	char *path, *token;
};

struct vl_store {
	int fd;
	bool dead; /* a message was lost or made no sense: nothing that follows can be told */
	uint32_t req_id;
	STAILQ_HEAD(event_list, event) events;
	/* What has been read of the next message. */
	size_t have;
	char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
};

/* ---- Bytes and messages ------------------------------------------------------ */

int vl_store_open(struct vl_store **out, const char *path, struct vl_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct vl_store *store;
	int rc;

	if (!path) {
		path = getenv("XENSTORED_PATH");
	}
	if (!path) {
		path = VL_STORE_SOCKET;
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		return vl_error_set(error, -ENAMETOOLONG, "%.100s... is too long for a socket",
				    path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	store = calloc(1, sizeof(*store));
	if (!store) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	STAILQ_INIT(&store->events);
	store->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (store->fd < 0 ||
	    connect(store->fd, (const struct sockaddr *)&address, sizeof(address))) {
		rc = -errno;
		vl_store_close(store);
		return vl_error_set(error, rc, "the store cannot be reached at %s: %s", path,
				    strerror(-rc));
	}
	*out = store;
	return 0;
}

void vl_store_close(struct vl_store *store)
{
	struct event *event;

	if (!store) {
		return;
	}
	while ((event = STAILQ_FIRST(&store->events))) {
		STAILQ_REMOVE_HEAD(&store->events, next);
		free(event->path);
		free(event->token);
		free(event);
	}
	if (store->fd >= 0) {
		close(store->fd);
	}
	free(store);
}

int vl_store_fd(const struct vl_store *store)
{
	return store->fd;
}

int store_lost(struct vl_store *store, struct vl_error *error)
{
	store->dead = true;
	return vl_error_set(error, -ECONNRESET, "the connection to the store is lost");
}

static int send_all(struct vl_store *store, struct iovec *parts, unsigned int count,
		    struct vl_error *error)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	ssize_t size;

	while (message.msg_iovlen) {
		size = sendmsg(store->fd, &message, MSG_NOSIGNAL);
		if (size < 0 && errno == EINTR) {
			continue;
		}
		if (size < 0) {
			return store_lost(store, error);
		}
		while (message.msg_iovlen && (size_t)size >= message.msg_iov->iov_len) {
			size -= (ssize_t)message.msg_iov->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
		if (message.msg_iovlen) {
			message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + size;
			message.msg_iov->iov_len -= (size_t)size;
		}
	}
	return 0;
}

/* Waits for input until a moment; -1: for ever. 1: there is some, 0: the moment has come. */
static int wait_until(struct vl_store *store, int64_t moment, struct vl_error *error)
{
	struct pollfd poll_fd = { store->fd, POLLIN, 0 };
	int64_t left = moment < 0 ? -1 : moment - vl_now_ms();
	int rc = poll(&poll_fd, 1, moment < 0 ? -1 : left < 0 ? 0 : (int)left);

	if (rc < 0 && errno != EINTR) {
		return store_lost(store, error);
	}
	/* After a signal: look at the clock and wait on. */
	return rc < 0 ? wait_until(store, moment, error) : rc;
}

/* Reads the rest of a message: 1 it is whole, 0 the moment has come before. */
static int receive(struct vl_store *store, int64_t moment, struct xsd_sockmsg *head,
		   struct vl_error *error)
{
	size_t want = sizeof(*head);
	bool again = false; /* somebody has made the socket one that does not wait */
	ssize_t size;
	int rc;

	for (;;) {
		if (store->have >= sizeof(*head)) {
			memcpy(head, store->message, sizeof(*head));
			if (head->len > XENSTORE_PAYLOAD_MAX) {
				return store_lost(store, error);
			}
			want = sizeof(*head) + head->len;
			if (store->have == want) {
				store->message[want] = '\0';
				store->have = 0;
				return 1;
			}
		}
		/* Without a limit reading waits as well, in one call fewer. */
		rc = moment < 0 && !again ? 1 : wait_until(store, moment, error);
		if (rc <= 0) {
			return rc;
		}
		size = read(store->fd, store->message + store->have, want - store->have);
		again = size < 0 && errno == EAGAIN;
		if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) {
			return store_lost(store, error);
		}
		store->have += size > 0 ? (size_t)size : 0;
	}
}

static int keep_event(struct vl_store *store, const struct xsd_sockmsg *head,
		      struct vl_error *error)
{
	const char *path = store->message + sizeof(*head);
	size_t size = strlen(path) + 1;
	struct event *event;

	if (size >= head->len) {
		return store_lost(store, error);
	}
	event = calloc(1, sizeof(*event));
	if (event) {
		event->path = strdup(path);
		event->token = strdup(path + size);
	}
	if (!event || !event->path || !event->token) {
		if (event) {
			free(event->path);
			free(event->token);
			free(event);
		}
		/* An event that is gone would be waited for: better no connection. */
		store->dead = true;
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	STAILQ_INSERT_TAIL(&store->events, event, next);
	return 0;
}

/* ---- Requests ---------------------------------------------------------------- */

static int errno_of(const char *name)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++) {
		if (strcmp(name, xsd_errors[i].errstring) == 0) {
			return -xsd_errors[i].errnum;
		}
	}
	return -EIO;
}

static int refused(const struct store_request *request, const char *text, size_t size,
		   struct vl_error *error)
{
	size_t name_size = strlen(text) + 1;
	int rc = errno_of(text);

	/* vl-stored says behind the name which quota it was. */
	if (name_size < size && text[name_size]) {
		return vl_error_set(error, -EDQUOT, "%s %.100s: %.80s", request->what,
				    request->path, text + name_size);
	}
	return vl_error_set(error, rc, "%s %.160s: %s", request->what, request->path,
			    rc == -EAGAIN ? "another transaction was in the way" : strerror(-rc));
}

void store_add(struct store_request *request, const void *data, size_t size)
{
	request->parts[++request->count] =
		(struct iovec){ .iov_base = (void *)(uintptr_t)data, .iov_len = size };
}

void store_add_text(struct store_request *request, const char *text)
{
	store_add(request, text, strlen(text) + 1);
}

/* Sends a request and waits; the reply's payload is *data, valid until the next call. */
int store_talk(struct vl_store *store, struct store_request *request, const char **data,
	       size_t *size, struct vl_error *error)
{
	struct xsd_sockmsg head = { request->type, ++store->req_id, request->tx, 0 }, reply = { 0 };
	int rc;

	if (store->dead) {
		return store_lost(store, error);
	}
	for (unsigned int i = 1; i <= request->count; i++) {
		if (request->parts[i].iov_len > XENSTORE_PAYLOAD_MAX - head.len) {
			return vl_error_set(error, -E2BIG, "%s %.160s: more than %d bytes",
					    request->what, request->path, XENSTORE_PAYLOAD_MAX);
		}
		head.len += (uint32_t)request->parts[i].iov_len;
	}
	request->parts[0] = (struct iovec){ &head, sizeof(head) };
	rc = send_all(store, request->parts, request->count + 1, error);
	while (rc == 0) {
		rc = receive(store, -1, &reply, error);
		if (rc < 0) {
			return rc;
		}
		if (reply.type != XS_WATCH_EVENT) {
			break;
		}
		rc = keep_event(store, &reply, error);
	}
	if (rc < 0) {
		return rc;
	}
	if (reply.req_id != head.req_id ||
	    (reply.type != request->type && reply.type != XS_ERROR)) {
		return store_lost(store, error);
	}
	*data = store->message + sizeof(reply);
	*size = reply.len;
	return reply.type == XS_ERROR ? refused(request, *data, *size, error) : 0;
}

int store_talk_only(struct vl_store *store, struct store_request *request, struct vl_error *error)
{
	const char *data;
	size_t size;

	return store_talk(store, request, &data, &size, error);
}

struct store_request store_request(uint32_t type, vl_tx tx, const char *what, const char *path)
{
	return (struct store_request){ .type = type, .tx = tx, .what = what, .path = path };
}

struct store_request store_path_request(uint32_t type, vl_tx tx, const char *what, const char *path)
{
	struct store_request request = store_request(type, tx, what, path);

	store_add_text(&request, path);
	return request;
}

int vl_store_event(struct vl_store *store, int timeout_ms, char **path, char **token,
		   struct vl_error *error)
{
	int64_t moment = timeout_ms < 0 ? -1 : vl_now_ms() + timeout_ms;
	struct event *event = STAILQ_FIRST(&store->events);
	struct xsd_sockmsg head = { 0 };
	int rc;

	if (!event) {
		if (store->dead) {
			return store_lost(store, error);
		}
		rc = receive(store, moment, &head, error);
		if (rc <= 0) {
			return rc;
		}
		/* Nothing was asked, so nothing but an event can come. */
		rc = head.type == XS_WATCH_EVENT ? keep_event(store, &head, error) :
						   store_lost(store, error);
		if (rc) {
			return rc;
		}
		event = STAILQ_FIRST(&store->events);
	}
	STAILQ_REMOVE_HEAD(&store->events, next);
	*path = event->path;
	*token = event->token;
	free(event);
	return 1;
}

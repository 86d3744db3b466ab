/* SPDX-License-Identifier: MIT */
/*
 * The connection of a client of the store: one request at a time, its reply
 * waited for, or a queue of them in one piece; events that come meanwhile are
 * kept in order for vl_store_event(). Called by store.c. Never reconnects by
 * itself: watches and transactions would be lost without anybody knowing.
 *
 * The daemon is not trusted either: lengths and strings of what it sends are
 * checked before use.
 */
#include "libvellum/store_wire.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libvellum/common.h"
#include "libvellum/unix_socket.h"

struct event {
	STAILQ_ENTRY(event) next;
	char *path, *token;
};

/*
 * What waits to be sent. It is sent when it is full, and nothing more before all
 * its replies are there: so neither side ever waits for the other to read.
 */
#define QUEUE_MAX 64
#define QUEUE_BYTES 8192
struct queued {
	uint32_t type, req_id;
	size_t at; /* of its header in the bytes; its path follows that */
	const char *what;
	char **value; /* where its reply goes, or null */
	bool may_be_absent;
};
struct queue {
	bool open;
	int rc; /* the first failure since it was opened, or 0 */
	struct vl_error error;
	unsigned int count;
	size_t size;
	struct queued list[QUEUE_MAX];
	char bytes[QUEUE_BYTES];
};

struct vl_store {
	int fd;
	bool dead; /* a message was lost or made no sense: nothing that follows can be told */
	uint32_t req_id;
	STAILQ_HEAD(event_list, event) events;
	/* What has been read of the next message, and behind it, not yet looked at. */
	size_t have, in_start, in_end;
	/* Large, and mostly not touched: not cleared. */
	char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
	char in[8192];
	struct queue queue;
};

/* ---- Bytes and messages ------------------------------------------------------ */

int vl_store_open(struct vl_store **out, const char *path, struct vl_error *error)
{
	struct vl_store *store;
	int rc;

	if (!path) {
		path = getenv("XENSTORED_PATH");
	}
	if (!path) {
		path = VL_STORE_SOCKET;
	}
	store = malloc(sizeof(*store));
	if (!store) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	memset(store, 0, offsetof(struct vl_store, message));
	store->queue.open = false;
	STAILQ_INIT(&store->events);
	store->fd = unix_connect(path);
	if (store->fd < 0) {
		rc = store->fd;
		vl_store_close(store);
		if (rc == -ENAMETOOLONG) {
			return vl_error_set(error, rc, "%.100s... is too long for a socket", path);
		}
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

/* Moves what belongs to the next message from behind it. */
static void take(struct vl_store *store, size_t want)
{
	size_t size = store->in_end - store->in_start;

	size = size < want - store->have ? size : want - store->have;
	memcpy(store->message + store->have, store->in + store->in_start, size);
	store->have += size;
	store->in_start += size;
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
		if (store->in_start < store->in_end) {
			take(store, want);
			continue;
		}
		/* Without a limit reading waits as well, in one call fewer. */
		rc = moment < 0 && !again ? 1 : wait_until(store, moment, error);
		if (rc <= 0) {
			return rc;
		}
		size = read(store->fd, store->in, sizeof(store->in));
		again = size < 0 && errno == EAGAIN;
		if (size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN)) {
			return store_lost(store, error);
		}
		store->in_start = 0;
		store->in_end = size > 0 ? (size_t)size : 0;
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

static int refused(const char *what, const char *path, const char *text, size_t size,
		   struct vl_error *error)
{
	size_t name_size = strlen(text) + 1;
	int rc = errno_of(text);

	/* vl-stored says behind the name which quota it was. */
	if (name_size < size && text[name_size]) {
		return vl_error_set(error, -EDQUOT, "%s %.100s: %.80s", what, path,
				    text + name_size);
	}
	return vl_error_set(error, rc, "%s %.160s: %s", what, path,
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

/* Gives a request its header, which has the next number. */
static int seal(struct vl_store *store, struct store_request *request, struct xsd_sockmsg *head,
		struct vl_error *error)
{
	if (store->dead) {
		return store_lost(store, error);
	}
	*head = (struct xsd_sockmsg){ request->type, store->req_id + 1, request->tx, 0 };
	for (unsigned int i = 1; i <= request->count; i++) {
		if (request->parts[i].iov_len > XENSTORE_PAYLOAD_MAX - head->len) {
			return vl_error_set(error, -E2BIG, "%s %.160s: more than %d bytes",
					    request->what, request->path, XENSTORE_PAYLOAD_MAX);
		}
		head->len += (uint32_t)request->parts[i].iov_len;
	}
	request->parts[0] = (struct iovec){ head, sizeof(*head) };
	store->req_id++;
	return 0;
}

/* The reply to a request; events that come before it are kept. */
static int reply_to(struct vl_store *store, uint32_t type, uint32_t req_id,
		    struct xsd_sockmsg *reply, struct vl_error *error)
{
	int rc;

	do {
		rc = receive(store, -1, reply, error);
		if (rc < 0) {
			return rc;
		}
		rc = reply->type == XS_WATCH_EVENT ? keep_event(store, reply, error) : 0;
	} while (rc == 0 && reply->type == XS_WATCH_EVENT);
	if (rc == 0 &&
	    (reply->req_id != req_id || (reply->type != type && reply->type != XS_ERROR))) {
		return store_lost(store, error);
	}
	return rc;
}

/* Takes the reply to one of the queue; a value goes where it is wanted. */
static int take_reply(struct vl_store *store, const struct queued *queued, struct vl_error *error)
{
	const char *data = store->message + sizeof(struct xsd_sockmsg);
	const char *path = store->queue.bytes + queued->at + sizeof(struct xsd_sockmsg);
	struct xsd_sockmsg reply = { 0 };
	int rc = reply_to(store, queued->type, queued->req_id, &reply, error);

	if (rc) {
		return rc;
	}
	if (reply.type == XS_ERROR) {
		rc = refused(queued->what, path, data, reply.len, error);
		return rc == -ENOENT && queued->may_be_absent ? 0 : rc;
	}
	if (queued->value) {
		*queued->value = malloc(reply.len + 1);
		if (!*queued->value) {
			return vl_error_set(error, -ENOMEM, "out of memory");
		}
		/* With the zero behind it. */
		memcpy(*queued->value, data, reply.len + 1);
	}
	return 0;
}

/* Sends what waits, and takes every reply even after a failure. */
static int exchange(struct vl_store *store)
{
	struct queue *queue = &store->queue;
	struct iovec part = { queue->bytes, queue->size };
	struct vl_error error;
	int rc = queue->count ? send_all(store, &part, 1, &error) : 0;

	for (unsigned int i = 0; i < queue->count; i++) {
		rc = rc ? rc : take_reply(store, &queue->list[i], &error);
		if (rc && !queue->rc) {
			queue->rc = rc;
			queue->error = error;
		}
		rc = store->dead ? rc : 0;
	}
	queue->count = 0;
	queue->size = 0;
	return queue->rc;
}

static int queue_add(struct vl_store *store, struct store_request *request, char **value,
		     struct vl_error *error)
{
	struct queue *queue = &store->queue;
	struct xsd_sockmsg head = { 0 };
	int rc = queue->rc ? vl_error_set(error, queue->rc, "%s", queue->error.text) :
			     seal(store, request, &head, error);

	if (rc) {
		return rc;
	}
	if (queue->count == QUEUE_MAX || sizeof(head) + head.len > QUEUE_BYTES - queue->size) {
		if (exchange(store)) {
			return vl_error_set(error, queue->rc, "%s", queue->error.text);
		}
	}
	queue->list[queue->count++] = (struct queued){ .type = head.type,
						       .req_id = head.req_id,
						       .at = queue->size,
						       .what = request->what,
						       .value = value,
						       .may_be_absent = request->may_be_absent };
	for (unsigned int i = 0; i <= request->count; i++) {
		memcpy(queue->bytes + queue->size, request->parts[i].iov_base,
		       request->parts[i].iov_len);
		queue->size += request->parts[i].iov_len;
	}
	return 0;
}

void vl_store_queue(struct vl_store *store)
{
	store->queue.open = true;
	store->queue.rc = 0;
	store->queue.count = 0;
	store->queue.size = 0;
}

int vl_store_queue_read(struct vl_store *store, vl_tx tx, const char *path, char **value,
			struct vl_error *error)
{
	struct store_request request = store_path_request(XS_READ, tx, "reading", path);

	*value = NULL;
	request.may_be_absent = true;
	return queue_add(store, &request, value, error);
}

int vl_store_flush(struct vl_store *store, struct vl_error *error)
{
	int rc = exchange(store);

	store->queue.open = false;
	return rc ? vl_error_set(error, rc, "%s", store->queue.error.text) : 0;
}

/* Sends a request and waits; the reply's payload is *data, valid until the next call. */
int store_talk(struct vl_store *store, struct store_request *request, const char **data,
	       size_t *size, struct vl_error *error)
{
	struct xsd_sockmsg head = { 0 }, reply = { 0 };
	int rc = 0;

	/* What waits comes before it. */
	if (store->queue.open && exchange(store)) {
		return vl_error_set(error, store->queue.rc, "%s", store->queue.error.text);
	}
	rc = seal(store, request, &head, error);
	rc = rc ? rc : send_all(store, request->parts, request->count + 1, error);
	rc = rc ? rc : reply_to(store, head.type, head.req_id, &reply, error);
	if (rc) {
		return rc;
	}
	*data = store->message + sizeof(reply);
	*size = reply.len;
	return reply.type == XS_ERROR ? refused(request->what, request->path, *data, *size, error) :
					0;
}

int store_talk_only(struct vl_store *store, struct store_request *request, struct vl_error *error)
{
	const char *data;
	size_t size;
	int rc;

	if (store->queue.open) {
		return queue_add(store, request, NULL, error);
	}
	rc = store_talk(store, request, &data, &size, error);
	return rc == -ENOENT && request->may_be_absent ? 0 : rc;
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

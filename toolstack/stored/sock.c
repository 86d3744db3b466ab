/* SPDX-License-Identifier: MIT */
/*
 * Clients on the socket: programs of the control domain's superuser. They are
 * read as long as they take their answers; nothing here waits for one. Called
 * by main.c and by the event loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "stored/server.h"

struct sock {
	struct server *server;
	struct conn *conn;
	int fd;
	struct event *readable, *writable;
	size_t start, end; /* what of buffer waits, while the client is throttled */
	char buffer[8192];
};

static void sock_free(struct sock *sock)
{
	if (sock->readable) {
		event_free(sock->readable);
	}
	if (sock->writable) {
		event_free(sock->writable);
	}
	if (sock->conn) {
		conn_free(sock->conn);
	}
	close(sock->fd);
	free(sock);
}

/* Answers what is in the buffer, as far as the client takes its answers. */
static void process(struct sock *sock)
{
	struct conn *conn = sock->conn;
	size_t size, left;
	char *to;

	while (sock->start < sock->end && !conn->broken && !conn_throttled(conn)) {
		left = sock->end - sock->start;
		size = conn_wanted(conn);
		size = size < left ? size : left;
		to = conn_room(conn);
		if (!to) {
			break;
		}
		memcpy(to, sock->buffer + sock->start, size);
		conn->in_size += size;
		sock->start += size;
		if (conn_wanted(conn) == 0 && !conn->broken) {
			conn_message(conn);
		}
	}
	if (sock->start == sock->end) {
		sock->start = sock->end = 0;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct sock *sock = arg;
	struct server *server = sock->server;
	ssize_t size;

	(void)what;
	if (sock->end == 0) {
		size = read(fd, sock->buffer, sizeof(sock->buffer));
		if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
			sock_free(sock);
			server_flush(server);
			return;
		}
		sock->end = size > 0 ? (size_t)size : 0;
	}
	process(sock);
	if (conn_throttled(sock->conn)) {
		event_del(sock->readable);
	}
	server_flush(server);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct sock *sock = arg;

	(void)fd;
	(void)what;
	conn_wake(sock->conn);
	server_flush(sock->server);
}

void sock_flush(struct conn *conn)
{
	struct sock *sock = conn->carrier;
	ssize_t size;

	while (!conn->broken && conn_pending(conn)) {
		size = send(sock->fd, conn->out + conn->out_start, conn_pending(conn),
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (size < 0 && errno == EINTR) {
			continue;
		}
		if (size < 0 && errno != EAGAIN) {
			sock_free(sock);
			return;
		}
		if (size < 0) {
			event_add(sock->writable, NULL);
			break;
		}
		conn_taken(conn, (size_t)size);
	}
	if (conn->broken) {
		sock_free(sock);
		return;
	}
	if (!conn_throttled(conn) && !event_pending(sock->readable, EV_READ, NULL)) {
		event_add(sock->readable, NULL);
		if (sock->end) {
			/* Its waiting requests come first, at the next turn of the loop. */
			event_active(sock->readable, EV_READ, 0);
		}
	}
}

static void on_listener(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct sock *sock;
	int client = accept4((int)fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (client < 0) {
		if (errno == EMFILE || errno == ENFILE) {
			/* It waits in the queue of the socket; do not spin on it. */
			engine_log(server->engine, "a client has to wait: %s", strerror(errno));
			usleep(10000);
		}
		return;
	}
	sock = calloc(1, sizeof(*sock));
	if (!sock) {
		close(client);
		return;
	}
	sock->server = server;
	sock->fd = client;
	sock->conn = conn_new(server->engine, 0, false);
	sock->readable = event_new(server->base, client, EV_READ | EV_PERSIST, on_readable, sock);
	sock->writable = event_new(server->base, client, EV_WRITE, on_writable, sock);
	if (!sock->conn || !sock->readable || !sock->writable || event_add(sock->readable, NULL)) {
		sock_free(sock);
		return;
	}
	sock->conn->carrier = sock;
}

static int is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)address, sizeof(*address));

	if (fd >= 0) {
		close(fd);
	}
	return rc == 0;
}

static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	memcpy(folder, path, strlen(path) + 1);
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0755);
	}
}

int sock_listen(struct server *server, const char *path, struct vl_error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		return vl_error_set(error, -ENAMETOOLONG, "%s is too long for a socket's name",
				    path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (is_served(&address)) {
		return vl_error_set(error, -EADDRINUSE, "another daemon serves %s already", path);
	}
	make_folder(path);
	unlink(path);
	server->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->listen_fd < 0 ||
	    bind(server->listen_fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    chmod(path, 0600) || listen(server->listen_fd, SOMAXCONN)) {
		rc = -errno;
		return vl_error_set(error, rc, "the socket %s cannot be made: %s", path,
				    strerror(-rc));
	}
	server->listener = event_new(server->base, server->listen_fd, EV_READ | EV_PERSIST,
				     on_listener, server);
	if (!server->listener || event_add(server->listener, NULL)) {
		return vl_error_set(error, -ENOMEM, "out of memory");
	}
	return 0;
}

void sock_close_all(struct server *server)
{
	struct conn *conn, *next;

	for (conn = TAILQ_FIRST(&server->engine->conns); conn; conn = next) {
		next = TAILQ_NEXT(conn, of_engine);
		if (!conn->ring) {
			sock_free(conn->carrier);
		}
	}
	if (server->listener) {
		event_free(server->listener);
	}
	if (server->listen_fd >= 0) {
		close(server->listen_fd);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Clients of vld's socket.  Begun by server.c.  A client that asks for a console
 * becomes a viewer and asks nothing more; others may ask again and again, one
 * thing at a time.  Whoever sends nonsense gets one error for it.
 */
#include "client.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ends.h"
#include "guests.h"
#include "restart.h"
#include "say.h"
#include "status.h"
#include "viewer.h"

struct client {
	struct client *next;
	struct vld *vld;
	struct event read_event, write_event;
	struct evbuffer *in, *out;
	struct viewer viewer;
	uint64_t from;
	int waits_for; /* domid; -1: none */
	int views;     /* the same: whose console is shown when the answer is out */
	char *forgets; /* whose restart is being stopped; null: none */
	int fd;
	bool viewing, closing;
};

static void client_free(struct client *client)
{
	struct client **link = &client->vld->clients;

	while (*link != client) {
		link = &(*link)->next;
	}
	*link = client->next;
	client->vld->sweep_due = vld_seconds() + 1;
	event_del(&client->read_event);
	event_del(&client->write_event);
	evbuffer_free(client->in);
	evbuffer_free(client->out);
	close(client->fd);
	free(client->forgets);
	free(client);
}

static void viewer_closed(struct viewer *viewer)
{
	client_free((struct client *)((char *)viewer - offsetof(struct client, viewer)));
}

/* Takes the reference to the answer; none: there was no memory for it. */
static void client_answer(struct client *client, json_t *answer)
{
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	json_decref(answer);
	if (!text || evbuffer_add(client->out, text, strlen(text)) ||
	    evbuffer_add(client->out, "\n", 1)) {
		client->closing = true;
	}
	free(text);
	event_add(&client->write_event, NULL);
}

__attribute__((format(printf, 3, 4))) static void client_refuse(struct client *client, int rc,
								const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~') {
			*c = '?'; /* a request's words come back as plain ones */
		}
	}
	client_answer(client, json_pack("{s:b, s:s, s:i}", "ok", 0, "error", text, "errno", -rc));
}

static void do_console(struct client *client, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "guest"));
	json_t *from = json_object_get(request, "from");
	struct guest *guest;
	struct scroll *scroll;
	uint64_t tail, head;

	if (!name || (from && (!json_is_integer(from) || json_integer_value(from) < 0))) {
		client_refuse(client, -EINVAL, "a console request names a guest");
		return;
	}
	guest = guests_find(client->vld, name);
	if (!guest) {
		client_refuse(client, -ESRCH, "there is no guest %.100s", name);
		return;
	}
	scroll = &guest->console.scroll;
	tail = scroll_tail(scroll);
	head = scroll_head(scroll);
	client->from = tail;
	if (json_is_false(json_object_get(request, "scrollback"))) {
		client->from = head;
	}
	if (from && (uint64_t)json_integer_value(from) <= head) {
		client->from = (uint64_t)json_integer_value(from);
	}
	client->views = guest->domid;
	client_answer(client,
		      json_pack("{s:b, s:i, s:s, s:I, s:b}", "ok", 1, "domid", (int)guest->domid,
				"name", guest_name(guest), "pos", (json_int_t)client->from, "over",
				(int)guest->console.over));
}

static void answer_end(struct client *client, uint16_t domid)
{
	json_t *end = ends_find(client->vld, domid);
	json_t *answer = end ? json_deep_copy(end) :
			       json_pack("{s:i, s:s}", "domid", (int)domid, "reason", "unknown");

	client->waits_for = -1;
	if (answer) {
		json_object_set_new(answer, "ok", json_true());
	}
	client_answer(client, answer);
}

static void do_wait(struct client *client, json_t *request)
{
	json_t *domid = json_object_get(request, "domid");
	struct guest *guest;
	json_int_t number;

	number = json_is_integer(domid) ? json_integer_value(domid) : -1;
	if (number <= 0 || number >= VL_DOMID_END) {
		client_refuse(client, -EINVAL, "a wait request names a domain by its number");
		return;
	}
	guest = guests_get(client->vld, (uint16_t)number);
	if (!guest) {
		/* It may be new, and its event not here yet. */
		guests_scan(client->vld);
		guest = guests_get(client->vld, (uint16_t)number);
	}
	if (guest && (guest->state == GUEST_RUNNING || guest->state == GUEST_ENDING)) {
		client->waits_for = (int)number;
	} else if (guest || ends_find(client->vld, (uint16_t)number)) {
		answer_end(client, (uint16_t)number);
	} else {
		client_refuse(client, -ESRCH, "there is no domain %d", (int)number);
	}
}

static void answer_forget(struct client *client, const char *name, int rc, const char *text)
{
	if (rc == -ESRCH) {
		client_refuse(client, rc, "no restart of %.100s is due", name);
	} else if (rc) {
		client_refuse(client, rc, "%.100s was started again, and: %s", name, text);
	} else {
		client_answer(client, json_pack("{s:b}", "ok", 1));
	}
}

static void do_forget(struct client *client, json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "guest"));
	int rc;

	if (!name) {
		client_refuse(client, -EINVAL, "a forget request names a guest");
		return;
	}
	rc = restart_forget(client->vld, name);
	if (rc != -ESRCH) {
		say("%s is not started again: cancelled", name);
	}
	client->forgets = rc == -EINPROGRESS ? strdup(name) : NULL;
	if (!client->forgets) {
		/* Without memory to remember who asked: it happens, unanswered. */
		client->closing = rc == -EINPROGRESS;
		answer_forget(client, name, rc == -EINPROGRESS ? -ENOMEM : rc, "no memory");
	}
}

static void client_request(struct client *client, const char *line, size_t size)
{
	json_error_t why;
	json_t *request = json_loadb(line, size, JSON_REJECT_DUPLICATES, &why);
	const char *what = json_string_value(json_object_get(request, "do"));

	if (!request) {
		client_refuse(client, -EINVAL, "that is no JSON: %s", why.text);
	} else if (!what) {
		client_refuse(client, -EINVAL, "a request is an object with \"do\"");
	} else if (strcmp(what, "console") == 0) {
		do_console(client, request);
	} else if (strcmp(what, "wait") == 0) {
		do_wait(client, request);
	} else if (strcmp(what, "status") == 0) {
		client_answer(client, status_json(client->vld));
	} else if (strcmp(what, "ended") == 0) {
		client_answer(client, ends_json(client->vld));
	} else if (strcmp(what, "forget") == 0) {
		do_forget(client, request);
	} else {
		client_refuse(client, -ENOSYS, "there is no request \"%.60s\"", what);
	}
	json_decref(request);
}

/* Requests are taken one by one: not while an answer, or an end, is due. */
static void client_requests(struct client *client)
{
	size_t size;
	char *line;

	while (!client->closing && client->views < 0 && client->waits_for < 0 && !client->forgets &&
	       evbuffer_get_length(client->out) == 0) {
		line = evbuffer_readln(client->in, &size, EVBUFFER_EOL_LF);
		if (!line) {
			break;
		}
		client_request(client, line, size);
		free(line);
	}
	if (evbuffer_get_length(client->in) > CLIENT_LINE_MAX) {
		if (!client->closing) {
			client_refuse(client, -EMSGSIZE, "a request has at most %d bytes",
				      CLIENT_LINE_MAX);
		}
		client->closing = true;
	}
}

static void client_read(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;
	int count = evbuffer_read(client->in, fd, CLIENT_LINE_MAX);

	(void)what;
	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
		client_free(client);
		return;
	}
	client_requests(client);
}

/* The answer is out: the connection is the console's from now on. */
static void client_view(struct client *client)
{
	struct guest *guest = guests_get(client->vld, (uint16_t)client->views);
	char typed[CLIENT_LINE_MAX];
	int count;

	if (!guest) {
		client_free(client); /* forgotten meanwhile */
		return;
	}
	event_del(&client->read_event);
	client->viewing = true;
	/* What came behind the request was typed. */
	count = evbuffer_remove(client->in, typed, sizeof(typed));
	if (count > 0) {
		console_type(&guest->console, typed, (size_t)count);
	}
	viewer_begin(&client->viewer, &guest->console, client->fd, client->from, viewer_closed);
}

static void client_write(evutil_socket_t fd, short what, void *arg)
{
	struct client *client = arg;

	(void)what;
	if (evbuffer_get_length(client->out) > 0 && evbuffer_write(client->out, fd) < 0 &&
	    errno != EAGAIN && errno != EINTR) {
		client_free(client);
		return;
	}
	if (evbuffer_get_length(client->out) > 0) {
		event_add(&client->write_event, NULL);
	} else if (client->closing) {
		client_free(client);
	} else if (client->views >= 0) {
		client_view(client);
	} else {
		client_requests(client);
	}
}

/* Root, or who vld runs as. */
static bool client_may(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static unsigned int clients_count(const struct vld *vld)
{
	unsigned int count = 0;

	for (const struct client *client = vld->clients; client; client = client->next) {
		count++;
	}
	return count;
}

void client_accept(struct vld *vld, int fd)
{
	struct client *client;

	if (!client_may(fd) || clients_count(vld) >= CLIENTS_MAX) {
		close(fd);
		return;
	}
	client = calloc(1, sizeof(*client));
	if (client) {
		client->in = evbuffer_new();
		client->out = evbuffer_new();
	}
	if (!client || !client->in || !client->out) {
		if (client && client->in) {
			evbuffer_free(client->in);
		}
		free(client);
		close(fd);
		return;
	}
	client->vld = vld;
	client->fd = fd;
	client->waits_for = client->views = -1;
	event_assign(&client->read_event, vld->base, fd, EV_READ | EV_PERSIST, client_read, client);
	event_assign(&client->write_event, vld->base, fd, EV_WRITE, client_write, client);
	event_add(&client->read_event, NULL);
	client->next = vld->clients;
	vld->clients = client;
}

void client_ended(struct vld *vld, uint16_t domid)
{
	for (struct client *client = vld->clients; client; client = client->next) {
		if (client->waits_for == domid) {
			answer_end(client, domid);
		}
	}
}

void client_forgotten(struct vld *vld, const char *name, int rc, const char *text)
{
	for (struct client *client = vld->clients; client; client = client->next) {
		if (client->forgets && strcmp(client->forgets, name) == 0) {
			free(client->forgets);
			client->forgets = NULL;
			answer_forget(client, name, rc == -ESRCH ? 0 : rc, text);
		}
	}
}

void clients_free(struct vld *vld)
{
	struct client *next;

	for (struct client *client = vld->clients; client; client = next) {
		next = client->next;
		if (client->viewing) {
			viewer_end(&client->viewer);
		} else {
			client_free(client);
		}
	}
}

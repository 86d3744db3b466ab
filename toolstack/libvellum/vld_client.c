/* SPDX-License-Identifier: MIT */
/*
 * The client's side of vld's socket; the protocol stands in vld's client.h.
 * Called by vl, and by whoever shows consoles or waits for guests.  It starts
 * nothing and writes only console output, where it is told to.
 */
#include "libvellum/vld_client.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "libvellum/common.h"
#include "libvellum/paths.h"
#include "libvellum/unix_socket.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define AGAIN_TRIES 50
#define AGAIN_MS 200
#define ENDED_MS 500 /* vld tells at once of a guest that has ended */

struct vl_vld {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd; /* -1: not connected */
	/* What has come behind an answer. */
	char *rest;
	size_t rest_size;
};

/* ---- Connection ---------------------------------------------------------------- */

static int vld_connect(struct vl_vld *vld, struct vl_error *error)
{
	int rc = unix_connect(vld->path);

	vld->fd = rc < 0 ? -1 : rc;
	if (rc < 0) {
		return vl_error_set(error, rc, "vld does not answer at %s: %s", vld->path,
				    strerror(-rc));
	}
	return 0;
}

int vl_vld_open(struct vl_vld **result, const char *path, struct vl_error *error)
{
	struct vl_vld *vld = calloc(1, sizeof(*vld));
	int rc;

	if (!vld) {
		return vl_error_set(error, -ENOMEM, "no memory");
	}
	path = path ? path : VL_VLD_SOCKET;
	if (strlen(path) >= sizeof(vld->path)) {
		free(vld);
		return vl_error_set(error, -ENAMETOOLONG, "%s is too long for a socket", path);
	}
	memcpy(vld->path, path, strlen(path) + 1);
	rc = vld_connect(vld, error);
	if (rc) {
		free(vld);
		return rc;
	}
	*result = vld;
	return 0;
}

static void vld_disconnect(struct vl_vld *vld)
{
	if (vld->fd >= 0) {
		close(vld->fd);
	}
	vld->fd = -1;
	free(vld->rest);
	vld->rest = NULL;
	vld->rest_size = 0;
}

void vl_vld_close(struct vl_vld *vld)
{
	if (vld) {
		vld_disconnect(vld);
		free(vld);
	}
}

static int vld_gone(struct vl_error *error)
{
	return vl_error_set(error, -ECONNRESET, "vld went away");
}

static int vld_send(struct vl_vld *vld, const char *data, size_t size, struct vl_error *error)
{
	while (size > 0) {
		ssize_t count = send(vld->fd, data, size, MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			return vld_gone(error);
		}
		data += count;
		size -= (size_t)count;
	}
	return 0;
}

/* More bytes at the end of vld->rest. */
static int vld_receive(struct vl_vld *vld, int64_t until, struct vl_error *error)
{
	struct pollfd wait = { .fd = vld->fd, .events = POLLIN };
	int64_t left = until < 0 ? -1 : until - vl_now_ms();
	ssize_t count;
	char *more;
	int ready;

	ready = poll(&wait, 1, until < 0 ? -1 : left > 0 ? (int)left : 0);
	if (ready == 0) {
		return vl_error_set(error, -ETIMEDOUT, "no answer of vld in time");
	}
	if (ready < 0) {
		return errno == EINTR ? 0 : vl_error_set(error, -errno, "%s", strerror(errno));
	}
	if (vld->rest_size > ANSWER_MAX) {
		return vl_error_set(error, -EPROTO, "an answer of vld does not end");
	}
	more = realloc(vld->rest, vld->rest_size + 65536);
	if (!more) {
		return vl_error_set(error, -ENOMEM, "no memory");
	}
	vld->rest = more;
	count = recv(vld->fd, vld->rest + vld->rest_size, 65536, 0);
	if (count <= 0) {
		return count < 0 && errno == EINTR ? 0 : vld_gone(error);
	}
	vld->rest_size += (size_t)count;
	return 0;
}

/* The next line as JSON; what is behind it stays in vld->rest. */
static int vld_answer(struct vl_vld *vld, int64_t until, json_t **answer, struct vl_error *error)
{
	size_t seen = 0, size;
	char *end = NULL;
	int rc;

	while (!end) {
		if (vld->rest_size > seen) {
			end = memchr(vld->rest + seen, '\n', vld->rest_size - seen);
			seen = vld->rest_size;
		}
		if (!end) {
			rc = vld_receive(vld, until, error);
			if (rc) {
				return rc;
			}
		}
	}
	size = (size_t)(end - vld->rest) + 1;
	*answer = json_loadb(vld->rest, size, 0, NULL);
	vld->rest_size -= size;
	memmove(vld->rest, vld->rest + size, vld->rest_size);
	if (!*answer) {
		return vl_error_set(error, -EPROTO, "what answers at %s is no vld", vld->path);
	}
	return 0;
}

/* Sends a request, which is taken, and gets an answer that says "ok". */
static int vld_ask(struct vl_vld *vld, json_t *request, int64_t until, json_t **answer,
		   struct vl_error *error)
{
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int number = 0, rc;
	const char *why;

	json_decref(request);
	if (!text) {
		return vl_error_set(error, -EINVAL, "the guest's name is no text");
	}
	if (vld->fd < 0) {
		free(text);
		return vld_gone(error);
	}
	rc = vld_send(vld, text, strlen(text), error);
	free(text);
	if (!rc) {
		rc = vld_send(vld, "\n", 1, error);
	}
	if (!rc) {
		rc = vld_answer(vld, until, answer, error);
	}
	if (rc || json_is_true(json_object_get(*answer, "ok"))) {
		return rc;
	}
	why = json_string_value(json_object_get(*answer, "error"));
	number = (int)json_integer_value(json_object_get(*answer, "errno"));
	rc = vl_error_set(error, number > 0 && number < 4096 ? -number : -EPROTO, "%s",
			  why ? why : "vld refuses and does not say why");
	json_decref(*answer);
	return rc;
}

/* ---- Requests ------------------------------------------------------------------ */

static void text_of(const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	snprintf(to, size, "%s", text ? text : "");
}

int vl_vld_wait(struct vl_vld *vld, uint16_t domid, int timeout_ms, struct vl_end *end,
		struct vl_error *error)
{
	int64_t until = timeout_ms < 0 ? -1 : vl_now_ms() + timeout_ms;
	json_t *answer;
	int rc = vld_ask(vld, json_pack("{s:s, s:i}", "do", "wait", "domid", (int)domid), until,
			 &answer, error);

	if (rc) {
		return rc;
	}
	*end = (struct vl_end){ .domid = domid };
	text_of(answer, "name", end->name, sizeof(end->name));
	text_of(answer, "reason", end->reason, sizeof(end->reason));
	text_of(answer, "action", end->action, sizeof(end->action));
	text_of(answer, "crash", end->crash, sizeof(end->crash));
	end->when = json_integer_value(json_object_get(answer, "when"));
	json_decref(answer);
	return 0;
}

static int ask_json(struct vl_vld *vld, const char *what, char **json, struct vl_error *error)
{
	json_t *answer;
	int rc = vld_ask(vld, json_pack("{s:s}", "do", what), -1, &answer, error);

	if (rc) {
		return rc;
	}
	*json = json_dumps(answer, JSON_INDENT(2));
	json_decref(answer);
	return *json ? 0 : vl_error_set(error, -ENOMEM, "no memory");
}

int vl_vld_status(struct vl_vld *vld, char **json, struct vl_error *error)
{
	return ask_json(vld, "status", json, error);
}

int vl_vld_ended(struct vl_vld *vld, char **json, struct vl_error *error)
{
	return ask_json(vld, "ended", json, error);
}

int vl_vld_forget(struct vl_vld *vld, const char *guest, struct vl_error *error)
{
	json_t *answer;
	int rc = vld_ask(vld, json_pack("{s:s, s:s}", "do", "forget", "guest", guest), -1, &answer,
			 error);

	if (!rc) {
		json_decref(answer);
	}
	return rc;
}

/* ---- Console ------------------------------------------------------------------- */

struct session {
	struct vl_vld *vld;
	const struct vl_console *console;
	const char *guest; /* as it was asked for, then the domain's number */
	char number[8];
	uint16_t domid;
	bool begun; /* pos is the next byte to come */
	bool over;  /* no more than that comes */
	bool mute;  /* nothing is typed any more */
	uint64_t pos;
};

static int session_begin(struct session *session, struct vl_error *error)
{
	json_t *answer, *request;
	int rc;

	request = json_pack("{s:s, s:s, s:b}", "do", "console", "guest", session->guest,
			    "scrollback", (int)session->console->scrollback);
	if (request && session->begun) {
		json_object_set_new(request, "from", json_integer((json_int_t)session->pos));
	}
	rc = vld_ask(session->vld, request, -1, &answer, error);
	if (rc) {
		return rc;
	}
	session->pos = (uint64_t)json_integer_value(json_object_get(answer, "pos"));
	session->domid = (uint16_t)json_integer_value(json_object_get(answer, "domid"));
	/* A guest of the same name that comes later is another one. */
	snprintf(session->number, sizeof(session->number), "%u", session->domid);
	session->guest = session->number;
	session->begun = true;
	session->over = json_is_true(json_object_get(answer, "over"));
	json_decref(answer);
	return 0;
}

/* Writes all of it; a failure is the reader's end. */
static int show(struct session *session, const char *data, size_t size, struct vl_error *error)
{
	session->pos += size;
	while (size > 0) {
		ssize_t count = write(session->console->out, data, size);

		if (count < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = session->console->out, .events = POLLOUT };

			poll(&wait, 1, -1);
			continue;
		}
		if (count < 0 && errno != EINTR) {
			int rc = -errno;

			return vl_error_set(error, rc, "console output cannot be written: %s",
					    strerror(-rc));
		}
		data += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
	}
	return 0;
}

/* What was typed; 1: that was the end of it. */
static int type(struct session *session, struct vl_error *error)
{
	char data[256], *escape = NULL;
	ssize_t count = read(session->console->in, data, sizeof(data));
	int rc;

	if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
		return 0;
	}
	if (count <= 0) {
		/* Of a guest that has ended all is shown, however short the input is. */
		session->mute = true;
		return session->over ? 0 : 1;
	}
	if (session->console->escape >= 0) {
		escape = memchr(data, session->console->escape, (size_t)count);
	}
	if (escape) {
		count = escape - data;
	}
	rc = vld_send(session->vld, data, (size_t)count, error);
	return rc ? rc : escape ? 1 : 0;
}

/* Bytes of both ways until an end: 1: left; -ECONNRESET: vld closed. */
static int session_run(struct session *session, struct vl_error *error)
{
	struct vl_vld *vld = session->vld;
	struct pollfd wait[2] = { { .fd = vld->fd, .events = POLLIN }, { .events = POLLIN } };
	char data[4096];
	int rc = show(session, vld->rest, vld->rest_size, error);

	vld->rest_size = 0;
	while (!rc) {
		wait[1].fd = session->mute ? -1 : session->console->in;
		if (poll(wait, 2, -1) < 0 && errno != EINTR) {
			return vl_error_set(error, -errno, "%s", strerror(errno));
		}
		if (wait[0].revents) {
			ssize_t count = recv(vld->fd, data, sizeof(data), 0);

			if (count == 0 || (count < 0 && errno != EINTR)) {
				return vld_gone(error);
			}
			rc = count > 0 ? show(session, data, (size_t)count, error) : 0;
		}
		if (!rc && wait[1].revents) {
			rc = type(session, error);
		}
	}
	return rc;
}

/* vld closed the console: the guest has ended, or vld is being started anew. */
static int session_closed(struct session *session, struct vl_end *end, struct vl_error *error)
{
	struct vl_vld *vld = session->vld;
	int rc = -ECONNRESET;

	for (int try = 0; try < AGAIN_TRIES; try++) {
		vld_disconnect(vld);
		rc = vld_connect(vld, error);
		if (!rc) {
			rc = vl_vld_wait(vld, session->domid, session->over ? -1 : ENDED_MS, end,
					 error);
		}
		if (!rc) {
			return VL_CONSOLE_OVER;
		}
		if (rc == -ETIMEDOUT) {
			/* It runs, or is being ended: its console says which. */
			vld_disconnect(vld);
			rc = vld_connect(vld, error);
			rc = rc ? rc : session_begin(session, error);
		}
		if (!rc || rc == -ESRCH) {
			return rc;
		}
		poll(NULL, 0, AGAIN_MS);
	}
	return rc;
}

int vl_vld_console(struct vl_vld *vld, const char *guest, const struct vl_console *console,
		   struct vl_end *end, struct vl_error *error)
{
	struct session session = { .vld = vld, .console = console, .guest = guest };
	struct termios old, raw;
	bool terminal;
	int rc;

	rc = session_begin(&session, error);
	if (rc) {
		return rc;
	}
	terminal = console->in >= 0 && tcgetattr(console->in, &old) == 0;
	if (terminal) {
		raw = old;
		cfmakeraw(&raw);
		tcsetattr(console->in, TCSANOW, &raw);
	}
	do {
		rc = session_run(&session, error);
		if (rc == -ECONNRESET) {
			rc = session_closed(&session, end, error);
			if (rc == VL_CONSOLE_OVER) {
				break;
			}
		} else if (rc == 1) {
			rc = VL_CONSOLE_LEFT;
			break;
		}
	} while (rc == 0);
	if (terminal) {
		tcsetattr(console->in, TCSADRAIN, &old);
	}
	return rc;
}

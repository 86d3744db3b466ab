/* SPDX-License-Identifier: MIT */
/*
 * A question to vl-xml and its answer; see xml_ask.h.  Called by config_xml.c.
 * Whatever that program does (it is missing, it hangs, it writes without end), there
 * is one sentence in the end, and no process is left.
 */
#include "libvellum/xml_ask.h"

#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libvellum/child.h"

/* ---- One question ---- */

struct answer {
	char *text; /* with a zero behind it */
	size_t size, room;
};

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int left_ms(int64_t end)
{
	int64_t left = end - now_ms();

	return left > 0 ? (int)left : 0;
}

/* 1: there may be more; 0: that was all. */
static int receive(int fd, struct answer *answer)
{
	ssize_t got;

	if (answer->size + 1 >= answer->room) {
		size_t room = answer->room ? answer->room * 2 : 16384;
		char *larger = room <= XML_ASK_MAX_SIZE ? realloc(answer->text, room) : NULL;

		if (!larger) {
			return room <= XML_ASK_MAX_SIZE ? -ENOMEM : -EFBIG;
		}
		answer->text = larger;
		answer->room = room;
	}
	got = recv(fd, answer->text + answer->size, answer->room - answer->size - 1, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 1;
	}
	/* ECONNRESET: it has ended without having read all. */
	if (got < 0 && errno != ECONNRESET) {
		return -errno;
	}
	answer->size += got > 0 ? (size_t)got : 0;
	answer->text[answer->size] = '\0';
	return got > 0;
}

/* Sends as much of the text as is taken. */
static void give(int fd, const char **text, size_t *size)
{
	ssize_t put = send(fd, *text, *size, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put > 0) {
		*text += put;
		*size -= (size_t)put;
	} else if (errno != EAGAIN && errno != EINTR) {
		*size = 0; /* it reads no more; its answer tells why */
	}
	if (!*size) {
		shutdown(fd, SHUT_WR);
	}
}

/* Both at a time: neither side waits for ever for the other to read. */
static int transfer(int fd, const char *text, size_t size, int64_t end, struct answer *answer)
{
	int rc = 1;

	while (rc > 0) {
		struct pollfd ready = { .fd = fd };
		int left = left_ms(end);

		ready.events = (short)(size ? POLLIN | POLLOUT : POLLIN);
		if (!left) {
			return -ETIMEDOUT;
		}
		if (poll(&ready, 1, left) < 0 && errno != EINTR) {
			return -errno;
		}
		if (size && (ready.revents & POLLOUT)) {
			give(fd, &text, &size);
		}
		if (ready.revents & (POLLIN | POLLHUP | POLLERR)) {
			rc = receive(fd, answer);
		}
	}
	return rc;
}

static int start(const char *program, const char *verb, int *fd, pid_t *pid)
{
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { path, NULL };
	char *argv[] = { strdup(program), strdup(verb), NULL };
	int sockets[2];
	int rc = argv[0] && argv[1] ? 0 : -ENOMEM;

	/* Sockets, as a broken pipe would raise a signal. */
	if (!rc && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
		rc = -errno;
	}
	if (!rc) {
		rc = child_start(argv, environment, sockets[1], pid);
		close(sockets[1]);
		if (rc) {
			close(sockets[0]);
		}
		*fd = sockets[0];
	}
	free(argv[0]);
	free(argv[1]);
	return rc;
}

static int ask(const struct xml_asked *asked, const char *verb, const char *text, size_t size,
	       struct answer *answer, struct vl_error *error)
{
	int64_t end = now_ms() + asked->limit_ms;
	int fd = -1, rc, status;
	pid_t pid = 0;

	*answer = (struct answer){ .text = NULL };
	rc = start(asked->program, verb, &fd, &pid);
	if (rc) {
		return vl_error_set(error, rc,
				    "cannot start %.100s, which reads and writes XML: %s",
				    asked->program, strerror(-rc));
	}
	rc = transfer(fd, text, size, end, answer);
	close(fd);
	status = child_wait(pid, rc ? 0 : left_ms(end));
	if (!rc && status == -ETIMEDOUT) {
		rc = status;
	}
	if (rc == -ETIMEDOUT) {
		rc = vl_error_set(error, rc, "%.100s, which reads and writes XML, took too long",
				  asked->program);
	} else if (rc) {
		rc = vl_error_set(error, rc,
				  "%.100s, which reads and writes XML, cannot be read: %s",
				  asked->program, strerror(-rc));
	} else if (status && status != -ECHILD) {
		/* -ECHILD: whoever ignores SIGCHLD never learns how it ended. */
		rc = vl_error_set(error, -EIO, "%.100s, which reads and writes XML, has failed",
				  asked->program);
	}
	if (rc) {
		free(answer->text);
		answer->text = NULL;
	}
	return rc;
}

static int no_answer(const struct xml_asked *asked, struct vl_error *error)
{
	return vl_error_set(error, -EIO, "%.100s, which reads and writes XML, gave no answer",
			    asked->program);
}

/* ---- Reading ---- */

/* Sets the line that a message is about; null: there is no message. */
static const char *message_text(struct config_ctx *ctx, const json_t *message)
{
	const char *text = json_string_value(json_object_get(message, "text"));
	json_int_t line = json_integer_value(json_object_get(message, "line"));

	ctx->line = line > 0 && line <= INT_MAX ? (unsigned int)line : 0;
	return text && *text ? config_text_shown(text) : NULL;
}

static int take_error(struct config_ctx *ctx, const json_t *problem)
{
	const char *text = message_text(ctx, problem);

	if (json_integer_value(json_object_get(problem, "errno")) == ENOMEM) {
		return config_no_memory(ctx);
	}
	return config_fail(ctx, "%s", text ? text : "it cannot be read");
}

static int take_config(const struct config_ctx *ctx, const json_t *root, struct config_draft *draft)
{
	/* The document's warnings have been told. */
	struct config_ctx quiet = { .file = ctx->file, .error = ctx->error };
	int rc = config_json_take(&quiet, json_object_get(root, "config"), draft);

	draft->cpus_each = json_is_true(json_object_get(root, "cpus_each"));
	if (!draft->cpus_each && draft->config->cpus_count > 1) {
		draft->config->cpus_count = 1;
	}
	return rc;
}

static int take_answer(struct config_ctx *ctx, const json_t *root, struct config_draft *draft)
{
	const json_t *warnings = json_object_get(root, "warnings"), *message;
	const json_t *problem = json_object_get(root, "error");
	int rc = 0;
	size_t i;

	json_array_foreach(warnings, i, message)
	{
		const char *text = message_text(ctx, message);

		rc = text ? config_warn(ctx, "%s", text) : 0;
		if (rc) {
			return rc;
		}
	}
	return problem ? take_error(ctx, problem) : take_config(ctx, root, draft);
}

int xml_ask_read(const struct xml_asked *asked, struct config_ctx *ctx, const char *text,
		 size_t size, struct config_draft *draft)
{
	struct vl_error error;
	struct answer answer;
	json_error_t problem;
	json_t *root;
	int rc = ask(asked, "read", text, size, &answer, &error);

	ctx->line = 0;
	if (!rc) {
		root = json_loadb(answer.text, answer.size, JSON_REJECT_DUPLICATES, &problem);
		free(answer.text);
		if (json_is_object(root)) {
			rc = take_answer(ctx, root, draft);
			json_decref(root);
			return rc;
		}
		/* Where jansson has no memory it often has no words either. */
		if (!root &&
		    (json_error_code(&problem) == json_error_out_of_memory || !problem.text[0])) {
			return config_no_memory(ctx);
		}
		json_decref(root);
		rc = no_answer(asked, &error);
	}
	return vl_error_set(ctx->error, rc, "%.120s: %s", ctx->file, error.text);
}

/* ---- Writing ---- */

int xml_ask_write(const struct xml_asked *asked, const struct vl_config *config, char **text,
		  struct vl_error *error)
{
	static const char last[] = "</domain>\n";
	struct answer answer;
	char *json;
	int rc;

	*text = NULL;
	rc = vl_config_json(config, &json, error);
	if (rc) {
		return rc;
	}
	rc = ask(asked, "write", json, strlen(json), &answer, error);
	free(json);
	if (rc) {
		return rc;
	}
	/* All of it has come, and nothing that would end it before. */
	if (answer.size < strlen(last) || strlen(answer.text) != answer.size ||
	    strcmp(answer.text + answer.size - strlen(last), last) != 0) {
		free(answer.text);
		return no_answer(asked, error);
	}
	*text = answer.text;
	return 0;
}

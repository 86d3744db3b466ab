/* SPDX-License-Identifier: MIT */
/* See client.h. Aborts where the engine says what it must never say. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char client_log[640];

static int attach(void *arg, struct domain *domain, bool resumed)
{
	(void)arg;
	(void)resumed;
	return domain->frame == BAD_FRAME ? -EFAULT : 0;
}

static void detach(void *arg, struct domain *domain)
{
	(void)arg;
	(void)domain;
}

static void keep_log(void *arg, const char *text)
{
	(void)arg;
	snprintf(client_log, sizeof(client_log), "%s", text);
}

struct engine *client_engine(void)
{
	static const struct engine_host host = { attach, detach, keep_log, NULL };

	client_log[0] = '\0';
	return engine_new(&host);
}

struct conn *client_new(struct engine *engine, uint16_t domid)
{
	return conn_new(engine, domid, domid != 0);
}

/* Takes the first message out; false: there is none. */
static bool take(struct conn *conn, bool event, struct answer *answer)
{
	struct xsd_sockmsg head;
	size_t at = conn->out_start, size;

	while (at < conn->out_end) {
		memcpy(&head, conn->out + at, sizeof(head));
		size = sizeof(head) + head.len;
		if (head.len > XENSTORE_PAYLOAD_MAX || size > conn->out_end - at) {
			abort();
		}
		if ((head.type == XS_WATCH_EVENT) != event) {
			at += size;
			continue;
		}
		answer->type = head.type;
		answer->req_id = head.req_id;
		answer->tx_id = head.tx_id;
		answer->size = head.len;
		memcpy(answer->data, conn->out + at + sizeof(head), head.len);
		answer->data[head.len] = '\0';
		/* The test reads out of order, the connection does not. */
		memmove(conn->out + conn->out_start + size, conn->out + conn->out_start,
			at - conn->out_start);
		conn->last_event = SIZE_MAX;
		conn_taken(conn, size);
		return true;
	}
	return false;
}

static int error_of(const char *name)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(*xsd_errors); i++) {
		if (strcmp(name, xsd_errors[i].errstring) == 0) {
			return -xsd_errors[i].errnum;
		}
	}
	abort();
}

int client_call(struct conn *conn, uint32_t type, uint32_t tx, const void *data, size_t size,
		struct answer *out)
{
	static uint32_t req_id;
	struct xsd_sockmsg head = { type, ++req_id, tx, (uint32_t)size };
	static struct answer answer;

	if (!conn_room(conn)) {
		abort();
	}
	memcpy(conn->in, &head, sizeof(head));
	if (size) {
		memcpy(conn->in + sizeof(head), data, size);
	}
	conn->in_size = sizeof(head) + size;
	if (conn_wanted(conn) != 0 || conn->broken) {
		abort();
	}
	conn_message(conn);
	if (!take(conn, false, &answer)) {
		return -ENODATA;
	}
	if (answer.req_id != req_id || answer.tx_id != tx ||
	    (answer.type != type && answer.type != XS_ERROR)) {
		abort();
	}
	if (out) {
		*out = answer;
	}
	return answer.type == XS_ERROR ? error_of(answer.data) : 0;
}

int client_text(struct conn *conn, uint32_t type, uint32_t tx, const char *text,
		struct answer *answer)
{
	return client_call(conn, type, tx, text, strlen(text) + 1, answer);
}

int client_write(struct conn *conn, uint32_t tx, const char *path, const char *value)
{
	char data[XENSTORE_PAYLOAD_MAX];
	size_t path_size = strlen(path) + 1, size = strlen(value);

	memcpy(data, path, path_size);
	memcpy(data + path_size, value, size);
	return client_call(conn, XS_WRITE, tx, data, path_size + size, NULL);
}

const char *client_read(struct conn *conn, uint32_t tx, const char *path)
{
	static struct answer answer;

	return client_text(conn, XS_READ, tx, path, &answer) ? NULL : answer.data;
}

static size_t join(char *data, const char *a, const char *b, const char *c)
{
	size_t size = (size_t)sprintf(data, "%s%c%s", a, 0, b) + 1;

	if (c) {
		size += (size_t)sprintf(data + size, "%s", c) + 1;
	}
	return size;
}

int client_perms(struct conn *conn, const char *path, const char *first, const char *second)
{
	char data[XENSTORE_PAYLOAD_MAX];

	return client_call(conn, XS_SET_PERMS, 0, data, join(data, path, first, second), NULL);
}

int client_watch(struct conn *conn, const char *path, const char *token)
{
	char data[XENSTORE_PAYLOAD_MAX];

	return client_call(conn, XS_WATCH, 0, data, join(data, path, token, NULL), NULL);
}

uint32_t client_begin(struct conn *conn)
{
	struct answer answer;

	return client_text(conn, XS_TRANSACTION_START, 0, "", &answer) ?
		       0 :
		       (uint32_t)strtoul(answer.data, NULL, 10);
}

int client_end(struct conn *conn, uint32_t tx, bool commit)
{
	return client_text(conn, XS_TRANSACTION_END, tx, commit ? "T" : "F", NULL);
}

const char *client_event(struct conn *conn)
{
	static struct answer answer;

	if (!take(conn, true, &answer)) {
		return "";
	}
	if (answer.req_id || answer.tx_id || strlen(answer.data) + 1 >= answer.size) {
		abort();
	}
	answer.data[strlen(answer.data)] = ' ';
	return answer.data;
}

void client_drop_events(struct conn *conn)
{
	while (client_event(conn)[0]) {}
}

struct dump {
	FILE *file;
};

static int dump_node(void *arg, const char *path, const struct node *node)
{
	const struct dump *dump = arg;
	char perm[PERM_ROOM];

	fprintf(dump->file, "%s = %.*s (", path, (int)node->content->size,
		content_value(node->content));
	for (uint32_t i = 0; i < node->content->perm_count; i++) {
		perm_print(&node->content->perms[i], perm);
		fprintf(dump->file, "%s ", perm);
	}
	fprintf(dump->file, ")\n");
	return 0;
}

char *client_dump(struct engine *engine)
{
	char *text = NULL;
	size_t size;
	struct dump dump = { open_memstream(&text, &size) };

	tree_walk(engine->root, "/", dump_node, &dump);
	fclose(dump.file);
	return text;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any messages of the control domain and of two guests to the store daemon's
 * engine. Every request is answered, counts stay right, and nothing is left over.
 *
 * Input: messages, each of a byte for who sends it, one for its type, one for
 * its transaction, one or two for its length, and its payload; type 255: the
 * next 16 bytes are a header as they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 3

static int attach(void *arg, struct domain *domain, bool resumed)
{
	(void)arg;
	(void)resumed;
	return domain->frame % 7 == 3 ? -EFAULT : 0;
}

static void detach(void *arg, struct domain *domain)
{
	(void)arg;
	(void)domain;
}

static const struct engine_host host = { attach, detach, NULL, NULL };

static size_t next_byte(const uint8_t **data, size_t *size)
{
	if (*size == 0) {
		return 0;
	}
	(*size)--;
	return *(*data)++;
}

static void message(struct conn *conn, const uint8_t **data, size_t *size)
{
	struct xsd_sockmsg head = { (uint32_t)next_byte(data, size), 1,
				    (uint32_t)next_byte(data, size) % 8,
				    (uint32_t)next_byte(data, size) };
	size_t pending = conn_pending(conn), taken;

	if (head.len >= 0xf0) {
		head.len = (head.len & 15) << 8 | (uint32_t)next_byte(data, size);
	}
	if (head.type == 0xff && *size >= sizeof(head)) {
		memcpy(&head, *data, sizeof(head));
		*data += sizeof(head);
		*size -= sizeof(head);
	}
	conn->in_size = 0;
	memcpy(conn_room(conn), &head, sizeof(head));
	conn->in_size = sizeof(head);
	taken = conn_wanted(conn);
	if (conn->broken) {
		return;
	}
	memset(conn->in + sizeof(head), 0, taken);
	memcpy(conn->in + sizeof(head), *data, taken < *size ? taken : *size);
	*data += taken < *size ? taken : *size;
	*size -= taken < *size ? taken : *size;
	conn->in_size += taken;
	if (conn_wanted(conn) != 0) {
		abort();
	}
	conn_message(conn);
	if (conn_pending(conn) == pending && !conn->broken) {
		abort();
	}
	if (conn_throttled(conn)) {
		conn_taken(conn, conn_pending(conn));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const check[] = { "check" };
	struct engine *engine = engine_new(&host);
	struct conn *conns[CLIENTS], *conn;
	char answer[64];
	uint16_t domid;

	engine->quotas.limit[QUOTA_NODES] = 200;
	engine->quotas.limit[QUOTA_OUTSTANDING] = 5000;
	for (uint16_t i = 0; i < CLIENTS; i++) {
		conns[i] = conn_new(engine, i, i != 0);
	}
	while (size) {
		domid = (uint16_t)(next_byte(&data, &size) % CLIENTS);
		conn = conns[domid];
		message(conn, &data, &size);
		if (conn->broken) {
			conn_free(conn);
			conns[domid] = conn_new(engine, domid, domid != 0);
		}
		engine->now += size % 64 == 0 ? 61 : 0;
		if (size % 64 == 0) {
			engine_tick(engine);
		}
	}
	if (control_handle(engine, check, 1, answer, sizeof(answer)) || strcmp(answer, "OK") != 0) {
		abort();
	}
	for (int i = 0; i < CLIENTS; i++) {
		conn_free(conns[i]);
	}
	for (uint16_t i = 0; i < 100; i++) {
		if (domain_find(engine, i)) {
			domain_release(engine, i);
		}
	}
	engine_free(engine);
	return 0;
}

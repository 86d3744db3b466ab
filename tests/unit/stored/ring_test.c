/* SPDX-License-Identifier: MIT */
/* Rings in memory: messages in every kind of pieces, indices that lie, a fresh start. */
#include "stored/ring.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

static struct engine *engine;
static struct domain *domain;
static struct conn *control;
static struct xenstore_domain_interface page;
static struct guest guest;

static void begin(uint32_t first_index)
{
	memset(&page, 0xa5, sizeof(page));
	page.req_cons = page.req_prod = page.rsp_cons = page.rsp_prod = first_index;
	page.connection = XENSTORE_CONNECTED;
	guest = (struct guest){ .page = &page, .req_prod = first_index, .rsp_cons = first_index };
	engine = client_engine();
	control = client_new(engine, 0);
	client_write(control, 0, "/local/domain/5", "");
	client_perms(control, "/local/domain/5", "n5", NULL);
	CU_ASSERT_EQUAL(domain_introduce(engine, 5, 1, 2), 0);
	domain = domain_find(engine, 5);
	ring_start(domain->conn, &page);
}

/* Moves until nothing moves any more; pieces: at most so many bytes at once. */
static void run(size_t pieces)
{
	bool moved;

	do {
		moved = guest_push(&guest, pieces);
		moved |= ring_serve(domain->conn, &page);
		moved |= guest_pull(&guest, pieces);
	} while (moved);
}

static void pieces(void)
{
	static const uint32_t starts[] = { 0, 1000, UINT32_MAX - 100, UINT32_MAX };
	static const size_t sizes[] = { 1, 7, 16, 100, 1024 };
	struct answer answer;
	char big[4000];

	memset(big, 'b', sizeof(big));
	memcpy(big, "big", 4);
	for (size_t s = 0; s < sizeof(starts) / sizeof(*starts); s++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
			begin(starts[s]);
			CU_ASSERT(page.server_features & XENSTORE_SERVER_FEATURE_RECONNECTION);
			for (uint32_t i = 0; i < 4; i++) {
				guest_put(&guest, XS_WRITE, i, 0, big, sizeof(big));
				guest_put(&guest, XS_READ, i + 100, 0, "big", 4);
				guest_put(&guest, XS_READ, i + 200, 0, "none", 5);
			}
			run(sizes[k]);
			for (uint32_t i = 0; i < 4; i++) {
				CU_ASSERT(guest_take(&guest, &answer));
				CU_ASSERT(answer.type == XS_WRITE && answer.req_id == i);
				CU_ASSERT(guest_take(&guest, &answer));
				CU_ASSERT(answer.size == sizeof(big) - 4 &&
					  answer.req_id == i + 100 &&
					  memcmp(answer.data, big + 4, answer.size) == 0);
				CU_ASSERT(guest_take(&guest, &answer));
				CU_ASSERT(answer.type == XS_ERROR && answer.req_id == i + 200);
			}
			CU_ASSERT_EQUAL(guest.in_size, 0);
			CU_ASSERT_EQUAL(page.req_cons, page.req_prod);
			engine_free(engine);
		}
	}
}

/* What was said wrongly, once; the others and the daemon go on. */
static void broken(uint32_t error)
{
	CU_ASSERT(ring_serve(domain->conn, &page));
	CU_ASSERT(domain->conn->broken);
	CU_ASSERT_EQUAL(page.error, error);
	CU_ASSERT_EQUAL(domain->conn->watch_count, 0);
	CU_ASSERT_FALSE(ring_serve(domain->conn, &page));
	CU_ASSERT_EQUAL(client_write(control, 0, "/local/domain/5/x", "1"), 0);
	CU_ASSERT_EQUAL(conn_pending(domain->conn), 0);
}

static void hostile(void)
{
	static const uint32_t offs[] = { XENSTORE_RING_SIZE + 1, UINT32_MAX, 0x80000000u };
	struct answer answer;

	for (size_t i = 0; i < sizeof(offs) / sizeof(*offs); i++) {
		begin(77);
		guest_put(&guest, XS_WATCH, 1, 0, "x\0t", 4);
		run(1024);
		page.req_prod = page.req_cons + offs[i];
		broken(XENSTORE_ERROR_RINGIDX);
		engine_free(engine);

		begin(77);
		guest_put(&guest, XS_WATCH, 1, 0, "x\0t", 4);
		guest_push(&guest, 1024);
		page.rsp_cons = page.rsp_prod - offs[i];
		broken(XENSTORE_ERROR_RINGIDX);
		engine_free(engine);
	}
	begin(0);
	guest_put(&guest, XS_READ, 1, 0, "x", 2);
	guest.out[12] = 0x01;
	guest.out[13] = 0x10;
	guest_push(&guest, 1024);
	broken(XENSTORE_ERROR_PROTO);
	/* It asks for a new connection, and gets one. */
	page.connection = XENSTORE_RECONNECT;
	CU_ASSERT(ring_serve(domain->conn, &page));
	CU_ASSERT_EQUAL(page.connection, XENSTORE_CONNECTED);
	CU_ASSERT_EQUAL(page.error, XENSTORE_ERROR_NONE);
	guest = (struct guest){ .page = &page };
	guest_put(&guest, XS_READ, 9, 0, "x", 2);
	run(1024);
	CU_ASSERT(guest_take(&guest, &answer));
	CU_ASSERT_EQUAL(answer.req_id, 9);
	/* Our own indices, forged: they are not looked at. */
	page.req_cons = 12345;
	page.rsp_prod = 54321;
	guest_put(&guest, XS_READ, 10, 0, "x", 2);
	__atomic_store_n(&page.req_cons, domain->conn->req_cons, __ATOMIC_RELAXED);
	run(1024);
	CU_ASSERT(guest_take(&guest, &answer));
	CU_ASSERT_EQUAL(answer.req_id, 10);
	engine_free(engine);
}

/*
 * Each connection kept room for the largest message, of which 4 KiB a guest were
 * memory of the control domain. It is there only while part of a message is.
 */
static void room_for_parts(void)
{
	struct answer answer;

	begin(0);
	CU_ASSERT_PTR_NULL(domain->conn->in);
	guest_put(&guest, XS_MKDIR, 1, 0, "x", 2);
	guest_push(&guest, 5);
	ring_serve(domain->conn, &page);
	CU_ASSERT(domain->conn->in && domain->conn->in_size == 5);
	/* Meanwhile the others use rooms of their own. */
	client_write(control, 0, "/y", "1");
	CU_ASSERT_PTR_NULL(control->in);
	CU_ASSERT_PTR_NOT_NULL(engine->spare_in);
	run(1024);
	CU_ASSERT(guest_take(&guest, &answer));
	CU_ASSERT(answer.type == XS_MKDIR && answer.req_id == 1);
	CU_ASSERT_PTR_NULL(domain->conn->in);
	engine_free(engine);
}

/* Half a message, then a new connection: nothing of it is left. */
static void reconnect(void)
{
	struct answer answer;

	begin(500);
	client_watch(domain->conn, "x", "t");
	client_begin(domain->conn);
	guest_put(&guest, XS_WRITE, 1, 0, "x\0abcdefgh", 10);
	guest_push(&guest, 20);
	ring_serve(domain->conn, &page);
	CU_ASSERT_EQUAL(domain->conn->in_size, 20);
	page.connection = XENSTORE_RECONNECT;
	CU_ASSERT(ring_serve(domain->conn, &page));
	CU_ASSERT(domain->conn->in_size == 0 && domain->conn->watch_count == 0 &&
		  domain->conn->tx_count == 0);
	guest = (struct guest){ .page = &page };
	guest_put(&guest, XS_MKDIR, 2, 0, "x", 2);
	run(1024);
	CU_ASSERT(guest_take(&guest, &answer));
	CU_ASSERT(answer.type == XS_MKDIR && answer.req_id == 2);
	engine_free(engine);
}

/* A guest that asks and asks and takes nothing: it is not read from any more. */
static void greedy(void)
{
	struct answer answer;
	uint32_t sent = 0, got = 0;
	char big[3000];

	begin(0);
	memset(big, 'b', sizeof(big));
	memcpy(big, "big", 4);
	guest_put(&guest, XS_WRITE, 0, 0, big, sizeof(big));
	run(1024);
	guest_take(&guest, &answer);
	do {
		while (guest.out_size < 1024) {
			guest_put(&guest, XS_READ, ++sent, 0, "big", 4);
		}
		ring_serve(domain->conn, &page);
	} while (guest_push(&guest, 1024));
	CU_ASSERT(conn_throttled(domain->conn));
	CU_ASSERT(conn_pending(domain->conn) < 128 << 10);
	CU_ASSERT(sent < 200);
	/* It gets all of it once it takes it. */
	do {
		run(1024);
		while (guest_take(&guest, &answer)) {
			CU_ASSERT_EQUAL(answer.req_id, ++got);
		}
	} while (got < sent && conn_pending(domain->conn));
	CU_ASSERT_EQUAL(got, sent);
	engine_free(engine);
}

/*
 * A guest that asks again as fast as it is answered: each answer makes its
 * connection ready, and if requests were taken then, too, whoever empties the
 * list of ready ones would never be done, and nobody else ever served.
 */
static void endless(void)
{
	struct answer answer;
	struct conn *conn;
	unsigned int rounds = 0;
	bool asked = true;

	begin(0);
	while ((conn = TAILQ_FIRST(&engine->ready))) {
		TAILQ_REMOVE(&engine->ready, conn, of_ready);
		conn->ready = false;
	}
	conn_wake(domain->conn);
	while ((conn = TAILQ_FIRST(&engine->ready)) && rounds < 100) {
		TAILQ_REMOVE(&engine->ready, conn, of_ready);
		conn->ready = false;
		guest_put(&guest, XS_MKDIR, ++rounds, 0, "x", 2);
		guest_push(&guest, 1024);
		if (asked) {
			ring_serve(conn, &page);
		} else {
			ring_send(conn, &page);
		}
		asked = false;
		guest_pull(&guest, 1024);
	}
	CU_ASSERT_EQUAL(rounds, 2);
	CU_ASSERT(guest_take(&guest, &answer) && answer.req_id == 1);
	CU_ASSERT_FALSE(guest_take(&guest, &answer));
	/* Its next event brings the rest. */
	run(1024);
	CU_ASSERT(guest_take(&guest, &answer) && answer.req_id == 2);
	engine_free(engine);
}

/* What else the guest does while its request is looked at; the log is a place to do it. */
static void ask_meanwhile(void *arg, const char *text)
{
	uint32_t prod = guest.req_prod;

	(void)text;
	guest_put(&guest, XS_MKDIR, 2, 0, "x", 2);
	guest_push(&guest, 1024);
	*(bool *)arg = prod == page.req_cons;
}

/*
 * Linux sends an event for a request only where it sees that all before it were taken.
 * One that came while others were taken had none, and nobody looked for it again:
 * the guest waited for the answer for ever, with its devices half connected.
 */
static void eventless(void)
{
	bool event = true;
	const struct engine_host host = { .log = ask_meanwhile, .arg = &event }, *usual;
	static const char big[3000];
	struct answer answer;

	begin(0);
	usual = engine->host;
	engine->host = &host;
	engine->quotas.limit[QUOTA_WATCHES] = 0;
	guest_put(&guest, XS_WATCH, 1, 0, "x\0t", 4);
	guest_push(&guest, 1024);
	CU_ASSERT(ring_serve(domain->conn, &page));
	engine->host = usual;
	CU_ASSERT_FALSE(event);
	guest_pull(&guest, 1024);
	CU_ASSERT(guest_take(&guest, &answer) && answer.req_id == 1 && answer.type == XS_ERROR);
	CU_ASSERT_FALSE(guest_take(&guest, &answer));
	CU_ASSERT(ring_more(domain->conn, &page));
	CU_ASSERT(ring_serve(domain->conn, &page));
	guest_pull(&guest, 1024);
	CU_ASSERT(guest_take(&guest, &answer) && answer.req_id == 2 && answer.type == XS_MKDIR);
	CU_ASSERT_FALSE(ring_more(domain->conn, &page));

	/* Output that waits is more as soon as there is room. */
	conn_send(domain->conn, XS_READ, 3, 0, big, sizeof(big));
	CU_ASSERT(ring_send(domain->conn, &page));
	CU_ASSERT_FALSE(ring_more(domain->conn, &page));
	guest_pull(&guest, 1);
	CU_ASSERT(ring_more(domain->conn, &page));
	page.req_prod = page.req_cons + XENSTORE_RING_SIZE + 1;
	CU_ASSERT(ring_serve(domain->conn, &page));
	CU_ASSERT_FALSE(ring_more(domain->conn, &page));
	engine_free(engine);
}

CU_TestInfo ring_tests[] = {
	{ "pieces", pieces },	    { "room for parts", room_for_parts },
	{ "hostile", hostile },	    { "reconnect", reconnect },
	{ "greedy", greedy },	    { "endless", endless },
	{ "eventless", eventless }, CU_TEST_INFO_NULL,
};

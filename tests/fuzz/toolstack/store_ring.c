/* SPDX-License-Identifier: MIT */
/*
 * A guest that writes anything anywhere into its page, at any moment, beside one
 * that behaves: the second one always gets its answers, and counts stay right.
 *
 * Input: steps of a byte each: move request bytes in properly, write raw bytes
 * to a place of the page, add to an index, serve.
 */
#include <stdlib.h>
#include <string.h>

#include "stored/engine.h"
#include "stored/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xenstore_domain_interface bad, good;

static int attach(void *arg, struct domain *domain, bool resumed)
{
	struct xenstore_domain_interface *page = domain->domid == 1 ? &bad : &good;

	(void)arg;
	if (resumed) {
		ring_resume(domain->conn, page);
	} else {
		ring_start(domain->conn, page);
	}
	return 0;
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

/* Bytes as a guest should put them. */
static void feed(const uint8_t **data, size_t *size)
{
	size_t count = next_byte(data, size);

	for (; count && *size; count--) {
		bad.req[MASK_XENSTORE_IDX(bad.req_prod++)] = (char)next_byte(data, size);
	}
}

/* A whole header, small lengths, so that messages come about. */
static void feed_message(const uint8_t **data, size_t *size)
{
	struct xsd_sockmsg head = { (uint32_t)next_byte(data, size) % (XS_TYPE_COUNT + 1), 1,
				    (uint32_t)next_byte(data, size) % 4,
				    (uint32_t)next_byte(data, size) };
	const char *bytes = (const char *)&head;

	for (size_t i = 0; i < sizeof(head); i++) {
		bad.req[MASK_XENSTORE_IDX(bad.req_prod++)] = bytes[i];
	}
	for (uint32_t i = 0; i < head.len; i++) {
		bad.req[MASK_XENSTORE_IDX(bad.req_prod++)] = (char)next_byte(data, size);
	}
}

static void scribble(const uint8_t **data, size_t *size)
{
	/* Mostly where the indices are. */
	size_t at = 2 * XENSTORE_RING_SIZE + next_byte(data, size) % 28;
	size_t count = next_byte(data, size) % 8;

	for (; count && at < sizeof(bad); count--, at++) {
		((char *)&bad)[at] = (char)next_byte(data, size);
	}
}

static void serve(struct engine *engine, uint16_t domid, struct xenstore_domain_interface *page)
{
	ring_serve(domain_find(engine, domid)->conn, page);
}

/* The other guest's request, and its answer in the ring. */
static void check_good(struct engine *engine)
{
	static const struct xsd_sockmsg head = { XS_GET_DOMAIN_PATH, 7, 0, 2 };
	struct xsd_sockmsg answer;
	uint32_t from = good.rsp_prod;

	for (size_t i = 0; i < sizeof(head); i++) {
		good.req[MASK_XENSTORE_IDX(good.req_prod++)] = ((const char *)&head)[i];
	}
	good.req[MASK_XENSTORE_IDX(good.req_prod++)] = '2';
	good.req[MASK_XENSTORE_IDX(good.req_prod++)] = '\0';
	serve(engine, 2, &good);
	if (good.rsp_prod - from != sizeof(answer) + sizeof("/local/domain/2")) {
		abort();
	}
	good.rsp_cons = good.rsp_prod;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const check[] = { "check" };
	struct engine *engine = engine_new(&host);
	char answer[64];

	memset(&bad, 0, sizeof(bad));
	memset(&good, 0, sizeof(good));
	domain_introduce(engine, 1, 1, 1);
	domain_introduce(engine, 2, 1, 1);
	while (size) {
		switch (next_byte(&data, &size) % 8) {
		case 0:
			scribble(&data, &size);
			break;
		case 1:
			bad.rsp_cons = bad.rsp_prod;
			break;
		case 2:
			bad.connection = XENSTORE_RECONNECT;
			break;
		case 3:
			/* As after a restart, with the page as it is. */
			attach(NULL, domain_find(engine, 1), true);
			break;
		case 4:
			feed(&data, &size);
			break;
		case 5:
			serve(engine, 1, &bad);
			check_good(engine);
			break;
		default:
			feed_message(&data, &size);
			serve(engine, 1, &bad);
			break;
		}
	}
	if (control_handle(engine, check, 1, answer, sizeof(answer)) || strcmp(answer, "OK") != 0) {
		abort();
	}
	engine_free(engine);
	return 0;
}

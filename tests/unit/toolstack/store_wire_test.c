/* SPDX-License-Identifier: MIT */
/*
 * The store's client on a socket whose other end is this file: what it sends, in
 * how many pieces, and what it makes of replies.  One thread is enough: requests
 * and replies wait in the socket, and replies' numbers are known beforehand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#include <CUnit/CUnit.h>

#include "libvellum/store.h"

static struct vl_error error;
static char folder[] = "/tmp/store-wire-XXXXXX";
static struct vl_store *store;
static int server;

static void open_both(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(strstr(folder, "wire-") + 5, "XXXXXX", 6);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	CU_ASSERT_EQUAL_FATAL(vl_store_open(&store, address.sun_path, &error), 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CU_ASSERT_FATAL(server >= 0);
	close(listener);
	unlink(address.sun_path);
	rmdir(folder);
}

static void close_both(void)
{
	vl_store_close(store);
	close(server);
}

/* In one piece: the socket has room for a few hundred. */
static void send_message(uint32_t type, uint32_t number, const void *data, size_t size)
{
	struct xsd_sockmsg head = { type, number, 0, (uint32_t)size };
	char message[sizeof(head) + 64];

	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), data, size);
	CU_ASSERT_EQUAL_FATAL(write(server, message, sizeof(head) + size),
			      (ssize_t)(sizeof(head) + size));
}

static void ok(uint32_t type, uint32_t number)
{
	send_message(type, number, "OK", 3);
}

/* How many requests have come. */
static unsigned int requests(void)
{
	static char buffer[1 << 18];
	ssize_t size = read(server, buffer, sizeof(buffer));
	struct xsd_sockmsg head;
	unsigned int count = 0;

	for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(head) + head.len)) {
		memcpy(&head, buffer + at, sizeof(head));
		count++;
	}
	return count;
}

static void what_waits_is_sent_together(void)
{
	char *one, *none, *bytes;

	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/a", "1", 1, &error), 0);
	CU_ASSERT_EQUAL(vl_store_remove(store, 7, "/gone", &error), 0);
	CU_ASSERT_EQUAL(vl_store_queue_read(store, 0, "/one", &one, &error), 0);
	CU_ASSERT_EQUAL(vl_store_queue_read(store, 0, "/none", &none, &error), 0);
	CU_ASSERT_EQUAL(vl_store_queue_read(store, 0, "/bytes", &bytes, &error), 0);
	CU_ASSERT_EQUAL(requests(), 0);
	ok(XS_WRITE, 1);
	send_message(XS_ERROR, 2, "ENOENT", 7);
	send_message(XS_READ, 3, "first", 5);
	send_message(XS_ERROR, 4, "ENOENT", 7);
	send_message(XS_READ, 5, "a\0b", 3);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), 0);
	CU_ASSERT_EQUAL(requests(), 5);
	CU_ASSERT_STRING_EQUAL(one, "first");
	CU_ASSERT_PTR_NULL(none);
	CU_ASSERT_EQUAL(memcmp(bytes, "a\0b", 4), 0);
	free(one);
	free(bytes);
	/* And not any longer. */
	ok(XS_WRITE, 6);
	CU_ASSERT_EQUAL(vl_store_write(store, 0, "/a", "2", 1, &error), 0);
	CU_ASSERT_EQUAL(requests(), 1);
	close_both();
}

static void the_first_failure_is_told_and_all_replies_are_taken(void)
{
	char *value;

	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/good", "1", 1, &error), 0);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/bad", "1", 1, &error), 0);
	CU_ASSERT_EQUAL(vl_store_mkdir(store, 7, "/worse", &error), 0);
	ok(XS_WRITE, 1);
	send_message(XS_ERROR, 2, "EACCES", 7);
	send_message(XS_ERROR, 3, "ENOSPC", 7);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), -EACCES);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/bad"));
	send_message(XS_READ, 4, "in step", 7);
	CU_ASSERT_EQUAL(vl_store_read(store, 0, "/x", &value, NULL, &error), 0);
	CU_ASSERT_STRING_EQUAL(value, "in step");
	free(value);
	/* A queue begins without what failed in the one before. */
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), 0);
	close_both();
}

/* Neither can be behind with reading then: a queue without end would wait for ever. */
static void a_full_queue_is_sent(void)
{
	open_both();
	vl_store_queue(store);
	for (uint32_t i = 1; i <= 130; i++) {
		ok(XS_WRITE, i);
	}
	for (int i = 0; i < 130; i++) {
		CU_ASSERT_EQUAL(vl_store_write(store, 7, "/many", "1", 1, &error), 0);
	}
	CU_ASSERT_EQUAL(requests(), 128);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), 0);
	CU_ASSERT_EQUAL(requests(), 2);
	close_both();
}

static void full_of_bytes_as_well(void)
{
	static const char large[4000];

	open_both();
	vl_store_queue(store);
	for (uint32_t i = 1; i <= 5; i++) {
		ok(XS_WRITE, i);
		CU_ASSERT_EQUAL(vl_store_write(store, 7, "/large", large, sizeof(large), &error),
				0);
	}
	CU_ASSERT_EQUAL(requests(), 4);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/large", large, 4097, &error), -E2BIG);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), 0);
	CU_ASSERT_EQUAL(requests(), 1);
	close_both();
}

/* A question in between sees what was written before it. */
static void a_question_sends_what_waits(void)
{
	char *value = NULL;

	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/a", "1", 1, &error), 0);
	ok(XS_WRITE, 1);
	send_message(XS_READ, 2, "1", 1);
	CU_ASSERT_EQUAL(vl_store_read(store, 7, "/a", &value, NULL, &error), 0);
	CU_ASSERT_STRING_EQUAL(value, "1");
	free(value);
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/b", "1", 1, &error), 0);
	send_message(XS_ERROR, 3, "EINVAL", 7);
	CU_ASSERT_EQUAL(vl_store_read(store, 7, "/a", &value, NULL, &error), -EINVAL);
	/* What comes behind a failure is not even sent. */
	CU_ASSERT_EQUAL(vl_store_write(store, 7, "/c", "1", 1, &error), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/b"));
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), -EINVAL);
	CU_ASSERT_EQUAL(requests(), 3);
	close_both();
}

static void events_among_replies_are_kept(void)
{
	char *path, *token;

	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_write(store, 0, "/a", "1", 1, &error), 0);
	CU_ASSERT_EQUAL(vl_store_write(store, 0, "/b", "1", 1, &error), 0);
	ok(XS_WRITE, 1);
	send_message(XS_WATCH_EVENT, 0, "/a\0t1", 6);
	ok(XS_WRITE, 2);
	/* Read together with the last reply, and not to be forgotten either. */
	send_message(XS_WATCH_EVENT, 0, "/b\0t2", 6);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), 0);
	for (int i = 1; i <= 2; i++) {
		CU_ASSERT_EQUAL_FATAL(vl_store_event(store, 0, &path, &token, &error), 1);
		CU_ASSERT_EQUAL(token[1], '0' + i);
		free(path);
		free(token);
	}
	CU_ASSERT_EQUAL(vl_store_event(store, 0, &path, &token, &error), 0);
	close_both();
}

static void nonsense_ends_the_connection(void)
{
	char *one, *two;

	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_queue_read(store, 0, "/1", &one, &error), 0);
	CU_ASSERT_EQUAL(vl_store_queue_read(store, 0, "/2", &two, &error), 0);
	send_message(XS_READ, 1, "one", 3);
	send_message(XS_READ, 3, "of nobody", 9);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), -ECONNRESET);
	CU_ASSERT_PTR_NULL(two);
	free(one);
	CU_ASSERT_EQUAL(vl_store_write(store, 0, "/a", "1", 1, &error), -ECONNRESET);
	close_both();
	/* Nor is one that ends in the middle waited for. */
	open_both();
	vl_store_queue(store);
	CU_ASSERT_EQUAL(vl_store_write(store, 0, "/1", "", 0, &error), 0);
	CU_ASSERT_EQUAL(write(server, "\x0b\0\0", 3), 3);
	shutdown(server, SHUT_WR);
	CU_ASSERT_EQUAL(vl_store_flush(store, &error), -ECONNRESET);
	close_both();
}

CU_TestInfo store_wire_tests[] = {
	{ "what waits is sent together", what_waits_is_sent_together },
	{ "the first failure is told, all replies are taken",
	  the_first_failure_is_told_and_all_replies_are_taken },
	{ "a full queue is sent", a_full_queue_is_sent },
	{ "full of bytes as well", full_of_bytes_as_well },
	{ "a question sends what waits", a_question_sends_what_waits },
	{ "events among replies are kept", events_among_replies_are_kept },
	{ "nonsense ends the connection", nonsense_ends_the_connection },
	CU_TEST_INFO_NULL,
};

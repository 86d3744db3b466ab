/* SPDX-License-Identifier: MIT */
/*
 * Transactions: what they see, what makes two of them fail each other and what
 * does not, what a commit leaves. Each case of the table is one transaction, and
 * what another client does between its last request and its end.
 */
#include "client.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct engine *engine;
static struct conn *control, *guest;

static void begin(void)
{
	engine = client_engine();
	control = client_new(engine, 0);
	guest = client_new(engine, 5);
	client_write(control, 0, "/a/x", "1");
	client_write(control, 0, "/a/y/z", "1");
	client_write(control, 0, "/b", "1");
}

static void end(void)
{
	char answer[64];

	CU_ASSERT_EQUAL(control_handle(engine, (const char *[]){ "check" }, 1, answer, 64), 0);
	CU_ASSERT_STRING_EQUAL(answer, "OK");
	engine_free(engine);
}

/* "r/a/x" reads, "w" writes, "m" makes, "d" removes, "l" lists, "p" reads permissions,
 * "s" sets them. */
static void step(struct conn *conn, uint32_t tx, const char *what)
{
	const char *path = what + 1;
	char data[64];

	switch (what[0]) {
	case 'r':
		client_text(conn, XS_READ, tx, path, NULL);
		break;
	case 'l':
		client_text(conn, XS_DIRECTORY, tx, path, NULL);
		break;
	case 'p':
		client_text(conn, XS_GET_PERMS, tx, path, NULL);
		break;
	case 'w':
		client_write(conn, tx, path, "new");
		break;
	case 'm':
		client_text(conn, XS_MKDIR, tx, path, NULL);
		break;
	case 'd':
		client_text(conn, XS_RM, tx, path, NULL);
		break;
	case 's':
		memcpy(data, path, strlen(path) + 1);
		memcpy(data + strlen(path) + 1, "n7", 3);
		client_call(conn, XS_SET_PERMS, tx, data, strlen(path) + 4, NULL);
		break;
	default:
		break;
	}
}

static void conflicts(void)
{
	static const struct {
		const char *tx[3], *other[2];
		bool conflict;
	} cases[] = {
		/* Reading, and a write to the same node or to another. */
		{ { "r/a/x", "w/c" }, { "w/a/x" }, true },
		{ { "r/a/x", "w/c" }, { "w/b" }, false },
		{ { "r/a/x", "w/c" }, { "s/a/x" }, true },
		{ { "r/a/x", "w/c" }, { "d/a/x" }, true },
		{ { "r/a/x", "w/c" }, { "d/a" }, true },
		{ { "r/a/x", "w/c" }, { "d/a/x", "w/a/x" }, true },
		{ { "r/a", "w/c" }, { "w/a/x" }, false },
		{ { "r/a", "w/c" }, { "w/a/new" }, false },
		{ { "p/a", "w/c" }, { "s/a" }, true },
		/* Reading what is not there. */
		{ { "r/n", "w/c" }, { "w/n" }, true },
		{ { "r/n", "w/c" }, { "w/o" }, false },
		{ { "r/n", "w/c" }, { "w/n", "d/n" }, false },
		/* Listing, and names that come and go, or values that change. */
		{ { "l/a", "w/c" }, { "w/a/new" }, true },
		{ { "l/a", "w/c" }, { "d/a/x" }, true },
		{ { "l/a", "w/c" }, { "w/a/x" }, false },
		{ { "l/a", "w/c" }, { "w/a/y/new" }, false },
		{ { "l/a", "w/c" }, { "w/b" }, false },
		/* Writing. */
		{ { "w/a/x" }, { "w/a/x" }, true },
		{ { "w/a/x" }, { "w/a/y/z" }, false },
		{ { "w/a/p" }, { "w/a/q" }, false },
		{ { "w/a/p" }, { "w/a/p" }, true },
		{ { "w/a/p" }, { "d/a" }, true },
		{ { "w/a/p" }, { "w/a" }, false },
		{ { "m/a/p" }, { "w/a/p" }, true },
		{ { "s/a/x" }, { "w/a/x" }, true },
		/* Removing touches all below. */
		{ { "d/a" }, { "w/a/y/z" }, true },
		{ { "d/a" }, { "w/a/y/new" }, true },
		{ { "d/a" }, { "w/a" }, true },
		{ { "d/a" }, { "w/b" }, false },
		{ { "d/a/n" }, { "w/a/x" }, false },
		{ { "d/a/n" }, { "w/a/n" }, true },
		{ { "d/a/y" }, { "w/a/x" }, false },
		{ { "d/a/y" }, { "w/a/new" }, false },
	};
	uint32_t tx;
	int rc;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin();
		tx = client_begin(control);
		for (int k = 0; k < 3 && cases[i].tx[k]; k++) {
			step(control, tx, cases[i].tx[k]);
		}
		for (int k = 0; k < 2 && cases[i].other[k]; k++) {
			step(control, 0, cases[i].other[k]);
		}
		rc = client_end(control, tx, true);
		if (rc != (cases[i].conflict ? -EAGAIN : 0)) {
			printf("case %zu: %d\n", i, rc);
		}
		CU_ASSERT_EQUAL(rc, cases[i].conflict ? -EAGAIN : 0);
		end();
	}
}

static void isolation(void)
{
	uint32_t one, two;
	char *before, *after;

	begin();
	one = client_begin(control);
	two = client_begin(control);
	CU_ASSERT(one && two && one != two);
	client_write(control, one, "/a/x", "one");
	client_write(control, one, "/n/m", "one");
	CU_ASSERT_STRING_EQUAL(client_read(control, one, "/a/x"), "one");
	CU_ASSERT_STRING_EQUAL(client_read(control, two, "/a/x"), "1");
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a/x"), "1");
	client_write(control, 0, "/b", "later");
	CU_ASSERT_STRING_EQUAL(client_read(control, two, "/b"), "1");
	before = client_dump(engine);
	CU_ASSERT_EQUAL(client_end(control, one, false), 0);
	after = client_dump(engine);
	CU_ASSERT_STRING_EQUAL(before, after);
	free(before);
	free(after);
	CU_ASSERT_EQUAL(client_end(control, one, true), -ENOENT);
	CU_ASSERT_EQUAL(client_text(control, XS_READ, one, "/a/x", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(control, XS_TRANSACTION_START, two, "", NULL), -EBUSY);
	CU_ASSERT_EQUAL(client_text(control, XS_TRANSACTION_END, two, "X", NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_text(control, XS_TRANSACTION_END, 0, "T", NULL), -ENOENT);
	/* It read what has changed. */
	CU_ASSERT_EQUAL(client_end(control, two, true), -EAGAIN);
	end();
}

/* Both commit: the tree has all of both. */
static void merge(void)
{
	uint32_t one, two;

	begin();
	one = client_begin(control);
	two = client_begin(control);
	client_write(control, one, "/a/one", "1");
	client_text(control, XS_RM, one, "/b", NULL);
	client_write(control, two, "/a/two", "2");
	client_write(control, two, "/a/y/z", "2");
	CU_ASSERT_EQUAL(client_end(control, one, true), 0);
	CU_ASSERT_EQUAL(client_end(control, two, true), 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a/one"), "1");
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a/two"), "2");
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a/y/z"), "2");
	CU_ASSERT_PTR_NULL(client_read(control, 0, "/b"));
	end();
}

/* Events come at the commit, one for each path, and none without one. */
static void events(void)
{
	struct conn *watcher;
	uint32_t tx;

	begin();
	watcher = client_new(engine, 0);
	client_watch(watcher, "/a", "t");
	client_drop_events(watcher);
	tx = client_begin(control);
	client_write(control, tx, "/a/x", "2");
	client_write(control, tx, "/a/x", "3");
	client_write(control, tx, "/a/q", "3");
	client_write(control, tx, "/b", "3");
	CU_ASSERT_STRING_EQUAL(client_event(watcher), "");
	CU_ASSERT_EQUAL(client_end(control, tx, true), 0);
	CU_ASSERT_STRING_EQUAL(client_event(watcher), "/a/x t");
	CU_ASSERT_STRING_EQUAL(client_event(watcher), "/a/q t");
	CU_ASSERT_STRING_EQUAL(client_event(watcher), "");
	tx = client_begin(control);
	client_write(control, tx, "/a/x", "2");
	client_end(control, tx, false);
	CU_ASSERT_STRING_EQUAL(client_event(watcher), "");
	end();
}

static void limits(void)
{
	uint32_t tx;

	begin();
	client_write(control, 0, "/local/domain/5", "");
	client_perms(control, "/local/domain/5", "n5", NULL);
	/* The quota of nodes holds inside, and again at the end. */
	engine->quotas.limit[QUOTA_NODES] = 3;
	tx = client_begin(guest);
	CU_ASSERT_EQUAL(client_write(guest, tx, "1", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, tx, "2", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, tx, "3", ""), -ENOSPC);
	CU_ASSERT_EQUAL(client_text(guest, XS_RM, tx, "2", NULL), 0);
	CU_ASSERT_EQUAL(client_write(guest, tx, "3", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, "x", ""), 0);
	CU_ASSERT_EQUAL(client_end(guest, tx, true), -ENOSPC);
	CU_ASSERT_PTR_NULL(client_read(guest, 0, "1"));
	CU_ASSERT_EQUAL(engine->owned[5], 2);
	/* So does the one of its size. */
	engine->quotas.limit[QUOTA_TX_SIZE] = 3;
	tx = client_begin(guest);
	CU_ASSERT_PTR_NOT_NULL(client_read(guest, tx, "x"));
	CU_ASSERT_PTR_NOT_NULL(client_read(guest, tx, "x"));
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, tx, "y", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, tx, "z", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, tx, "q", NULL), -ENOSPC);
	CU_ASSERT_EQUAL(client_end(guest, tx, true), 0);
	/* An old one of a guest is let go; it still answers. */
	tx = client_begin(guest);
	engine->now += 61;
	engine_tick(engine);
	CU_ASSERT_PTR_NOT_NULL(client_read(guest, tx, "x"));
	CU_ASSERT_EQUAL(client_write(guest, tx, "x", "y"), 0);
	CU_ASSERT_EQUAL(client_write(guest, tx, "/a", "y"), -EACCES);
	CU_ASSERT_STRING_EQUAL(client_read(guest, 0, "x"), "");
	CU_ASSERT_EQUAL(client_end(guest, tx, true), -EAGAIN);
	/* Permissions that changed meanwhile hold at the end. */
	engine->quotas = quota_defaults;
	tx = client_begin(guest);
	CU_ASSERT_EQUAL(client_write(guest, tx, "new", "y"), 0);
	client_perms(control, "/local/domain/5", "n6", NULL);
	CU_ASSERT_EQUAL(client_end(guest, tx, true), -EAGAIN);
	/* A client that goes takes its transactions along. */
	client_begin(guest);
	conn_free(guest);
	end();
}

/*
 * What a guest's transactions keep: their own changes, of which 64 with a
 * thousand values each took a gigabyte, and what was replaced since they began,
 * which was bounded by a minute alone.
 */
static void memory(void)
{
	char value[3000], path[16];
	unsigned int count = 0;
	uint32_t tx = 0;
	int rc;

	begin();
	client_write(control, 0, "/local/domain/5", "");
	client_perms(control, "/local/domain/5", "n5", NULL);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	do {
		if (count % 100 == 0) {
			tx = client_begin(guest);
		}
		snprintf(path, sizeof(path), "n%u", count % 100);
		rc = client_write(guest, tx, path, value);
	} while (rc == 0 && ++count < 6000);
	CU_ASSERT_EQUAL(rc, -ENOSPC);
	CU_ASSERT(count > 300 && count < 1500);
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "memory=4194304"));
	CU_ASSERT_EQUAL(client_end(guest, tx, true), 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_RESET_WATCHES, 0, "", NULL), 0);
	CU_ASSERT_EQUAL(guest->memory, 0);
	/* Another guest replaces values while one is open. */
	tx = client_begin(guest);
	CU_ASSERT_PTR_NOT_NULL(client_read(guest, tx, "n1"));
	for (count = 0; count < 10000; count++) {
		client_write(control, 0, "/other", value);
	}
	CU_ASSERT_EQUAL(client_end(guest, tx, true), 0);
	tx = client_begin(guest);
	CU_ASSERT_PTR_NOT_NULL(client_read(guest, tx, "n1"));
	for (count = 0; count < 20000; count++) {
		client_write(control, 0, "/other", value);
	}
	CU_ASSERT(tx_find(guest, tx)->doomed && !tx_find(guest, tx)->base);
	CU_ASSERT_EQUAL(client_end(guest, tx, true), -EAGAIN);
	end();
}

CU_TestInfo tx_tests[] = {
	{ "conflicts", conflicts }, { "isolation", isolation }, { "merge", merge },
	{ "events", events },	    { "limits", limits },	{ "memory", memory },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Watches: which fire for what, with which path, for whom, and what a slow client gets. */
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
	client_write(control, 0, "/local/domain/5", "");
	client_perms(control, "/local/domain/5", "n5", NULL);
}

static int unwatch(struct conn *conn, const char *path, const char *token)
{
	char data[XENSTORE_PAYLOAD_MAX];
	size_t size = (size_t)sprintf(data, "%s%c%s", path, 0, token) + 1;

	return client_call(conn, XS_UNWATCH, 0, data, size, NULL);
}

static void paths(void)
{
	begin();
	CU_ASSERT_EQUAL(client_watch(control, "/a/b", "t"), 0);
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b t");
	client_write(control, 0, "/a/b/c/d", "");
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b/c/d t");
	client_write(control, 0, "/a/b", "");
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b t");
	client_write(control, 0, "/a/bc", "");
	client_write(control, 0, "/a", "");
	CU_ASSERT_STRING_EQUAL(client_event(control), "");
	client_perms(control, "/a/b", "n5", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b t");
	/* Making what is there changes nothing. */
	client_text(control, XS_MKDIR, 0, "/a/b", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(control), "");
	CU_ASSERT_EQUAL(client_watch(control, "/a/b", "t"), -EEXIST);
	CU_ASSERT_EQUAL(client_watch(control, "/a/b", "u"), 0);
	CU_ASSERT_EQUAL(unwatch(control, "/a/b", "x"), -ENOENT);
	CU_ASSERT_EQUAL(unwatch(control, "/a", "t"), -ENOENT);
	CU_ASSERT_EQUAL(unwatch(control, "/a/b", "t"), 0);
	CU_ASSERT_EQUAL(unwatch(control, "/a/b", "u"), 0);
	CU_ASSERT_EQUAL(engine->points.count, 0);
	/* The root sees everything. */
	CU_ASSERT_EQUAL(client_watch(control, "/", "r"), 0);
	client_drop_events(control);
	client_write(control, 0, "/q", "");
	CU_ASSERT_STRING_EQUAL(client_event(control), "/q r");
	CU_ASSERT_EQUAL(client_call(control, XS_WATCH, 0, "/a", 3, NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_watch(control, "/a//", "t"), -EINVAL);
	CU_ASSERT_EQUAL(client_watch(control, "", "t"), -EINVAL);
	engine_free(engine);
}

static void removal(void)
{
	begin();
	client_write(control, 0, "/a/b/c", "");
	client_write(control, 0, "/a/d", "");
	client_watch(control, "/a/b/c", "c");
	client_watch(control, "/a/b/nope", "n");
	client_watch(control, "/a/d", "d");
	client_watch(control, "/", "r");
	client_drop_events(control);
	client_text(control, XS_RM, 0, "/a/b", NULL);
	/* Above: the path removed. Below: the watch's own, if it was a node. */
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b r");
	CU_ASSERT_STRING_EQUAL(client_event(control), "/a/b/c c");
	CU_ASSERT_STRING_EQUAL(client_event(control), "");
	client_text(control, XS_RM, 0, "/a/b", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(control), "");
	engine_free(engine);
}

static void permissions(void)
{
	begin();
	client_watch(guest, "/secret", "s");
	client_watch(guest, "mine", "m");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "/secret s");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "mine m");
	client_write(control, 0, "/secret/x", "1");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "");
	client_write(control, 0, "/local/domain/5/mine/x", "1");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "mine/x m");
	/* It may read it now; it could read it before; it could when it was removed. */
	client_perms(control, "/secret/x", "r0", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(guest), "/secret/x s");
	client_perms(control, "/secret/x", "n0", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(guest), "/secret/x s");
	client_perms(control, "/secret/x", "r0", NULL);
	client_drop_events(guest);
	client_text(control, XS_RM, 0, "/secret/x", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(guest), "/secret/x s");
	/* Special paths: fired for the control domain, and for who was given the right. */
	client_watch(guest, PATH_RELEASE, "r");
	client_watch(control, PATH_RELEASE, "r");
	client_watch(control, PATH_INTRODUCE, "i");
	client_drop_events(guest);
	client_drop_events(control);
	CU_ASSERT_EQUAL(client_call(control, XS_INTRODUCE, 0, "9\0001\0002\0", 7, NULL), 0);
	CU_ASSERT_STRING_EQUAL(client_event(control), PATH_INTRODUCE " i");
	client_text(control, XS_RELEASE, 0, "9", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(control), PATH_RELEASE " r");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "");
	client_perms(control, PATH_RELEASE, "n0", "r5");
	client_call(control, XS_INTRODUCE, 0, "9\0001\0002\0", 7, NULL);
	client_text(control, XS_RELEASE, 0, "9", NULL);
	CU_ASSERT_STRING_EQUAL(client_event(guest), PATH_RELEASE " r");
	CU_ASSERT_EQUAL(unwatch(guest, PATH_RELEASE, "r"), 0);
	engine_free(engine);
}

/* What the core says about domains. */
static void domains(void)
{
	const struct domain_state three[] = { { 0, false }, { 7, true }, { 9, false } };
	const struct domain_state two[] = { { 0, false }, { 9, false } };

	begin();
	client_call(control, XS_INTRODUCE, 0, "7\0001\0002\0", 7, NULL);
	client_call(control, XS_INTRODUCE, 0, "9\0001\0002\0", 7, NULL);
	client_watch(control, PATH_RELEASE, "r");
	client_drop_events(control);
	domain_check(engine, three, 3);
	CU_ASSERT_STRING_EQUAL(client_event(control), PATH_RELEASE " r");
	domain_check(engine, three, 3);
	CU_ASSERT_STRING_EQUAL(client_event(control), "");
	client_text(control, XS_RESUME, 0, "7", NULL);
	domain_check(engine, three, 3);
	CU_ASSERT_STRING_EQUAL(client_event(control), PATH_RELEASE " r");
	client_watch(domain_find(engine, 7)->conn, "x", "t");
	domain_check(engine, two, 2);
	CU_ASSERT_STRING_EQUAL(client_event(control), PATH_RELEASE " r");
	CU_ASSERT_PTR_NULL(domain_find(engine, 7));
	CU_ASSERT_PTR_NOT_NULL(domain_find(engine, 9));
	engine_free(engine);
}

/* What was granted to a domain that has gone is not its successor's. */
static void stale(void)
{
	struct answer answer;

	begin();
	client_call(control, XS_INTRODUCE, 0, "7\0001\0002\0", 7, NULL);
	client_call(control, XS_INTRODUCE, 0, "9\0001\0002\0", 7, NULL);
	client_write(control, 0, "/s/owned", "v");
	client_write(control, 0, "/s/granted", "v");
	client_perms(control, "/s/owned", "n7", "r9");
	client_perms(control, "/s/granted", "n9", "b7");
	client_text(control, XS_RELEASE, 0, "7", NULL);
	engine_tick(engine);
	CU_ASSERT_EQUAL(engine->owned[7], 1);
	stale_sweep(engine, true);
	CU_ASSERT_EQUAL(engine->owned[7], 0);
	client_text(control, XS_GET_PERMS, 0, "/s/owned", &answer);
	CU_ASSERT(answer.size == 6 && memcmp(answer.data, "n0\0r9\0", 6) == 0);
	client_text(control, XS_GET_PERMS, 0, "/s/granted", &answer);
	CU_ASSERT(answer.size == 3 && memcmp(answer.data, "n9\0", 3) == 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/s/granted"), "v");
	/* One that came back in time keeps what it was given. */
	client_text(control, XS_RELEASE, 0, "9", NULL);
	client_call(control, XS_INTRODUCE, 0, "9\0001\0002\0", 7, NULL);
	stale_sweep(engine, true);
	CU_ASSERT_EQUAL(engine->owned[9], 1);
	engine_free(engine);
}

/* A guest that does not read: its events wait up to its quota, then each watch fires once. */
static void slow(void)
{
	char path[64];
	int count = 0;
	const char *event;

	begin();
	engine->quotas.limit[QUOTA_OUTSTANDING] = 2000;
	client_watch(guest, "a", "a");
	client_watch(guest, "b", "b");
	client_drop_events(guest);
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/local/domain/5/a/%d", i);
		client_write(control, 0, path, "");
	}
	CU_ASSERT(conn_pending(guest) <= 2000);
	CU_ASSERT(guest->lost);
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "outstanding=2000"));
	while ((event = client_event(guest))[0] && strcmp(event, "a a") != 0) {
		count++;
	}
	CU_ASSERT(count > 20 && count < 200);
	CU_ASSERT_STRING_EQUAL(event, "a a");
	client_drop_events(guest);
	/* The same event again and again waits once. */
	for (int i = 0; i < 10; i++) {
		client_write(control, 0, "/local/domain/5/b", "x");
	}
	CU_ASSERT_STRING_EQUAL(client_event(guest), "b b");
	CU_ASSERT_STRING_EQUAL(client_event(guest), "");
	/* A client on the socket is closed at a far larger limit. */
	client_watch(control, "/", "t");
	for (int i = 0; i < 1000000 && !control->broken; i++) {
		snprintf(path, sizeof(path), "/local/domain/5/a/%d", i % 7);
		client_write(guest, 0, path, "");
	}
	CU_ASSERT(control->broken);
	CU_ASSERT_FALSE(guest->broken);
	engine_free(engine);
}

static void reset(void)
{
	uint32_t tx;

	begin();
	for (int i = 0; i < 100; i++) {
		char token[16];

		snprintf(token, sizeof(token), "%d", i);
		CU_ASSERT_EQUAL(client_watch(guest, i % 2 ? "a/b/c" : "a", token), 0);
	}
	tx = client_begin(guest);
	CU_ASSERT_EQUAL(guest->watch_count, 100);
	CU_ASSERT_EQUAL(client_text(guest, XS_RESET_WATCHES, 0, "", NULL), 0);
	CU_ASSERT_EQUAL(guest->watch_count, 0);
	CU_ASSERT_EQUAL(engine->points.count, 0);
	CU_ASSERT_EQUAL(client_end(guest, tx, true), -ENOENT);
	client_watch(guest, "a", "t");
	conn_free(guest);
	CU_ASSERT_EQUAL(engine->points.count, 0);
	engine_free(engine);
}

/* "/NUMBER/a/a/a..." as deep as a path can be. */
static void deep_path(char *path, unsigned int number)
{
	size_t size = (size_t)sprintf(path, "/%u", number);

	while (size + 2 <= XENSTORE_ABS_PATH_MAX) {
		path[size++] = '/';
		path[size++] = 'a';
	}
	path[size] = '\0';
}

/*
 * Each path above a watched one has its own record.  A guest that watched a
 * thousand paths, each as deep as can be, took gigabytes of the control domain.
 */
static void deep(void)
{
	char path[PATH_ROOM];
	unsigned int count = 0;

	begin();
	do {
		deep_path(path, count);
	} while (client_watch(guest, path, "t") == 0 && ++count < 100);
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "memory=4194304"));
	deep_path(path, 0);
	CU_ASSERT_EQUAL(unwatch(guest, path, "t"), 0);
	CU_ASSERT_EQUAL(guest->memory, 0);
	/* As many as it may have, such as guests do set. */
	for (count = 0; count < 1024; count++) {
		sprintf(path, "/local/domain/0/backend/vbd/5/%u/state", count);
		CU_ASSERT_EQUAL(client_watch(guest, path, "backend/vbd"), 0);
	}
	CU_ASSERT_EQUAL(client_text(guest, XS_RESET_WATCHES, 0, "", NULL), 0);
	CU_ASSERT_EQUAL(guest->memory, 0);
	engine_free(engine);
}

CU_TestInfo watch_tests[] = {
	{ "paths", paths },	{ "removal", removal }, { "permissions", permissions },
	{ "domains", domains }, { "stale", stale },	{ "slow", slow },
	{ "reset", reset },	{ "deep", deep },	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* Each operation of the wire protocol, each error that it can give, and messages that lie. */
#include "client.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL(conn, type, text) client_call(conn, type, 0, text, sizeof(text) - 1, NULL)

static struct engine *engine;
static struct conn *control, *guest, *other;

static void begin(void)
{
	engine = client_engine();
	control = client_new(engine, 0);
	guest = client_new(engine, 5);
	other = client_new(engine, 6);
	client_write(control, 0, "/local/domain/5", "");
	client_perms(control, "/local/domain/5", "n5", NULL);
}

static void end(void)
{
	char answer[64];

	/* Counts of nodes are right whatever was done. */
	CU_ASSERT_EQUAL(control_handle(engine, (const char *[]){ "check" }, 1, answer, 64), 0);
	CU_ASSERT_STRING_EQUAL(answer, "OK");
	engine_free(engine);
}

static void values(void)
{
	struct answer answer;
	char big[XENSTORE_PAYLOAD_MAX];

	begin();
	CU_ASSERT_EQUAL(client_write(control, 0, "/a/b", "1"), 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a/b"), "1");
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/a"), "");
	CU_ASSERT_EQUAL(CALL(control, XS_WRITE, "/a/b\0x\0y"), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_READ, 0, "/a/b", &answer), 0);
	CU_ASSERT(answer.size == 3 && memcmp(answer.data, "x\0y", 3) == 0);
	/* A guest's relative path. */
	CU_ASSERT_EQUAL(client_write(guest, 0, "data/x", "mine"), 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/local/domain/5/data/x"), "mine");
	/* As much as a message can carry. */
	memset(big, 'v', sizeof(big));
	memcpy(big, "/big", 5);
	CU_ASSERT_EQUAL(client_call(control, XS_WRITE, 0, big, sizeof(big), NULL), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_READ, 0, "/big", &answer), 0);
	CU_ASSERT_EQUAL(answer.size, XENSTORE_PAYLOAD_MAX - 5);

	CU_ASSERT_EQUAL(client_text(control, XS_READ, 0, "/nope", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, 0, "/nope", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, 0, "nope", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_READ, 0, "/a/b", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_write(guest, 0, "/a/b", "x"), -EACCES);
	CU_ASSERT_EQUAL(client_write(guest, 0, "/new", "x"), -EACCES);
	CU_ASSERT_EQUAL(CALL(control, XS_READ, "/a/b"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_READ, ""), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_READ, "\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_READ, "/a\0/b\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_READ, "/a//b\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_WRITE, "/a/b"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_WRITE, ""), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_WRITE, "/a b\0x"), -EINVAL);
	end();
}

static void folders(void)
{
	struct answer answer;
	char path[64], offset[80], last[64] = "";
	size_t at = 0, size, skip, names = 0;

	begin();
	CU_ASSERT_EQUAL(client_text(control, XS_MKDIR, 0, "/d/e", NULL), 0);
	CU_ASSERT_EQUAL(client_write(control, 0, "/d/e", "kept"), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_MKDIR, 0, "/d/e", NULL), 0);
	CU_ASSERT_STRING_EQUAL(client_read(control, 0, "/d/e"), "kept");
	CU_ASSERT_EQUAL(client_text(control, XS_DIRECTORY, 0, "/d/e", &answer), 0);
	CU_ASSERT_EQUAL(answer.size, 0);
	CU_ASSERT_EQUAL(client_text(control, XS_DIRECTORY, 0, "/", &answer), 0);
	CU_ASSERT(answer.size == 8 && memcmp(answer.data, "d\0local\0", 8) == 0);
	CU_ASSERT_EQUAL(client_text(control, XS_DIRECTORY, 0, "/x", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_DIRECTORY, 0, "/d", NULL), -EACCES);

	for (int i = 0; i < 900; i++) {
		snprintf(path, sizeof(path), "/many/n%04d", i);
		client_write(control, 0, path, "");
	}
	CU_ASSERT_EQUAL(client_text(control, XS_DIRECTORY, 0, "/many", NULL), -E2BIG);
	do {
		size = (size_t)sprintf(offset, "/many%c%zu", 0, at) + 1;
		CU_ASSERT_EQUAL_FATAL(
			client_call(control, XS_DIRECTORY_PART, 0, offset, size, &answer), 0);
		skip = strlen(answer.data) + 1;
		for (size_t i = skip; i < answer.size && answer.data[i];
		     i += strlen(answer.data + i) + 1) {
			CU_ASSERT(strcmp(last, answer.data + i) < 0);
			snprintf(last, sizeof(last), "%s", answer.data + i);
			names++;
		}
		at += answer.size - skip;
	} while (names < 900 && answer.size > skip);
	CU_ASSERT_EQUAL(names, 900);
	CU_ASSERT_EQUAL(answer.data[answer.size - 2], '\0');
	CU_ASSERT_EQUAL(CALL(control, XS_DIRECTORY_PART, "/many\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_DIRECTORY_PART, "/many\0x\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_DIRECTORY_PART, "/many\0-1\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_DIRECTORY_PART, "/many\00099999999999999999999\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_DIRECTORY_PART, "/d/e\0000\0"), 0);

	CU_ASSERT_EQUAL(client_text(control, XS_RM, 0, "/many", NULL), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_RM, 0, "/many", NULL), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_RM, 0, "/many/x", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(control, XS_RM, 0, "/", NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_text(guest, XS_RM, 0, "/d", NULL), -EACCES);
	CU_ASSERT_PTR_NULL(client_read(control, 0, "/many/n0001"));
	end();
}

static void permissions(void)
{
	struct answer answer;

	begin();
	client_write(control, 0, "/p", "v");
	CU_ASSERT_EQUAL(client_perms(control, "/p", "n5", "r6"), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_GET_PERMS, 0, "/p", &answer), 0);
	CU_ASSERT(answer.size == 6 && memcmp(answer.data, "n5\0r6\0", 6) == 0);
	CU_ASSERT_STRING_EQUAL(client_read(other, 0, "/p"), "v");
	CU_ASSERT_EQUAL(client_write(other, 0, "/p", "x"), -EACCES);
	/* New nodes take the permissions above; a guest owns what it makes. */
	CU_ASSERT_EQUAL(client_write(control, 0, "/p/control", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, "/p/guest", ""), 0);
	CU_ASSERT_EQUAL(client_text(other, XS_GET_PERMS, 0, "/p/control", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "n5");
	CU_ASSERT_EQUAL(client_perms(guest, "/p", "n5", "b6"), 0);
	CU_ASSERT_EQUAL(client_write(other, 0, "/p/others", ""), 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_GET_PERMS, 0, "/p/others", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_text(control, XS_GET_PERMS, 0, "/p/others", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "n6");
	/* Only the owner, and only the control domain gives it to another. */
	CU_ASSERT_EQUAL(client_perms(other, "/p", "n5", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_perms(guest, "/p", "n6", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_perms(control, "/p", "n6", NULL), 0);
	CU_ASSERT_EQUAL(client_perms(guest, "/p", "n5", NULL), -EACCES);
	CU_ASSERT_EQUAL(client_perms(control, "/nope", "n6", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_perms(control, "/p", "x6", NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_perms(control, "/p", "n40000", NULL), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_SET_PERMS, "/p\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_SET_PERMS, "/p\0n6"), -EINVAL);
	/* The special paths have permissions, too. */
	CU_ASSERT_EQUAL(client_perms(control, PATH_RELEASE, "n0", "r5"), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_GET_PERMS, 0, PATH_RELEASE, &answer), 0);
	CU_ASSERT(answer.size == 6 && memcmp(answer.data, "n0\0r5\0", 6) == 0);
	CU_ASSERT_EQUAL(client_perms(guest, PATH_RELEASE, "n0", "r5"), -EACCES);
	CU_ASSERT_EQUAL(client_text(guest, XS_GET_PERMS, 0, PATH_RELEASE, NULL), -EACCES);
	end();
}

static void domains(void)
{
	struct answer answer;

	begin();
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "9\000123\0004\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "9\000123\0004\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "9\000124\0005\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "10\000666\0004\0"), -EINVAL);
	CU_ASSERT_PTR_NULL(domain_find(engine, 10));
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "0\000123\0004\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "9\000123\0000\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "9\000123\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "40000\000123\0004\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(guest, XS_INTRODUCE, "9\000123\0004\0"), -EACCES);
	CU_ASSERT_EQUAL(client_text(control, XS_IS_DOMAIN_INTRODUCED, 0, "9", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "T");
	CU_ASSERT_EQUAL(client_text(control, XS_IS_DOMAIN_INTRODUCED, 0, "10", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "F");
	CU_ASSERT_EQUAL(client_text(guest, XS_IS_DOMAIN_INTRODUCED, 0, "0", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "T");
	CU_ASSERT_EQUAL(client_text(guest, XS_IS_DOMAIN_INTRODUCED, 0, "x", NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_text(guest, XS_GET_DOMAIN_PATH, 0, "0077", &answer), 0);
	CU_ASSERT_STRING_EQUAL(answer.data, "/local/domain/77");
	CU_ASSERT_EQUAL(client_text(guest, XS_GET_DOMAIN_PATH, 0, "", NULL), -EINVAL);

	CU_ASSERT_EQUAL(CALL(control, XS_INTRODUCE, "11\0005\0004\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_SET_TARGET, "11\0009\0"), 0);
	CU_ASSERT_EQUAL(domain_find(engine, 11)->conn->who.target, 9);
	CU_ASSERT_EQUAL(CALL(control, XS_SET_TARGET, "12\0009\0"), -ENOENT);
	CU_ASSERT_EQUAL(CALL(control, XS_SET_TARGET, "11\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(guest, XS_SET_TARGET, "11\0009\0"), -EACCES);
	CU_ASSERT_EQUAL(client_text(control, XS_RELEASE, 0, "9", NULL), 0);
	CU_ASSERT_EQUAL(domain_find(engine, 11)->conn->who.target, 11);
	CU_ASSERT_EQUAL(client_text(control, XS_RELEASE, 0, "9", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(control, XS_RELEASE, 0, "0", NULL), -EINVAL);
	CU_ASSERT_EQUAL(client_text(control, XS_RESUME, 0, "11", NULL), 0);
	CU_ASSERT_EQUAL(client_text(control, XS_RESUME, 0, "9", NULL), -ENOENT);
	CU_ASSERT_EQUAL(client_text(guest, XS_RESUME, 0, "11", NULL), -EACCES);
	end();
}

static void commands(void)
{
	struct answer answer;

	begin();
	CU_ASSERT_EQUAL(client_text(control, XS_CONTROL, 0, "help", &answer), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "quota\n"));
	CU_ASSERT_EQUAL(client_text(control, XS_CONTROL, 0, "quota", &answer), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "transaction-size"));
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "quota\0set\0nodes\00077\0"), 0);
	CU_ASSERT_EQUAL(engine->quotas.limit[QUOTA_NODES], 77);
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "quota\0set\0nods\00077\0"), -EINVAL);
	CU_ASSERT_EQUAL(client_call(control, XS_CONTROL, 0, "quota\0005\0", 8, &answer), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "nodes                       1\n"));
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "log\0on\0"), 0);
	CU_ASSERT(engine->trace);
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "log\0off\0"), 0);
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "log\0x\0"), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, "print\0hello %s\0"), 0);
	CU_ASSERT_STRING_EQUAL(client_log, "control: hello %s");
	CU_ASSERT_EQUAL(client_text(control, XS_CONTROL, 0, "stats", &answer), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer.data, "requests "));
	CU_ASSERT_EQUAL(client_text(control, XS_CONTROL, 0, "nonsense", NULL), -EINVAL);
	CU_ASSERT_EQUAL(CALL(control, XS_CONTROL, ""), -EINVAL);
	CU_ASSERT_EQUAL(client_text(guest, XS_CONTROL, 0, "help", NULL), -EACCES);
	end();
}

/*
 * 8192 nodes of 4 KiB, with names of 3 KiB, were 60 MB of memory for each guest,
 * and twice that of /run: two guests filled it.
 */
static void node_memory(void)
{
	int64_t before = engine->owned_bytes[5];
	char value[2001], path[16];
	unsigned int count = 0;
	int rc;

	engine->now++; /* a line in the log */
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	do {
		snprintf(path, sizeof(path), "large/%u", count);
		rc = client_write(guest, 0, path, value);
	} while (rc == 0 && ++count < 5000);
	CU_ASSERT_EQUAL(rc, -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "node-memory=2097152"));
	CU_ASSERT(count > 900 && count < 1000);
	/* Nor does one grow; a smaller value is fine, and makes room. */
	CU_ASSERT_EQUAL(client_write(guest, 0, "large/1", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, "large/2", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, path, value), 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_RM, 0, "large", NULL), 0);
	CU_ASSERT_EQUAL(engine->owned_bytes[5], before);
}

static void quotas(void)
{
	struct answer answer;
	char text[64];

	begin();
	engine->quotas.limit[QUOTA_NODES] = 4;
	CU_ASSERT_EQUAL(client_write(guest, 0, "a", ""), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, "b/c/d", ""), -ENOSPC);
	CU_ASSERT_EQUAL(client_write(guest, 0, "b/c", ""), 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_MKDIR, 0, "e", &answer), -ENOSPC);
	/* The error names the quota behind its own name, the log the domain. */
	CU_ASSERT_STRING_EQUAL(answer.data + 7, "quota nodes=4 of domain 5");
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "domain 5"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "nodes=4"));
	CU_ASSERT_EQUAL(client_text(guest, XS_RM, 0, "b", NULL), 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_MKDIR, 0, "e", NULL), 0);
	/* The control domain has none, nor does what it makes count for its limit. */
	for (int i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), "/local/domain/5/control/%d", i);
		CU_ASSERT_EQUAL(client_write(control, 0, text, ""), 0);
	}
	engine->quotas = quota_defaults;
	node_memory();
	engine->quotas.limit[QUOTA_NODE_SIZE] = 3;
	CU_ASSERT_EQUAL(client_write(guest, 0, "a", "xyz"), 0);
	CU_ASSERT_EQUAL(client_write(guest, 0, "a", "wxyz"), -ENOSPC);
	engine->quotas.limit[QUOTA_PERMISSIONS] = 1;
	CU_ASSERT_EQUAL(client_perms(guest, "a", "n5", NULL), 0);
	CU_ASSERT_EQUAL(client_perms(guest, "a", "n5", "r6"), -ENOSPC);
	engine->quotas.limit[QUOTA_WATCHES] = 2;
	CU_ASSERT_EQUAL(client_watch(guest, "a", "1"), 0);
	CU_ASSERT_EQUAL(client_watch(guest, "a", "2"), 0);
	CU_ASSERT_EQUAL(client_watch(guest, "a", "3"), -E2BIG);
	engine->quotas.limit[QUOTA_TRANSACTIONS] = 2;
	CU_ASSERT(client_begin(guest) != 0);
	CU_ASSERT(client_begin(guest) != 0);
	CU_ASSERT_EQUAL(client_text(guest, XS_TRANSACTION_START, 0, "", NULL), -ENOSPC);
	/* At most one line in a second, and how many were left out is told. */
	client_log[0] = '\0';
	client_watch(guest, "a", "3");
	CU_ASSERT_STRING_EQUAL(client_log, "");
	engine->now++;
	client_watch(guest, "a", "3");
	CU_ASSERT_PTR_NOT_NULL(strstr(client_log, "watches=2"));
	end();
}

static void hostile(void)
{
	struct xsd_sockmsg head = { XS_READ, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };
	char data[XENSTORE_PAYLOAD_MAX];

	begin();
	/* Unknown types, types that are only answered. */
	CU_ASSERT_EQUAL(CALL(guest, XS_TYPE_COUNT, ""), -ENOSYS);
	CU_ASSERT_EQUAL(CALL(guest, XS_INVALID, ""), -ENOSYS);
	CU_ASSERT_EQUAL(CALL(guest, UINT32_MAX, ""), -ENOSYS);
	CU_ASSERT_EQUAL(CALL(guest, XS_WATCH_EVENT, "x"), -ENOSYS);
	CU_ASSERT_EQUAL(CALL(guest, XS_ERROR, "x"), -ENOSYS);
	CU_ASSERT_EQUAL(CALL(guest, XS_SET_TARGET + 1, "x"), -ENOSYS);
	/* Every operation with payloads of zeros, without any zero, and empty. */
	for (uint32_t type = 0; type <= XS_TYPE_COUNT; type++) {
		for (size_t size = 0; size <= sizeof(data); size = size * 2 + 1) {
			memset(data, 0, size);
			client_call(guest, type, 0, data, size, NULL);
			memset(data, '/', size);
			client_call(guest, type, 0, data, size, NULL);
			memset(data, 'n', size);
			client_call(guest, type, 7, data, size, NULL);
		}
	}
	client_drop_events(guest);
	CU_ASSERT_FALSE(guest->broken);
	/* A length beyond the limit ends the connection. */
	memcpy(conn_room(guest), &head, sizeof(head));
	guest->in_size = sizeof(head);
	CU_ASSERT_EQUAL(conn_wanted(guest), 0);
	CU_ASSERT(guest->broken);
	CU_ASSERT_EQUAL(guest->error, XENSTORE_ERROR_PROTO);
	end();
}

CU_TestInfo request_tests[] = {
	{ "values", values },	{ "directories", folders }, { "permissions", permissions },
	{ "domains", domains }, { "control", commands },    { "quotas", quotas },
	{ "hostile", hostile }, CU_TEST_INFO_NULL,
};

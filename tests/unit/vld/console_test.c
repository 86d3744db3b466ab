/* SPDX-License-Identifier: MIT */
/* Consoles and clients: what a guest writes and who sees it. */
#include "vld/console.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xen/sched.h>

#include "vld/guests.h"
#include "fake.h"

static struct fake fake;
static struct vld *vld;

static void begin(void)
{
	fake_begin(&fake);
	vld = fake_vld(&fake);
}

static void end(void)
{
	vld_stop(vld);
	fake_end(&fake);
}

static bool logged(const char *name, const char *text)
{
	char *log = fake_file(fake.logs, name);
	bool found = strstr(log, text) != NULL;

	free(log);
	return found;
}

static int view(const char *request)
{
	int fd = fake_connect(&fake);
	const char *answer = fake_ask(vld, fd, request);

	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"ok\":true"));
	return fd;
}

static void output_goes_everywhere(void)
{
	struct fake_domain *web, *db;
	char data[4096] = "";
	int first, second;

	begin();
	web = fake_add(&fake, "web");
	db = fake_add(&fake, "db");
	fake_print(&fake, web, "early\n", 6);
	fake_run(vld, 20);
	fake_print(&fake, db, "other\n", 6);
	fake_run(vld, 20);
	CU_ASSERT_TRUE(logged("guest-web.log", "early\n"));
	CU_ASSERT_TRUE(logged("guest-db.log", "other\n"));
	CU_ASSERT_FALSE(logged("guest-db.log", "early"));
	CU_ASSERT_TRUE(web->notified > 0);

	first = view("{\"do\":\"console\",\"guest\":\"web\"}\n");
	second = view("{\"do\":\"console\",\"guest\":\"1\",\"scrollback\":false}\n");
	fake_print(&fake, web, "late\n", 5);
	CU_ASSERT_EQUAL(fake_receive(vld, first, 30, data, sizeof(data)), 11);
	CU_ASSERT_NSTRING_EQUAL(data, "early\nlate\n", 11);
	CU_ASSERT_EQUAL(fake_receive(vld, second, 10, data, sizeof(data)), 5);
	/* Both may type. */
	CU_ASSERT_EQUAL(send(first, "ls\n", 3, 0), 3);
	fake_run(vld, 10);
	CU_ASSERT_EQUAL(send(second, "id\n", 3, 0), 3);
	fake_run(vld, 10);
	CU_ASSERT_EQUAL(fake_typed(web, data, sizeof(data)), 6);
	CU_ASSERT_NSTRING_EQUAL(data, "ls\nid\n", 6);
	close(first);
	close(second);
	fake_run(vld, 10);
	CU_ASSERT_PTR_NULL(vld->clients);
	end();
}

static void typing_waits_for_room(void)
{
	char sent[5000], data[8192];
	struct fake_domain *web;
	size_t done = 0;
	int fd;

	begin();
	web = fake_add(&fake, "web");
	fake_run(vld, 20);
	fd = view("{\"do\":\"console\",\"guest\":\"web\"}\n");
	for (size_t i = 0; i < sizeof(sent); i++) {
		sent[i] = (char)(i * 3);
	}
	CU_ASSERT_EQUAL(send(fd, sent, sizeof(sent), 0), sizeof(sent));
	for (int round = 0; round < 20; round++) {
		fake_run(vld, 5);
		CU_ASSERT_TRUE(web->page.in_prod - web->page.in_cons <= RING_IN_SIZE);
		done += fake_typed(web, data + done, sizeof(data) - done);
		fake_send(&fake, web);
	}
	CU_ASSERT_EQUAL(done, sizeof(sent));
	CU_ASSERT_EQUAL(memcmp(data, sent, sizeof(sent)), 0);
	close(fd);
	end();
}

static void broken_ring_stops_one(void)
{
	struct fake_domain *bad, *good;
	char data[512] = "";
	int fd;

	begin();
	bad = fake_add(&fake, "bad");
	good = fake_add(&fake, "good");
	fake_run(vld, 20);
	fd = view("{\"do\":\"console\",\"guest\":\"bad\"}\n");
	bad->page.out_prod += 5000;
	fake_send(&fake, bad);
	fake_print(&fake, good, "fine\n", 5);
	fake_run(vld, 20);
	CU_ASSERT_FALSE(bad->mapped);
	CU_ASSERT_FALSE(bad->bound);
	CU_ASSERT_TRUE(good->mapped);
	CU_ASSERT_TRUE(logged("guest-good.log", "fine"));
	CU_ASSERT_TRUE(logged("guest-bad.log", "broken its console ring"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fake_connect(&fake), "{\"do\":\"status\"}\n"),
				      "\"console\":\"broken\""));
	/* Its viewer is let go, and it is not attached again. */
	CU_ASSERT_EQUAL(fake_receive(vld, fd, 20, data, sizeof(data)), 0);
	CU_ASSERT_EQUAL(recv(fd, data, 1, 0), 0);
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_FALSE(bad->mapped);
	close(fd);
	end();
}

/* A flood gets its burst and then its rate; another guest is served meanwhile. */
static void flood_is_throttled(void)
{
	struct fake_domain *flood, *quiet;
	struct vld_options options;
	struct vl_error error;
	char junk[2048];
	size_t printed = 0;
	uint64_t begun;

	fake_begin(&fake);
	options = fake_options(&fake);
	options.burst = 64 * 1024;
	options.rate = 64 * 1024;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	flood = fake_add(&fake, "flood");
	quiet = fake_add(&fake, "quiet");
	fake_run(vld, 20);
	memset(junk, 'x', sizeof(junk));
	begun = vld_ms();
	while ((printed < 100 * 1024 || guests_get(vld, 1)->console.throttle.waits == 0) &&
	       vld_ms() < begun + 30000) {
		printed += fake_print(&fake, flood, junk, sizeof(junk));
		event_base_loop(vld->base, EVLOOP_NONBLOCK);
	}
	/* What is allowed at once, what is allowed in that time, and what waits. */
	CU_ASSERT_TRUE(printed >= 100 * 1024);
	CU_ASSERT_TRUE(printed < 64 * 1024 + (vld_ms() - begun + 100) * 65536 / 1000 + 4096);
	CU_ASSERT_TRUE(guests_get(vld, 1)->console.throttle.waits > 0);
	fake_print(&fake, quiet, "hello\n", 6);
	fake_run(vld, 5);
	CU_ASSERT_TRUE(logged("guest-quiet.log", "hello"));
	/* What waits as it ends is taken in spite of that. */
	fake_print(&fake, flood, junk, sizeof(junk));
	CU_ASSERT_TRUE(flood->page.out_prod != flood->page.out_cons);
	fake_shutdown(&fake, flood, SHUTDOWN_poweroff);
	fake_run(vld, 30);
	CU_ASSERT_EQUAL(flood->page.out_prod, flood->page.out_cons);
	end();
}

static void slow_viewer_loses(void)
{
	struct fake_domain *web;
	struct vld_options options;
	struct vl_error error;
	static char seen[1 << 21];
	char line[64];
	size_t got;
	int fd;

	fake_begin(&fake);
	options = fake_options(&fake);
	options.burst = options.rate = 64 << 20;
	options.scrollback = 16384;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	web = fake_add(&fake, "web");
	fake_run(vld, 20);
	fd = view("{\"do\":\"console\",\"guest\":\"web\"}\n");
	for (int i = 0; i < 40000; i++) {
		size_t size = (size_t)snprintf(line, sizeof(line), "line %d of many\n", i);

		for (size_t done = 0; done < size;) {
			done += fake_print(&fake, web, line + done, size - done);
			event_base_loop(vld->base, EVLOOP_NONBLOCK);
		}
	}
	got = fake_receive(vld, fd, 300, seen, sizeof(seen) - 1);
	seen[got] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "line 0 of many\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, " bytes were lost here: too slow]\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen, "line 39999 of many\n"));
	CU_ASSERT_TRUE(logged("guest-web.log", "line 39999"));
	close(fd);
	end();
}

/* All that is no request gets one error, and the next request its answer. */
static void bad_requests(void)
{
	static const char *const bad[] = {
		"\n",
		"nonsense\n",
		"[]\n",
		"{}\n",
		"{\"do\":7}\n",
		"{\"do\":\"fly\"}\n",
		"{\"do\":\"\x01\x02\xff\"}\n",
		"{\"do\":\"console\"}\n",
		"{\"do\":\"console\",\"guest\":7}\n",
		"{\"do\":\"console\",\"guest\":\"nobody\"}\n",
		"{\"do\":\"console\",\"guest\":\"web\",\"from\":-1}\n",
		"{\"do\":\"console\",\"guest\":\"web\",\"from\":\"x\"}\n",
		"{\"do\":\"wait\"}\n",
		"{\"do\":\"wait\",\"domid\":0}\n",
		"{\"do\":\"wait\",\"domid\":99999}\n",
		"{\"do\":\"wait\",\"domid\":30}\n",
		"{\"do\":\"forget\",\"guest\":\"web\"}\n",
		"{\"do\":\"forget\"}\n",
	};
	char *flood = malloc(10001);
	int fd;

	begin();
	fake_add(&fake, "web");
	fake_run(vld, 20);
	fd = fake_connect(&fake);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *answer = fake_ask(vld, fd, bad[i]);

		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"ok\":false"));
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"error\":"));
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"errno\":"));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, "{\"do\":\"status\"}\n"), "\"ok\":true"));
	/* A line without an end is refused, and the connection closed. */
	memset(flood, 'x', 10000);
	flood[10000] = '\0';
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, flood), "at most"));
	fake_run(vld, 20);
	CU_ASSERT_PTR_NULL(vld->clients);
	free(flood);
	close(fd);
	end();
}

static void guest_without_port(void)
{
	struct fake_domain *web;

	begin();
	web = fake_add(&fake, "web");
	web->broken_port = true;
	fake_run(vld, 20);
	CU_ASSERT_FALSE(web->mapped);
	web->broken_port = false;
	fake_print(&fake, web, "at last\n", 8);
	fake_changed(&fake);
	fake_run(vld, 20);
	CU_ASSERT_TRUE(logged("guest-web.log", "at last"));
	end();
}

CU_TestInfo console_tests[] = {
	{ "output goes to the log and to all viewers", output_goes_everywhere },
	{ "typing waits for room", typing_waits_for_room },
	{ "a broken ring stops one console", broken_ring_stops_one },
	{ "a flood is throttled and hurts nobody", flood_is_throttled },
	{ "a slow viewer loses bytes and is told", slow_viewer_loses },
	{ "bad requests", bad_requests },
	{ "a console that comes later", guest_without_port },
	CU_TEST_INFO_NULL,
};

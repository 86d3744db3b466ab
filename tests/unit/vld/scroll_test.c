/* SPDX-License-Identifier: MIT */
/*
 * Scroll-backs that become smaller and grow again.  What could happen before: a
 * guest that had once written much, as each does when it starts, held up to 128
 * KiB of the control domain's memory for as long as it ran.
 */
#include "vld/scroll.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vld/guests.h"
#include "fake.h"

#define LIMIT 65536
#define ROOM 16384
/* So many of the oldest may be overwritten at any moment. */
#define SLACK 2048

static struct fake fake;
static struct scroll scroll;
static char path[100];

static void begin(void)
{
	struct scroll_owner owner = { .domid = 3 };
	struct vl_error error;
	bool old;

	fake_begin(&fake);
	snprintf(path, sizeof(path), "%s/scroll", fake.folder);
	CU_ASSERT_EQUAL_FATAL(scroll_open(&scroll, path, LIMIT, &owner, &old, &error), 0);
}

static void end(void)
{
	scroll_close(&scroll);
	fake_end(&fake);
}

/* The byte at a place is known. */
static char byte_at(uint64_t pos)
{
	return (char)(pos * 7 + pos / 251);
}

static void print(size_t size)
{
	uint64_t pos = scroll_head(&scroll);

	for (size_t i = 0; i < size; i++) {
		char byte = byte_at(pos + i);

		scroll_write(&scroll, &byte, 1);
	}
}

/* All that is there is right; returns how much. */
static uint64_t right(void)
{
	uint64_t tail = scroll_tail(&scroll), head = scroll_head(&scroll);
	static char data[LIMIT];
	size_t size = scroll_read(&scroll, tail, data, sizeof(data));

	CU_ASSERT_EQUAL(size, head - tail);
	for (size_t i = 0; i < size; i++) {
		if (data[i] != byte_at(tail + i)) {
			printf("    byte %zu of %zu is wrong\n", i, size);
			CU_FAIL("a byte is wrong");
			break;
		}
	}
	CU_ASSERT_EQUAL(scroll_read(&scroll, tail - 1, data, 1), 0);
	return size;
}

static void reopen(void)
{
	scroll_close(&scroll);
	CU_ASSERT_EQUAL_FATAL(scroll_open_old(&scroll, path, NULL), 0);
}

static void shrinks_and_grows(void)
{
	struct stat status;

	begin();
	for (int round = 0; round < 4; round++) {
		uint64_t head;

		/* Within its limit, beyond it, and twice around. */
		print(round == 0 ? 40000 : round == 1 ? 70000 : 150000);
		head = scroll_head(&scroll);
		CU_ASSERT_TRUE(right() >= (round == 0 ? 40000u : LIMIT - SLACK));
		CU_ASSERT_EQUAL(scroll_shrink(&scroll, path, ROOM, NULL), 0);
		CU_ASSERT_EQUAL(scroll_head(&scroll), head);
		CU_ASSERT_EQUAL(scroll_room(&scroll), ROOM);
		CU_ASSERT_EQUAL(right(), ROOM - SLACK);
		CU_ASSERT_EQUAL(stat(path, &status), 0);
		CU_ASSERT_EQUAL(status.st_size, ROOM + 4096);
		CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
		reopen();
		CU_ASSERT_EQUAL(scroll_head(&scroll), head);
		CU_ASSERT_EQUAL(right(), ROOM - SLACK);
		/* It grows page by page, and nothing is lost on the way. */
		print(20000);
		CU_ASSERT_EQUAL(right(), ROOM - SLACK + 20000);
		CU_ASSERT_TRUE(scroll_room(&scroll) > ROOM && scroll_room(&scroll) < LIMIT);
	}
	print(LIMIT);
	CU_ASSERT_EQUAL(scroll_room(&scroll), LIMIT);
	CU_ASSERT_EQUAL(right(), LIMIT - SLACK);
	end();
}

static void refused(void)
{
	char other[120];

	begin();
	print(300);
	/* It has no more than that. */
	CU_ASSERT_EQUAL(scroll_shrink(&scroll, path, 4096, NULL), -22);
	print(30000);
	CU_ASSERT_EQUAL(scroll_shrink(&scroll, path, 5000, NULL), -22);
	/* Where nothing can be written everything stays. */
	snprintf(other, sizeof(other), "%s/none/scroll", fake.folder);
	CU_ASSERT_TRUE(scroll_shrink(&scroll, other, ROOM, NULL) < 0);
	CU_ASSERT_EQUAL(right(), 30300);
	/* A folder of that name: the last step fails. */
	snprintf(other, sizeof(other), "%s/folder", fake.folder);
	CU_ASSERT_EQUAL(mkdir(other, 0700), 0);
	CU_ASSERT_TRUE(scroll_shrink(&scroll, other, ROOM, NULL) < 0);
	CU_ASSERT_EQUAL(rmdir(other), 0);
	print(100);
	reopen();
	CU_ASSERT_EQUAL(right(), 30400);
	/* A base that cannot be. */
	scroll.header->base = scroll.header->head + 1;
	scroll_close(&scroll);
	CU_ASSERT_EQUAL(scroll_open_old(&scroll, path, NULL), -22);
	end();
}

static void write_all(struct vld *vld, struct fake_domain *domain, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t at = done % 16, count = size - done < 16 - at ? size - done : 16 - at;

		count = fake_print(&fake, domain, "0123456789abcde\n" + at, count);
		done += count;
		if (count == 0) {
			fake_run(vld, 1);
		}
	}
	fake_run(vld, 20);
}

static bool becomes(struct vld *vld, const struct scroll *its, size_t room)
{
	for (int i = 0; i < 1000 && scroll_room(its) != room; i++) {
		fake_run(vld, 20);
	}
	return scroll_room(its) == room;
}

/* A guest that is quiet, its log written, and nobody behind. */
static void quiet_guest(void)
{
	struct vld_options options;
	struct fake_domain *domain;
	const struct scroll *its;
	struct vl_error error;
	struct vld *vld;
	char data[8192];
	size_t size = 0, got;
	int fd;

	fake_begin(&fake);
	options = fake_options(&fake);
	options.quiet = 1000000;
	CU_ASSERT_EQUAL_FATAL(vld_start(&vld, &options, &fake.ops, &error), 0);
	domain = fake_add(&fake, "web");
	fake_run(vld, 20);
	write_all(vld, domain, 60000);
	its = &vld->guests->console.scroll;
	CU_ASSERT_TRUE(scroll_room(its) > 60000);
	vld->options.quiet = 1;
	CU_ASSERT_TRUE(becomes(vld, its, ROOM));
	CU_ASSERT_EQUAL(scroll_head(its), 60000);
	CU_ASSERT_EQUAL(scroll_tail(its), 60000 - (ROOM - SLACK));
	vld->options.quiet = 1000000;
	/* Who looks now sees the end, and what comes then. */
	fd = fake_connect(&fake);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_ask(vld, fd, "{\"do\":\"console\",\"guest\":\"web\"}\n"),
				      "\"pos\":45664"));
	write_all(vld, domain, 16000);
	while (size < ROOM - SLACK + 16000 &&
	       (got = fake_receive(vld, fd, 2000, data, sizeof(data))) > 0) {
		size += got;
	}
	CU_ASSERT_EQUAL(size, ROOM - SLACK + 16000);
	vld->options.quiet = 1;
	CU_ASSERT_TRUE(becomes(vld, its, ROOM));
	/* The next vld finds the small one. */
	close(fd);
	vld_stop(vld);
	vld = fake_vld(&fake);
	its = &vld->guests->console.scroll;
	CU_ASSERT_EQUAL(scroll_head(its), 76000);
	CU_ASSERT_EQUAL(scroll_room(its), ROOM);
	vld_stop(vld);
	fake_end(&fake);
}

CU_TestInfo scroll_tests[] = {
	{ "a scroll-back becomes smaller and grows again", shrinks_and_grows },
	{ "one that cannot become smaller stays", refused },
	{ "a quiet guest gives its memory back", quiet_guest },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* The console ring with a peer that lies, the throttle, and the scroll-back. */
#include "vld/ring.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vld/scroll.h"
#include "vld/throttle.h"

static struct xencons_interface page;
static struct ring ring;

static void print(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = data[i];
	}
}

static void ring_wraps(void)
{
	char data[RING_OUT_SIZE], text[700], typed[RING_IN_SIZE];
	uint32_t number = 0;

	memset(&page, 0, sizeof(page));
	page.out_cons = page.out_prod = UINT32_MAX - 1000;
	page.in_cons = page.in_prod = UINT32_MAX - 10;
	ring_attach(&ring, &page);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			text[i] = (char)(number++ * 7);
		}
		print(text, sizeof(text));
		CU_ASSERT_EQUAL(ring_peek(&ring, data, 5), 5);
		CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), sizeof(text));
		CU_ASSERT_EQUAL(memcmp(data, text, sizeof(text)), 0);
		ring_consume(&ring, sizeof(text));
		CU_ASSERT_EQUAL(page.out_cons, page.out_prod);
		CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), 0);
	}
	CU_ASSERT_EQUAL(ring_room(&ring), RING_IN_SIZE);
	memset(typed, 'x', sizeof(typed));
	CU_ASSERT_EQUAL(ring_put(&ring, "abc", 3), 3);
	CU_ASSERT_EQUAL(ring_put(&ring, typed, sizeof(typed)), RING_IN_SIZE - 3);
	CU_ASSERT_EQUAL(ring_put(&ring, typed, 1), 0);
	CU_ASSERT_EQUAL(page.in[MASK_XENCONS_IDX(UINT32_MAX - 10, page.in)], 'a');
	CU_ASSERT_EQUAL(page.in_prod - page.in_cons, RING_IN_SIZE);
}

static void ring_lies(void)
{
	char data[RING_OUT_SIZE];

	memset(&page, 0, sizeof(page));
	ring_attach(&ring, &page);
	page.out_prod = RING_OUT_SIZE;
	CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), RING_OUT_SIZE);
	page.out_prod = RING_OUT_SIZE + 1;
	CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), -EPROTO);
	page.out_prod = UINT32_MAX; /* behind what was taken */
	CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), -EPROTO);
	page.out_prod = 3;
	page.out_cons = 77777; /* ours: not believed */
	CU_ASSERT_EQUAL(ring_peek(&ring, data, sizeof(data)), 3);
	page.in_cons = 1; /* taken before it was typed */
	CU_ASSERT_EQUAL(ring_room(&ring), -EPROTO);
	CU_ASSERT_EQUAL(ring_put(&ring, "x", 1), -EPROTO);
	page.in_cons = 0;
	page.in_prod = 5000;
	CU_ASSERT_EQUAL(ring_put(&ring, "x", 1), 1);
	CU_ASSERT_EQUAL(page.in_prod, 1);
}

static void ring_resumes(void)
{
	memset(&page, 0, sizeof(page));
	print("twice?", 6);
	ring_resume(&ring, &page, 4); /* taken, and not said */
	CU_ASSERT_EQUAL(ring.out_cons, 4);
	CU_ASSERT_EQUAL(page.out_cons, 4);
	ring_resume(&ring, &page, 9); /* more than was written */
	CU_ASSERT_EQUAL(ring.out_cons, 4);
	ring_resume(&ring, &page, 2); /* less than was said */
	CU_ASSERT_EQUAL(ring.out_cons, 4);
}

static void throttle_limits(void)
{
	struct throttle throttle;
	size_t taken = 0;

	throttle_init(&throttle, 1000, 100, 5);
	CU_ASSERT_EQUAL(throttle_allows(&throttle, 5), 1000);
	throttle_take(&throttle, 1000);
	CU_ASSERT_EQUAL(throttle_allows(&throttle, 5), 0);
	CU_ASSERT_EQUAL(throttle_allows(&throttle, 4), 0); /* a clock that goes back */
	for (uint64_t now = 6; now <= 10005; now++) {
		size_t allowed = throttle_allows(&throttle, now);

		throttle_take(&throttle, allowed);
		taken += allowed;
	}
	CU_ASSERT_EQUAL(taken, 1000);
	CU_ASSERT_EQUAL(throttle_allows(&throttle, UINT64_MAX), 1000);
}

static char path[] = "/tmp/vellum-scroll-XXXXXX";

static void scroll_begin(void)
{
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	close(fd);
}

static void scroll_fill(struct scroll *scroll, uint64_t end)
{
	while (scroll_head(scroll) < end) {
		char c = (char)(scroll_head(scroll) % 251);

		scroll_write(scroll, &c, 1);
	}
}

static bool scroll_holds(const struct scroll *scroll)
{
	uint64_t pos = scroll_tail(scroll);
	char data[3000];
	size_t count;

	while ((count = scroll_read(scroll, pos, data, sizeof(data))) > 0) {
		for (size_t i = 0; i < count; i++) {
			if (data[i] != (char)((pos + i) % 251)) {
				return false;
			}
		}
		pos += count;
	}
	return pos == scroll_head(scroll);
}

static void scroll_grows(void)
{
	struct scroll_owner owner = { .created = 5, .domid = 3 };
	struct vl_error error;
	struct scroll scroll;
	struct stat status;
	bool old;

	scroll_begin();
	CU_ASSERT_EQUAL(scroll_open(&scroll, path, 20000, &owner, &old, &error), 0);
	CU_ASSERT_FALSE(old);
	CU_ASSERT_EQUAL(scroll.header->limit, 20480);
	stat(path, &status);
	CU_ASSERT_EQUAL(status.st_size, 8192); /* memory as it is needed */
	scroll_fill(&scroll, 10000);
	CU_ASSERT_EQUAL(scroll_tail(&scroll), 0);
	CU_ASSERT_TRUE(scroll_holds(&scroll));
	scroll_fill(&scroll, 100000);
	CU_ASSERT_TRUE(scroll_head(&scroll) - scroll_tail(&scroll) >= 18000);
	CU_ASSERT_TRUE(scroll_holds(&scroll));
	CU_ASSERT_EQUAL(scroll_read(&scroll, 0, &status, 1), 0);
	CU_ASSERT_EQUAL(scroll_read(&scroll, 100001, &status, 1), 0);
	scroll_close(&scroll);

	/* Found again, but not for another domain of that number. */
	CU_ASSERT_EQUAL(scroll_open(&scroll, path, 4096, &owner, &old, &error), 0);
	CU_ASSERT_TRUE(old);
	CU_ASSERT_EQUAL(scroll_head(&scroll), 100000);
	CU_ASSERT_TRUE(scroll_holds(&scroll));
	scroll_close(&scroll);
	owner.created++;
	CU_ASSERT_EQUAL(scroll_open(&scroll, path, 4096, &owner, &old, &error), 0);
	CU_ASSERT_FALSE(old);
	CU_ASSERT_EQUAL(scroll_head(&scroll), 0);
	scroll_close(&scroll);
	unlink(path);
}

static void scroll_damaged(void)
{
	static const size_t words[] = { 0, 1, 2, 3, 11, 12 };
	struct scroll_owner owner = { .created = 5, .domid = 3 };
	struct vl_error error;
	struct scroll scroll;
	bool old;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		scroll_begin();
		CU_ASSERT_EQUAL(scroll_open(&scroll, path, 8192, &owner, &old, &error), 0);
		((uint64_t *)scroll.header)[words[i]] ^= 0x12345670ffff0001;
		scroll_close(&scroll);
		CU_ASSERT_EQUAL(scroll_open(&scroll, path, 8192, &owner, &old, &error), 0);
		scroll_fill(&scroll, 9000);
		CU_ASSERT_TRUE(scroll_holds(&scroll));
		scroll_close(&scroll);
		CU_ASSERT_EQUAL(truncate(path, 5000), 0);
		CU_ASSERT_EQUAL(scroll_open_old(&scroll, path, &error), -EINVAL);
		unlink(path);
	}
	CU_ASSERT_EQUAL(scroll_open_old(&scroll, path, &error), -ENOENT);
}

static void scroll_without_file(void)
{
	struct scroll_owner owner = { .domid = 3 };
	struct vl_error error = { "" };
	struct scroll scroll;
	bool old;

	CU_ASSERT_EQUAL(scroll_open(&scroll, "/nonexistent/3", 8192, &owner, &old, &error),
			-ENOENT);
	CU_ASSERT_NOT_EQUAL(error.text[0], '\0');
	CU_ASSERT_PTR_NOT_NULL_FATAL(scroll.header);
	scroll_fill(&scroll, 50000);
	CU_ASSERT_TRUE(scroll_holds(&scroll));
	scroll_close(&scroll);
}

CU_TestInfo ring_tests[] = {
	{ "indices wrap", ring_wraps },
	{ "a guest that lies about its indices", ring_lies },
	{ "bytes taken and not said are not taken twice", ring_resumes },
	{ "a bucket gives its burst, then its rate", throttle_limits },
	{ "a scroll-back grows, wraps and is found again", scroll_grows },
	{ "a damaged scroll-back is begun anew", scroll_damaged },
	{ "a scroll-back without a file", scroll_without_file },
	CU_TEST_INFO_NULL,
};

/* SPDX-License-Identifier: MIT */
/* The formatter against what C99 says, and the message ring. */
#include "core_test.h"

#include <hv/printk.h>

static const char *fmt(const char *f, ...)
{
	static char buf[200];
	va_list ap;
	int n;

	va_start(ap, f);
	n = vformat(buf, sizeof(buf), f, ap);
	va_end(ap);
	EQ(n, strlen(buf));
	return buf;
}

#define IS(text, ...) CU_ASSERT_STRING_EQUAL(fmt(__VA_ARGS__), text)

static void test_numbers(void)
{
	IS("0 -1 42", "%d %d %d", 0, -1, 42);
	IS("-2147483648", "%d", (int)(-2147483647 - 1));
	IS("4294967295", "%u", ~0u);
	IS("18446744073709551615", "%lu", ~0ul);
	IS("-9223372036854775808", "%ld", (long)(1ul << 63));
	IS("ff 0xff 0", "%x %#x %#x", 255, 255, 0);
	IS("  42|0042", "%4d|%04d", 42, 42);
	IS("-007", "%04d", -7);
	IS("12345678901", "%zu", (size_t)12345678901);
	IS("   42", "%*d", 5, 42);
	/* What is not offered stands there as it is. */
	IS("%o %+d %-4d", "%o %+d %-4d", 1, 2, 3);
}

static void test_text(void)
{
	static const char raw[3] = { 'a', 'b', 'c' }; /* no terminator */

	IS("x abc %", "x %s %%", "abc");
	IS("(null)", "%s", (char *)NULL);
	IS("  ab", "%4s", "ab");
	IS("abc", "%.3s", raw);
}

static void test_bounds(void)
{
	char buf[8] = "zzzzzzz";

	EQ(format(buf, 4, "%s", "abcdef"), 6);
	CU_ASSERT_STRING_EQUAL(buf, "abc");
	EQ(format(buf, 1, "%d", 12345), 5);
	CU_ASSERT_STRING_EQUAL(buf, "");
	EQ(format(NULL, 0, "%d", 12345), 5);
}

static void test_ring(void)
{
	char buf[128];
	uint64_t pos = 0;
	size_t n;

	/* To the end of what others left there. */
	while (printk_read(buf, sizeof(buf), &pos) != 0) {}
	pr_info("hello %d", 5);
	n = printk_read(buf, sizeof(buf), &pos);
	EQ(n, strlen("(VL) hello 5\n"));
	OK(memcmp(buf, "(VL) hello 5\n", n));
	OK(printk_read(buf, sizeof(buf), &pos));
	for (unsigned int i = 0; i < 20000; i++) {
		printk(LOG_DEBUG, "message number %u, to fill the ring", i);
	}
	/* The reader fell behind: it gets the oldest kept. */
	n = printk_read(buf, sizeof(buf), &pos);
	EQ(n, sizeof(buf));
	/* Debug messages reach the ring only. */
	FALSE_(fake_console_has("message number"));
	printk_domain(0, "raw", 3);
	TRUE_(fake_console_has("raw"));
}

CU_TestInfo format_tests[] = {
	{ "numbers", test_numbers },	   { "text", test_text }, { "bounds", test_bounds },
	{ "the message ring", test_ring }, CU_TEST_INFO_NULL,
};

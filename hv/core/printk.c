/* SPDX-License-Identifier: MIT */
/*
 * The core's messages: a ring of the latest output and the machine console.
 * Any CPU calls at any time, interrupt handlers included; the console lock,
 * which has the highest rank of all, covers the ring and the device.  Never
 * allocates, never waits for anything but that lock and the UART.
 *
 * A stream position counts all bytes ever put in the ring; its low bits are
 * the place in it.  Positions never wrap in practice (2^64 bytes), so a
 * reader that fell behind is recognised by comparing.
 *
 * Guests' output and messages share the device.  Whoever finds a line begun by
 * another starts a new one, and changes none of its bytes; guests wait a moment
 * before that, for the other to end it.
 */
#include <hv/printk.h>

#include <arch/cpu.h>

#include <hv/cmdline.h>
#include <hv/lock.h>
#include <hv/timer.h>

/* A line that a domain has begun is its own for so long. */
#define LINE_NS 20000000ull
#define RING_SIZE (1ull << CONFIG_LOG_RING_ORDER)
#define LINE_MAX 256

static spinlock_t console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static char ring[RING_SIZE]; /* console lock */
static uint64_t ring_head;   /* console lock: position of the next byte */
static uint64_t ring_tail;   /* console lock: oldest position that is kept */
static uint64_t ring_clear;  /* console lock: who begins at 0 begins here */
static bool line_begun;	     /* console lock: device is not in column 0 */
static unsigned int line_by; /* console lock: domain that wrote last */
static uint64_t line_time;   /* console lock: when */
static bool panic_mode;	     /* set once, by the panicking CPU */

/* In a panic the holder may never come back: write through it. */
static void console_enter(void)
{
	if (!READ_ONCE(panic_mode)) {
		spin_lock(&console_lock);
	}
}

static void console_leave(void)
{
	/* It is not, if a panic had begun before console_enter(). */
	if (spin_is_held(&console_lock)) {
		spin_unlock(&console_lock);
	}
}

static void ring_put(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ring[ring_head++ % RING_SIZE] = s[i];
	}
	if (ring_head - ring_tail > RING_SIZE) {
		ring_tail = ring_head - RING_SIZE;
	}
}

static void device_put(const char *s, size_t n)
{
	if (n > 0) {
		arch_console_write(s, n);
		line_begun = s[n - 1] != '\n';
	}
}

void printk(enum loglevel level, const char *fmt, ...)
{
	char line[LINE_MAX] = "(VL) ";
	size_t len = strlen(line);
	size_t room = sizeof(line) - len - 2; /* for text; the end is apart */
	va_list ap;
	int text;

	va_start(ap, fmt);
	text = vformat(line + len, room, fmt, ap);
	va_end(ap);
	len += MIN((size_t)text, room - 1);
	memcpy(line + len, "\r\n", 2);

	console_enter();
	ring_put(line, len);
	ring_put("\n", 1);
	if ((int)level <= options.loglvl || READ_ONCE(panic_mode)) {
		if (line_begun) {
			device_put("\r\n", 2);
		}
		device_put(line, len + 2);
	}
	console_leave();
}

static void put(const char *s, size_t n)
{
	ring_put(s, n);
	device_put(s, n);
}

bool printk_domain(unsigned int id, const char *s, size_t n)
{
	char prefix[16];
	bool other, free;

	console_enter();
	other = line_begun && line_by != id;
	free = id == 0 || !other || time_now() - line_time >= LINE_NS;
	if (free && other) {
		put("\r\n", 2);
	}
	if (free) {
		if (id != 0 && !line_begun) {
			put(prefix, (size_t)format(prefix, sizeof(prefix), "(d%u) ", id));
		}
		put(s, n);
		line_by = id;
		line_time = time_now();
	}
	console_leave();
	return free;
}

size_t printk_read(char *buf, size_t n, uint64_t *pos)
{
	size_t copied = 0;

	console_enter();
	*pos = MAX(*pos == 0 ? ring_clear : *pos, ring_tail);
	while (copied < n && *pos < ring_head) {
		buf[copied++] = ring[(*pos)++ % RING_SIZE];
	}
	console_leave();
	return copied;
}

void printk_clear(uint64_t pos)
{
	console_enter();
	ring_clear = MIN(pos, ring_head);
	console_leave();
}

void printk_panic_mode(void)
{
	WRITE_ONCE(panic_mode, true);
}

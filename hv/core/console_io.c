/* SPDX-License-Identifier: MIT */
/*
 * console_io: the machine console for guests.  The control domain writes to
 * it byte for byte, so that an interactive terminal works, and alone reads
 * from it.  What any other domain writes appears in whole lines with its
 * number in front, stripped of control characters that would steer the
 * administrator's terminal, and no faster than a fixed number of lines in a
 * time.  What guest_console.c brings goes the same way, without that limit.  The
 * domain lock covers the line being collected; output is polled, so long writes
 * stop between small pieces.
 */
#include <hv/hypercall.h>

#include <hv/guests.h>
#include <hv/sched.h>

/* Between two pieces interrupts get in.  At 115200 baud one takes 1.4 ms, or up
 * to 14 ms if it ends 16 lines, each of which gets a prefix. */
#define PIECE 16
#define WINDOW_NS (5 * 1000000000ull)
#define WINDOW_LINES 200

/* False if the domain has had its share of this window. */
static bool may_print(struct domain *d)
{
	uint64_t now = time_now();

	if (now - d->con_window >= WINDOW_NS) {
		if (d->con_lines > WINDOW_LINES) {
			pr_warn("d%u: %u lines of console output dropped", d->id,
				d->con_lines - WINDOW_LINES);
		}
		d->con_window = now;
		d->con_lines = 0;
	}
	return ++d->con_lines <= WINDOW_LINES;
}

/* Prints what is collected as a line; false if the console is not free. */
static bool line_flush(struct domain *d)
{
	char text[sizeof(d->conbuf) + 4];
	int len = format(text, sizeof(text), "%.*s\r\n", (int)d->conbuf_used, d->conbuf);
	bool done = printk_domain(d->id, text, (size_t)len);

	d->conbuf_used = done ? 0 : d->conbuf_used;
	return done;
}

bool console_guest_put(struct domain *d, char c, bool limited)
{
	if (c == '\r') {
		return true;
	}
	if (c == '\n' && limited && !may_print(d)) {
		d->conbuf_used = 0;
		return true;
	}
	if (c == '\n' || d->conbuf_used == sizeof(d->conbuf)) {
		if (!line_flush(d)) {
			d->con_lines -= limited;
			return false;
		}
	}
	if (c != '\n') {
		d->conbuf[d->conbuf_used++] = (char)(c == '\t' || (c >= ' ' && c <= '~') ? c : '?');
	}
	return true;
}

/* How many bytes were taken. */
static size_t write_lines(struct domain *d, const char *s, size_t n)
{
	size_t i = 0;

	spin_lock(&d->lock);
	while (i < n && console_guest_put(d, s[i], true)) {
		i++;
	}
	if (i < n) {
		sched_yield();
	}
	spin_unlock(&d->lock);
	return i;
}

static long console_write(uint64_t from, uint64_t count)
{
	struct domain *d = current_domain();
	char piece[PIECE];

	while (count > 0) {
		size_t n = MIN(count, sizeof(piece)), done = n;
		int rc = copy_from_guest(piece, guest_ptr(from), n);

		if (rc != 0) {
			return rc;
		}
		if (d->is_control) {
			printk_domain(0, piece, n);
		} else {
			done = write_lines(d, piece, n);
		}
		from += done;
		count -= done;
		if (count > 0 && hypercall_preempt()) {
			return hypercall_restart(3, (uint64_t[]){ CONSOLEIO_write, count, from });
		}
	}
	return 0;
}

/* One piece at most: the guest comes again while it gets something. */
static long console_read(uint64_t buf, uint64_t count)
{
	char piece[PIECE];
	size_t n;
	int rc;

	for (n = 0; n < MIN(count, sizeof(piece)); n++) {
		int c = arch_console_read();

		if (c < 0) {
			break;
		}
		piece[n] = (char)c;
	}
	rc = copy_to_guest(guest_ptr(buf), piece, n);
	return rc != 0 ? rc : (long)n;
}

long do_console_io(uint64_t cmd, uint64_t count, uint64_t buf)
{
	count = (uint32_t)count;
	switch ((int)cmd) {
	case CONSOLEIO_write:
		return count > INT32_MAX ? -XEN_EINVAL : console_write(buf, count);
	case CONSOLEIO_read:
		if (!current_domain()->is_control) {
			return -XEN_EPERM;
		}
		return count > INT32_MAX ? -XEN_EINVAL : console_read(buf, count);
	default:
		return -XEN_ENOSYS;
	}
}

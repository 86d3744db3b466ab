/* SPDX-License-Identifier: MIT */
/*
 * console_io: the machine console for guests.  The control domain writes to
 * it byte for byte, so that an interactive terminal works, and alone reads
 * from it.  What any other domain writes appears in whole lines with its
 * number in front, stripped of control characters that would steer the
 * administrator's terminal, and no faster than a fixed number of lines in a
 * time.  The domain lock covers the line being collected; output is polled,
 * so long writes stop between small pieces.
 */
#include <hv/hypercall.h>

#include <xen/xen.h>

#include <arch/cpu.h>

#include <hv/domain.h>
#include <hv/guest_access.h>
#include <hv/printk.h>
#include <hv/timer.h>
#include <hv/vcpu.h>

/* Between two pieces interrupts get in.  At 115200 baud one takes 1.4 ms, or up
 * to 14 ms if it ends 16 lines, each of which gets a prefix. */
#define PIECE 16
#define WINDOW_NS (5 * 1000000000ull)
#define WINDOW_LINES 200

/* Prints the collected line unless the domain has had its share of this
 * window. Domain lock held. */
static void line_flush(struct domain *d)
{
	uint64_t now = time_now();
	char text[sizeof(d->conbuf) + 16];
	int len;

	if (now - d->con_window >= WINDOW_NS) {
		if (d->con_lines > WINDOW_LINES) {
			pr_warn("d%u: %u lines of console output dropped", d->id,
				d->con_lines - WINDOW_LINES);
		}
		d->con_window = now;
		d->con_lines = 0;
	}
	d->con_lines++;
	if (d->con_lines <= WINDOW_LINES) {
		len = snprintf(text, sizeof(text), "(d%u) %.*s\r\n", d->id, (int)d->conbuf_used,
			       d->conbuf);
		printk_raw(text, MIN((size_t)len, sizeof(text) - 1));
	}
	d->conbuf_used = 0;
}

static void write_lines(struct domain *d, const char *s, size_t n)
{
	spin_lock(&d->lock);
	for (size_t i = 0; i < n; i++) {
		bool printable = s[i] == '\t' || (s[i] >= ' ' && s[i] <= '~');

		if (s[i] == '\r') {
			continue;
		}
		if (s[i] == '\n' || d->conbuf_used == sizeof(d->conbuf)) {
			line_flush(d);
		}
		if (s[i] != '\n') {
			d->conbuf[d->conbuf_used++] = (char)(printable ? s[i] : '?');
		}
	}
	spin_unlock(&d->lock);
}

static long console_write(uint64_t from, uint64_t count)
{
	struct domain *d = current_domain();
	char piece[PIECE];

	while (count > 0) {
		size_t n = MIN(count, sizeof(piece));
		int rc = copy_from_guest(piece, guest_ptr(from), n);

		if (rc != 0) {
			return rc;
		}
		if (d->is_control) {
			printk_raw(piece, n);
		} else {
			write_lines(d, piece, n);
		}
		from += n;
		count -= n;
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

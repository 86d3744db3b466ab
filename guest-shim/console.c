/* SPDX-License-Identifier: MIT */
/*
 * The console: text goes to the machine's console by console_io, formatted by
 * a printf of our own. No lock and no buffer beyond a line: what two vCPUs
 * print at once arrives in whole calls.
 */
#include "shim.h"

#define LINE_MAX 256

struct sink {
	char *out;
	size_t room, used; /* used counts what does not fit, too */
};

struct spec {
	bool left, zero;
	unsigned int width, longs;
};

void console_write(const char *s, size_t n)
{
	(void)hyp_console_io(CONSOLEIO_write, (long)n, s);
}

static void put(struct sink *s, char c)
{
	if (s->used + 1 < s->room) {
		s->out[s->used] = c;
	}
	s->used++;
}

static void put_padded(struct sink *s, const struct spec *p, const char *text, size_t n)
{
	size_t pad = p->width > n ? p->width - n : 0;

	for (; pad > 0 && !p->left; pad--) {
		put(s, ' ');
	}
	for (; n > 0; n--) {
		put(s, *text++);
	}
	for (; pad > 0; pad--) {
		put(s, ' ');
	}
}

static void put_number(struct sink *s, const struct spec *p, uint64_t value, unsigned int base,
		       bool negative)
{
	char digits[72];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (p->zero && !p->left && at > 1 && sizeof(digits) - at + negative < p->width) {
		digits[--at] = '0';
	}
	if (negative) {
		digits[--at] = '-';
	}
	put_padded(s, p, digits + at, sizeof(digits) - at);
}

static const char *read_spec(struct spec *p, const char *f)
{
	*p = (struct spec){ 0 };
	for (;; f++) {
		if (*f == '-') {
			p->left = true;
		} else if (*f == '0') {
			p->zero = true;
		} else if (*f != '#') {
			break;
		}
	}
	for (; *f >= '0' && *f <= '9'; f++) {
		p->width = p->width * 10 + (unsigned int)(*f - '0');
	}
	for (; *f == 'l' || *f == 'z'; f++) {
		p->longs++;
	}
	return f;
}

/* One conversion; ap is a pointer so that its progress comes back. */
static void convert(struct sink *s, const struct spec *p, char kind, va_list *ap)
{
	const char *text;
	int64_t number;
	char c;

	switch (kind) {
	case 'd':
	case 'i':
		number = p->longs ? va_arg(*ap, long) : va_arg(*ap, int);
		put_number(s, p, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10,
			   number < 0);
		break;
	case 'u':
	case 'x':
		put_number(s, p, p->longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int),
			   kind == 'u' ? 10 : 16, false);
		break;
	case 'p':
		put_number(s, p, (uintptr_t)va_arg(*ap, void *), 16, false);
		break;
	case 's':
		text = va_arg(*ap, const char *);
		put_padded(s, p, text, strlen(text));
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_padded(s, p, &c, 1);
		break;
	default:
		put(s, kind);
		break;
	}
}

int vformat(char *out, size_t room, const char *fmt, va_list args)
{
	struct sink s = { out, room, 0 };
	struct spec p;
	va_list ap;

	va_copy(ap, args);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		fmt = read_spec(&p, fmt + 1);
		if (*fmt == '\0') {
			break;
		}
		convert(&s, &p, *fmt, &ap);
	}
	va_end(ap);
	if (room > 0) {
		out[s.used < room ? s.used : room - 1] = '\0';
	}
	return (int)s.used;
}

void print(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vformat(line, sizeof(line), fmt, ap);
	va_end(ap);
	console_write(line, strlen(line));
}

/* SPDX-License-Identifier: MIT */
/*
 * The formatter behind printk(), panic() and crash reasons: a subset of C99's
 * format with its results.  Pure and reentrant: no data, no lock, no
 * allocation, no recursion; works in a panic and before any start-up.  A
 * conversion it does not know is copied as it stands, so that a wrong format
 * shows in the output rather than as a wild access.
 */
#include <hv/printk.h>

/* What is written so far, `len` counting also what did not fit, and the
 * arguments still to come. */
struct output {
	char *buf;
	size_t size;
	size_t len;
	va_list ap;
};

#define WIDTH_MAX 4096 /* of a width or a precision; more is a mistake */

struct spec {
	bool zero;	/* '0' */
	bool alternate; /* '#' */
	bool is_long;	/* 'l', 'll' or 'z' */
	int width;
	int precision; /* of a string; negative: none */
};

static void put(struct output *o, char c)
{
	if (o->len + 1 < o->size) {
		o->buf[o->len] = c;
	}
	o->len++;
}

/* To the right in its width. */
static void put_text(struct output *o, const struct spec *s, const char *text, int len)
{
	for (int pad = s->width - len; pad > 0; pad--) {
		put(o, ' ');
	}
	for (int i = 0; i < len; i++) {
		put(o, text[i]);
	}
}

static void put_string(struct output *o, const struct spec *s, const char *text)
{
	int len = 0;

	if (text == NULL) {
		text = "(null)";
	}
	/* The precision bounds the read: text may lack its terminator. */
	while ((s->precision < 0 || len < s->precision) && text[len] != '\0') {
		len++;
	}
	put_text(o, s, text, len);
}

static void put_number(struct output *o, const struct spec *s, uint64_t value, unsigned int base,
		       const char *prefix)
{
	char text[32]; /* 2^64 takes 20; zeros end where it is full */
	int prefix_len = (int)strlen(prefix), size = sizeof(text);
	int zeros = s->zero ? MIN(s->width, size) - prefix_len : 0;
	int first = size;

	do {
		text[--first] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0 || size - first < zeros);
	first -= prefix_len;
	memcpy(text + first, prefix, (size_t)prefix_len);
	put_text(o, s, text + first, size - first);
}

/* A number, or '*' for one among the arguments. */
static const char *parse_count(const char *p, int *value, struct output *o)
{
	*value = 0;
	if (*p == '*') {
		*value = va_arg(o->ap, int);
		*value = MIN(*value, WIDTH_MAX);
		return p + 1;
	}
	for (; *p >= '0' && *p <= '9'; p++) {
		*value = MIN(*value * 10 + (*p - '0'), WIDTH_MAX);
	}
	return p;
}

/* Everything between the '%' and the letter that names the conversion. */
static const char *parse_spec(const char *p, struct spec *s, struct output *o)
{
	for (; *p == '0' || *p == '#'; p++) {
		s->zero |= *p == '0';
		s->alternate |= *p == '#';
	}
	p = parse_count(p, &s->width, o);
	if (*p == '.') {
		p = parse_count(p + 1, &s->precision, o);
	}
	for (; *p == 'l' || *p == 'z'; p++) {
		s->is_long = true;
	}
	return p;
}

/* One conversion; false if its letter is not known. */
static bool convert(struct output *o, const struct spec *s, char letter)
{
	uint64_t u;
	int64_t i;

	switch (letter) {
	case 'd':
		i = s->is_long ? va_arg(o->ap, long) : va_arg(o->ap, int);
		u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
		put_number(o, s, u, 10, i < 0 ? "-" : "");
		return true;
	case 'u':
	case 'x':
		u = s->is_long ? va_arg(o->ap, unsigned long) : va_arg(o->ap, unsigned int);
		put_number(o, s, u, letter == 'x' ? 16 : 10, s->alternate && u != 0 ? "0x" : "");
		return true;
	case 's':
		put_string(o, s, va_arg(o->ap, const char *));
		return true;
	case '%':
		put(o, '%');
		return true;
	default:
		return false;
	}
}

int vformat(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct output o = { .buf = buf, .size = n };

	va_copy(o.ap, ap);
	for (; *fmt != '\0'; fmt++) {
		struct spec s = { .precision = -1 };
		const char *letter = *fmt == '%' ? parse_spec(fmt + 1, &s, &o) : fmt;

		if (letter != fmt && convert(&o, &s, *letter)) {
			fmt = letter;
		} else {
			/* With it goes a '%' that starts nothing known. */
			put(&o, *fmt);
		}
	}
	va_end(o.ap);
	if (n > 0) {
		buf[MIN(o.len, n - 1)] = '\0';
	}
	return (int)o.len;
}

int format(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vformat(buf, n, fmt, ap);
	va_end(ap);
	return len;
}

/* SPDX-License-Identifier: MIT */
/*
 * The formatter behind printk(), panic() and crash reasons: a subset of C99's
 * snprintf with its results.  Pure and reentrant: no data, no lock, no
 * allocation, no recursion; works in a panic and before any start-up.  A
 * conversion it does not know is copied as it stands, so that a wrong format
 * shows in the output rather than as a wild access.
 */
#include <hv/printk.h>

#include <hv/string.h>

/* What is written so far, `len` counting also what did not fit, and the
 * arguments still to come. */
struct output {
	char *buf;
	size_t size;
	size_t len;
	va_list ap;
};

#define SPEC_LEFT 1u   /* '-' */
#define SPEC_ZERO 2u   /* '0' */
#define SPEC_ALT 4u    /* '#' */
#define SPEC_PLUS 8u   /* '+' */
#define SPEC_SPACE 16u /* ' ' */
#define SPEC_UPPER 32u /* 'X' */
#define WIDTH_MAX 4096 /* of a width or a precision; more is a mistake */

struct spec {
	unsigned int flags;
	int width;
	int precision; /* negative: none */
	int size;      /* of an integer, in bytes */
};

static void put(struct output *o, char c)
{
	if (o->len + 1 < o->size) {
		o->buf[o->len] = c;
	}
	o->len++;
}

static void put_many(struct output *o, char c, int n)
{
	for (; n > 0; n--) {
		put(o, c);
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
	if (!(s->flags & SPEC_LEFT)) {
		put_many(o, ' ', s->width - len);
	}
	for (int i = 0; i < len; i++) {
		put(o, text[i]);
	}
	if (s->flags & SPEC_LEFT) {
		put_many(o, ' ', s->width - len);
	}
}

static void put_number(struct output *o, const struct spec *s, uint64_t value,
		       unsigned int base, bool negative)
{
	const char *alphabet = (s->flags & SPEC_UPPER) ? "0123456789ABCDEF" :
							 "0123456789abcdef";
	char digits[24]; /* 22 octal digits are the most */
	char prefix[3] = { 0 };
	int count = 0, zeroes = 0, prefix_len = 0, pad;

	if (base == 16 && (s->flags & SPEC_ALT) && value != 0) {
		prefix[prefix_len++] = '0';
		prefix[prefix_len++] = (s->flags & SPEC_UPPER) ? 'X' : 'x';
	} else if (negative) {
		prefix[prefix_len++] = '-';
	} else if (s->flags & SPEC_PLUS) {
		prefix[prefix_len++] = '+';
	} else if (s->flags & SPEC_SPACE) {
		prefix[prefix_len++] = ' ';
	}
	for (; value != 0; value /= base) {
		digits[count++] = alphabet[value % base];
	}
	if (s->precision >= 0) {
		zeroes = MAX(s->precision - count, 0);
	} else if (count == 0) {
		zeroes = 1;
	}
	if (base == 8 && (s->flags & SPEC_ALT) && zeroes == 0) {
		zeroes = 1;
	}
	pad = s->width - prefix_len - zeroes - count;
	if ((s->flags & SPEC_ZERO) && !(s->flags & SPEC_LEFT) &&
	    s->precision < 0 && pad > 0) {
		zeroes += pad;
		pad = 0;
	}
	if (!(s->flags & SPEC_LEFT)) {
		put_many(o, ' ', pad);
	}
	for (int i = 0; i < prefix_len; i++) {
		put(o, prefix[i]);
	}
	put_many(o, '0', zeroes);
	while (count > 0) {
		put(o, digits[--count]);
	}
	if (s->flags & SPEC_LEFT) {
		put_many(o, ' ', pad);
	}
}

static const char *parse_number(const char *p, int *value)
{
	*value = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		*value = MIN(*value * 10 + (*p - '0'), WIDTH_MAX);
	}
	return p;
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			s->flags |= SPEC_LEFT;
			break;
		case '0':
			s->flags |= SPEC_ZERO;
			break;
		case '#':
			s->flags |= SPEC_ALT;
			break;
		case '+':
			s->flags |= SPEC_PLUS;
			break;
		case ' ':
			s->flags |= SPEC_SPACE;
			break;
		default:
			return p;
		}
	}
}

static const char *parse_length(const char *p, struct spec *s)
{
	s->size = (int)sizeof(int);
	if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't') {
		s->size = (int)sizeof(long);
		p += (p[0] == 'l' && p[1] == 'l') ? 2 : 1;
	} else if (*p == 'h') {
		s->size = p[1] == 'h' ? 1 : 2;
		p += p[1] == 'h' ? 2 : 1;
	}
	return p;
}

/* Cuts an argument to the size that the length modifier says. */
static uint64_t narrow(uint64_t value, int size, bool is_signed)
{
	unsigned int drop = 64 - 8 * (unsigned int)size;

	value <<= drop;
	return is_signed ? (uint64_t)((int64_t)value >> drop) : value >> drop;
}

/* Everything between the '%' and the letter that names the conversion. */
static const char *parse_spec(const char *p, struct spec *s, struct output *o)
{
	p = parse_flags(p, s);
	if (*p == '*') {
		s->width = va_arg(o->ap, int);
		if (s->width < 0) {
			s->flags |= SPEC_LEFT;
			s->width = -MAX(s->width, -WIDTH_MAX);
		}
		s->width = MIN(s->width, WIDTH_MAX);
		p++;
	} else {
		p = parse_number(p, &s->width);
	}
	if (p[0] == '.' && p[1] == '*') {
		s->precision = va_arg(o->ap, int);
		s->precision = MIN(s->precision, WIDTH_MAX);
		p += 2;
	} else if (p[0] == '.') {
		p = parse_number(p + 1, &s->precision);
	}
	return parse_length(p, s);
}

static void convert_signed(struct output *o, struct spec *s)
{
	uint64_t value = s->size == 8 ? (uint64_t)va_arg(o->ap, long) :
					(uint64_t)va_arg(o->ap, int);
	bool negative;

	value = narrow(value, s->size, true);
	negative = (int64_t)value < 0;
	s->flags &= ~SPEC_ALT;
	put_number(o, s, negative ? 0 - value : value, 10, negative);
}

static void convert_unsigned(struct output *o, struct spec *s,
			     unsigned int base)
{
	uint64_t value = s->size == 8 ? va_arg(o->ap, unsigned long) :
					va_arg(o->ap, unsigned int);

	s->flags &= ~(SPEC_PLUS | SPEC_SPACE);
	put_number(o, s, narrow(value, s->size, false), base, false);
}

/* One conversion; false if its letter is not known. */
static bool convert(struct output *o, struct spec *s, char letter)
{
	char c[2] = { 0 };

	switch (letter) {
	case 'd':
	case 'i':
		convert_signed(o, s);
		return true;
	case 'u':
		convert_unsigned(o, s, 10);
		return true;
	case 'o':
		convert_unsigned(o, s, 8);
		return true;
	case 'X':
		s->flags |= SPEC_UPPER;
		convert_unsigned(o, s, 16);
		return true;
	case 'x':
		convert_unsigned(o, s, 16);
		return true;
	case 'p':
		s->flags = (s->flags & SPEC_LEFT) | SPEC_ALT;
		put_number(o, s, (uintptr_t)va_arg(o->ap, void *), 16, false);
		return true;
	case 's':
		put_string(o, s, va_arg(o->ap, const char *));
		return true;
	case 'c':
		c[0] = (char)va_arg(o->ap, int);
		s->precision = 1;
		put_string(o, s, c);
		return true;
	case '%':
		put(o, '%');
		return true;
	default:
		return false;
	}
}

int vsnprintf(char *buf, size_t n, const char *fmt, va_list ap)
{
	struct output o = { .buf = buf, .size = n };

	va_copy(o.ap, ap);
	while (*fmt != '\0') {
		struct spec s = { .precision = -1 };
		const char *letter;

		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		letter = parse_spec(fmt + 1, &s, &o);
		if (convert(&o, &s, *letter)) {
			fmt = letter + 1;
		} else {
			put(&o, *fmt++); /* the '%'; the rest follows as text */
		}
	}
	va_end(o.ap);
	if (n > 0) {
		buf[MIN(o.len, n - 1)] = '\0';
	}
	return (int)o.len;
}

int snprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return len;
}

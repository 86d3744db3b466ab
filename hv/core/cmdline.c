/* SPDX-License-Identifier: MIT */
/*
 * The boot command line.  cmdline_parse() runs on the boot CPU before there is a
 * console, and again after that, to say what is wrong with the line.  No lock.
 * The text comes from the boot loader and may be of any length and content:
 * unknown names and values that do not parse are reported and skipped, and never
 * end the start-up.
 *
 * Options are named as administrators know them.  `x`, `x=yes` and `no-x` are
 * forms of every boolean one.
 */
#include <hv/cmdline.h>

struct options options = {
	.com1_port = 0x3f8,
	.console_com1 = true,
	.loglvl = LOG_INFO,
	.dma_reserve = ~0ull,
};

/* True between words and at the end of the line. */
static bool INIT_TEXT is_end(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\0';
}

/* If *s starts with `prefix`, steps over it. */
static bool INIT_TEXT skip(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n) != 0) {
		return false;
	}
	*s += n;
	return true;
}

/* Steps over one of `words`; its number, or `count` if none stands at *s. */
static unsigned int INIT_TEXT choose(const char **s, const char *const *words, unsigned int count)
{
	unsigned int i = 0;

	while (i < count && !skip(s, words[i])) {
		i++;
	}
	return i;
}

/* Decimal or 0x-hexadecimal. */
static bool INIT_TEXT parse_number(const char **s, uint64_t *value)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	unsigned int digit, base = skip(s, "0x") ? 16 : 10;
	const char *found, *start = *s;

	for (*value = 0; **s != '\0' && (found = strchr(digits, **s)) != NULL; ++*s) {
		digit = (unsigned int)(found - digits);
		digit -= digit < 16 ? 0 : 6;
		if (digit >= base) {
			break;
		}
		if (mul_overflow(*value, base, value) || add_overflow(*value, digit, value)) {
			return false;
		}
	}
	return *s != start;
}

/*
 * The parsers step over what they know of a value and store it in *to, or in
 * `options` if there is more than one place.  The caller sees to it that
 * nothing is left over, and otherwise undoes what they stored.
 */

bool INIT_TEXT cmdline_count(const char **s, void *to)
{
	uint64_t n;

	if (!parse_number(s, &n) || n > UINT32_MAX) {
		return false;
	}
	*(unsigned int *)to = (unsigned int)n;
	return true;
}

/* Bytes, with suffix B, K, M, G or T; without one it counts KiB. */
bool INIT_TEXT cmdline_size(const char **s, void *to)
{
	/* Nothing at all is the last, as it stands everywhere. */
	static const char *const units[] = { "b", "B", "k", "K", "m", "M", "g", "G", "t", "T", "" };
	unsigned int unit;
	uint64_t n;

	if (!parse_number(s, &n)) {
		return false;
	}
	unit = choose(s, units, ARRAY_SIZE(units));
	return !mul_overflow(n, 1ull << (unit < 10 ? unit / 2 * 10 : 10), (uint64_t *)to);
}

static bool INIT_TEXT parse_flag(const char **s, void *to)
{
	/* Nothing at all is the last, as it stands everywhere. */
	static const char *const words[] = { "0",   "no", "off",  "false",  "disable", "1",
					     "yes", "on", "true", "enable", "" };

	*(bool *)to = choose(s, words, ARRAY_SIZE(words)) >= 5;
	return true;
}

/* Of options that mean nothing here. */
static bool INIT_TEXT skip_value(const char **s, void *to UNUSED)
{
	while (!is_end(**s)) {
		++*s;
	}
	return true;
}

/* dom0_mem=SIZE[,max:SIZE][,min:SIZE]; the least that is enough has no meaning,
 * since nothing adapts the size to the machine. */
static bool INIT_TEXT parse_dom0_mem(const char **s, void *to UNUSED)
{
	static const char *const kinds[] = { "max:", "min:" };
	uint64_t *size = &options.dom0_mem, *max = &options.dom0_mem_max;
	uint64_t min = 0;
	uint64_t *const places[] = { max, &min, size };
	bool ok;

	do {
		ok = cmdline_size(s, places[choose(s, kinds, 2)]);
	} while (ok && skip(s, ","));
	if (*max != 0) {
		*size = MIN(*size, *max);
	}
	return ok;
}

/* console=com1|vga|none, several with commas between. */
static bool INIT_TEXT parse_console(const char **s, void *to UNUSED)
{
	static const char *const names[] = { "com1", "vga", "none" };
	unsigned int n;

	options.console_com1 = false;
	do {
		n = choose(s, names, ARRAY_SIZE(names));
		options.console_com1 |= n == 0;
	} while (n < ARRAY_SIZE(names) && skip(s, ","));
	return n < ARRAY_SIZE(names);
}

/* com1=BAUD|auto[,8n1[,PORT]] */
static bool INIT_TEXT parse_com1(const char **s, void *to UNUSED)
{
	options.com1_baud = 0;
	if ((!skip(s, "auto") && !cmdline_count(s, &options.com1_baud)) ||
	    (skip(s, ",8n1") && skip(s, ",") && !cmdline_count(s, &options.com1_port))) {
		return false;
	}
	return options.com1_baud <= 115200 && options.com1_port != 0 && options.com1_port <= 0xfff8;
}

/* LEVEL or LEVEL/LEVEL: always shown / shown at a limited rate. The core has
 * no limit of the rate, so the second one counts. */
static bool INIT_TEXT parse_loglvl(const char **s, void *to UNUSED)
{
	/* In the order of enum loglevel, from one below its first. */
	static const char *const names[] = { "none", "error", "warning", "info", "debug", "all" };
	unsigned int n;

	do {
		n = choose(s, names, ARRAY_SIZE(names));
		options.loglvl = MIN(LOG_ERR - 1 + (int)n, (int)LOG_DEBUG);
	} while (n < ARRAY_SIZE(names) && skip(s, "/"));
	return n < ARRAY_SIZE(names);
}

static const struct option table[] = {
	{ "dom0_mem", parse_dom0_mem, NULL, false },
	{ "dom0_max_vcpus", cmdline_count, &options.dom0_max_vcpus, false },
	{ "dom0_vcpus_pin", parse_flag, &options.dom0_vcpus_pin, false },
	{ "maxcpus", cmdline_count, &options.maxcpus, false },
	{ "console", parse_console, NULL, false },
	{ "com1", parse_com1, NULL, false },
	{ "loglvl", parse_loglvl, NULL, false },
	{ "dma_reserve", cmdline_size, &options.dma_reserve, false },
	{ "noreboot", parse_flag, &options.noreboot, false },
	{ "unsafe_cpu", parse_flag, &options.unsafe_cpu, false },
	{ "smep", parse_flag, &options.no_smep, true },
	{ "smap", parse_flag, &options.no_smap, true },
	{ "xsave", parse_flag, &options.no_xsave, true },
	/* Of guests' output, which has no level here. */
	{ "guest_loglvl", skip_value, NULL, false },
	/* There is one scheduler. */
	{ "sched", skip_value, NULL, false },
	/* What boot loader scripts add by themselves, meant for others. */
	{ "placeholder", skip_value, NULL, false },
	{ "no-real-mode", skip_value, NULL, false },
	{ "edd", skip_value, NULL, false },
};

static const char bad_value[] = "cannot use the value";

/* Takes the option at `word`; NULL, or what is wrong with it. */
static const char *INIT_TEXT parse_word(const char *word, const struct option *o, size_t count)
{
	for (; count > 0; count--, o++) {
		const char *s = word;
		bool negated = o->parse == parse_flag && skip(&s, "no-");

		if (!skip(&s, o->name) || (!skip(&s, "=") && !is_end(*s))) {
			continue;
		}
		if (!o->parse(&s, o->to) || !is_end(*s)) {
			return bad_value;
		}
		if (negated != o->inverse) {
			*(bool *)o->to ^= true;
		}
		return NULL;
	}
	return "not known";
}

bool INIT_TEXT cmdline_walk(const char **line, const struct option *o, size_t count, bool report)
{
	static struct options before INIT_DATA;
	const char *word, *s = *line, *error;
	bool good = true;

	for (;;) {
		while (*s != '\0' && is_end(*s)) {
			s++;
		}
		word = s;
		if (*s == '\0' || (skip(&s, "--") && is_end(*s))) {
			*line = s;
			return good;
		}
		before = options;
		error = parse_word(word, o, count);
		if (error != NULL) {
			options = before;
		}
		good = good && error != bad_value;
		skip_value(&s, NULL);
		if (error != NULL && report) {
			pr_warn("command line: option %.*s: %s", (int)(s - word), word, error);
		}
	}
}

void INIT_TEXT cmdline_parse(const char *s, bool report)
{
	(void)format(options.text, sizeof(options.text), "%s", s);
	(void)cmdline_walk(&s, table, ARRAY_SIZE(table), report);
}

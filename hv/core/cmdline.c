/* SPDX-License-Identifier: MIT */
/*
 * The boot command line.  cmdline_parse() runs once on the boot CPU before
 * there is a console, so what it has to say is kept for cmdline_report().
 * No lock.  The text comes from the boot loader and may be of any length and
 * content: words beyond WORD_MAX, unknown names and values that do not parse
 * are reported and skipped, and never end the start-up.
 *
 * Options are named as administrators know them.  `x`, `x=yes` and `no-x` are
 * forms of every boolean one.
 */
#include <hv/cmdline.h>

#include <hv/printk.h>
#include <hv/string.h>

#define WORD_MAX 128
#define NOTES_MAX 12
#define NOTE_LEN 96

struct options options = {
	.com1_port = 0x3f8,
	.console_com1 = true,
	.loglvl = LOG_INFO,
	.dma_reserve = ~0ull,
};

static char notes[NOTES_MAX][NOTE_LEN] INIT_DATA; /* warnings to print */
static unsigned int note_count INIT_DATA;
static unsigned int notes_lost INIT_DATA;

static void INIT_TEXT printf_like(1, 2) note(const char *fmt, ...)
{
	va_list ap;

	if (note_count == NOTES_MAX) {
		notes_lost++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(notes[note_count++], NOTE_LEN, fmt, ap);
	va_end(ap);
}

/* Decimal or 0x-hexadecimal; stops at the first other character, *end. */
static bool INIT_TEXT parse_u64(const char *s, uint64_t *value,
				const char **end)
{
	unsigned int base = 10;
	const char *start;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	*value = 0;
	for (start = s;; s++) {
		unsigned int digit;

		if (*s >= '0' && *s <= '9') {
			digit = (unsigned int)(*s - '0');
		} else if (base == 16 && (*s | 0x20) >= 'a' &&
			   (*s | 0x20) <= 'f') {
			digit = (unsigned int)((*s | 0x20) - 'a') + 10;
		} else {
			break;
		}
		if (mul_overflow(*value, (uint64_t)base, value) ||
		    add_overflow(*value, (uint64_t)digit, value)) {
			return false;
		}
	}
	*end = s;
	return s != start;
}

static bool INIT_TEXT parse_uint(const char *s, unsigned int max,
				 unsigned int *value)
{
	const char *end;
	uint64_t n;

	if (!parse_u64(s, &n, &end) || *end != '\0' || n > max) {
		return false;
	}
	*value = (unsigned int)n;
	return true;
}

/* A size with suffix B, K, M, G or T; without one it counts KiB. */
static bool INIT_TEXT parse_size(const char *s, uint64_t *bytes,
				 const char **end)
{
	unsigned int shift = 10;

	if (!parse_u64(s, bytes, end)) {
		return false;
	}
	switch (**end) {
	case 'b':
	case 'B':
		shift = 0;
		break;
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	case 't':
	case 'T':
		shift = 40;
		break;
	default:
		return !mul_overflow(*bytes, 1ull << shift, bytes);
	}
	(*end)++;
	return !mul_overflow(*bytes, 1ull << shift, bytes);
}

static bool INIT_TEXT parse_bool(const char *s, bool *value)
{
	static const char *const yes[] = { "",	 "1",	 "yes",
					   "on", "true", "enable" };
	static const char *const no[] = { "0", "no", "off", "false",
					  "disable" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(s, yes[i]) == 0) {
			*value = true;
			return true;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		if (strcmp(s, no[i]) == 0) {
			*value = false;
			return true;
		}
	}
	return false;
}

/* If s starts with `prefix`, steps over it. */
static bool INIT_TEXT skip_prefix(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n) != 0) {
		return false;
	}
	*s += n;
	return true;
}

/* dom0_mem=[min:|max:]SIZE, several with commas between. */
static bool INIT_TEXT parse_dom0_mem(const char *s)
{
	uint64_t size = options.dom0_mem, max = options.dom0_mem_max;
	uint64_t floor = 0, *target;

	for (;;) {
		target = &size;
		if (skip_prefix(&s, "max:")) {
			target = &max;
		} else if (skip_prefix(&s, "min:")) {
			target = &floor;
		}
		if (!parse_size(s, target, &s)) {
			return false;
		}
		if (*s == '\0') {
			break;
		}
		if (*s++ != ',') {
			return false;
		}
	}
	/* Nothing adapts the size to the machine, so the least is the size. */
	size = MAX(size, floor);
	if (max != 0 && size > max) {
		size = max;
	}
	options.dom0_mem = size;
	options.dom0_mem_max = max;
	return true;
}

/* dom0_max_vcpus=N or MIN-MAX, of which the larger counts. */
static bool INIT_TEXT parse_dom0_vcpus(const char *s)
{
	const char *dash = strchr(s, '-');

	return parse_uint(dash != NULL ? dash + 1 : s, 65536,
			  &options.dom0_max_vcpus);
}

/* console=com1|vga|none, several with commas between. */
static bool INIT_TEXT parse_console(const char *s)
{
	bool com1 = false, vga = false;

	while (*s != '\0') {
		if (skip_prefix(&s, "com1")) {
			com1 = true;
		} else if (skip_prefix(&s, "vga")) {
			vga = true;
		} else if (!skip_prefix(&s, "none")) {
			return false;
		}
		if (*s == ',') {
			s++;
		} else if (*s != '\0') {
			return false;
		}
	}
	options.console_com1 = com1;
	options.console_vga = vga;
	if (vga) {
		note("console=vga has no effect");
	}
	return true;
}

/* com1=[BAUD|auto][,8n1[,PORT[,...]]] */
static bool INIT_TEXT parse_com1(const char *s)
{
	uint64_t baud = 0, port = options.com1_port;

	if (!skip_prefix(&s, "auto") && *s != ',' && *s != '\0' &&
	    !parse_u64(s, &baud, &s)) {
		return false;
	}
	if (skip_prefix(&s, ",")) {
		if (!skip_prefix(&s, "8n1") && *s != ',' && *s != '\0') {
			return false;
		}
	}
	if (skip_prefix(&s, ",") && *s != '\0' && !parse_u64(s, &port, &s)) {
		return false;
	}
	if ((*s != '\0' && *s != ',') || baud > 115200 || port == 0 ||
	    port > 0xfff8) {
		return false;
	}
	options.com1_baud = (unsigned int)baud;
	options.com1_port = (uint16_t)port;
	return true;
}

/* LEVEL or LEVEL/LEVEL: always shown / shown at a limited rate. The core has
 * no limit of the rate, so the second one counts. */
static bool INIT_TEXT parse_loglvl(const char *s, int *level)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{ "none", LOG_ERR - 1 },    { "error", LOG_ERR },
		{ "warning", LOG_WARNING }, { "info", LOG_INFO },
		{ "debug", LOG_DEBUG },	    { "all", LOG_DEBUG },
	};
	const char *slash = strchr(s, '/');

	if (slash != NULL) {
		s = slash + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(s, levels[i].name) == 0) {
			*level = levels[i].level;
			return true;
		}
	}
	return false;
}

static bool INIT_TEXT parse_dma_reserve(const char *s)
{
	uint64_t bytes;

	if (!parse_size(s, &bytes, &s) || *s != '\0') {
		return false;
	}
	options.dma_reserve = bytes;
	return true;
}

enum outcome {
	PARSED,
	BAD_VALUE,
	UNKNOWN
};

/* `inverse`: the option is kept as its opposite. */
static const struct {
	const char *name;
	bool *value;
	bool inverse;
} booleans[] = {
	{ "noreboot", &options.noreboot, false },
	{ "unsafe_cpu", &options.unsafe_cpu, false },
	{ "smep", &options.no_smep, true },
	{ "smap", &options.no_smap, true },
	{ "pcid", &options.no_pcid, true },
	{ "fsgsbase", &options.no_fsgsbase, true },
	{ "xsave", &options.no_xsave, true },
};

static enum outcome INIT_TEXT parse_boolean(const char *name, const char *arg)
{
	bool negated = skip_prefix(&name, "no-"), on;

	for (size_t i = 0; i < ARRAY_SIZE(booleans); i++) {
		if (strcmp(name, booleans[i].name) != 0) {
			continue;
		}
		if (!parse_bool(arg, &on)) {
			return BAD_VALUE;
		}
		*booleans[i].value = on ^ negated ^ booleans[i].inverse;
		return PARSED;
	}
	return UNKNOWN;
}

static enum outcome INIT_TEXT parse_option(const char *name, const char *arg)
{
	/* What boot loader scripts add by themselves, meant for others. */
	static const char *const ignored[] = { "placeholder", "no-real-mode",
					       "edd" };
	int unused_level;
	bool ok;

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
		if (strcmp(name, ignored[i]) == 0) {
			return PARSED;
		}
	}
	if (strcmp(name, "dom0_mem") == 0) {
		ok = parse_dom0_mem(arg);
	} else if (strcmp(name, "dom0_max_vcpus") == 0) {
		ok = parse_dom0_vcpus(arg);
	} else if (strcmp(name, "maxcpus") == 0) {
		ok = parse_uint(arg, 65536, &options.maxcpus);
	} else if (strcmp(name, "console") == 0) {
		ok = parse_console(arg);
	} else if (strcmp(name, "com1") == 0) {
		ok = parse_com1(arg);
	} else if (strcmp(name, "loglvl") == 0) {
		ok = parse_loglvl(arg, &options.loglvl);
	} else if (strcmp(name, "guest_loglvl") == 0) {
		ok = parse_loglvl(arg, &unused_level);
	} else if (strcmp(name, "dma_reserve") == 0) {
		ok = parse_dma_reserve(arg);
	} else if (strcmp(name, "sched") == 0) {
		note("sched=%s has no effect: there is one scheduler", arg);
		ok = true;
	} else {
		return parse_boolean(name, arg);
	}
	return ok ? PARSED : BAD_VALUE;
}

/* `first`: the first word may be the name of our own image. */
static void INIT_TEXT parse_word(char *word, bool first)
{
	char *equals = strchr(word, '=');
	enum outcome outcome;

	if (equals != NULL) {
		*equals = '\0';
	}
	outcome = parse_option(word, equals != NULL ? equals + 1 : "");
	if (outcome == BAD_VALUE) {
		note("option %s: cannot use \"%s\"", word,
		     equals != NULL ? equals + 1 : "");
	} else if (outcome == UNKNOWN && !(first && equals == NULL)) {
		note("option %s is not known", word);
	}
}

void INIT_TEXT cmdline_parse(const char *line)
{
	char word[WORD_MAX];
	bool first = true;

	if (line == NULL) {
		line = "";
	}
	if (str_copy(options.text, line, sizeof(options.text)) >=
	    sizeof(options.text)) {
		note("command line is kept in part only, all of it is used");
	}
	for (;; first = false) {
		size_t n = 0;

		while (*line == ' ' || *line == '\t' || *line == '\n') {
			line++;
		}
		while (line[n] != '\0' && line[n] != ' ' && line[n] != '\t' &&
		       line[n] != '\n') {
			n++;
		}
		/* What follows a lone "--" is for the control domain. */
		if (n == 0 || (n == 2 && line[0] == '-' && line[1] == '-')) {
			break;
		}
		if (n < sizeof(word)) {
			memcpy(word, line, n);
			word[n] = '\0';
			parse_word(word, first);
		} else if (!first) {
			note("option %.20s... is too long", line);
		}
		line += n;
	}
}

void INIT_TEXT cmdline_report(void)
{
	for (unsigned int i = 0; i < note_count; i++) {
		pr_warn("command line: %s", notes[i]);
	}
	if (notes_lost > 0) {
		pr_warn("command line: %u more warnings", notes_lost);
	}
}

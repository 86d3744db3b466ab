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
	static const char digits[] = "0123456789abcdefABCDEF";
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	const char *start = hex ? s + 2 : s;

	*value = 0;
	for (s = start; *s != '\0'; s++) {
		const char *found = strchr(digits, *s);
		uint64_t digit;

		if (found == NULL) {
			break;
		}
		digit = (uint64_t)(found - digits);
		if (digit > 9 && !hex) {
			break;
		}
		if (mul_overflow(*value, hex ? 16ull : 10ull, value) ||
		    add_overflow(*value, digit > 15 ? digit - 6 : digit,
				 value)) {
			return false;
		}
	}
	*end = s;
	return s != start;
}

static bool INIT_TEXT parse_cpus(const char *s, unsigned int *value)
{
	uint64_t n;

	if (!parse_u64(s, &n, &s) || *s != '\0' || n > 65536) {
		return false;
	}
	*value = (unsigned int)n;
	return true;
}

/* A size with suffix B, K, M, G or T; without one it counts KiB. */
static bool INIT_TEXT parse_size(const char *s, uint64_t *bytes,
				 const char **end)
{
	static const char suffixes[] = "bkmgtBKMGT";
	const char *suffix;
	long power = 1;

	if (!parse_u64(s, bytes, &s)) {
		return false;
	}
	suffix = strchr(suffixes, *s);
	if (*s != '\0' && suffix != NULL) {
		power = (suffix - suffixes) % 5;
		s++;
	}
	*end = s;
	return !mul_overflow(*bytes, 1ull << (10 * power), bytes);
}

static bool INIT_TEXT parse_bool(const char *s, bool *value)
{
	static const char *const words[] = { "",     "1",      "yes",	 "on",
					     "true", "enable", "0",	 "no",
					     "off",  "false",  "disable" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(s, words[i]) == 0) {
			*value = i <= 5;
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
	uint64_t floor = 0;

	do {
		uint64_t *target = &size;

		if (skip_prefix(&s, "max:")) {
			target = &max;
		} else if (skip_prefix(&s, "min:")) {
			target = &floor;
		}
		if (!parse_size(s, target, &s)) {
			return false;
		}
	} while (skip_prefix(&s, ","));
	if (*s != '\0') {
		return false;
	}
	/* Nothing adapts the size to the machine, so the least is the size. */
	size = MAX(size, floor);
	options.dom0_mem = max != 0 ? MIN(size, max) : size;
	options.dom0_mem_max = max;
	return true;
}

/* dom0_max_vcpus=N or MIN-MAX, of which the larger counts. */
static bool INIT_TEXT parse_dom0_vcpus(const char *s)
{
	const char *dash = strchr(s, '-');

	return parse_cpus(dash != NULL ? dash + 1 : s, &options.dom0_max_vcpus);
}

static bool INIT_TEXT parse_maxcpus(const char *s)
{
	return parse_cpus(s, &options.maxcpus);
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
		if (!skip_prefix(&s, ",") && *s != '\0') {
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
	if (skip_prefix(&s, ",") && !skip_prefix(&s, "8n1") && *s != ',' &&
	    *s != '\0') {
		return false;
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
static bool INIT_TEXT parse_loglvl(const char *s)
{
	/* In the order of enum loglevel, from one below its first. */
	static const char *const names[] = { "none", "error", "warning",
					     "info", "debug", "all" };
	const char *slash = strchr(s, '/');

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
		if (strcmp(slash != NULL ? slash + 1 : s, names[i]) == 0) {
			options.loglvl = MIN(LOG_ERR - 1 + i, (int)LOG_DEBUG);
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

static bool INIT_TEXT parse_sched(const char *s)
{
	note("sched=%s has no effect: there is one scheduler", s);
	return true;
}

static bool INIT_TEXT parse_nothing(const char *s UNUSED)
{
	return true;
}

/* What each option is parsed by, or the flag that a boolean one sets;
 * `inverse`: kept as its opposite. */
static const struct option {
	const char *name;
	bool (*parse)(const char *s);
	bool *flag;
	bool inverse;
} table[] = {
	{ "dom0_mem", parse_dom0_mem, NULL, false },
	{ "dom0_max_vcpus", parse_dom0_vcpus, NULL, false },
	{ "maxcpus", parse_maxcpus, NULL, false },
	{ "console", parse_console, NULL, false },
	{ "com1", parse_com1, NULL, false },
	{ "loglvl", parse_loglvl, NULL, false },
	{ "dma_reserve", parse_dma_reserve, NULL, false },
	{ "sched", parse_sched, NULL, false },
	{ "noreboot", NULL, &options.noreboot, false },
	{ "unsafe_cpu", NULL, &options.unsafe_cpu, false },
	{ "smep", NULL, &options.no_smep, true },
	{ "smap", NULL, &options.no_smap, true },
	{ "pcid", NULL, &options.no_pcid, true },
	{ "fsgsbase", NULL, &options.no_fsgsbase, true },
	{ "xsave", NULL, &options.no_xsave, true },
	/* Of guests' output, which has no level here. */
	{ "guest_loglvl", parse_nothing, NULL, false },
	/* What boot loader scripts add by themselves, meant for others. */
	{ "placeholder", parse_nothing, NULL, false },
	{ "no-real-mode", parse_nothing, NULL, false },
	{ "edd", parse_nothing, NULL, false },
};

static bool INIT_TEXT parse_value(const struct option *o, const char *arg,
				  bool negated)
{
	bool on;

	if (o->parse != NULL) {
		return o->parse(arg);
	}
	if (!parse_bool(arg, &on)) {
		return false;
	}
	*o->flag = on ^ negated ^ o->inverse;
	return true;
}

/* `first`: the first word may be the name of our own image. */
static void INIT_TEXT parse_word(char *word, bool first)
{
	char *equals = strchr(word, '=');
	const char *arg = "";

	if (equals != NULL) {
		*equals = '\0';
		arg = equals + 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *name = word;
		bool negated =
			table[i].flag != NULL && skip_prefix(&name, "no-");

		if (strcmp(name, table[i].name) == 0) {
			if (!parse_value(&table[i], arg, negated)) {
				note("option %s: cannot use \"%s\"", word, arg);
			}
			return;
		}
	}
	if (!first || equals != NULL) {
		note("option %s is not known", word);
	}
}

static bool INIT_TEXT is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
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

		while (is_space(*line)) {
			line++;
		}
		while (line[n] != '\0' && !is_space(line[n])) {
			n++;
		}
		/* What follows a lone "--" is for the control domain. */
		if (n == 0 || (n == 2 && strncmp(line, "--", 2) == 0)) {
			break;
		}
		if (n < sizeof(word)) {
			str_copy(word, line, n + 1);
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

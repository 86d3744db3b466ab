/* SPDX-License-Identifier: MIT */
/*
 * Values of the configuration as text and back: what all three forms share.
 * Called by every other config*.c; knows fields by their rows in the tables of
 * config_schema.c, and no form.
 */
#include "libvellum/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libvellum/common.h"

static const char *const action_names[] = {
	[VL_ACTION_DESTROY] = "destroy",
	[VL_ACTION_RESTART] = "restart",
	[VL_ACTION_RENAME_RESTART] = "rename-restart",
	[VL_ACTION_PRESERVE] = "preserve",
	[VL_ACTION_COREDUMP_DESTROY] = "coredump-destroy",
	[VL_ACTION_COREDUMP_RESTART] = "coredump-restart",
	[VL_ACTION_SOFT_RESET] = "soft-reset",
};

/* The length of the UTF-8 character at text, 0 if there is none. */
static size_t utf8_length(const unsigned char *text)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t size;

	if (text[0] < 0x80) {
		return 1;
	}
	size = text[0] >= 0xf8 ? 0 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc0 || !size) {
		return 0;
	}
	code = text[0] & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		/* The 0 at the end of the text is no such byte either. */
		if ((text[i] & 0xc0) != 0x80) {
			return 0;
		}
		code = code << 6 | (text[i] & 0x3f);
	}
	/* Neither too long a form, nor halves of pairs, nor what XML cannot say,
	 * nor the control characters beyond ASCII. */
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
	    code == 0xfffe || code == 0xffff || code < 0xa0) {
		return 0;
	}
	return size;
}

bool config_text_valid(const char *text, bool lines)
{
	const unsigned char *at = (const unsigned char *)text;

	while (*at) {
		size_t size = utf8_length(at);

		if (!size || *at == 0x7f ||
		    (*at < 0x20 && !(lines && (*at == '\t' || *at == '\n')))) {
			return false;
		}
		at += size;
	}
	return true;
}

const char *config_text_shown(const char *text)
{
	return config_text_valid(text, false) ? text : "?";
}

int config_set_string(struct config_ctx *ctx, const char *key, char **field, const char *text,
		      bool lines)
{
	char *copy = NULL;

	if (!config_text_valid(text, lines)) {
		return config_fail(ctx, "%s has control characters or is not UTF-8", key);
	}
	if (*text) {
		copy = strdup(text);
		if (!copy) {
			return config_no_memory(ctx);
		}
	}
	free(*field);
	*field = copy;
	return 0;
}

int config_number(struct config_ctx *ctx, const char *key, const char *text, uint64_t min,
		  uint64_t max, uint64_t *number)
{
	unsigned long long value;
	char *end = NULL;

	errno = 0;
	value = isdigit((unsigned char)*text) ? strtoull(text, &end, 0) : 0;
	if (!end || *end) {
		return config_fail(ctx, "%s: \"%.40s\" is no number", key, config_text_shown(text));
	}
	if (errno || value < min || value > max) {
		return config_fail(ctx, "%s: %.40s is not between %" PRIu64 " and %" PRIu64, key,
				   text, min, max);
	}
	*number = value;
	return 0;
}

/* ---- UUIDs, MAC addresses, actions, addresses ---- */

static unsigned int hex_digit(char c)
{
	return (unsigned int)(isdigit((unsigned char)c) ? c - '0' :
							  tolower((unsigned char)c) - 'a' + 10);
}

/* Pairs of digits; separators may stand behind each pair where `may` has a bit, and
 * must where `must` has one. */
static bool hex_bytes(const char *text, uint8_t *bytes, size_t count, char separator,
		      unsigned int may, unsigned int must)
{
	for (size_t i = 0; i < count; i++) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1])) {
			return false;
		}
		bytes[i] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
		text += 2;
		if (*text == separator && (may >> i & 1)) {
			text++;
		} else if (must >> i & 1) {
			return false;
		}
	}
	return *text == '\0';
}

static int set_uuid(struct config_ctx *ctx, const char *key, struct vl_config *config,
		    const char *text)
{
	/* Dashes behind bytes 3, 5, 7 and 9. */
	if (!hex_bytes(text, config->uuid, 16, '-', 0x2a8, strchr(text, '-') ? 0x2a8 : 0)) {
		return config_fail(ctx, "%s: \"%.40s\" is no UUID", key, config_text_shown(text));
	}
	config->has_uuid = true;
	return 0;
}

static int set_mac(struct config_ctx *ctx, const char *key, uint8_t *mac, const char *text)
{
	static const uint8_t none[6];

	if (!hex_bytes(text, mac, 6, ':', 0x1f, 0x1f)) {
		return config_fail(ctx, "%s: \"%.40s\" is no MAC address", key,
				   config_text_shown(text));
	}
	if (mac[0] & 1) {
		return config_fail(ctx, "%s: %.40s is a multicast address", key, text);
	}
	/* All zeroes would be none: one would be made up. */
	if (!memcmp(mac, none, sizeof(none))) {
		return config_fail(ctx, "%s: %.40s is no address of an interface", key, text);
	}
	return 0;
}

int config_action_parse(struct config_ctx *ctx, const char *key, const char *text,
			enum vl_action *action)
{
	for (size_t i = 0; i < sizeof(action_names) / sizeof(*action_names); i++) {
		const char *name = action_names[i];
		size_t at = 0;

		/* JSON has _ where the others have -. */
		while (name[at] && (name[at] == text[at] || (name[at] == '-' && text[at] == '_'))) {
			at++;
		}
		if (!name[at] && !text[at]) {
			*action = (enum vl_action)i;
			return 0;
		}
	}
	return config_fail(ctx, "%s: \"%.40s\" is no action", key, config_text_shown(text));
}

const char *config_action_name(enum vl_action action)
{
	unsigned int index = (unsigned int)action;

	return index < sizeof(action_names) / sizeof(*action_names) ? action_names[index] :
								      "destroy";
}

/* One blank between addresses, none at the ends. */
static int set_addresses(struct config_ctx *ctx, const char *key, char **field, const char *text)
{
	char *copy = malloc(strlen(text) + 1);
	size_t count = 0;
	int rc;

	if (!copy) {
		return config_no_memory(ctx);
	}
	for (; *text; text++) {
		if (*text != ' ' && *text != '\t') {
			copy[count++] = *text;
		} else if (count && copy[count - 1] != ' ') {
			copy[count++] = ' ';
		}
	}
	if (count && copy[count - 1] == ' ') {
		count--;
	}
	copy[count] = '\0';
	rc = config_set_string(ctx, key, field, copy, false);
	free(copy);
	return rc;
}

/* ---- Sets of CPUs, ranges ---- */

/* A decimal number of at most 64 at *text, which moves on; -1: none. */
static int take_cpu(const char **text)
{
	int value = 0;

	if (!isdigit((unsigned char)**text)) {
		return -1;
	}
	for (; isdigit((unsigned char)**text); (*text)++) {
		value = value * 10 + (**text - '0');
		value = value > 64 ? 64 : value;
	}
	return value;
}

static bool skip_word(const char **text, const char *word)
{
	size_t size = strlen(word);

	if (strncmp(*text, word, size) != 0) {
		return false;
	}
	*text += size;
	return true;
}

/* One term: all, N, N-M, each with ^ for "not". */
static int take_cpus(struct config_ctx *ctx, const char *key, const char **text, uint64_t *mask)
{
	bool without;
	uint64_t term;
	int first, last;

	without = skip_word(text, "^");
	if (skip_word(text, "node")) {
		return config_fail(ctx, "%s: sets of NUMA nodes (node:, nodes:) are not supported",
				   key);
	}
	if (skip_word(text, "all")) {
		term = CONFIG_ALL_CPUS;
	} else {
		first = take_cpu(text);
		last = first;
		if (first >= 0 && skip_word(text, "-")) {
			(void)skip_word(text, "^");
			last = take_cpu(text);
		}
		if (first < 0 || last < first) {
			return config_fail(
				ctx, "%s is no list of CPUs, as \"0-3,^1\" or \"all\" are", key);
		}
		if (last > 63) {
			return config_fail(ctx, "%s: the highest number of a CPU is 63", key);
		}
		term = CONFIG_ALL_CPUS >> (63 - (last - first)) << first;
	}
	*mask = without ? *mask & ~term : *mask | term;
	return 0;
}

int config_cpus_parse(struct config_ctx *ctx, const char *key, const char *text, uint64_t *mask)
{
	int rc;

	*mask = 0;
	for (;;) {
		text += strspn(text, " \t");
		rc = take_cpus(ctx, key, &text, mask);
		if (rc) {
			return rc;
		}
		text += strspn(text, " \t");
		if (*text == '\0') {
			break;
		}
		if (*text++ != ',') {
			return config_fail(
				ctx, "%s is no list of CPUs, as \"0-3,^1\" or \"all\" are", key);
		}
	}
	return *mask ? 0 : config_fail(ctx, "%s names no CPU", key);
}

void config_cpus_text(uint64_t mask, char buffer[CONFIG_TEXT_SIZE])
{
	size_t used = 0;

	buffer[0] = '\0';
	/* The longest, every second CPU, has 91 + 3 * 32 characters at most. */
	for (unsigned int first = 0; first < 64 && used < CONFIG_TEXT_SIZE; first++) {
		unsigned int last = first;

		if (!(mask >> first & 1)) {
			continue;
		}
		while (last < 63 && (mask >> (last + 1) & 1)) {
			last++;
		}
		used += (size_t)snprintf(buffer + used, CONFIG_TEXT_SIZE - used,
					 last > first ? "%s%u-%u" : "%s%u", used ? "," : "", first,
					 last);
		first = last;
	}
}

static bool take_hex(const char **text, uint64_t *number)
{
	char *end;

	if (!isxdigit((unsigned char)**text)) {
		return false;
	}
	errno = 0;
	*number = strtoull(*text, &end, 16);
	*text = end;
	return errno == 0;
}

int config_iomem_parse(struct config_ctx *ctx, const char *text, struct vl_range_config *range)
{
	const char *at = text;
	bool good =
		take_hex(&at, &range->first) && skip_word(&at, ",") && take_hex(&at, &range->count);

	range->gfn = range->first;
	if (good && skip_word(&at, "@")) {
		good = take_hex(&at, &range->gfn);
	}
	/* Addresses have at most 52 bits, that is 40 of the frame's number. */
	if (!good || *at || !range->count || range->first >> 40 || range->count >> 40 ||
	    range->gfn >> 40 || (range->first + range->count - 1) >> 40) {
		return config_fail(ctx,
				   "iomem: \"%.40s\" is not of the form START,COUNT[@GFN] "
				   "(hexadecimal, in pages)",
				   config_text_shown(text));
	}
	return config_warn_gfn(ctx, range);
}

int config_ioports_parse(struct config_ctx *ctx, const char *text, struct vl_range_config *range)
{
	const char *at = text;
	uint64_t last = 0;
	bool good = take_hex(&at, &range->first);

	last = range->first;
	if (good && skip_word(&at, "-")) {
		good = take_hex(&at, &last);
	}
	if (!good || *at || last < range->first || last > 0xffff) {
		return config_fail(
			ctx, "ioports: \"%.40s\" is not of the form FIRST[-LAST] (hexadecimal)",
			config_text_shown(text));
	}
	range->count = last - range->first + 1;
	range->gfn = 0;
	return 0;
}

/* ---- Fields by their rows ---- */

static void *field_of(const void *base, const struct config_key *key)
{
	return (char *)(uintptr_t)base + key->offset;
}

int config_set_number(struct config_ctx *ctx, void *base, const struct config_key *key,
		      uint64_t number)
{
	uint64_t unit = key->type == CONFIG_MIB ? 1024 : 1;

	/* The range is in MiB, the value may lie between two of them. */
	if (number < key->min * unit || number > key->max * unit) {
		return config_fail(ctx, "%s: %" PRIu64 "%s is not between %" PRIu64 " and %" PRIu64,
				   key->name, number, unit > 1 ? " KiB" : "", key->min * unit,
				   key->max * unit);
	}
	if (key->type == CONFIG_U32) {
		*(uint32_t *)field_of(base, key) = (uint32_t)number;
	} else {
		*(uint64_t *)field_of(base, key) = number;
	}
	return 0;
}

uint64_t config_get_number(const void *base, const struct config_key *key)
{
	switch (key->type) {
	case CONFIG_BOOL:
		return *(bool *)field_of(base, key);
	case CONFIG_U32:
		return *(uint32_t *)field_of(base, key);
	default:
		return *(uint64_t *)field_of(base, key);
	}
}

static int set_bool(struct config_ctx *ctx, const struct config_key *key, bool *field,
		    const char *text)
{
	static const char *const no[] = { "no", "off", "false", "False" };
	static const char *const yes[] = { "yes", "on", "true", "True" };
	uint64_t number;
	int rc;

	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		if (!strcmp(text, no[i]) || !strcmp(text, yes[i])) {
			*field = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	rc = config_number(ctx, key->name, text, 0, UINT64_MAX, &number);
	if (!rc) {
		*field = number != 0;
	}
	return rc;
}

static int set_firmware(struct config_ctx *ctx, const struct config_key *key, char **field,
			const char *text)
{
	if (*text && strcmp(text, "pvgrub64") != 0) {
		return config_fail(ctx,
				   "firmware: \"%.40s\" is not supported, only \"pvgrub64\" is",
				   config_text_shown(text));
	}
	return config_set_string(ctx, key->name, field, text, false);
}

static int set_field(struct config_ctx *ctx, void *base, const struct config_key *key,
		     const char *text)
{
	char **string = config_string_field(base, key);
	uint64_t number = 0;
	int rc;

	switch (key->type) {
	case CONFIG_STRING:
		return config_set_string(ctx, key->name, string, text, false);
	case CONFIG_LINES:
	case CONFIG_ARGS:
		return config_set_string(ctx, key->name, string, text, true);
	case CONFIG_ADDRESSES:
		return set_addresses(ctx, key->name, string, text);
	case CONFIG_FIRMWARE:
		return set_firmware(ctx, key, string, text);
	case CONFIG_BOOL:
		return set_bool(ctx, key, field_of(base, key), text);
	case CONFIG_U32:
	case CONFIG_U64:
	case CONFIG_MIB:
		rc = config_number(ctx, key->name, text, key->min, key->max, &number);
		return rc ? rc :
			    config_set_number(ctx, base, key,
					      key->type == CONFIG_MIB ? number * 1024 : number);
	case CONFIG_ACTION:
		return config_action_parse(ctx, key->name, text, field_of(base, key));
	case CONFIG_UUID:
		return set_uuid(ctx, key->name, base, text);
	case CONFIG_MAC:
		return set_mac(ctx, key->name, field_of(base, key), text);
	default:
		return config_fail(ctx, "%s is no single value", key->name);
	}
}

int config_set_text(struct config_ctx *ctx, void *base, const struct config_key *key,
		    const char *text)
{
	int rc = set_field(ctx, base, key, text);

	return rc ? rc : config_warn_idle(ctx, base, key);
}

int config_warn_idle(struct config_ctx *ctx, const void *base, const struct config_key *key)
{
	bool idle = key->max == CONFIG_IDLE &&
		    (key->type == CONFIG_BOOL ? config_get_number(base, key) != 0 :
		     key->type == CONFIG_STRING || key->type == CONFIG_ARGS ?
						*config_string_field(base, key) != NULL :
						false);

	return idle ? config_warn(ctx, "%s has no effect here", key->name) : 0;
}

int config_warn_gfn(struct config_ctx *ctx, const struct vl_range_config *range)
{
	/* A paravirtualized guest maps the frame itself, by its own number. */
	return range->gfn == range->first ?
		       0 :
		       config_warn(ctx, "iomem: the GFN %" PRIx64 " has no effect here",
				   range->gfn);
}

static const char *uuid_text(const struct vl_config *config, char *buffer)
{
	if (!config->has_uuid) {
		return NULL;
	}
	vl_uuid_text(config->uuid, buffer);
	return buffer;
}

static const char *mac_text(const uint8_t *mac, char *buffer)
{
	static const uint8_t none[6];

	if (!memcmp(mac, none, sizeof(none))) {
		return NULL;
	}
	snprintf(buffer, CONFIG_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return buffer;
}

const char *config_get_text(const void *base, const struct config_key *key,
			    char buffer[CONFIG_TEXT_SIZE])
{
	uint64_t number;

	switch (key->type) {
	case CONFIG_STRING:
	case CONFIG_LINES:
	case CONFIG_ARGS:
	case CONFIG_ADDRESSES:
	case CONFIG_FIRMWARE:
		return *config_string_field(base, key);
	case CONFIG_BOOL:
		return config_get_number(base, key) ? "yes" : NULL;
	case CONFIG_U32:
	case CONFIG_U64:
	case CONFIG_MIB:
		number = config_get_number(base, key);
		if (!number) {
			return NULL;
		}
		snprintf(buffer, CONFIG_TEXT_SIZE, "%" PRIu64, number);
		return buffer;
	case CONFIG_ACTION:
		return config_action_name(*(enum vl_action *)field_of(base, key));
	case CONFIG_UUID:
		return uuid_text(base, buffer);
	case CONFIG_MAC:
		return mac_text(field_of(base, key), buffer);
	default:
		return NULL;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The forms in which vl prints what it knows; see output.h.  Names come from
 * the store and may hold anything: no byte of them reaches a terminal as a
 * control character, and none splits a column.
 */
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/sched.h>

#include "cli.h"
#include "libvellum/paths.h"

/* By SHUTDOWN_*: the letter of "vl list" and the word of --json. */
static const char reason_letters[] = "-rscwS";
static const char *const reason_words[] = {
	"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset",
};

/*
 * A domain that has shut down neither runs nor waits, whatever its vCPUs did as
 * it ended: scripts know "---s--", and no other form of it.  A dying one is
 * shown as shut down only where they know that, too: powered off or crashed.
 */
void output_state(const struct vl_domain_info *info, char state[OUTPUT_STATE_SIZE])
{
	bool shutdown = info->flags & VL_DOMAIN_shutdown, dying = info->flags & VL_DOMAIN_dying;
	bool ended = shutdown || dying;

	if (dying && info->shutdown_reason != SHUTDOWN_poweroff &&
	    info->shutdown_reason != SHUTDOWN_crash) {
		shutdown = false;
	}
	memcpy(state, "------", OUTPUT_STATE_SIZE);
	if (!ended && (info->flags & VL_DOMAIN_running)) {
		state[0] = 'r';
	}
	if (!ended && !(info->flags & VL_DOMAIN_running) && (info->flags & VL_DOMAIN_blocked)) {
		state[1] = 'b';
	}
	if (!dying && (info->flags & VL_DOMAIN_paused)) {
		state[2] = 'p';
	}
	if (shutdown) {
		state[3] = 's';
		state[4] = '?';
		if (info->shutdown_reason < sizeof(reason_letters) - 1) {
			state[4] = reason_letters[info->shutdown_reason];
		}
	}
	if (dying) {
		state[5] = 'd';
	}
}

const char *output_reason(uint32_t reason)
{
	return reason < sizeof(reason_words) / sizeof(*reason_words) ? reason_words[reason] :
								       "unknown";
}

/* `kept`: what stays though it is no visible ASCII, or a backslash. */
static const char *escape(const char *text, size_t length, const char *kept, char *out, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 5 <= size; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c > ' ' && c < 0x7f && c != '\\') || (c && strchr(kept, c))) {
			out[at++] = (char)c;
		} else {
			at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
		}
	}
	out[at] = '\0';
	return out;
}

const char *output_name(const char *name, char *out, size_t size)
{
	return escape(name, strlen(name), "", out, size);
}

const char *output_text(const char *text, size_t length, char *out, size_t size)
{
	return escape(text, length, " \n\t\\", out, size);
}

const char *output_line(const char *text, char *out, size_t size)
{
	return escape(text, strlen(text), " ", out, size);
}

void output_uuid(const uint8_t uuid[16], char text[OUTPUT_UUID_SIZE])
{
	vl_uuid_text(uuid, text);
}

void output_cpus(uint64_t cpus, uint32_t online, char text[OUTPUT_CPUS_SIZE])
{
	uint64_t there = online >= 64 ? ~0ull : (1ull << online) - 1;
	size_t at = 0;
	int last;

	if ((cpus & there) == there) {
		memcpy(text, "all", sizeof("all"));
		return;
	}
	memcpy(text, "none", sizeof("none"));
	for (int cpu = 0; cpu < 64; cpu = last + 1) {
		last = cpu;
		if (!(cpus >> cpu & 1)) {
			continue;
		}
		while (last < 63 && (cpus >> (last + 1) & 1)) {
			last++;
		}
		at += (size_t)snprintf(text + at, OUTPUT_CPUS_SIZE - at, "%s%d", at ? "," : "",
				       cpu);
		if (last > cpu) {
			at += (size_t)snprintf(text + at, OUTPUT_CPUS_SIZE - at, "-%d", last);
		}
	}
}

void output_time(uint64_t seconds, bool brief, char text[OUTPUT_TIME_SIZE])
{
	unsigned long long days = seconds / 86400;
	int at = 0;

	if (days > 0) {
		at = snprintf(text, OUTPUT_TIME_SIZE, "%llu day%s, ", days, days > 1 ? "s" : "");
	}
	at += snprintf(text + at, OUTPUT_TIME_SIZE - (size_t)at, "%2u:%02u",
		       (unsigned int)(seconds / 3600 % 24), (unsigned int)(seconds / 60 % 60));
	if (!brief) {
		snprintf(text + at, OUTPUT_TIME_SIZE - (size_t)at, ":%02u",
			 (unsigned int)(seconds % 60));
	}
}

static bool is_ascii(const char *text)
{
	while (*text > 0) {
		text++;
	}
	return !*text;
}

json_t *output_json_string(const char *text)
{
	char escaped[OUTPUT_NAME_SIZE];
	json_t *string = json_string(text);

	/* Of ASCII it is memory that was missing. */
	return string || is_ascii(text) ? string :
					  json_string(output_name(text, escaped, sizeof(escaped)));
}

void output_add(json_t **array, json_t *item)
{
	if (json_array_append_new(*array, item)) {
		json_decref(*array);
		*array = NULL;
	}
}

int output_format(bool quiet, enum vl_output_format *format)
{
	const char *named = secure_getenv("VL_CONF");
	struct vl_tool_config config;
	struct vl_warnings warnings;
	struct vl_error error;
	int rc = vl_tool_config_read(named && *named ? named : VL_CONF_FILE, &config, &warnings,
				     &error);

	*format = config.output_format;
	if (rc) {
		cli_fail("%s", error.text);
		return rc;
	}
	for (size_t i = 0; i < warnings.count && !quiet; i++) {
		cli_fail("warning: %s", warnings.text[i]);
	}
	vl_warnings_free(&warnings);
	return 0;
}

int output_json(json_t *json)
{
	int rc;

	if (!json) {
		return cli_fail("there is no memory left");
	}
	rc = json_dumpf(json, stdout, JSON_INDENT(4) | JSON_REAL_PRECISION(15));
	json_decref(json);
	if (rc) {
		return cli_fail("the result cannot be written as JSON");
	}
	putchar('\n');
	return CLI_OK;
}

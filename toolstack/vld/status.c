/* SPDX-License-Identifier: MIT */
/* The answer to a status request.  Called by client.c; changes nothing. */
#include "status.h"

#include <generated/version.h>

#include "guests.h"
#include "restart.h"
#include "viewer.h"

static const char *const state_names[] = {
	[GUEST_RUNNING] = "running",
	[GUEST_ENDING] = "ending",
	[GUEST_PRESERVED] = "preserved",
	[GUEST_ENDED] = "ended",
};

static const char *console_state(const struct console *console)
{
	if (console->broken) {
		return "broken";
	}
	if (console->over) {
		return "over";
	}
	if (!console->ring.page) {
		return "none";
	}
	return console->held ? "throttled" : "attached";
}

static json_t *guest_json(const struct guest *guest)
{
	const struct console *console = &guest->console;
	const struct scroll_header *header = console->scroll.header;
	const struct log_mark *mark = &header->log[header->log_current];
	int viewers = 0;

	for (const struct viewer *viewer = console->viewers; viewer; viewer = viewer->next) {
		viewers++;
	}
	return json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:s, s:I, s:I, s:b}", "domid",
			 (int)guest->domid, "name", header->name, "state",
			 state_names[guest->state], "console", console_state(console), "bytes",
			 (json_int_t)header->head, "scrollback", (json_int_t)header->capacity,
			 "throttled", (json_int_t)console->throttle.waits, "viewers", viewers,
			 "log", console->log.path, "log_behind",
			 (json_int_t)(header->head - mark->logged), "log_lost",
			 (json_int_t)header->lost_log, "log_failing", (int)console->log.failing);
}

static json_t *restarts_json(const struct vld *vld)
{
	json_t *list = json_array();
	uint64_t now = vld_seconds();

	for (const struct restart *restart = vld->restarts; restart; restart = restart->next) {
		if (restart->config && !restart->cancelled) {
			uint64_t in = restart->due > now ? restart->due - now : 0;

			json_array_append_new(list, json_pack("{s:s, s:I, s:i}", "name",
							      restart->name, "in", (json_int_t)in,
							      "count", (int)restart->count));
		}
	}
	return list;
}

json_t *status_json(struct vld *vld)
{
	json_t *guests = json_array();

	for (const struct guest *guest = vld->guests; guest; guest = guest->next) {
		json_array_append_new(guests, guest_json(guest));
	}
	return json_pack("{s:b, s:s, s:b, s:o, s:o, s:i, s:i}", "ok", 1, "version", VELLUM_VERSION,
			 "store", (int)vld->watching, "guests", guests, "restarts",
			 restarts_json(vld), "jobs", (int)vld->jobs_running, "ends",
			 (int)json_array_size(vld->ends));
}

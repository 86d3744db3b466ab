/* SPDX-License-Identifier: MIT */
/*
 * Consoles: from a guest's ring into its scroll-back, its log and to its
 * viewers, and from viewers into the ring.  Called by guests.c for events and
 * ends of guests and by viewer.c for what is typed.  A guest that breaks its
 * ring loses its console and nothing else.
 *
 * The order matters, as vld may be killed between any two steps: bytes go to
 * the scroll-back, whose head counts them; then the guest is told that they are
 * taken; then they go to the log, which knows how far it is, and to viewers.
 */
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "say.h"
#include "viewer.h"
#include "vld.h"

/* Rounds for one event: who writes faster than that comes again behind others. */
#define ROUNDS 4
/* Bytes of room that a scroll-back keeps when the guest is quiet. */
#define QUIET_ROOM ((size_t)16384)
/* While a guest is throttled it is looked at so often. */
#define HOLD_US 32000

static void console_timer(evutil_socket_t fd, short what, void *arg);

/* What both ways of opening have in common; on failure the scroll-back is closed. */
static int console_prepare(struct console *console, struct vl_error *error)
{
	const struct vld_options *options = &console->vld->options;
	int rc = guest_log_init(&console->log, options->log_dir, console->scroll.header->name,
				options->log_limit, options->log_stamps);

	if (rc) {
		scroll_close(&console->scroll);
		return vl_error_set(error, rc, "no memory");
	}
	throttle_init(&console->throttle, options->burst, options->rate, vld_ms());
	event_assign(&console->timer, console->vld->base, -1, 0, console_timer, console);
	return 0;
}

int console_open(struct vld *vld, struct console *console, const struct scroll_owner *owner,
		 struct vl_error *error)
{
	const struct vld_options *options = &vld->options;
	struct vl_error why;
	char file[32], path[4096];
	bool old;
	int rc;

	*console = (struct console){ .vld = vld, .port = -1 };
	snprintf(file, sizeof(file), "console/%u", owner->domid);
	rc = vld_path(vld, file, path, sizeof(path));
	if (rc) {
		return vl_error_set(error, rc, "the run directory's name is too long");
	}
	rc = scroll_open(&console->scroll, path, options->scrollback, owner, &old, &why);
	if (rc && !console->scroll.header) {
		return vl_error_set(error, rc, "%s", why.text);
	}
	if (rc) {
		say("the scroll-back of %s is small and ends with vld: %s", owner->name, why.text);
	}
	return console_prepare(console, error);
}

int console_reopen(struct vld *vld, struct console *console, const char *path,
		   struct vl_error *error)
{
	int rc;

	*console = (struct console){ .vld = vld, .port = -1 };
	rc = scroll_open_old(&console->scroll, path, error);
	return rc ? rc : console_prepare(console, error);
}

int console_attach(struct console *console, struct vl_error *error)
{
	struct vld *vld = console->vld;
	const struct scroll_header *header = console->scroll.header;
	uint16_t domid = (uint16_t)header->domid;
	struct xencons_interface *page;
	uint32_t port;
	int rc;

	rc = vld->host->console_port(vld->host, domid, &port, error);
	if (rc) {
		return rc;
	}
	rc = vld->host->map(vld->host, domid, &page, error);
	if (rc) {
		return rc;
	}
	rc = vld->host->bind(vld->host, domid, port, error);
	if (rc < 0) {
		vld->host->unmap(vld->host, page);
		return rc;
	}
	console->port = rc;
	if (header->head > 0) {
		ring_resume(&console->ring, page, header->out_cons + (uint32_t)header->head);
	} else {
		ring_attach(&console->ring, page);
	}
	/* Holds also where a guest has moved the index while no vld ran. */
	console->scroll.header->out_cons = console->ring.out_cons - (uint32_t)header->head;
	/* What a vld had taken and not logged when it was killed. */
	guest_log_update(&console->log, &console->scroll);
	console_event(console);
	return 0;
}

void console_renamed(struct console *console, const char *name)
{
	const struct vld_options *options = &console->vld->options;
	struct scroll_header *header = console->scroll.header;
	struct guest_log old = console->log;

	if (guest_log_init(&console->log, options->log_dir, name, options->log_limit,
			   options->log_stamps)) {
		console->log = old; /* no memory: it stays in its file */
		return;
	}
	console->log.failing = old.failing;
	guest_log_done(&old);
	snprintf(header->name, SCROLL_NAME_SIZE, "%s", name);
}

void console_detach(struct console *console)
{
	struct vld_host *host = console->vld->host;

	event_del(&console->timer);
	console->held = false;
	if (console->port >= 0) {
		host->unbind(host, console->port);
		console->port = -1;
	}
	if (console->ring.page) {
		host->unmap(host, console->ring.page);
		console->ring.page = NULL;
	}
}

void console_close(struct console *console)
{
	console_detach(console);
	viewers_drop(console);
	guest_log_done(&console->log);
	scroll_close(&console->scroll);
}

static void console_broken(struct console *console)
{
	const struct scroll_header *header = console->scroll.header;

	say("%s (domain %u) has broken its console ring: its console is stopped", header->name,
	    header->domid);
	console->broken = true;
	console_detach(console);
	guest_log_update(&console->log, &console->scroll);
	guest_log_line(&console->log, &console->scroll,
		       "the guest has broken its console ring: nothing more is taken from it");
	console->over = true;
	viewers_more(console);
}

/* Takes at most `limit` bytes; returns how many, or what ring_peek() says. */
static ssize_t console_take(struct console *console, size_t limit)
{
	char data[RING_OUT_SIZE];
	ssize_t count;

	count = ring_peek(&console->ring, data, limit < sizeof(data) ? limit : sizeof(data));
	if (count > 0) {
		scroll_write(&console->scroll, data, (size_t)count);
		ring_consume(&console->ring, (size_t)count);
	}
	return count;
}

/* Output is left: looked at behind the others, or when the throttle allows some. */
static void console_hold(struct console *console)
{
	struct timeval wait = { 0 };

	if (throttle_allows(&console->throttle, vld_ms()) == 0) {
		wait.tv_usec = HOLD_US;
		console->throttle.waits += !console->held;
		console->held = true;
	}
	event_add(&console->timer, &wait);
}

static void console_timer(evutil_socket_t fd, short what, void *arg)
{
	struct console *console = arg;

	(void)fd;
	(void)what;
	console_event(console);
}

void console_event(struct console *console)
{
	struct vld_host *host = console->vld->host;
	size_t taken = 0;
	ssize_t count = 0;

	if (!console->ring.page) {
		return;
	}
	for (int round = 0; round < ROUNDS; round++) {
		size_t allowed = throttle_allows(&console->throttle, vld_ms());

		count = console_take(console, allowed);
		if (count <= 0) {
			break;
		}
		throttle_take(&console->throttle, (size_t)count);
		taken += (size_t)count;
	}
	if (count < 0) {
		console_broken(console);
		return;
	}
	if (taken > 0) {
		host->notify(host, console->port);
		guest_log_update(&console->log, &console->scroll);
		viewers_more(console);
	}
	/* Anything left: the throttle, or the rounds, have ended it. */
	count = ring_peek(&console->ring, &(char){ 0 }, 1);
	if (count > 0) {
		console_hold(console);
	} else {
		console->held = false;
	}
	viewers_room(console);
}

void console_drain(struct console *console)
{
	ssize_t count = 0;

	if (console->ring.page) {
		count = console_take(console, RING_OUT_SIZE);
	}
	if (count < 0) {
		console_broken(console);
		return;
	}
	guest_log_update(&console->log, &console->scroll);
	viewers_more(console);
}

size_t console_room(struct console *console)
{
	ssize_t room;

	if (!console->ring.page || console->over) {
		return 0;
	}
	room = ring_room(&console->ring);
	if (room < 0) {
		console_broken(console);
		return 0;
	}
	return (size_t)room;
}

size_t console_type(struct console *console, const void *data, size_t size)
{
	struct vld_host *host = console->vld->host;
	ssize_t count;

	if (console_room(console) == 0) {
		return 0;
	}
	count = ring_put(&console->ring, data, size);
	if (count < 0) {
		console_broken(console);
		return 0;
	}
	if (count > 0) {
		host->notify(host, console->port);
	}
	return (size_t)count;
}

/* Has all that was written reached everybody? */
static bool console_read_out(const struct console *console)
{
	const struct scroll_header *header = console->scroll.header;

	for (const struct viewer *viewer = console->viewers; viewer; viewer = viewer->next) {
		if (viewer->pos != header->head) {
			return false;
		}
	}
	return header->log[header->log_current].logged == header->head;
}

void console_rest(struct console *console, uint64_t now)
{
	struct scroll *scroll = &console->scroll;
	struct vl_error error;
	char file[32], path[4096];

	if (scroll_head(scroll) != console->quiet_head) {
		console->quiet_head = scroll_head(scroll);
		console->quiet_since = now;
	}
	if (now - console->quiet_since < console->vld->options.quiet ||
	    scroll_room(scroll) <= QUIET_ROOM || scroll->fd < 0 || !console_read_out(console)) {
		return;
	}
	/* Whether it succeeds or not: not again in every second. */
	console->quiet_since = now;
	snprintf(file, sizeof(file), "console/%u", scroll->header->domid);
	if (vld_path(console->vld, file, path, sizeof(path)) == 0 &&
	    scroll_shrink(scroll, path, QUIET_ROOM, &error)) {
		say("%s", error.text);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Viewers of consoles.  Begun by client.c when a client asks for a console, fed
 * by console.c.  They are never waited for.  All of them may type: what they
 * type is mixed as it comes.
 */
#include "viewer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "console.h"
#include "vld.h"

#define CHUNK 4096

void viewer_end(struct viewer *viewer)
{
	struct viewer **link = &viewer->console->viewers;

	while (*link != viewer) {
		link = &(*link)->next;
	}
	*link = viewer->next;
	event_del(&viewer->read_event);
	event_del(&viewer->write_event);
	viewer->closed(viewer);
}

/* Sends without waiting; false: the viewer is gone or its socket full. */
static bool viewer_send(struct viewer *viewer, const char *data, size_t size, size_t *sent)
{
	ssize_t count = send(viewer->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	*sent = count > 0 ? (size_t)count : 0;
	if (count < 0 && errno != EAGAIN && errno != EINTR) {
		viewer_end(viewer);
		return false;
	}
	if (*sent < size) {
		event_add(&viewer->write_event, NULL);
		return false;
	}
	return true;
}

/* Bytes that were overwritten before this viewer took them. */
static void viewer_skip(struct viewer *viewer)
{
	uint64_t tail = scroll_tail(&viewer->console->scroll);

	if (viewer->pos >= tail) {
		return;
	}
	viewer->notice_size = (size_t)snprintf(viewer->notice, sizeof(viewer->notice),
					       "\r\n[%llu bytes were lost here: too slow]\r\n",
					       (unsigned long long)(tail - viewer->pos));
	viewer->notice_sent = 0;
	viewer->pos = tail;
}

static bool viewer_notice(struct viewer *viewer)
{
	size_t sent;
	bool all;

	if (viewer->notice_sent == viewer->notice_size) {
		return true;
	}
	all = viewer_send(viewer, viewer->notice + viewer->notice_sent,
			  viewer->notice_size - viewer->notice_sent, &sent);
	if (all || sent > 0) {
		viewer->notice_sent += sent;
	}
	return all;
}

static void viewer_write(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *viewer = arg;
	struct console *console = viewer->console;
	char data[CHUNK];
	size_t size, sent;

	(void)fd;
	(void)what;
	/* A notice that is half sent is finished, whatever was lost since. */
	if (viewer->notice_sent == viewer->notice_size) {
		viewer_skip(viewer);
	}
	if (!viewer_notice(viewer)) {
		return;
	}
	size = scroll_read(&console->scroll, viewer->pos, data, sizeof(data));
	if (size > 0) {
		/* After an error the viewer is gone: sent is 0 then. */
		bool all = viewer_send(viewer, data, size, &sent);

		if (!all && sent == 0) {
			return;
		}
		viewer->pos += sent;
		if (all) {
			event_add(&viewer->write_event, NULL);
		}
		return;
	}
	if (console->over) {
		viewer_end(viewer);
	}
}

static void viewer_read(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *viewer = arg;
	char data[256];
	size_t room = console_room(viewer->console);
	ssize_t count;

	(void)what;
	if (room == 0 && !viewer->console->over) {
		/* The kernel keeps what is typed until the guest has taken some. */
		event_del(&viewer->read_event);
		return;
	}
	if (room == 0 || room > sizeof(data)) {
		room = sizeof(data);
	}
	count = recv(fd, data, room, MSG_DONTWAIT);
	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
		viewer_end(viewer);
	} else if (count > 0) {
		console_type(viewer->console, data, (size_t)count);
	}
}

void viewer_begin(struct viewer *viewer, struct console *console, int fd, uint64_t pos,
		  void (*closed)(struct viewer *viewer))
{
	struct event_base *base = console->vld->base;

	*viewer = (struct viewer){
		.next = console->viewers, .console = console, .pos = pos, .fd = fd, .closed = closed
	};
	console->viewers = viewer;
	event_assign(&viewer->read_event, base, fd, EV_READ | EV_PERSIST, viewer_read, viewer);
	event_assign(&viewer->write_event, base, fd, EV_WRITE, viewer_write, viewer);
	event_add(&viewer->read_event, NULL);
	event_add(&viewer->write_event, NULL);
}

void viewers_more(struct console *console)
{
	for (struct viewer *viewer = console->viewers; viewer; viewer = viewer->next) {
		event_add(&viewer->write_event, NULL);
	}
}

void viewers_room(struct console *console)
{
	if (!console->viewers || console_room(console) == 0) {
		return;
	}
	for (struct viewer *viewer = console->viewers; viewer; viewer = viewer->next) {
		event_add(&viewer->read_event, NULL);
	}
}

void viewers_drop(struct console *console)
{
	while (console->viewers) {
		viewer_end(console->viewers);
	}
}

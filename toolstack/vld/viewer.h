/* SPDX-License-Identifier: MIT */
/*
 * Who looks at a console: a socket that is given the scroll-back's bytes from
 * a place of its own on, and whose bytes are typed.  A viewer needs no buffer:
 * one that is too slow finds that the scroll-back has forgotten bytes, and is
 * told how many.
 */
#ifndef VLD_VIEWER_H
#define VLD_VIEWER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct console;

struct viewer {
	struct viewer *next; /* of the same console */
	struct console *console;
	uint64_t pos;
	struct event read_event, write_event;
	int fd;
	char notice[80]; /* sent before the bytes at pos */
	size_t notice_size, notice_sent;
	void (*closed)(struct viewer *viewer); /* called as its last act */
};

/** Shows a console on a non-blocking socket from pos on. */
void viewer_begin(struct viewer *viewer, struct console *console, int fd, uint64_t pos,
		  void (*closed)(struct viewer *viewer));
/** Ends it at once. */
void viewer_end(struct viewer *viewer);
/** There is more to see, or the console is over. */
void viewers_more(struct console *console);
/** There may be room for typing. */
void viewers_room(struct console *console);
/** Ends all. */
void viewers_drop(struct console *console);

#endif

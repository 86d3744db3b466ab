/* SPDX-License-Identifier: MIT */
/*
 * The console of one guest: its ring and port, and where its output goes.
 */
#ifndef VLD_CONSOLE_H
#define VLD_CONSOLE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_log.h"
#include "host.h"
#include "ring.h"
#include "scroll.h"
#include "throttle.h"

struct viewer;
struct vld;

struct console {
	struct vld *vld;
	struct ring ring;     /* page null: not attached */
	int port;	      /* local; -1: none */
	struct scroll scroll; /* always open */
	struct guest_log log;
	struct throttle throttle;
	struct event timer; /* while the guest waits for the throttle */
	struct viewer *viewers;
	bool broken;			  /* the guest broke its ring: never attached again */
	bool held;			  /* the timer runs */
	bool over;			  /* no more output will come */
	uint64_t quiet_head, quiet_since; /* it has written no more since then */
};

/** Opens scroll-back and log of a domain and reads nothing of it yet. */
int console_open(struct vld *vld, struct console *console, const struct scroll_owner *owner,
		 struct vl_error *error);
/** Opens those that an earlier vld has left in the file `path`. */
int console_reopen(struct vld *vld, struct console *console, const char *path,
		   struct vl_error *error);
/** Maps the ring, binds the port, takes what waits; -ENOENT: the guest has none yet. */
int console_attach(struct console *console, struct vl_error *error);
/** It has another name: its log goes on in that one's file. */
void console_renamed(struct console *console, const char *name);
/** Unmaps and unbinds; scroll-back and viewers stay. */
void console_detach(struct console *console);
/** All of it; the file of the scroll-back stays. */
void console_close(struct console *console);
/** Takes the guest's output, as much as it may have now. */
void console_event(struct console *console);
/** Takes all output that waits: the guest will write no more. */
void console_drain(struct console *console);
/**
 * Once in a while: gives most of the scroll-back's memory back if the guest has
 * been quiet for some time, the log has all of it, and nobody still reads it.
 */
void console_rest(struct console *console, uint64_t now);
/** Types; returns how many bytes there was room for. */
size_t console_type(struct console *console, const void *data, size_t size);
/** Room for typing; 0 also if there is no guest behind it. */
size_t console_room(struct console *console);

#endif

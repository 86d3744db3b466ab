/* SPDX-License-Identifier: MIT */
/*
 * What turns the engine into a daemon: the event loop, the socket and its
 * clients (sock.c), the rings and the core (machine.c). Not part of the unit
 * tests.
 */
#ifndef STORED_SERVER_H
#define STORED_SERVER_H

#include <event2/event.h>

#include "stored/engine.h"

struct machine;

struct server {
	struct event_base *base;
	struct engine *engine;
	struct event *listener;
	int listen_fd;
	struct machine *machine; /* null: no rings */
};

/** Sends and serves for all connections that have become ready. */
void server_flush(struct server *server);

/** Listens on a socket for the superuser alone. -EADDRINUSE: somebody does already. */
int sock_listen(struct server *server, const char *path, struct vl_error *error);
/** Sends what it can; closes a broken connection, and frees it. */
void sock_flush(struct conn *conn);
/** Closes all clients and the socket. */
void sock_close_all(struct server *server);

/** Opens the devices of the control domain's kernel. */
int machine_open(struct server *server, struct machine **machine, struct vl_error *error);
/** Takes up the rings that the last process served, then the control domain's own. */
int machine_start(struct machine *machine, struct vl_error *error);
int machine_attach(struct machine *machine, struct domain *domain, bool resumed);
void machine_detach(struct machine *machine, struct domain *domain);
void machine_serve(struct conn *conn);
void machine_close(struct machine *machine);

#endif
